//! Plain spans of one call site, written by frames: for each form of them that was met, everything but ids, times and values
//! stands ready. A form is which fields a span has, in which order and of which types, and what it says for others.
//!
//! `traces` asks for each plain span; whatever finds no frame here is written as a record.

use super::chunks::{DECIDED, Sender, Speaker, speaker_tags};
use super::stats;
use crate::clock::Anchor;
use crate::collector::plain::Field;
use crate::collector::{Cleaner, Record};
use crate::engine::INLINE;
use crate::engine::fields::{BOOL, Bits, Decoder, ERROR, F64, U64};
use crate::limits::{FRAMES_PER_SITE, SITES};
use crate::sampling::{Decision, Worth};
use tracing_core::Metadata;
use tundra_record::{SpanId, SpanKind, Value};
use tundra_wire::datadog::encode::{self, Frame, Ids, Kind, Shared};

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
        let truths = [*high_half, speaker.sampled, speaker.first, speaker.is_root, limited, top];
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

/// A frame, and for which spans it is. A place's key is made of the field's number and the type of its value.
#[derive(Debug)]
struct Form {
    /// That of their role.
    kind: u32,
    fields: usize,
    frame: Frame,
}

const fn key(field: u8, tag: u8) -> u16 {
    u16::from_ne_bytes([field, tag])
}

/// No field has this type.
const OF_DECISION: u16 = key(0, 0);

/// How spans of one call site are written.
#[derive(Debug)]
pub(super) struct Site {
    meta: &'static Metadata<'static>,
    pub(super) fields: Box<[Field<&'static str>]>,
    pub(super) counted: [stats::Known; 2],
    forms: Vec<Form>,
    /// The form that fitted last.
    last: usize,
    /// Spans that found no form because there are too many.
    without: usize,
}

/// So many spans without a form make room for one: forms that come in turns must not push each other out all the time.
const PATIENCE: usize = 256;

/// What all forms are made with.
pub(super) struct Common<'c, 'r> {
    pub(super) shared: &'c Shared<'c>,
    pub(super) sender: Sender<'c>,
    pub(super) anchor: &'c Anchor,
    pub(super) cleaner: &'c mut Cleaner<'r>,
    /// How many forms there are of all sites.
    pub(super) forms: &'c mut usize,
}

/// Whether a form was the right one.
enum Fit {
    Written,
    OtherFields,
    /// No form can be right.
    NotPlain,
}

impl Site {
    pub(super) fn new(meta: &'static Metadata<'static>, fields: Box<[Field<&'static str>]>) -> Self {
        Self { meta, fields, counted: Default::default(), forms: Vec::new(), last: 0, without: 0 }
    }

    /// Appends a span that may be plain; false, and nothing appended, if it must be written as a record.
    #[inline(never)]
    pub(super) fn write(
        &mut self,
        record: &Record<'_>,
        role: &Role<'_>,
        common: &mut Common<'_, '_>,
        out: &mut Vec<u8>,
    ) -> bool {
        if let Some(form) = self.forms.get_mut(self.last)
            && form.kind == role.kind
        {
            match form.write(record, role, &self.fields, common, out) {
                Fit::Written => return true,
                Fit::OtherFields => {}
                Fit::NotPlain => return false,
            }
        }
        self.find(record, role, common).is_some_and(|at| {
            self.last = at;
            matches!(self.forms[at].write(record, role, &self.fields, common, out), Fit::Written)
        })
    }

    /// The form of spans like this one, which is made if need be; `None` if they have none.
    #[cold]
    fn find(&mut self, record: &Record<'_>, role: &Role<'_>, common: &mut Common<'_, '_>) -> Option<usize> {
        let keys = || {
            let mut decoder = Decoder(record.fields);
            std::iter::from_fn(move || decoder.bits()).map(|(field, tag, _)| key(field, tag))
        };
        let count = keys().count();
        let fits =
            |form: &Form| form.fields == count && form.kind == role.kind && form.frame.begins_with(keys());
        if let Some(at) = self.forms.iter().position(fits) {
            return Some(at);
        }
        let mut at = self.forms.len();
        if at >= FRAMES_PER_SITE || *common.forms >= SITES {
            self.without += 1;
            at = (self.without / PATIENCE).checked_rem(at)?;
            if !self.without.is_multiple_of(PATIENCE) {
                return None;
            }
        }
        let fields = self.named(keys())?;
        let form = Form { kind: role.kind, fields: count, frame: self.frame(&fields, role, common)? };
        if let Some(old) = self.forms.get_mut(at) {
            *old = form;
        } else {
            *common.forms += 1;
            self.forms.push(form);
        }
        Some(at)
    }

    /// The fields with these keys; `None` if such spans are not plain.
    fn named(&self, keys: impl Iterator<Item = u16>) -> Option<Vec<encode::Field<'static>>> {
        let mut fields: Vec<encode::Field<'static>> = Vec::new();
        for key in keys {
            let [number, tag] = key.to_ne_bytes();
            let kind = match tag {
                ERROR => return None,
                F64 => Kind::Double,
                BOOL => Kind::Truth,
                tag if tag < BOOL => Kind::Int,
                _ => Kind::Text,
            };
            let name = self.fields.get(usize::from(number))?.name;
            // Of a value that was recorded twice the last one holds.
            if fields.iter().any(|known| known.name == name) {
                return None;
            }
            fields.push(encode::Field { key, name, kind });
        }
        Some(fields)
    }

