//! Plain records of one call site, written by frames: for each form of them that was met, everything but ids, times and values
//! stands ready. A form is which fields a record has, in which order and of which types, and whatever else the exporter
//! tells apart.
//!
//! Exporters ask for each plain record; whatever finds no frame here is written as a record.

use crate::collector::plain::Field;
use crate::collector::{Cleaner, Record};
use crate::engine::fields::{BOOL, Bits, Decoder, ERROR, F64, STR, U64};
use crate::limits::{FRAMES_PER_SITE, SITES};
use tundra_wire::alike::{self, Fill, Kind, Slot};

/// A record that an exporter writes by frames.
pub(crate) trait Alike {
    type Frame: alike::Frame;

    /// A frame for records with these fields.
    fn frame(&mut self, fields: &[alike::Field<'static>]) -> Option<Self::Frame>;

    /// Writes the record by a frame with so many fields of a record's own; nothing, if it does not fit.
    fn write(&mut self, frame: &mut Self::Frame, fields: usize) -> Fit;
}

/// Whether a frame was the right one.
pub(crate) enum Fit {
    Written,
    OtherFields,
    /// No frame can be right.
    NotPlain,
}

#[derive(Debug)]
struct Form<F> {
    kind: u32,
    fields: usize,
    frame: F,
}

/// All of one call site.
#[derive(Debug)]
pub(crate) struct Forms<F> {
    forms: Vec<Form<F>>,
    /// The one that fitted last.
    last: usize,
    /// Records that found none because there are too many.
    without: usize,
}

impl<F> Default for Forms<F> {
    fn default() -> Self {
        Self { forms: Vec::new(), last: 0, without: 0 }
    }
}

/// So many records without a form make room for one: forms that come in turns must not push each other out all the time.
const PATIENCE: usize = 256;

impl<F: alike::Frame> Forms<F> {
    /// Writes a record with these values that may be plain, whose call site has these fields; false, and nothing written, if it
    /// must be written as a record. `kind` is what else tells its forms apart, `count` the number of forms of all sites.
    #[inline(always)]
    pub(crate) fn write<A: Alike<Frame = F>>(
        &mut self,
        record: &mut A,
        kind: u32,
        (values, fields): (&[u8], &[Field]),
        count: &mut usize,
    ) -> bool {
        if let Some(form) = self.forms.get_mut(self.last)
            && form.kind == kind
        {
            match record.write(&mut form.frame, form.fields) {
                Fit::Written => return true,
                Fit::OtherFields => {}
                Fit::NotPlain => return false,
            }
        }
        self.write_other(record, kind, (values, fields), count)
    }

    /// The same, if it is not like the last one.
    #[cold]
    #[inline(never)]
    fn write_other<A: Alike<Frame = F>>(
        &mut self,
        record: &mut A,
        kind: u32,
        of: (&[u8], &[Field]),
        count: &mut usize,
    ) -> bool {
        let Some(at) = self.find(record, kind, of, count) else { return false };
        self.last = at;
        let form = &mut self.forms[at];
        matches!(record.write(&mut form.frame, form.fields), Fit::Written)
    }

    /// The form of records like this one, which is made if need be; `None` if they have none.
    fn find<A: Alike<Frame = F>>(
        &mut self,
        record: &mut A,
        kind: u32,
        (values, fields): (&[u8], &[Field]),
        count: &mut usize,
    ) -> Option<usize> {
        let how_many = keys(values).count();
        let fits = |form: &Form<F>| {
            form.fields == how_many && form.kind == kind && form.frame.begins_with(keys(values))
        };
        if let Some(at) = self.forms.iter().position(fits) {
            return Some(at);
        }
        let mut at = self.forms.len();
        if at >= FRAMES_PER_SITE || *count >= SITES {
            self.without += 1;
            at = (self.without / PATIENCE).checked_rem(at)?;
            if !self.without.is_multiple_of(PATIENCE) {
                return None;
            }
        }
        let named = named(keys(values), fields)?;
        let form = Form { kind, fields: named.len(), frame: record.frame(&named)? };
        if let Some(old) = self.forms.get_mut(at) {
            *old = form;
        } else {
            *count += 1;
            self.forms.push(form);
        }
        Some(at)
    }
}

const fn key(field: u8, tag: u8) -> u16 {
    u16::from_ne_bytes([field, tag])
}

fn keys(fields: &[u8]) -> impl Iterator<Item = u16> {
    let mut decoder = Decoder(fields);
    std::iter::from_fn(move || decoder.bits()).map(|(field, tag, _)| key(field, tag))
}

/// The fields with these keys; `None` if such records are not plain.
fn named(keys: impl Iterator<Item = u16>, fields: &[Field]) -> Option<Vec<alike::Field<'static>>> {
    let mut named: Vec<alike::Field<'static>> = Vec::new();
    for key in keys {
        let [number, tag] = key.to_ne_bytes();
        let field = fields.get(usize::from(number))?;
        let kind = match tag {
            ERROR => return None,
            _ if field.is_message => (tag >= STR).then_some(Kind::Body)?,
            F64 => Kind::Double,
            BOOL => Kind::Truth,
            tag if tag < BOOL => Kind::Int,
            _ => Kind::Text,
        };
        // Of a value that was recorded twice the last one holds.
        if named.iter().any(|known| known.name == field.name) {
            return None;
        }
        named.push(alike::Field { key, name: field.name, kind });
    }
    Some(named)
}

/// Tells a frame a record's values, if it has the fields of these slots and no others.
#[inline(always)]
pub(crate) fn fill<F: Fill>(
    record: &Record<'_>,
    slots: &[Slot<F::Place>],
    (fields, cleaner): (&[Field], &mut Cleaner<'_>),
    filling: &mut F,
) -> Fit {
    let mut decoder = Decoder(record.fields);
    for slot in slots {
        let next = decoder.bits().filter(|(field, tag, _)| key(*field, *tag) == slot.key);
        let Some((field, tag, bits)) = next else { return Fit::OtherFields };
        match bits {
            Bits::Number(bits) if tag == BOOL => filling.truth(slot, bits != 0),
            // Numbers that do not fit become texts.
            Bits::Number(bits) if tag == U64 && bits > i64::MAX as u64 => return Fit::NotPlain,
            Bits::Number(bits) => filling.number(slot, bits),
            Bits::Text(text) => {
                let field = fields.get(usize::from(field));
                if !field.is_some_and(|field| cleaner.is_clean(text, field.looked_up)) {
                    return Fit::NotPlain;
                }
                filling.text(slot, text);
            }
        }
    }
    if decoder.0.is_empty() { Fit::Written } else { Fit::OtherFields }
}
