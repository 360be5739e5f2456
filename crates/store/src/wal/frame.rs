//! Frames of the log: a header with its own checksum, then the payload with another, so that one bad record costs
//! itself only and a reader finds the next good one behind any damage.
//!
//! ```text
//! 0 magic  4 payload length  8 sequence  16 flags  20 payload CRC32C  24 header CRC32C  28 life  32 payload, padded to 8
//! ```
//!
//! A segment's file may have served before; what is left of that has another life, see `segment`. The life is outside of the
//! checksum: readers of the first version, which had zeros there, still find all frames.

use crate::limits::FRAME_BYTES_MAX;

pub(crate) const HEADER: usize = 32;
const MAGIC: [u8; 4] = *b"TDF1";
/// Frames begin at multiples of this.
pub(crate) const ALIGN: usize = 8;

/// The rows are sample data.
pub(crate) const FLAG_SAMPLE: u32 = 1;

/// No rows: what was written up to here is whole, and nothing follows. The next frame takes its place.
pub(crate) const FLAG_END: u32 = 2;

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

/// Gives a sealed frame its sequence, in a segment of some life.
pub(crate) fn number(frame: &mut [u8], seq: u64, life: u32) {
    frame[8..16].copy_from_slice(&seq.to_le_bytes());
    let crc = crc32c::crc32c(&frame[..24]);
    frame[24..28].copy_from_slice(&crc.to_le_bytes());
    frame[28..32].copy_from_slice(&life.to_le_bytes());
}

/// The frame that says that nothing follows `seq`.
pub(crate) fn end(seq: u64, life: u32) -> Vec<u8> {
    let mut frame = begin();
    seal(&mut frame, FLAG_END);
    number(&mut frame, seq, life);
    frame
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) seq: u64,
    pub(crate) flags: u32,
    life: u32,
    len: usize,
    crc: u32,
}

impl Header {
    /// Bytes of the whole frame.
    pub(crate) fn frame_len(&self) -> usize {
        HEADER + self.len.next_multiple_of(ALIGN)
    }

    /// The header at the front of `bytes`, if there is an undamaged one of that life, or of any if it is not known.
    pub(crate) fn read(bytes: &[u8], life: Option<u32>) -> Option<Header> {
        let bytes = bytes.get(..HEADER)?;
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        if bytes[..4] != MAGIC {
            return None;
        }
        let found = word(28)?;
        if life.is_some_and(|life| life != found) || crc32c::crc32c(&bytes[..24]) != word(24)? {
            return None;
        }
        let len = word(4)? as usize;
        let seq = u64::from_le_bytes(bytes[8..16].try_into().ok()?);
        let header = Header { seq, flags: word(16)?, life: found, len, crc: word(20)? };
        (len <= FRAME_BYTES_MAX).then_some(header)
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

/// What stands at the front of `bytes`, which is not empty, in a segment of that life. Frames of another life are noise.
pub(crate) fn find(bytes: &[u8], life: Option<u32>) -> Found<'_> {
    if let Some(header) = Header::read(bytes, life) {
        let Some(payload) = bytes.get(HEADER..HEADER + header.len) else { return Found::Cut };
        let whole = bytes.len() >= header.frame_len();
        return match crc32c::crc32c(payload) == header.crc {
            true if whole => Found::Frame(header, payload),
            true => Found::Cut,
            false => Found::Damaged(header),
        };
    }
    let next = (ALIGN..bytes.len()).step_by(ALIGN).find(|at| Header::read(&bytes[*at..], life).is_some());
    next.map_or(Found::Cut, Found::Noise)
}

#[cfg(test)]
mod tests;
