//! Spans and log records that are alike: the last one stands ready, whatever they have in common, names of fields and places of
//! fractions and truths included; ids, times and those values of the next are written over it, everything else behind it, and
//! then all of it is copied in one go. The SDK writes with it what its threads recorded, without making records first.
//!
//! Protobuf knows no order, so what has a fixed width stands in front.

use super::attr;
use super::group::{Group, RECORD_HEAD};
use crate::alike::{self, Cursor, Field, Fill, Kind, Padded, begin_with, make_room};
use crate::protobuf::{fixed32, text, varint, width};
use tundra_record::{Severity, SpanId, SpanKind, TraceId, Value};

/// A field of such records.
pub type Slot = alike::Slot<Place>;

/// Where a field's value goes.
#[derive(Clone, Debug)]
pub struct Place(Where);

#[derive(Clone, Debug)]
enum Where {
    /// Over the eight bytes there.
    Double(usize),
    /// Over the byte there.
    Truth(usize),
    /// To the end, behind this.
    Int(Padded),
    Text(Padded),
    /// To the end.
    Body,
}

/// A span's ids and times, each with its key and length.
const SPAN_IDS: &[u8; 46] = b"\x0a\x10................\x12\x08........\x39........\x41........";
const PARENT: &[u8; 10] = b"\x22\x08........";
/// When a log record happened, and when it was observed.
const LOG_TIME: &[u8; 18] = b"\x09........\x59........";
/// The ids of a log record.
const LOG_TRACE: &[u8; 18] = b"\x4a\x10................";
const LOG_SPAN: &[u8; 10] = b"\x52\x08........";
/// A body that is an empty text.
const NO_BODY: [u8; 4] = [key(5, DELIMITED), 2, key(1, DELIMITED), 0];

/// Records that are alike.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The last one that was written, with room behind what has a fixed width.
    record: Vec<u8>,
    slots: Box<[Slot]>,
    /// Where the rest begins, and where it ends if it is as long as it can be, but for texts.
    rest_at: usize,
    full_at: usize,
}

