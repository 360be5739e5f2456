//! Records that an exporter can write as they lie there: fields without a meaning of their own, nothing on the heap, nothing
//! that a rule would change. Most records are such ones.
//!
//! Exporters ask here for each record and hand everything else to `translate` and `clean`. What is plain must come out
//! exactly as it would from there; the tests of `export/datadog` and `export/otlp` compare the two ways.

use super::batch::Record;
use super::clean::{self, Cleaner, PlainName};
use super::translate;
use crate::engine::fields::{Bits, Decoder, ERROR, U64};
use crate::engine::{Head, TRUNCATED};
use crate::limits::SITES;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use tracing_core::Metadata;

/// Fields that a plain record can have: one bit each.
const FIELDS: usize = u64::BITS as usize;

/// One field of a call site whose records can be plain.
#[derive(Debug)]
pub(crate) struct Field {
    /// Its name as it is written.
    pub(crate) name: &'static str,
    pub(crate) looked_up: PlainName,
    /// Whether it is an event's message.
    pub(crate) is_message: bool,
}

/// The fields of a call site, if its records can be plain; `is_special` says which names are more to the exporter than names.
pub(crate) fn fields(
    meta: &'static Metadata<'static>,
    cleaner: &mut Cleaner<'_>,
    is_special: impl Fn(&str) -> bool,
) -> Option<Box<[Field]>> {
    // What a message of a model says is content, under whatever name.
    if meta.fields().len() > FIELDS || (meta.is_event() && clean::is_message(meta.name())) {
        return None;
    }
    let field = |field: tracing_core::Field| {
        let raw = field.name();
        let name = raw.strip_prefix("r#").unwrap_or(raw);
        if translate::is_special(raw, meta) || is_special(name) {
            return None;
        }
        let is_message = meta.is_event() && raw == "message";
        Some(Field { name, looked_up: cleaner.plain_name(name)?, is_message })
    };
    meta.fields().iter().map(field).collect()
}

/// Whether a record of a call site whose records can be plain may be so, as far as its head tells.
#[inline]
pub(crate) fn may_be_plain(head: &Head) -> bool {
    head.spill.is_null() && head.flags & TRUNCATED == 0
}

/// Whether a record of such a call site is plain.
pub(crate) fn is_plain(record: &Record<'_>, fields: &[Field], cleaner: &mut Cleaner<'_>) -> bool {
    let (mut decoder, mut seen) = (Decoder(record.fields), 0_u64);
    while let Some((number, tag, bits)) = decoder.bits() {
        let Some(field) = fields.get(usize::from(number)) else { return false };
        // Of a value that was recorded twice the last one holds.
        let again = seen & 1 << number != 0;
        seen |= 1 << number;
        let plain = match bits {
            Bits::Text(text) => tag != ERROR && cleaner.is_clean(text, field.looked_up),
            // Numbers that do not fit become texts.
            Bits::Number(bits) => !field.is_message && (tag != U64 || bits <= i64::MAX as u64),
        };
        if again || !plain {
            return false;
        }
    }
    may_be_plain(record.head)
}

/// What is known of call sites whose records can be plain, found by the address of their metadata.
#[derive(Debug)]
pub(crate) struct Sites<S> {
    places: HashMap<usize, usize, BuildHasherDefault<AddressHasher>>,
    sites: Vec<Option<S>>,
    /// Addresses seen lately, with their numbers, by a part of the address.
    recent: [(usize, usize); RECENT],
}

const RECENT: usize = 64;

impl<S> Default for Sites<S> {
    fn default() -> Self {
        Self { places: HashMap::default(), sites: Vec::new(), recent: [(0, 0); RECENT] }
    }
}

impl<S> Sites<S> {
    /// What is known of a call site, which `make` describes when it is seen first; `None` if none of its records is plain.
    #[inline]
    pub(crate) fn get(
        &mut self,
        meta: &'static Metadata<'static>,
        make: impl FnOnce(&'static Metadata<'static>) -> Option<S>,
    ) -> Option<&mut S> {
        let address = std::ptr::from_ref(meta).addr();
        // Metadata is larger than 64 bytes, and one lies behind the other.
        let recent = ((address / 64) ^ (address / 4096)) % RECENT;
        let (known, mut number) = self.recent[recent];
        if known != address {
            number = self.place(meta, make);
            self.recent[recent] = (address, number);
        }
        self.sites.get_mut(number)?.as_mut()
    }

    /// The same of one that was seen.
    #[inline]
    pub(crate) fn known(&mut self, meta: &'static Metadata<'static>) -> Option<&mut S> {
        self.get(meta, |_| None)
    }

    #[cold]
    fn place(
        &mut self,
        meta: &'static Metadata<'static>,
        make: impl FnOnce(&'static Metadata<'static>) -> Option<S>,
    ) -> usize {
        let next = self.sites.len();
        let place = *self.places.entry(std::ptr::from_ref(meta).addr()).or_insert(next);
        if place == next {
            self.sites.push(make(meta));
        }
        place
    }

    /// Forgets everything if there are too many, and says so: between two batches.
    pub(crate) fn bound(&mut self) -> bool {
        let too_many = self.sites.len() > SITES;
        if too_many {
            *self = Self::default();
        }
        too_many
    }
}

/// Addresses are spread by themselves, but for their low bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_usize(usize::from(*byte)));
    }

    fn write_usize(&mut self, address: usize) {
        let mixed = (self.0 ^ address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}
