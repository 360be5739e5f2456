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
}
