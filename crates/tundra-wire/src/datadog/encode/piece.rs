//! One span of v0.4, written piece by piece: its own fields, tags in one piece among them, and its ids at the end.
//!
//! `encode` writes whole records with it, `frame` what many spans have in common.

use crate::msgpack::Writer;
use tundra_record::{SpanId, TraceId};

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

/// Appends one span.
#[derive(Debug)]
pub(super) struct SpanWriter<'o> {
    writer: Writer<'o>,
    at: usize,
    entries: u8,
    /// Where the map of the tags begins, while it is open.
    tags_at: Option<usize>,
    tags: usize,
}

/// The head of a map of up to 15 entries; a span has no more.
pub(super) const MAP: u8 = 0x80;

impl<'o> SpanWriter<'o> {
    /// A span of which nothing is said yet.
    pub(super) fn begin(out: &'o mut Vec<u8>) -> Self {
        let at = out.len();
        out.push(MAP);
        Self { at, ..Self::more(out) }
    }

    /// Entries behind others that the caller counts.
    pub(super) fn more(out: &'o mut Vec<u8>) -> Self {
        Self { writer: Writer::new(out), at: 0, entries: 0, tags_at: None, tags: 0 }
    }

    /// One of the span's own fields, to which the caller appends the value.
    pub(super) fn field(&mut self, name: &str) -> &mut Writer<'o> {
        self.leave();
        self.entries += 1;
        self.writer.text(name);
        &mut self.writer
    }

    /// A text tag. All of them come one after the other. Gives where it ends.
    pub(super) fn tag(&mut self, name: &str, text: &str) -> usize {
        self.enter();
        self.tags += 1;
        self.writer.text(name);
        self.writer.text(text);
        self.writer.buffer().len()
    }

    /// Ends the span.
    pub(super) fn end(mut self, ids: &Ids) {
        for (name, id) in [("trace_id", ids.trace.low()), ("span_id", ids.span.0)] {
            self.field(name).uint(id);
        }
        if let Some(parent) = ids.parent {
            self.field("parent_id").uint(parent.0);
        }
        for (name, time) in [("start", ids.start), ("duration", ids.duration)] {
            self.field(name).int(time);
        }
        let (at, head) = (self.at, MAP | self.entries);
        self.writer.buffer()[at] = head;
    }

    /// Ends with tags to which others can be appended: gives how many entries there are, where the number of tags stands, and
    /// how many there are.
    pub(super) fn end_with_tags(mut self) -> (u8, usize, usize) {
        let number_at = self.enter() + 1;
        (self.entries, number_at, self.tags)
    }

    /// Opens the tags, if they are not open; gives where they begin.
    fn enter(&mut self) -> usize {
        if let Some(at) = self.tags_at {
            return at;
        }
        let at = self.field("meta").open_map();
        self.tags_at = Some(at);
        at
    }

    /// Closes the tags, if they are open.
    fn leave(&mut self) {
        if let Some(at) = self.tags_at.take() {
            self.writer.close_map(at, self.tags);
        }
    }
}
