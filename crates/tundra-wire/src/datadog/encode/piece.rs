//! One span of v0.4, written piece by piece: texts, tags, numbers, the rest, and its ids at the end.
//!
//! `encode` writes whole records with it; the SDK writes with it what its threads recorded, without making records first.
//! The format knows no order, so what many spans have in common stands in front and is copied in one go.

use crate::msgpack::Writer;
use tundra_record::{SpanId, TraceId, Value};

/// A name as it will be written.
#[derive(Clone, Debug)]
pub struct Name {
    /// Filled up to `PADDED`: a copy of a fixed size is cheaper than one that has to look at its length.
    bytes: Box<[u8]>,
    len: usize,
}

const PADDED: usize = 24;

impl Name {
    /// From the text.
    pub fn new(text: &str) -> Self {
        let mut bytes = Vec::new();
        Writer::new(&mut bytes).text(text);
        let len = bytes.len();
        bytes.resize(len.max(PADDED), 0);
        Self { bytes: bytes.into(), len }
    }

    #[inline(always)]
    fn write(&self, out: &mut Vec<u8>) {
        match self.bytes.first_chunk::<PADDED>() {
            Some(padded) if self.len <= PADDED => {
                out.extend_from_slice(padded);
                out.truncate(out.len() - (PADDED - self.len));
            }
            _ => out.extend_from_slice(&self.bytes[..self.len]),
        }
    }
}

/// The numbers of a span, and before them those that every span has.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    bytes: Vec<u8>,
    count: usize,
    shared: (usize, usize),
}

impl Numbers {
    /// With what every span has.
    pub fn new<'v>(shared: impl IntoIterator<Item = (&'v str, &'v Value<'v>)>) -> Self {
        let mut numbers = Self::default();
        shared.into_iter().for_each(|(name, value)| numbers.value(name, value));
        numbers.shared = (numbers.bytes.len(), numbers.count);
        numbers
    }

    /// For the next span.
    #[inline]
    pub fn reset(&mut self) {
        self.bytes.truncate(self.shared.0);
        self.count = self.shared.1;
    }

    /// Adds a number.
    pub fn value(&mut self, name: &str, value: &Value<'_>) {
        let mut writer = Writer::new(&mut self.bytes);
        writer.text(name);
        writer.value(value);
        self.count += 1;
    }

    /// Adds a whole number.
    #[inline(always)]
    pub fn int(&mut self, name: &Name, number: i64) {
        name.write(&mut self.bytes);
        Writer::new(&mut self.bytes).int(number);
        self.count += 1;
    }

    /// Adds a fraction.
    #[inline(always)]
    pub fn double(&mut self, name: &Name, number: f64) {
        name.write(&mut self.bytes);
        Writer::new(&mut self.bytes).double(number);
        self.count += 1;
    }
}

/// What every span says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Ids {
    /// Its trace.
    pub trace: TraceId,
    /// Its own id.
    pub span: SpanId,
    /// The span that caused it.
    pub parent: Option<SpanId>,
    /// When it began, in nanoseconds since 1970.
    pub start: i64,
    /// How long it took, in nanoseconds.
    pub duration: i64,
}

/// Where a span stands: the entries of its own map, and the map of its tags.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    entries: u8,
    tags_open: bool,
    tags_at: usize,
    tags: usize,
}

/// What many spans begin with.
#[derive(Clone, Debug, Default)]
pub struct Template {
    bytes: Vec<u8>,
    progress: Progress,
}

impl Template {
    /// From what `write` writes; if the last of it are tags, more can follow.
    pub fn new(write: impl FnOnce(&mut SpanWriter<'_>)) -> Self {
        let mut bytes = Vec::new();
        let mut span = SpanWriter { writer: Writer::new(&mut bytes), at: 0, progress: Progress::default() };
        write(&mut span);
        let progress = span.progress;
        Self { bytes, progress }
    }
}

/// Appends one span.
#[derive(Debug)]
pub struct SpanWriter<'o> {
    writer: Writer<'o>,
    at: usize,
    progress: Progress,
}

