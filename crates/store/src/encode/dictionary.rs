//! The different texts of a column in a row group, each with a number. Made for texts that repeat: a look costs a few
//! nanoseconds. Gives up, rather than slow down, where the texts do not repeat or were chosen to collide.

use super::leaf::{Name, Value};

/// Nothing in a slot.
const EMPTY: u32 = u32::MAX;
const SLOTS_FIRST: usize = 256;
/// Names that are remembered (a power of two).
const NAMES: usize = 64;
/// Steps to other slots that a text may cost on average; more are no accident.
const STEPS_PER_TEXT: usize = 4;
const STEPS_FREE: usize = 4 * 1024;

/// Texts by number, as Parquet's dictionary page has them: four bytes of length, then the text.
#[derive(Debug)]
pub(super) struct Dictionary {
    page: Vec<u8>,
    /// Where each text begins in `page`, and its length.
    texts: Vec<(u32, u32)>,
    /// Hash and number; twice as many slots as texts.
    slots: Vec<(u32, u32)>,
    /// Names seen lately with their numbers: most texts are the same as in a row just before, and then not even read.
    lately: Vec<Option<(Name, u32)>>,
    looks: usize,
    steps: usize,
    bytes_max: usize,
}

impl Dictionary {
    pub(super) fn new(bytes_max: usize) -> Self {
        let slots = vec![(0, EMPTY); SLOTS_FIRST];
        let lately = Vec::new();
        Self { page: Vec::new(), texts: Vec::new(), slots, lately, looks: 0, steps: 0, bytes_max }
    }

    /// The value's number; `None` if the dictionary is not worth while.
    #[inline]
    pub(super) fn number(&mut self, value: Value<'_>) -> Option<u32> {
        let Some(name) = value.name else { return self.look(value.text) };
        let slot = name.hash() & (NAMES - 1);
        if let Some(Some((known, number))) = self.lately.get(slot)
            && *known == name
        {
            return Some(*number);
        }
        let number = self.look(value.text)?;
        if self.lately.is_empty() {
            self.lately = vec![None; NAMES];
        }
        self.lately[slot] = Some((name, number));
        Some(number)
    }

    #[inline]
    fn look(&mut self, text: &[u8]) -> Option<u32> {
        let hash = hash(text);
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        self.looks += 1;
        loop {
            let (known, number) = self.slots[slot];
            if number == EMPTY {
                return self.add(slot, hash, text);
            }
            if known == hash && self.text(number) == text {
                return Some(number);
            }
            self.steps += 1;
            slot = (slot + 1) & mask;
        }
    }

    #[cold]
    fn add(&mut self, slot: usize, hash: u32, text: &[u8]) -> Option<u32> {
        let number = self.texts.len() as u32;
        let full = self.page.len() + 4 + text.len() > self.bytes_max;
        if full || self.steps > STEPS_FREE + self.looks * STEPS_PER_TEXT {
            return None;
        }
        self.page.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.texts.push((self.page.len() as u32, text.len() as u32));
        self.page.extend_from_slice(text);
        self.slots[slot] = (hash, number);
        if self.texts.len() * 2 > self.slots.len() {
            self.grow();
        }
        Some(number)
    }

    fn grow(&mut self) {
        let mut slots = vec![(0, EMPTY); self.slots.len() * 4];
        let mask = slots.len() - 1;
        for (hash, number) in self.slots.iter().filter(|(_, number)| *number != EMPTY) {
            let mut slot = *hash as usize & mask;
            while slots[slot].1 != EMPTY {
                slot = (slot + 1) & mask;
            }
            slots[slot] = (*hash, *number);
        }
        self.slots = slots;
    }

    /// How many texts there are.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    #[inline]
    pub(super) fn text(&self, number: u32) -> &[u8] {
        let (start, length) = self.texts[number as usize];
        &self.page[start as usize..(start + length) as usize]
    }

    /// All texts, in the order of their numbers.
    pub(super) fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.texts.iter().map(|(start, length)| &self.page[*start as usize..(start + length) as usize])
    }

    /// The page.
    pub(super) fn page(&self) -> &[u8] {
        &self.page
    }
}

/// Eight bytes at a time. Not a match for somebody who makes texts collide; the steps are counted for that.
#[inline]
fn hash(bytes: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = (bytes.len() as u64).wrapping_mul(FACTOR);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let word = word.try_into().map_or(0, u64::from_le_bytes);
        state = (state ^ word).wrapping_mul(FACTOR).rotate_left(29);
    }
    let rest = words.remainder();
    let mut last = 0;
    if rest.len() >= 4 {
        let (head, tail) = (&rest[..4], &rest[rest.len() - 4..]);
        let word = |part: &[u8]| part.try_into().map_or(0, u32::from_le_bytes);
        last = u64::from(word(head)) | u64::from(word(tail)) << 32;
    } else {
        for byte in rest {
            last = last << 8 | u64::from(*byte);
        }
    }
    state = (state ^ last).wrapping_mul(FACTOR);
    (state ^ state >> 32) as u32
}

#[cfg(test)]
mod tests;
