//! Frames of the log: a header with its own checksum, then the payload with another, so that one bad record costs
//! itself only and a reader finds the next good one behind any damage.
//!
//! ```text
//! 0 magic  4 payload length  8 sequence  16 flags  20 payload CRC32C  24 header CRC32C  28 zero  32 payload, padded to 8
//! ```

use crate::limits::FRAME_BYTES_MAX;

pub(crate) const HEADER: usize = 32;
const MAGIC: [u8; 4] = *b"TDF1";
/// Frames begin at multiples of this.
pub(crate) const ALIGN: usize = 8;

/// The rows are sample data.
pub(crate) const FLAG_SAMPLE: u32 = 1;

/// Makes room for the header at the front of a payload buffer.
pub(crate) fn begin() -> Vec<u8> {
    vec![0; HEADER]
}

/// Pads the payload and fills all of the header that is known before the sequence is.
pub(crate) fn seal(frame: &mut Vec<u8>, flags: u32) {
    let len = frame.len() - HEADER;
    let crc = crc32c::crc32c(&frame[HEADER..]);
    frame.resize(HEADER + len.next_multiple_of(ALIGN), 0);
    frame[..4].copy_from_slice(&MAGIC);
    frame[4..8].copy_from_slice(&(len as u32).to_le_bytes());
    frame[16..20].copy_from_slice(&flags.to_le_bytes());
    frame[20..24].copy_from_slice(&crc.to_le_bytes());
}

/// Gives a sealed frame its sequence.
pub(crate) fn number(frame: &mut [u8], seq: u64) {
    frame[8..16].copy_from_slice(&seq.to_le_bytes());
    let crc = crc32c::crc32c(&frame[..24]);
    frame[24..28].copy_from_slice(&crc.to_le_bytes());
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) seq: u64,
    pub(crate) flags: u32,
    len: usize,
    crc: u32,
}

impl Header {
    /// Bytes of the whole frame.
    pub(crate) fn frame_len(&self) -> usize {
        HEADER + self.len.next_multiple_of(ALIGN)
    }

    /// The header at the front of `bytes`, if there is an undamaged one.
    pub(crate) fn read(bytes: &[u8]) -> Option<Header> {
        let bytes = bytes.get(..HEADER)?;
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        if bytes[..4] != MAGIC || crc32c::crc32c(&bytes[..24]) != word(24)? {
            return None;
        }
        let len = word(4)? as usize;
        let seq = u64::from_le_bytes(bytes[8..16].try_into().ok()?);
        (len <= FRAME_BYTES_MAX).then_some(Header { seq, flags: word(16)?, len, crc: word(20)? })
    }
}

/// What stands at some place in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A good frame.
    Frame(Header, &'a [u8]),
    /// A frame whose payload is damaged; the next one follows.
    Damaged(Header),
    /// No frame, up to this many bytes, where the next header stands.
    Noise(usize),
    /// A frame begins here but its end is missing, or there are too few bytes for a header.
    Cut,
}

/// What stands at the front of `bytes`, which is not empty.
pub(crate) fn find(bytes: &[u8]) -> Found<'_> {
    if let Some(header) = Header::read(bytes) {
        let Some(payload) = bytes.get(HEADER..HEADER + header.len) else { return Found::Cut };
        let whole = bytes.len() >= header.frame_len();
        return match crc32c::crc32c(payload) == header.crc {
            true if whole => Found::Frame(header, payload),
            true => Found::Cut,
            false => Found::Damaged(header),
        };
    }
    let next = (ALIGN..bytes.len()).step_by(ALIGN).find(|at| Header::read(&bytes[*at..]).is_some());
    next.map_or(Found::Cut, Found::Noise)
}

#[cfg(test)]
mod tests;
