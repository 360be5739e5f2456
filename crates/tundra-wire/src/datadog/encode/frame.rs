//! Spans of v0.4 that are alike: whatever they have in common, names of fields and numbers' places included, stands ready and
//! is copied in one go; then ids, times and numbers are filled in, and texts appended. The SDK writes with it what its
//! threads recorded, without making records first.
//!
//! The format knows no order, so what has a fixed width stands in front, and texts come last.

use super::piece::{Ids, MAP, SpanWriter};
use crate::msgpack::Writer;
use crate::padded::Padded;
use tundra_record::{Text, Value};

/// What a field of such spans holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Int,
    /// A fraction.
    Double,
    /// A text.
    Text,
}

/// A field of such spans: what the caller knows it by, its name and what it holds.
#[derive(Clone, Copy, Debug)]
pub struct Field<'n> {
    /// For the caller alone.
    pub key: u16,
    /// Its name.
    pub name: &'n str,
    /// What it holds.
    pub kind: Kind,
}

/// Where a field's value goes.
#[derive(Clone, Debug)]
enum Place {
    /// Over the eight bytes there.
    Number(usize),
    /// To the end, behind this name.
    Text(Padded),
}

/// A name as it is written.
fn written(name: &str) -> Padded {
    let mut bytes = Vec::new();
    Writer::new(&mut bytes).text(name);
    Padded::new(bytes)
}

/// Ids and times with their names, in eight bytes each.
const IDS: &[u8; 87] =
    b"\xa8trace_id\xcf........\xa7span_id\xcf........\xa5start\xd3........\xa8duration\xd3........\
    \xa9parent_id\xcf........";
/// Entries of a span that are ids and times.
const ID_ENTRIES: u8 = 5;
/// All that is filled in in front: the head of the span's map, and `IDS`.
const FRONT: usize = 1 + IDS.len();
/// Bytes of a number behind its marker, and of a trace id's high half as text.
const NUMBER: usize = 8;
const HIGH_HALF: usize = 16;

/// What spans that are alike have in common.
#[derive(Clone, Copy, Debug, Default)]
pub struct Common<'c> {
    /// Texts that are fields of the span itself: `service`, `name`, ...
    pub own: &'c [(&'c str, &'c str)],
    /// Numbers.
    pub numbers: &'c [(&'c str, &'c Value<'c>)],
    /// Tags.
    pub tags: &'c [(&'c str, Text<'c>)],
    /// The tag for the high half of the trace's id, if they name it; its value is each span's.
    pub high_half: Option<&'c str>,
    /// What they have each for itself, in this order.
    pub fields: &'c [Field<'c>],
}

/// Spans that are alike.
#[derive(Clone, Debug)]
pub struct Frame {
    bytes: Box<[u8]>,
    slots: Box<[Slot]>,
    high_half_at: Option<usize>,
    /// Where the number of tags stands, and how many there are already.
    tags_at: usize,
    tags: u16,
}

/// Tags and fields of a frame; no call site has so many.
const MOST: usize = 4096;

impl Frame {
    /// For spans that have this in common; `None` if it is too much.
    pub fn new(common: &Common<'_>) -> Option<Self> {
        let Common { own, numbers, tags, high_half, fields } = *common;
        if numbers.len() + tags.len() + fields.len() > MOST {
            return None;
        }
        let mut bytes = vec![MAP];
        bytes.extend_from_slice(IDS);
        let mut span = SpanWriter::more(&mut bytes);
        let number_at = write_numbers(numbers, fields, &mut span);
        own.iter().for_each(|(key, text)| span.field(key).text(text));
        for (key, text) in tags {
            span.tag(key, text);
        }
        let high_half_at = high_half.map(|name| span.tag(name, &"0".repeat(HIGH_HALF)) - HIGH_HALF);
        let (entries, tags_at, tags) = span.end_with_tags();
        bytes[0] = MAP | (entries + ID_ENTRIES);
        let mut number_at = number_at.into_iter();
        let place = |field: &Field<'_>| {
            let place = match field.kind {
                Kind::Text => Place::Text(written(field.name)),
                _ => Place::Number(number_at.next().unwrap_or_default()),
            };
            Slot { key: field.key, place }
        };
        let slots = fields.iter().map(place).collect();
        Some(Self { bytes: bytes.into(), slots, high_half_at, tags_at, tags: tags as u16 })
    }

    /// Whether its fields begin with these keys.
    pub fn begins_with(&self, mut keys: impl Iterator<Item = u16>) -> bool {
        let mut slots = self.slots.iter();
        keys.all(|key| slots.next().is_some_and(|slot| slot.key == key))
    }

    /// Appends a span whose fields are to follow, each with its value.
    #[inline]
    pub fn begin<'f, 'o>(&'f self, out: &'o mut Vec<u8>) -> Filling<'f, 'o> {
        let at = out.len();
        out.extend_from_slice(&self.bytes);
        Filling { frame: self, at, texts: 0, out }
    }

    /// Its fields.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }
}