impl Frame {
    /// Spans with this name, kind and flags, and these fields each for itself, in this order.
    pub fn of_spans(name: &str, kind: SpanKind, flags: u32, fields: &[Field<'_>]) -> Self {
        let mut bytes = [&RECORD_HEAD[..], SPAN_IDS].concat();
        text(5, name, &mut bytes);
        varint(6, kind as u64, &mut bytes);
        fixed32(16, flags, &mut bytes);
        Self::new(9, bytes, fields)
    }

    /// Log records with this severity and event name, with this attribute, and these fields each for itself, in this order.
    pub fn of_logs(
        (severity, severity_text): (Severity, &str),
        event_name: &str,
        (name, value): (&str, &Value<'_>),
        fields: &[Field<'_>],
    ) -> Self {
        let mut bytes = [&RECORD_HEAD[..], LOG_TIME].concat();
        varint(2, u64::from(severity.0), &mut bytes);
        text(3, severity_text, &mut bytes);
        text(12, event_name, &mut bytes);
        attr(6, name, value, &mut bytes);
        if fields.iter().all(|field| field.kind != Kind::Body) {
            bytes.extend_from_slice(&NO_BODY);
        }
        Self::new(6, bytes, fields)
    }

    fn new(attr: u8, mut record: Vec<u8>, fields: &[Field<'_>]) -> Self {
        let mut place = |field: &Field<'_>| {
            let mut fixed = |value: Value<'_>| {
                super::attr(u32::from(attr), field.name, &value, &mut record);
                record.len()
            };
            let place = match field.kind {
                Kind::Double => Where::Double(fixed(Value::Double(0.0)) - size_of::<f64>()),
                Kind::Truth => Where::Truth(fixed(Value::Bool(false)) - 1),
                Kind::Int => Where::Int(named(attr, field.name)),
                Kind::Text => Where::Text(named(attr, field.name)),
                Kind::Body => Where::Body,
            };
            Slot { key: field.key, place: Place(place) }
        };
        let slots: Box<[Slot]> = fields.iter().map(&mut place).collect();
        let rest_at = record.len();
        let rest = slots.iter().map(|slot| slot.place.room()).sum::<usize>() + IDS_ROOM;
        Self { record, slots, rest_at, full_at: rest_at + rest }
    }

    /// A span of which all fields are to be told, each with its value, with so many bytes of texts; and those fields. Times are
    /// nanoseconds since 1970.
    ///
    /// Ids come first of all, so that they are long written when they are copied: a copy that begins with what was written by
    /// smaller pieces just before waits for all of it.
    #[inline(always)]
    pub fn begin_span(
        &mut self,
        (trace, span, parent): (TraceId, SpanId, Option<SpanId>),
        [start, end]: [u64; 2],
        text_bytes: usize,
    ) -> (Filling<'_>, &[Slot]) {
        if let Some(front) = self.front::<{ SPAN_IDS.len() }>() {
            front[2..18].copy_from_slice(&trace.0.to_be_bytes());
            front[20..28].copy_from_slice(&span.0.to_be_bytes());
            front[29..37].copy_from_slice(&start.to_le_bytes());
            front[38..46].copy_from_slice(&end.to_le_bytes());
        }
        let (mut filling, slots) = self.begin(text_bytes);
        if let Some(parent) = parent {
            filling.id(*PARENT, &parent.0.to_be_bytes());
        }
        (filling, slots)
    }

    /// The same for a log record with the ids that it has. It was observed when it happened.
    #[inline(always)]
    pub fn begin_log(
        &mut self,
        (trace, span): (Option<TraceId>, Option<SpanId>),
        time: u64,
        text_bytes: usize,
    ) -> (Filling<'_>, &[Slot]) {
        if let Some(front) = self.front::<{ LOG_TIME.len() }>() {
            front[1..9].copy_from_slice(&time.to_le_bytes());
            front[10..].copy_from_slice(&time.to_le_bytes());
        }
        let (mut filling, slots) = self.begin(text_bytes);
        if let Some(trace) = trace {
            filling.id(*LOG_TRACE, &trace.0.to_be_bytes());
        }
        if let Some(span) = span {
            filling.id(*LOG_SPAN, &span.0.to_be_bytes());
        }
        (filling, slots)
    }

    #[inline(always)]
    fn begin(&mut self, text_bytes: usize) -> (Filling<'_>, &[Slot]) {
        make_room(&mut self.record, self.full_at + text_bytes);
        (Filling(Cursor { record: &mut self.record, at: self.rest_at }), &self.slots)
    }

    /// The part in front that is filled in.
    #[inline(always)]
    fn front<const LEN: usize>(&mut self) -> Option<&mut [u8; LEN]> {
        self.record[RECORD_HEAD.len()..].first_chunk_mut()
    }
}

impl alike::Frame for Frame {
    fn begins_with(&self, keys: impl Iterator<Item = u16>) -> bool {
        begin_with(&self.slots, keys)
    }
}

/// An attribute from its key up to where its value's length stands; its own length is filled in.
fn named(attr: u8, name: &str) -> Padded {
    let mut bytes = vec![key(attr, DELIMITED), 0];
    text(1, name, &mut bytes);
    bytes.push(key(2, DELIMITED));
    Padded::new(&bytes)
}

/// Ids that not every record has.
const IDS_ROOM: usize = LOG_TRACE.len() + LOG_SPAN.len();
/// Lengths and keys that stand around a name and before a value, and a whole number.
const HEADS_ROOM: usize = 5 + 5 + 1 + 5 + 10;

impl Place {
    /// What it takes behind what has a fixed width, the text itself apart.
    fn room(&self) -> usize {
        match &self.0 {
            Where::Double(_) | Where::Truth(_) => 0,
            Where::Int(name) | Where::Text(name) => name.room() + HEADS_ROOM,
            Where::Body => HEADS_ROOM,
        }
    }
}

/// A record that is being filled in.
#[derive(Debug)]
#[must_use = "it is half a record until it is ended"]
pub struct Filling<'f>(Cursor<'f>);

impl Fill for Filling<'_> {
    type Place = Place;

