//! Plain records of one call site as OTLP has them: spans, or log records.
//!
//! `requests` asks for each record; whatever finds no form here is written as a whole.

use crate::clock::Anchor;
use crate::collector::plain::{Field, fields};
use crate::collector::{Cleaner, PlainName, Record, event_name, severity};
use crate::engine::SPAN;
use crate::export::forms::{Alike, Fit, Forms, fill};
use crate::sampling::is_llm_name;
use tracing_core::Metadata;
use tundra_record::{SpanId, SpanKind, UnixNanos, Value};
use tundra_wire::alike;
use tundra_wire::otlp::encode::{Frame, Group};

/// How records of one call site are written.
#[derive(Debug)]
pub(super) struct Site {
    meta: &'static Metadata<'static>,
    fields: Box<[Field]>,
    forms: Forms<Frame>,
}

/// What all forms are made with.
pub(super) struct Common<'c, 'r> {
    pub(super) anchor: &'c Anchor,
    pub(super) cleaner: &'c mut Cleaner<'r>,
    /// How many forms there are of all sites.
    pub(super) forms: &'c mut usize,
}

impl Site {
    /// `None` if no record of the call site is plain.
    pub(super) fn of(
        meta: &'static Metadata<'static>,
        cleaner: &mut Cleaner<'_>,
        copies_calls: bool,
    ) -> Option<Self> {
        let fields = fields(meta, cleaner, |name| copies_calls && is_llm_name(name))?;
        let (level, event) = (meta.level().as_str(), event_name(meta));
        let texts = if meta.is_span() { [meta.name(), "", ""] } else { [level, &event, meta.target()] };
        let looked_up = [PlainName::NONE, PlainName::NONE, cleaner.plain_name("target")?];
        let mut texts = texts.iter().zip(looked_up);
        let are_clean = texts.all(|(text, name)| cleaner.is_clean(text.as_bytes(), name));
        are_clean.then(|| Self { meta, fields, forms: Forms::default() })
    }

    /// Adds a record that may be plain; false, and nothing added, if it must be written as a whole.
    #[inline(never)]
    pub(super) fn write(&mut self, record: &Record<'_>, common: Common<'_, '_>, group: &mut Group) -> bool {
        let Common { anchor, cleaner, forms } = common;
        let (meta, fields) = (self.meta, &self.fields);
        let mut plain = PlainRecord { record, meta, fields, anchor, cleaner, group };
        self.forms.write(&mut plain, 0, (record.fields, fields), forms)
    }
}

/// A record that is to be written.
struct PlainRecord<'s, 'r> {
    record: &'s Record<'s>,
    meta: &'static Metadata<'static>,
    fields: &'s [Field],
    anchor: &'s Anchor,
    cleaner: &'s mut Cleaner<'r>,
    group: &'s mut Group,
}

impl Alike for PlainRecord<'_, '_> {
    type Frame = Frame;

    fn frame(&mut self, named: &[alike::Field<'static>]) -> Option<Frame> {
        let meta = self.meta;
        if meta.is_span() {
            return Some(Frame::of_spans(meta.name(), SpanKind::Internal, 1, named));
        }
        let level = (severity(*meta.level()), meta.level().as_str());
        Some(Frame::of_logs(level, &event_name(meta), ("target", &Value::from(meta.target())), named))
    }

    #[inline(always)]
    fn write(&mut self, frame: &mut Frame, _: usize) -> Fit {
        let (record, head, anchor) = (self.record, self.record.head, self.anchor);
        let parent = (head.parent != 0).then_some(SpanId(head.parent));
        let (start, text_bytes) = (anchor.at(head.start), record.fields.len());
        let (mut filling, slots) = if head.kind == SPAN {
            let end = start.plus(anchor.between(head.start, head.end));
            let ids = (head.trace(), SpanId(head.span), parent);
            frame.begin_span(ids, [nanos(start), nanos(end)], text_bytes)
        } else {
            let trace = Some(head.trace()).filter(|trace| trace.is_valid());
            frame.begin_log((trace, parent), nanos(start), text_bytes)
        };
        let fit = fill(record, slots, (self.fields, self.cleaner), &mut filling);
        if matches!(fit, Fit::Written) {
            filling.end(self.group);
        }
        fit
    }
}

fn nanos(time: UnixNanos) -> u64 {
    u64::try_from(time.0).unwrap_or(0)
}