/// The head of a map of up to 15 entries; a span has no more.
const MAP: u8 = 0x80;
const NUMBERS: &[u8; 8] = b"\xa7metrics";

/// Ids and times with their names, in eight bytes each; the parent last, for not every span has one.
const IDS: &[u8; 87] =
    b"\xa8trace_id\xcf........\xa7span_id\xcf........\xa5start\xd3........\xa8duration\xd3........\
    \xa9parent_id\xcf........";
const PARENT_BYTES: usize = 19;

impl<'o> SpanWriter<'o> {
    /// A span of which nothing is said yet.
    #[inline]
    pub fn begin(out: &'o mut Vec<u8>) -> Self {
        let at = out.len();
        out.push(MAP);
        Self { writer: Writer::new(out), at, progress: Progress::default() }
    }

    /// What it has in common with others.
    #[inline]
    pub fn like(&mut self, template: &Template) {
        self.leave();
        let out = self.writer.buffer();
        let at = out.len();
        out.extend_from_slice(&template.bytes);
        let entries = self.progress.entries + template.progress.entries;
        let tags_at = at + template.progress.tags_at;
        self.progress = Progress { entries, tags_at, ..template.progress };
    }

    /// One of the span's own fields, to which the caller appends the value.
    pub fn field(&mut self, name: &str) -> &mut Writer<'o> {
        self.leave();
        self.progress.entries += 1;
        self.writer.text(name);
        &mut self.writer
    }

    /// A text tag. All of them come one after the other.
    pub fn tag(&mut self, name: &str, text: &str) {
        self.enter();
        self.writer.text(name);
        self.writer.text(text);
    }

    /// The same; the caller knows the bytes to be UTF-8.
    #[inline(always)]
    pub fn named_tag(&mut self, name: &Name, text: &[u8]) {
        self.enter();
        name.write(self.writer.buffer());
        self.writer.text_bytes(text);
    }

    /// All numbers.
    #[inline]
    pub fn numbers(&mut self, numbers: &Numbers) {
        if numbers.count > 0 {
            self.leave();
            self.progress.entries += 1;
            self.writer.buffer().extend_from_slice(NUMBERS);
            self.writer.map(numbers.count);
            self.writer.buffer().extend_from_slice(&numbers.bytes);
        }
    }

    /// Takes the span back.
    pub fn cancel(mut self) {
        let at = self.at;
        self.writer.buffer().truncate(at);
    }

    /// Ends the span.
    #[inline]
    pub fn end(mut self, ids: &Ids) {
        self.leave();
        let mut block = *IDS;
        block[10..18].copy_from_slice(&ids.trace.low().to_be_bytes());
        block[27..35].copy_from_slice(&ids.span.0.to_be_bytes());
        block[42..50].copy_from_slice(&ids.start.to_be_bytes());
        block[60..68].copy_from_slice(&ids.duration.to_be_bytes());
        let parent = ids.parent.map_or(0, |id| id.0);
        block[79..].copy_from_slice(&parent.to_be_bytes());
        let out = self.writer.buffer();
        out.extend_from_slice(&block);
        if ids.parent.is_none() {
            out.truncate(out.len() - PARENT_BYTES);
        }
        out[self.at] = MAP | (self.progress.entries + 4 + u8::from(ids.parent.is_some()));
    }

    /// Opens the tags, if they are not open.
    #[inline]
    fn enter(&mut self) {
        if !self.progress.tags_open {
            self.field("meta");
            self.progress.tags_at = self.writer.open_map();
            self.progress.tags_open = true;
        }
        self.progress.tags += 1;
    }

    /// Closes the tags, if they are open.
    #[inline]
    fn leave(&mut self) {
        if self.progress.tags_open {
            self.writer.close_map(self.progress.tags_at, self.progress.tags);
            self.progress.tags_open = false;
        }
    }
}