/// A field, and where its value goes.
#[derive(Clone, Debug)]
pub struct Slot {
    /// What the caller knows it by.
    pub key: u16,
    place: Place,
}

/// The numbers of a frame; gives where those of fields stand.
fn write_numbers(
    numbers: &[(&str, &Value<'_>)],
    fields: &[Field<'_>],
    span: &mut SpanWriter<'_>,
) -> Vec<usize> {
    let own: Vec<_> = fields.iter().filter(|field| field.kind != Kind::Text).collect();
    if numbers.is_empty() && own.is_empty() {
        return Vec::new();
    }
    let writer = span.field("metrics");
    writer.map(numbers.len() + own.len());
    for (name, value) in numbers {
        writer.text(name);
        writer.value(value);
    }
    let at = own.iter().map(|field| {
        writer.text(field.name);
        let out = writer.buffer();
        out.push(if field.kind == Kind::Int { 0xd3 } else { 0xcb });
        let at = out.len();
        out.extend_from_slice(&[0; NUMBER]);
        at
    });
    at.collect()
}

/// A span that is being filled in.
#[derive(Debug)]
#[must_use = "it is half a span until it is ended or cancelled"]
pub struct Filling<'f, 'o> {
    frame: &'f Frame,
    at: usize,
    texts: u16,
    out: &'o mut Vec<u8>,
}

impl Filling<'_, '_> {
    /// A field's number: an `i64` or an `f64`, as its bits.
    #[inline(always)]
    pub fn number(&mut self, slot: &Slot, bits: u64) {
        let Place::Number(place) = slot.place else { return };
        if let Some(number) = self.out.get_mut(self.at + place..).and_then(<[u8]>::first_chunk_mut) {
            *number = bits.to_be_bytes();
        }
    }

    /// A field's text; the caller knows the bytes to be UTF-8.
    #[inline(always)]
    pub fn text(&mut self, slot: &Slot, text: &[u8]) {
        let Place::Text(name) = &slot.place else { return };
        self.texts += 1;
        name.write(self.out);
        Writer::new(self.out).text_bytes(text);
    }

    /// Takes the span back.
    pub fn cancel(self) {
        self.out.truncate(self.at);
    }

    /// Ends the span.
    #[inline(always)]
    pub fn end(self, ids: &Ids) {
        let Some(span) = self.out.get_mut(self.at..) else { return };
        if let Some(front) = span.first_chunk_mut::<FRONT>() {
            // Wherever `IDS` has dots, one byte further.
            front[11..19].copy_from_slice(&ids.trace.low().to_be_bytes());
            front[28..36].copy_from_slice(&ids.span.0.to_be_bytes());
            front[43..51].copy_from_slice(&ids.start.to_be_bytes());
            front[61..69].copy_from_slice(&ids.duration.to_be_bytes());
            front[80..88].copy_from_slice(&ids.parent.map_or(0, |id| id.0).to_be_bytes());
        }
        if let Some(at) = self.frame.high_half_at
            && let Some(high_half) = span.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<HIGH_HALF>)
        {
            let digit = |at: usize| b"0123456789abcdef"[(ids.trace.high() >> (60 - 4 * at)) as usize & 0xf];
            *high_half = std::array::from_fn(digit);
        }
        let tags = self.frame.tags + self.texts;
        if let Some(place) = span.get_mut(self.frame.tags_at..).and_then(<[u8]>::first_chunk_mut) {
            *place = tags.to_be_bytes();
        }
    }
}
