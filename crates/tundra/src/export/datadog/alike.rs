//! Plain spans of one call site as v0.4 has them. What tells their forms apart, beside their fields, is what a span says for
//! others.
//!
//! `traces` asks for each plain span; whatever finds no form here is written as a record.

use super::chunks::{DECIDED, Sender, Speaker, speaker_tags};
use super::stats;
use crate::clock::Anchor;
use crate::collector::plain::Field;
use crate::collector::{Cleaner, Record};
use crate::export::forms::{Alike, Fit, Forms, fill};
use crate::sampling::{Decision, Worth};
use tracing_core::Metadata;
use tundra_record::{SpanId, SpanKind, Value};
use tundra_wire::alike::{self, Fill, Kind};
use tundra_wire::datadog::encode::{self, Frame, Ids, Shared};

/// What a span says beside its own fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Role<'s> {
    /// Whether it is the first of its service in its trace.
    top: bool,
    speaks: Option<&'s Speech>,
    /// The same in one number, but for numbers that a frame has a place for.
    kind: u32,
}

/// What it says for its chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speech {
    pub(super) speaker: Speaker,
    pub(super) decision: Decision,
    /// Whether the trace's id has a high half, which v0.4 has no other place for.
    pub(super) high_half: bool,
}

impl<'s> Role<'s> {
    /// One that says nothing for others.
    #[inline(always)]
    pub(super) fn silent(top: bool) -> Self {
        Self { top, speaks: None, kind: u32::from(top) }
    }

    pub(super) fn speaker(top: bool, speech: &'s Speech) -> Self {
        let Speech { speaker, decision, high_half } = speech;
        let worth = match speaker.worth {
            None => 0,
            Some(Worth::Error) => 1,
            Some(Worth::Llm) => 2,
        };
        let limited = decision.limited.is_some();
        let Speaker { sampled, first, decided_here, is_root, .. } = *speaker;
        let truths = [*high_half, sampled, first, decided_here, is_root, limited, top];
        let numbers = (1 << 2 | worth) << 8 | u32::from(decision.mechanism as u8);
        let kind = truths.iter().fold(numbers, |bits, truth| bits << 1 | u32::from(*truth));
        Self { top, speaks: Some(speech), kind }
    }

    /// The numbers of its decision, in the order of their places. What is not said finds no place.
    fn numbers(&self) -> impl Iterator<Item = f64> {
        let decision = self.speaks.map(|speech| speech.decision);
        decision.into_iter().flat_map(|decision| [Some(decision.rate), decision.limited]).flatten()
    }
}

/// No field of a record has this key.
const OF_DECISION: u16 = 0;

/// How spans of one call site are written.
#[derive(Debug)]
pub(super) struct Site {
    meta: &'static Metadata<'static>,
    pub(super) fields: Box<[Field]>,
    pub(super) counted: [stats::Known; 2],
    forms: Forms<Frame>,
}

/// What all forms are made with.
pub(super) struct Common<'c, 'r> {
    pub(super) shared: &'c Shared<'c>,
    pub(super) sender: &'c Sender<'c>,
    pub(super) anchor: &'c Anchor,
    pub(super) cleaner: &'c mut Cleaner<'r>,
}

impl Site {
    pub(super) fn new(meta: &'static Metadata<'static>, fields: Box<[Field]>) -> Self {
        Self { meta, fields, counted: Default::default(), forms: Forms::default() }
    }

    /// Appends a span that may be plain; false, and nothing appended, if it must be written as a record. `forms` is the number of
    /// forms of all sites.
    #[inline(never)]
    pub(super) fn write(
        &mut self,
        record: &Record<'_>,
        role: &Role<'_>,
        (common, forms): (&mut Common<'_, '_>, &mut usize),
        out: &mut Vec<u8>,
    ) -> bool {
        let (name, fields) = (self.meta.name(), &self.fields);
        let mut span = PlainSpan { record, role, name, fields, common, out };
        self.forms.write(&mut span, role.kind, (record.fields, fields), forms)
    }
}

/// A span that is to be written.
struct PlainSpan<'s, 'c, 'r> {
    record: &'s Record<'s>,
    role: &'s Role<'s>,
    name: &'static str,
    fields: &'s [Field],
    common: &'s mut Common<'c, 'r>,
    out: &'s mut Vec<u8>,
}

impl Alike for PlainSpan<'_, '_, '_> {
    type Frame = Frame;

    fn frame(&mut self, named: &[alike::Field<'static>]) -> Option<Frame> {
        let (name, shared, role) = (self.name, self.common.shared, self.role);
        let speech = role
            .speaks
            .map(|speech| speaker_tags(&speech.speaker, (&speech.decision, None), *self.common.sender))
            .unwrap_or_default();
        let of_sender = shared.of_sender.iter().filter(|_| role.speaks.is_some());
        let (mut fields, mut numbers, mut tags) = (named.to_vec(), Vec::new(), Vec::new());
        for (key, value) in shared.tags.iter().chain(of_sender).chain(&speech) {
            match value {
                Value::Double(_) if DECIDED.contains(&&**key) => {
                    fields.push(alike::Field { key: OF_DECISION, name: key, kind: Kind::Double });
                }
                Value::Int(_) | Value::Double(_) => numbers.push((&**key, value)),
                _ => tags.push((&**key, value.to_text())),
            }
        }
        if role.top {
            numbers.push(("_dd.top_level", &Value::Int(1)));
        }
        tags.push(("span.kind", SpanKind::Internal.as_str().into()));
        let service = shared.service.unwrap_or_default();
        Frame::new(&encode::Common {
            own: &[("service", service), ("name", name), ("resource", name), ("type", "custom")],
            numbers: &numbers,
            tags: &tags,
            high_half: role.speaks.filter(|speech| speech.high_half).map(|_| "_dd.p.tid"),
            fields: &fields,
        })
    }

    #[inline(always)]
    fn write(&mut self, frame: &mut Frame, fields: usize) -> Fit {
        let (record, head, anchor) = (self.record, self.record.head, self.common.anchor);
        let ids = Ids {
            trace: head.trace(),
            span: SpanId(head.span),
            parent: (head.parent != 0).then_some(SpanId(head.parent)),
            start: anchor.at(head.start).0,
            duration: anchor.between(head.start, head.end),
        };
        let (mut filling, slots) = frame.begin(&ids, record.fields.len());
        let Some((slots, of_decision)) = slots.split_at_checked(fields) else { return Fit::NotPlain };
        if self.role.speaks.is_some() {
            let numbers = of_decision.iter().zip(self.role.numbers());
            numbers.for_each(|(slot, number)| filling.number(slot, number.to_bits()));
        }
        let fit = fill(record, slots, (self.fields, &mut *self.common.cleaner), &mut filling);
        if matches!(fit, Fit::Written) {
            filling.end(self.out);
        }
        fit
    }
}