    #[inline(always)]
    fn number(&mut self, slot: &Slot, bits: u64) {
        match &slot.place.0 {
            Where::Double(at) => self.0.record[*at..at + 8].copy_from_slice(&bits.to_le_bytes()),
            Where::Int(name) => self.int(name, bits),
            _ => {}
        }
    }

    #[inline(always)]
    fn truth(&mut self, slot: &Slot, truth: bool) {
        if let Where::Truth(at) = slot.place.0 {
            self.0.record[at] = u8::from(truth);
        }
    }

    #[inline(always)]
    fn text(&mut self, slot: &Slot, text: &[u8]) {
        let len = text.len();
        match &slot.place.0 {
            Where::Text(name) if name.len() + len < SHORT => {
                self.short_attr(name, TEXT_HEAD + len);
                self.0.put(&[len as u8 + 2, key(1, DELIMITED), len as u8]);
            }
            Where::Body if len < SHORT => {
                self.0.put(&[key(5, DELIMITED), len as u8 + 2, key(1, DELIMITED), len as u8]);
            }
            Where::Text(name) => self.long_text_head(name, len),
            Where::Body => self.long_body_head(len),
            _ => return,
        }
        self.0.put(text);
    }
}

impl Filling<'_> {
    /// An attribute up to where its value's length stands, of which so many bytes are to come.
    #[inline(always)]
    fn short_attr(&mut self, name: &Padded, to_come: usize) {
        let len_at = self.0.at + 1;
        self.0.put_padded(name);
        self.0.record[len_at] = (name.len() - ATTR_HEAD + to_come) as u8;
    }

    #[inline(always)]
    fn int(&mut self, name: &Padded, number: u64) {
        if number >= 0x80 || name.len() > SHORT {
            return self.long_int(name, number);
        }
        self.short_attr(name, 3);
        self.0.put(&[2, key(3, VARINT), number as u8]);
    }

    fn long_int(&mut self, name: &Padded, number: u64) {
        self.attr_head(name, 1 + width(number));
        self.0.put(&[key(3, VARINT)]);
        self.varint(number);
    }

    #[cold]
    fn long_text_head(&mut self, name: &Padded, len: usize) {
        self.attr_head(name, text_len(len));
        self.any_text_head(len);
    }

    #[cold]
    fn long_body_head(&mut self, len: usize) {
        self.0.put(&[key(5, DELIMITED)]);
        self.varint(text_len(len) as u64);
        self.any_text_head(len);
    }

    /// An attribute up to where its value of so many bytes begins.
    fn attr_head(&mut self, name: &Padded, value_bytes: usize) {
        let (attr, name) = name.bytes().split_at(ATTR_HEAD);
        self.0.put(&attr[..1]);
        self.varint((name.len() + width(value_bytes as u64) + value_bytes) as u64);
        self.0.put(name);
        self.varint(value_bytes as u64);
    }

    fn any_text_head(&mut self, len: usize) {
        self.0.put(&[key(1, DELIMITED)]);
        self.varint(len as u64);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.put(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.0.put(&[value as u8]);
    }

    #[inline(always)]
    fn id<const N: usize>(&mut self, mut block: [u8; N], id: &[u8]) {
        block[2..].copy_from_slice(id);
        self.0.put(&block);
    }

    /// Ends the record and adds it.
    #[inline(always)]
    pub fn end(self, group: &mut Group) {
        group.written(self.0.written());
    }
}

/// An attribute's key, and one byte for its length.
const ATTR_HEAD: usize = 2;
/// A short text's lengths and key.
const TEXT_HEAD: usize = 3;
/// Attributes and bodies of which name and text together are shorter have lengths that take one byte each.
const SHORT: usize = 0x7c;

/// The bytes of a value that is a text of so many bytes.
fn text_len(bytes: usize) -> usize {
    1 + width(bytes as u64) + bytes
}

const VARINT: u8 = 0;
const DELIMITED: u8 = 2;

/// The key of a field with a number below 16.
const fn key(field: u8, wire: u8) -> u8 {
    field << 3 | wire
}