    fn frame(
        &self,
        named: &[encode::Field<'static>],
        role: &Role<'_>,
        common: &Common<'_, '_>,
    ) -> Option<Frame> {
        let (name, shared) = (self.meta.name(), common.shared);
        let speech = role
            .speaks
            .map(|speech| speaker_tags(&speech.speaker, (&speech.decision, None), common.sender))
            .unwrap_or_default();
        let of_sender = shared.of_sender.iter().filter(|_| role.speaks.is_some());
        let (mut fields, mut numbers, mut tags) = (named.to_vec(), Vec::new(), Vec::new());
        for (key, value) in shared.tags.iter().chain(of_sender).chain(&speech) {
            match value {
                Value::Double(_) if DECIDED.contains(&&**key) => {
                    fields.push(encode::Field { key: OF_DECISION, name: key, kind: Kind::Double });
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
            text_bytes: INLINE,
        })
    }
}

impl Form {
    #[inline(always)]
    fn write(
        &mut self,
        record: &Record<'_>,
        role: &Role<'_>,
        fields: &[Field<&'static str>],
        common: &mut Common<'_, '_>,
        out: &mut Vec<u8>,
    ) -> Fit {
        let mut decoder = Decoder(record.fields);
        let (mut filling, slots) = self.frame.begin();
        let Some((slots, of_decision)) = slots.split_at_checked(self.fields) else { return Fit::NotPlain };
        for slot in slots {
            let next = decoder.bits().filter(|(field, tag, _)| key(*field, *tag) == slot.key);
            let Some((field, tag, bits)) = next else { return Fit::OtherFields };
            let fits = match bits {
                Bits::Number(bits) if tag == BOOL => filling.truth(slot, bits != 0),
                Bits::Number(bits) => {
                    filling.number(slot, bits);
                    // Numbers that do not fit become texts.
                    tag != U64 || bits <= i64::MAX as u64
                }
                Bits::Text(text) => {
                    let field = fields.get(usize::from(field));
                    field.is_some_and(|field| common.cleaner.is_clean(text, field.looked_up))
                        && filling.text(slot, text)
                }
            };
            if !fits {
                return Fit::NotPlain;
            }
        }
        if !decoder.0.is_empty() {
            return Fit::OtherFields;
        }
        if role.speaks.is_some() {
            let numbers = of_decision.iter().zip(role.numbers());
            numbers.for_each(|(slot, number)| filling.number(slot, number.to_bits()));
        }
        let (head, anchor) = (record.head, common.anchor);
        let ids = Ids {
            trace: head.trace(),
            span: SpanId(head.span),
            parent: (head.parent != 0).then_some(SpanId(head.parent)),
            start: anchor.at(head.start).0,
            duration: anchor.between(head.start, head.end),
        };
        filling.end(&ids, out);
        Fit::Written
    }
}
