//! The least and the greatest of some texts, by their bytes, as statistics want them: cut short where they are long.
//! Pure; used by `page`.

/// Bounds in statistics are not longer than this, so that indexes stay small.
const BOUND_MAX: usize = 64;

/// The range of the texts seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Range {
    any: bool,
    low: Vec<u8>,
    high: Vec<u8>,
    /// The first eight bytes of both, which decide for nearly every text.
    heads: (u64, u64),
}

/// One end of a range.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) bytes: Vec<u8>,
    /// Whether it is one of the texts.
    pub(super) exact: bool,
}

/// The first eight bytes as a number in the order of texts; zeros stand for what is missing.
fn head(text: &[u8]) -> u64 {
    match text.first_chunk::<8>() {
        Some(head) => u64::from_be_bytes(*head),
        None => {
            let mut padded = [0; 8];
            padded[..text.len()].copy_from_slice(text);
            u64::from_be_bytes(padded)
        }
    }
}

impl Range {
    /// Takes in one more text.
    #[inline]
    pub(super) fn widen(&mut self, text: &[u8]) {
        let head = head(text);
        if !self.any || head <= self.heads.0 || head >= self.heads.1 {
            self.look(text, head);
        }
    }

    fn look(&mut self, text: &[u8], head: u64) {
        if !self.any || text < self.low.as_slice() {
            self.low.clear();
            self.low.extend_from_slice(text);
            self.heads.0 = head;
        }
        if !self.any || text > self.high.as_slice() {
            self.high.clear();
            self.high.extend_from_slice(text);
            self.heads.1 = head;
        }
        self.any = true;
    }

    /// Takes in what another has seen.
    pub(super) fn join(&mut self, other: &Self) {
        if other.any {
            self.widen(&other.low);
            self.widen(&other.high);
        }
    }

    /// Both ends, if there was a text.
    pub(super) fn bounds(&self) -> Option<(Bound, Bound)> {
        self.any.then(|| (below(&self.low), above(&self.high)))
    }
}

fn cut(text: &[u8]) -> &[u8] {
    let mut end = BOUND_MAX;
    // Not in the middle of a character.
    while end > 0 && text[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    &text[..end]
}

/// Something short that is not greater.
fn below(text: &[u8]) -> Bound {
    if text.len() <= BOUND_MAX {
        return Bound { bytes: text.to_vec(), exact: true };
    }
    Bound { bytes: cut(text).to_vec(), exact: false }
}

/// Something short that is not less: cut, with the last ASCII character that has a successor replaced by it.
fn above(text: &[u8]) -> Bound {
    if text.len() <= BOUND_MAX {
        return Bound { bytes: text.to_vec(), exact: true };
    }
    let mut bytes = cut(text).to_vec();
    while let Some(last) = bytes.pop() {
        if last < 0x7f {
            bytes.push(last + 1);
            return Bound { bytes, exact: false };
        }
    }
    Bound { bytes: text.to_vec(), exact: true }
}

#[cfg(test)]
mod tests;
