//! Spans of v0.4 that are alike: the last one stands ready, whatever they have in common, names of fields and numbers' places
//! included; ids, times and numbers of the next are written over it, texts behind it, and then all of it is copied in one
//! go. The SDK writes with it what its threads recorded, without making records first.
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
    /// A truth value, which is told as a text.
    Truth,
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
    /// To the end, with its name, one for each value.
    Truth(Box<[Padded; 2]>),
    /// To the end, behind this name.
    Text(Padded),
}

/// Texts as they are written, one behind the other.
fn written(texts: &[&str]) -> Padded {
    let mut bytes = Vec::new();
    texts.iter().for_each(|text| Writer::new(&mut bytes).text(text));
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
    /// Bytes of all texts among them; a span with more is written otherwise.
    pub text_bytes: usize,
}

/// Spans that are alike.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The last one that was written, with room for texts behind what has a fixed width.
    span: Box<[u8]>,
    slots: Box<[Slot]>,
    marks: Marks,
}

/// Where what is in a span.
#[derive(Clone, Copy, Debug)]
struct Marks {
    high_half_at: Option<usize>,
    /// Where the number of tags stands, and how many there are already.
    tags_at: usize,
    tags: u16,
    /// Where texts begin.
    texts_at: usize,
}

/// Tags and fields of a frame; no call site has so many.
const MOST: usize = 4096;

impl Frame {
    /// For spans that have this in common; `None` if it is too much.
    pub fn new(common: &Common<'_>) -> Option<Self> {
        let Common { own, numbers, tags, high_half, fields, text_bytes } = *common;
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
                Kind::Text => Place::Text(written(&[field.name])),
                Kind::Truth => {
                    Place::Truth(Box::new(["false", "true"].map(|truth| written(&[field.name, truth]))))
                }
                Kind::Int | Kind::Double => Place::Number(number_at.next().unwrap_or_default()),
            };
            Slot { key: field.key, place }
        };
        let slots: Box<[Slot]> = fields.iter().map(place).collect();
        let texts_at = bytes.len();
        let room: usize = slots.iter().map(Slot::room).sum();
        bytes.resize(texts_at + room + text_bytes, 0);
        let marks = Marks { high_half_at, tags_at, tags: tags as u16, texts_at };
        Some(Self { span: bytes.into(), slots, marks })
    }

    /// Whether its fields begin with these keys.
    pub fn begins_with(&self, mut keys: impl Iterator<Item = u16>) -> bool {
        let mut slots = self.slots.iter();
        keys.all(|key| slots.next().is_some_and(|slot| slot.key == key))
    }

    /// A span whose fields are to be told, each with its value; and those fields.
    #[inline]
    pub fn begin(&mut self) -> (Filling<'_>, &[Slot]) {
        (Filling { span: &mut self.span, marks: self.marks, at: self.marks.texts_at, texts: 0 }, &self.slots)
    }
}

/// A field, and where its value goes.
#[derive(Clone, Debug)]
pub struct Slot {
    /// What the caller knows it by.
    pub key: u16,
    place: Place,
}

/// Bytes that stand before a text at most.
const TEXT_HEAD: usize = 5;

impl Slot {
    /// What it takes behind the numbers, the text itself apart.
    fn room(&self) -> usize {
        match &self.place {
            Place::Number(_) => 0,
            Place::Truth(written) => written[0].room().max(written[1].room()),
            Place::Text(name) => name.room() + TEXT_HEAD,
        }
    }
}

/// The numbers of a frame; gives where those of fields stand.
fn write_numbers(
    numbers: &[(&str, &Value<'_>)],
    fields: &[Field<'_>],
    span: &mut SpanWriter<'_>,
) -> Vec<usize> {
    let own: Vec<_> = fields.iter().filter(|field| matches!(field.kind, Kind::Int | Kind::Double)).collect();
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
pub struct Filling<'f> {
    span: &'f mut [u8],
    marks: Marks,
    at: usize,
    texts: u16,
}

impl Filling<'_> {
    /// A field's number: an `i64` or an `f64`, as its bits.
    #[inline(always)]
    pub fn number(&mut self, slot: &Slot, bits: u64) {
        let Place::Number(place) = slot.place else { return };
        if let Some(number) = self.span.get_mut(place..).and_then(<[u8]>::first_chunk_mut) {
            *number = bits.to_be_bytes();
        }
    }

    /// A field's truth value; false if there is no room, and then the span is void.
    #[inline(always)]
    pub fn truth(&mut self, slot: &Slot, truth: bool) -> bool {
        let Place::Truth(written) = &slot.place else { return true };
        self.texts += 1;
        let end = written[usize::from(truth)].write_at(self.at, self.span);
        self.at = end.unwrap_or(self.at);
        end.is_some()
    }

    /// The same for a text, whose bytes the caller knows to be UTF-8.
    #[inline(always)]
    pub fn text(&mut self, slot: &Slot, text: &[u8]) -> bool {
        let Place::Text(name) = &slot.place else { return true };
        self.texts += 1;
        let end = name.write_at(self.at, self.span).and_then(|at| self.value(at, text));
        self.at = end.unwrap_or(self.at);
        end.is_some()
    }

    #[inline(always)]
    fn value(&mut self, at: usize, text: &[u8]) -> Option<usize> {
        let head = match text.len() {
            len @ 0..32 => {
                *self.span.get_mut(at)? = 0xa0 | len as u8;
                1
            }
            len @ 32..256 => {
                *self.span.get_mut(at..)?.first_chunk_mut()? = [0xd9, len as u8];
                2
            }
            len @ 256..0x1_0000 => {
                let [high, low] = (len as u16).to_be_bytes();
                *self.span.get_mut(at..)?.first_chunk_mut()? = [0xda, high, low];
                3
            }
            len => {
                let [a, b, c, d] = u32::try_from(len).ok()?.to_be_bytes();
                *self.span.get_mut(at..)?.first_chunk_mut()? = [0xdb, a, b, c, d];
                5
            }
        };
        let (at, end) = (at + head, at + head + text.len());
        self.span.get_mut(at..end)?.copy_from_slice(text);
        Some(end)
    }

    /// Ends the span and appends it.
    #[inline(always)]
    pub fn end(self, ids: &Ids, out: &mut Vec<u8>) {
        let Self { span, marks, at, texts } = self;
        if let Some(front) = span.first_chunk_mut::<FRONT>() {
            // Wherever `IDS` has dots, one byte further.
            front[11..19].copy_from_slice(&ids.trace.low().to_be_bytes());
            front[28..36].copy_from_slice(&ids.span.0.to_be_bytes());
            front[43..51].copy_from_slice(&ids.start.to_be_bytes());
            front[61..69].copy_from_slice(&ids.duration.to_be_bytes());
            front[80..88].copy_from_slice(&ids.parent.map_or(0, |id| id.0).to_be_bytes());
        }
        if let Some(at) = marks.high_half_at
            && let Some(high_half) = span.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<HIGH_HALF>)
        {
            let digit = |at: usize| b"0123456789abcdef"[(ids.trace.high() >> (60 - 4 * at)) as usize & 0xf];
            *high_half = std::array::from_fn(digit);
        }
        if let Some(place) = span.get_mut(marks.tags_at..).and_then(<[u8]>::first_chunk_mut) {
            *place = (marks.tags + texts).to_be_bytes();
        }
        if let Some(span) = span.get(..at) {
            out.extend_from_slice(span);
        }
    }
}
