//! What this batch has already looked at: short texts and what came of them. Most attribute names and values
//! repeat within a batch, so this decides throughput. Used by `pass`; bounded in slots and bytes, and a hostile
//! batch can only make it forget.

use super::limits::{DICTIONARY_BYTES, DICTIONARY_SLOTS, DICTIONARY_TEXT_MAX};

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    hash: u64,
    start: u32,
    len: u16,
    flavor: u8,
    used: bool,
    answer: u32,
}

/// Short text and flavor to a number.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    slots: Vec<Slot>,
    bytes: Vec<u8>,
}

/// Whether `text` is short enough to be remembered.
pub(super) fn is_short(text: &[u8]) -> bool {
    text.len() <= DICTIONARY_TEXT_MAX
}

impl Dictionary {
    /// What was put under this text and flavor.
    #[inline]
    pub(super) fn get(&self, text: &str, flavor: u8) -> Option<u32> {
        self.get_bytes(text.as_bytes(), flavor)
    }

    /// The same for bytes that may be a text: if they are known, they are one.
    #[inline]
    pub(super) fn get_bytes(&self, text: &[u8], flavor: u8) -> Option<u32> {
        let hash = hash(text, flavor);
        let slot = self.slots.get(hash as usize & (DICTIONARY_SLOTS - 1))?;
        if slot.hash != hash || !slot.used || slot.flavor != flavor || usize::from(slot.len) != text.len() {
            return None;
        }
        let start = slot.start as usize;
        (self.bytes.get(start..start + text.len())? == text).then_some(slot.answer)
    }

    /// Remembers an answer, in place of whatever held the slot.
    pub(super) fn put(&mut self, text: &str, flavor: u8, answer: u32) {
        if !is_short(text.as_bytes()) {
            return;
        }
        if self.slots.is_empty() {
            self.slots.resize(DICTIONARY_SLOTS, Slot::default());
        }
        if self.bytes.len() + text.len() > DICTIONARY_BYTES {
            self.bytes.clear();
            self.slots.fill(Slot::default());
        }
        let hash = hash(text.as_bytes(), flavor);
        let start = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(text.as_bytes());
        self.slots[hash as usize & (DICTIONARY_SLOTS - 1)] =
            Slot { hash, start, len, flavor, used: true, answer };
    }
}

/// Eight bytes at a time; good enough to spread short texts, and a collision costs one look.
#[inline]
fn hash(bytes: &[u8], flavor: u8) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = u64::from(flavor) ^ (bytes.len() as u64) << 8;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk.try_into().map_or(0, u64::from_le_bytes);
        state = (state ^ word).wrapping_mul(FACTOR).rotate_left(29);
    }
    let mut last = 0;
    for byte in chunks.remainder() {
        last = last << 8 | u64::from(*byte);
    }
    state = (state ^ last).wrapping_mul(FACTOR);
    state ^ state >> 32
}
