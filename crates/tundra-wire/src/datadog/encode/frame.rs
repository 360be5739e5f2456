//! Spans of v0.4 that are alike: the last one stands ready, whatever they have in common, names of fields and numbers' places
//! included; ids, times and numbers of the next are written over it, texts behind it, and then all of it is copied in one
//! go. The SDK writes with it what its threads recorded, without making records first.
//!
//! The format knows no order, so what has a fixed width stands in front, and texts come last.

use super::piece::{Ids, MAP, SpanWriter};
use crate::alike::{self, Cursor, Field, Fill, Kind, Padded, begin_with, make_room};
use crate::msgpack::Writer;
use tundra_record::{Text, Value};

/// A field of such spans.
pub type Slot = alike::Slot<Place>;

/// Where a field's value goes.
#[derive(Clone, Debug)]
pub struct Place(Where);

#[derive(Clone, Debug)]
enum Where {
    /// Over the eight bytes there.
    Number(usize),
    /// To the end, with its name, one for each value.
    Truth(Box<[Padded; 2]>),
    /// To the end, behind this name.
    Text(Padded),
}

/// Texts as they are written, one behind the other.
fn written(texts: &[&str]) -> Padded {
    let mut bytes = Vec::new();
    texts.iter().for_each(|text| Writer::new(&mut bytes).text(text));
    Padded::new(&bytes)
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
    /// The last one that was written, with room for texts behind what has a fixed width.
    span: Vec<u8>,
    slots: Box<[Slot]>,
    marks: Marks,
}

/// Where what is in a span.
#[derive(Clone, Copy, Debug)]
struct Marks {
    high_half_at: Option<usize>,
    /// Where texts begin, and where they end if all of them are empty.
    texts_at: usize,
    full_at: usize,
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
        let texts = fields.iter().filter(|field| !is_number(field)).count();
        bytes[tags_at..tags_at + 2].copy_from_slice(&((tags + texts) as u16).to_be_bytes());
        bytes[0] = MAP | (entries + ID_ENTRIES);
        let mut number_at = number_at.into_iter();
        let place = |field: &Field<'_>| {
            let place = match field.kind {
                Kind::Text | Kind::Body => Where::Text(written(&[field.name])),
                Kind::Truth => {
                    Where::Truth(Box::new(["false", "true"].map(|truth| written(&[field.name, truth]))))
                }
                Kind::Int | Kind::Double => Where::Number(number_at.next().unwrap_or_default()),
            };
            Slot { key: field.key, place: Place(place) }
        };
        let slots: Box<[Slot]> = fields.iter().map(place).collect();
        let texts_at = bytes.len();
        let full_at = texts_at + slots.iter().map(|slot| slot.place.room()).sum::<usize>();
        let marks = Marks { high_half_at, texts_at, full_at };
        Some(Self { span: bytes, slots, marks })
    }

    /// A span of which all fields are to be told, each with its value, with so many bytes of texts; and those fields.
    ///
    /// Ids come first of all, so that they are long written when they are copied: a copy that begins with what was written by
    /// smaller pieces just before waits for all of it.
    #[inline(always)]
    pub fn begin(&mut self, ids: &Ids, text_bytes: usize) -> (Filling<'_>, &[Slot]) {
        let Self { span, slots, marks } = self;
        make_room(span, marks.full_at + text_bytes);
        if let Some(front) = span.first_chunk_mut::<FRONT>() {
            // Wherever `IDS` has dots, one byte further.
            front[11..19].copy_from_slice(&ids.trace.low().to_be_bytes());
            front[28..36].copy_from_slice(&ids.span.0.to_be_bytes());
            front[43..51].copy_from_slice(&ids.start.to_be_bytes());
            front[61..69].copy_from_slice(&ids.duration.to_be_bytes());
            front[80..88].copy_from_slice(&ids.parent.map_or(0, |id| id.0).to_be_bytes());
        }
        if let Some(at) = marks.high_half_at {
            let digit = |at: usize| b"0123456789abcdef"[(ids.trace.high() >> (60 - 4 * at)) as usize & 0xf];
            span[at..at + HIGH_HALF].copy_from_slice(&std::array::from_fn::<u8, HIGH_HALF, _>(digit));
        }
        (Filling(Cursor { record: span, at: marks.texts_at }), slots)
    }
}

impl alike::Frame for Frame {
    fn begins_with(&self, keys: impl Iterator<Item = u16>) -> bool {
        begin_with(&self.slots, keys)
    }
}

/// Bytes that stand before a text at most.
const TEXT_HEAD: usize = 5;

impl Place {
    /// What it takes behind the numbers, the text itself apart.
    fn room(&self) -> usize {
        match &self.0 {
            Where::Number(_) => 0,
            Where::Truth(written) => written[0].room().max(written[1].room()),
            Where::Text(name) => name.room() + TEXT_HEAD,
        }
    }
}

fn is_number(field: &Field<'_>) -> bool {
    matches!(field.kind, Kind::Int | Kind::Double)
}

/// The numbers of a frame; gives where those of fields stand.
fn write_numbers(
    numbers: &[(&str, &Value<'_>)],
    fields: &[Field<'_>],
    span: &mut SpanWriter<'_>,
) -> Vec<usize> {
    let own: Vec<_> = fields.iter().filter(|field| is_number(field)).collect();
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
#[must_use = "it is half a span until it is ended"]
pub struct Filling<'f>(Cursor<'f>);

impl Fill for Filling<'_> {
    type Place = Place;

    #[inline(always)]
    fn number(&mut self, slot: &Slot, bits: u64) {
        if let Where::Number(place) = slot.place.0 {
            self.0.record[place..place + NUMBER].copy_from_slice(&bits.to_be_bytes());
        }
    }

    #[inline(always)]
    fn truth(&mut self, slot: &Slot, truth: bool) {
        if let Where::Truth(written) = &slot.place.0 {
            self.0.put_padded(&written[usize::from(truth)]);
        }
    }

    #[inline(always)]
    fn text(&mut self, slot: &Slot, text: &[u8]) {
        let Where::Text(name) = &slot.place.0 else { return };
        self.0.put_padded(name);
        match text.len() {
            len @ 0..32 => self.0.put(&[0xa0 | len as u8]),
            len @ 32..256 => self.0.put(&[0xd9, len as u8]),
            len => self.long_head(len as u32),
        }
        self.0.put(text);
    }
}

impl Filling<'_> {
    #[cold]
    fn long_head(&mut self, len: u32) {
        let [a, b, c, d] = len.to_be_bytes();
        match [a, b] {
            [0, 0] => self.0.put(&[0xda, c, d]),
            _ => self.0.put(&[0xdb, a, b, c, d]),
        }
    }

    /// Ends the span and appends it.
    #[inline(always)]
    pub fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.written());
    }
}
