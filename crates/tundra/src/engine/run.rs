//! Finished records one behind the other: as they lie in a ring, and as a batch keeps them.
//!
//! The collector takes most of them by the stretch, with one copy for many; `ring` hands runs out, `collector` walks them.
#![expect(unsafe_code, reason = "records are bytes with a head in front")]

use super::slot::{HEAD, Head, PAD};
use std::mem::MaybeUninit;

/// Eight bytes of a record. Copied as they are: they may be part of a pointer, or of nothing.
pub(crate) type Word = MaybeUninit<u64>;

const HEAD_WORDS: usize = HEAD / size_of::<Word>();

/// Whole records, pads among them.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    words: &'a [Word],
}

impl<'a> Run<'a> {
    /// # Safety
    /// The words are whole records, or pads, whose first word is enough of them.
    pub(crate) unsafe fn new(words: &'a [Word]) -> Self {
        Self { words }
    }

    /// Bytes of what is left.
    pub(crate) fn len_bytes(&self) -> usize {
        size_of_val(self.words)
    }

    /// Leaves nothing.
    pub(crate) fn clear(&mut self) {
        self.words = &[];
    }

    /// The first record, which stays; pads before it go.
    #[inline]
    pub(crate) fn first(&mut self) -> Option<&'a Head> {
        loop {
            let (units, kind) = begin(self.words)?;
            if kind != PAD {
                // SAFETY: what is no pad is a record.
                return unsafe { head(self.words) };
            }
            self.words = self.words.get(units..)?;
        }
    }

    /// Takes the first record: its head, and all its words.
    pub(crate) fn next(&mut self) -> Option<(&'a Head, &'a [Word])> {
        let head = self.first()?;
        let (record, rest) = self.words.split_at_checked(usize::from(head.units))?;
        self.words = rest;
        Some((head, record))
    }

    /// Takes records from the front as long as they are wanted, and no pad.
    #[inline]
    pub(crate) fn take_while(&mut self, mut wanted: impl FnMut(&Head) -> bool) -> &'a [Word] {
        let mut at = 0;
        while let Some((units, kind)) = begin(&self.words[at..])
            && kind != PAD
            // SAFETY: as above.
            && unsafe { head(&self.words[at..]) }.is_some_and(&mut wanted)
        {
            at += units;
        }
        let (taken, rest) = self.words.split_at(at);
        self.words = rest;
        taken
    }
}

/// Length and kind of what these words begin with.
#[inline(always)]
fn begin(words: &[Word]) -> Option<(usize, u8)> {
    let first = words.first()?;
    // SAFETY: the first word of a record, or of a pad, is always written.
    let [units_0, units_1, _, _, kind, ..] = unsafe { first.assume_init() }.to_ne_bytes();
    Some((usize::from(u16::from_ne_bytes([units_0, units_1])), kind))
}

/// The head of the record that these words begin with.
///
/// # Safety
/// They begin with a record, or are none.
#[inline(always)]
pub(crate) unsafe fn head(words: &[Word]) -> Option<&Head> {
    let words = words.first_chunk::<HEAD_WORDS>()?;
    // SAFETY: what is not a pad begins with a `Head`, whose alignment is that of words.
    Some(unsafe { &*words.as_ptr().cast::<Head>() })
}

/// The record that these words begin with: its head, and its fields.
///
/// # Safety
/// They begin with a record, or are none.
#[inline(always)]
pub(crate) unsafe fn record(words: &[Word]) -> Option<(&Head, &[u8])> {
    // SAFETY: handed up to the caller.
    let head = unsafe { head(words) }?;
    let fields = words.get(HEAD_WORDS..usize::from(head.units))?;
    // SAFETY: so many bytes are there, and all of them were written: slots, scratch and ring come zeroed.
    let fields = unsafe { std::slice::from_raw_parts(fields.as_ptr().cast::<u8>(), size_of_val(fields)) };
    Some((head, fields.get(..usize::from(head.fields))?))
}
