//! Names that encoders write again and again. Used by the encoders of Datadog's format and of OTLP.

/// Filled up to this: a copy of a fixed size is cheaper than one that has to look at its length.
const PADDED: usize = 32;

/// Bytes as they will be written.
#[derive(Clone, Debug)]
pub(crate) struct Padded {
    bytes: Box<[u8]>,
    len: usize,
}

impl Padded {
    pub(crate) fn new(mut bytes: Vec<u8>) -> Self {
        let len = bytes.len();
        bytes.resize(len.max(PADDED), 0);
        Self { bytes: bytes.into(), len }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that it writes to at most.
    pub(crate) fn room(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    #[inline(always)]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self.bytes.first_chunk::<PADDED>() {
            Some(padded) if self.len <= PADDED => {
                out.extend_from_slice(padded);
                out.truncate(out.len() - (PADDED - self.len));
            }
            _ => out.extend_from_slice(self.bytes()),
        }
    }

    /// Writes over what stands at a place; gives where it ends, and nothing if there is no room.
    #[inline(always)]
    pub(crate) fn write_at(&self, at: usize, out: &mut [u8]) -> Option<usize> {
        let end = at + self.len;
        match self.bytes.first_chunk::<PADDED>() {
            Some(padded) if self.len <= PADDED && out.len() >= at + PADDED => {
                *out.get_mut(at..)?.first_chunk_mut()? = *padded;
            }
            _ => out.get_mut(at..end)?.copy_from_slice(self.bytes()),
        }
        Some(end)
    }
}
