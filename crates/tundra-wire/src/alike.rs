//! What the encoders of records that are alike share: fields, where their values go, and bytes that are written again and again.
//!
//! `datadog::encode` and `otlp::encode` make frames of it: the last record stands ready, the next one is written over it and
//! then copied in one go. The SDK fills them with what its threads recorded, without making records first.

/// What a field of records that are alike holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Int,
    /// A fraction.
    Double,
    /// A truth value.
    Truth,
    /// A text.
    Text,
    /// The text that is a log record's body.
    Body,
}

/// A field of such records: what the caller knows it by, its name and what it holds.
#[derive(Clone, Copy, Debug)]
pub struct Field<'n> {
    /// For the caller alone.
    pub key: u16,
    /// Its name.
    pub name: &'n str,
    /// What it holds.
    pub kind: Kind,
}

/// A field of a frame, and where its value goes.
#[derive(Clone, Debug)]
pub struct Slot<P> {
    /// What the caller knows it by.
    pub key: u16,
    pub(crate) place: P,
}

/// Records that are alike.
pub trait Frame {
    /// Whether its fields begin with these keys.
    fn begins_with(&self, keys: impl Iterator<Item = u16>) -> bool;
}

/// A frame whose fields are being told.
pub trait Fill {
    /// Where values go.
    type Place;

    /// A field's number, `i64` or `f64`, as its bits.
    fn number(&mut self, slot: &Slot<Self::Place>, bits: u64);

    /// A field's truth value.
    fn truth(&mut self, slot: &Slot<Self::Place>, truth: bool);

    /// A field's text, whose bytes the caller knows to be UTF-8. All texts together are no longer than was said.
    fn text(&mut self, slot: &Slot<Self::Place>, text: &[u8]);
}

/// Whether the fields with these slots begin with these keys.
pub(crate) fn begin_with<P>(slots: &[Slot<P>], mut keys: impl Iterator<Item = u16>) -> bool {
    let mut slots = slots.iter();
    keys.all(|key| slots.next().is_some_and(|slot| slot.key == key))
}

/// Makes room for a record of so many bytes.
#[inline(always)]
pub(crate) fn make_room(record: &mut Vec<u8>, bytes: usize) {
    if record.len() < bytes {
        record.resize(bytes, 0);
    }
}

/// A record, and where its next bytes go. There is room for all of them.
#[derive(Debug)]
pub(crate) struct Cursor<'r> {
    pub(crate) record: &'r mut [u8],
    pub(crate) at: usize,
}

impl Cursor<'_> {
    #[inline(always)]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.record[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    #[inline(always)]
    pub(crate) fn put_padded(&mut self, bytes: &Padded) {
        self.at = bytes.write_at(self.at, self.record);
    }

    /// The record so far.
    #[inline(always)]
    pub(crate) fn written(&self) -> &[u8] {
        &self.record[..self.at]
    }
}

/// Bytes that are copied at once: a copy of a fixed size is cheaper than one that has to look at its length.
const PADDED: usize = 32;

/// Bytes as they will be written.
#[derive(Clone, Debug)]
pub(crate) struct Padded {
    len: usize,
    padded: [u8; PADDED],
    /// All of them, if they are more.
    long: Box<[u8]>,
}

impl Padded {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut padded = [0; PADDED];
        let long = if bytes.len() <= PADDED {
            padded[..bytes.len()].copy_from_slice(bytes);
            Box::default()
        } else {
            bytes.into()
        };
        Self { len: bytes.len(), padded, long }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that it writes to at most.
    pub(crate) fn room(&self) -> usize {
        self.len.max(PADDED)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        if self.long.is_empty() { &self.padded[..self.len] } else { &self.long }
    }

    /// Writes over what stands at a place, where there must be room; gives where it ends.
    #[inline(always)]
    fn write_at(&self, at: usize, out: &mut [u8]) -> usize {
        if self.len <= PADDED {
            out[at..at + PADDED].copy_from_slice(&self.padded);
        } else {
            out[at..at + self.len].copy_from_slice(&self.long);
        }
        at + self.len
    }
}
