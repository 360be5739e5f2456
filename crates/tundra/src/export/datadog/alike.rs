//! Plain spans of one call site, written by frames: for each kind of them that was met, everything but ids, times and values
//! stands ready. A kind is which fields a span has, in which order and of which types, and what it says for others.
//!
//! `traces` asks for each plain span; whatever finds no frame here is written as a record.

use super::chunks::{Sender, Speaker, speaker_tags};
use super::stats;
use crate::clock::Anchor;
use crate::collector::plain::Field;
use crate::collector::{Cleaner, Record};
use crate::engine::fields::{BOOL, Bits, Decoder, ERROR, F64, U64};
use crate::limits::{FRAMES_PER_SITE, SITES};
use crate::sampling::Decision;
use tracing_core::Metadata;
use tundra_record::{SpanId, SpanKind, Value};
use tundra_wire::datadog::encode::{self, Frame, Ids, Kind, Shared};

/// What a span says beside its own fields.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Role {
    /// Whether it is the first of its service in its trace.
    pub(super) top: bool,
    /// Whether it speaks for its chunk, and with what.
    pub(super) speaks: Option<(Speaker, Decision)>,
}

/// A frame, and for which spans it is.
#[derive(Debug)]
struct Known {
    role: Role,
    /// The keys of its fields are made of their numbers and tags.
    frame: Frame,
}

const fn key(field: u8, tag: u8) -> u16 {
    u16::from_ne_bytes([field, tag])
}

/// How spans of one call site are written.
#[derive(Debug)]
pub(super) struct Site {
    meta: &'static Metadata<'static>,
    pub(super) fields: Box<[Field<&'static str>]>,
    pub(super) counted: [stats::Known; 2],
    frames: Vec<Known>,
    /// The frame that fitted last.
    last: usize,
}

/// What all frames are made with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Common<'c> {
    pub(super) shared: &'c Shared<'c>,
    pub(super) sender: Sender<'c>,
    pub(super) anchor: &'c Anchor,
}

/// Whether a frame was the right one.
enum Fit {
    Written,
    OtherFields,
    /// No frame can be right.
    NotPlain,
}

impl Site {
    pub(super) fn new(meta: &'static Metadata<'static>, fields: Box<[Field<&'static str>]>) -> Self {
        Self { meta, fields, counted: Default::default(), frames: Vec::new(), last: 0 }
    }

    /// Appends a span that may be plain; false, and nothing appended, if it must be written as a record. `frames` is how many
    /// there are in all.
    #[inline(never)]
    pub(super) fn write(
        &mut self,
        record: &Record<'_>,
        (role, common): (&Role, &Common<'_>),
        (cleaner, frames): (&mut Cleaner<'_>, &mut usize),
        out: &mut Vec<u8>,
    ) -> bool {
        if let Some(known) = self.frames.get(self.last)
            && known.role == *role
        {
            match known.write(record, &self.fields, common.anchor, cleaner, out) {
                Fit::Written => return true,
                Fit::OtherFields => {}
                Fit::NotPlain => return false,
            }
        }
        self.find(record, (role, common), frames)
            && matches!(
                self.frames[self.last].write(record, &self.fields, common.anchor, cleaner, out),
                Fit::Written
            )
    }

    /// Looks for the frame of spans like this one, or makes it; false if there can be none.
    #[cold]
    fn find(
        &mut self,
        record: &Record<'_>,
        (role, common): (&Role, &Common<'_>),
        frames: &mut usize,
    ) -> bool {
        let keys = || {
            let mut decoder = Decoder(record.fields);
            std::iter::from_fn(move || decoder.bits()).map(|(field, tag, _)| key(field, tag))
        };
        // What speakers say changes with the time.
        let same = |known: &Known| {
            known.role.top == role.top
                && known.role.speaks.is_some() == role.speaks.is_some()
                && known.frame.has_keys(keys())
        };
        let found = self.frames.iter().position(same);
        if let Some(at) = found
            && self.frames[at].role == *role
        {
            self.last = at;
            return true;
        }
        if found.is_none() && (self.frames.len() >= FRAMES_PER_SITE || *frames >= SITES) {
            return false;
        }
        let Some(fields) = self.named(keys()) else { return false };
        let frame = self.frame(&fields, record.head.trace_high != 0, role, common);
        let known = Known { role: *role, frame };
        if let Some(at) = found {
            self.frames[at] = known;
            self.last = at;
        } else {
            *frames += 1;
            self.last = self.frames.len();
            self.frames.push(known);
        }
        true
    }

    /// The fields with these keys; `None` if such spans are not plain.
    fn named(&self, keys: impl Iterator<Item = u16>) -> Option<Vec<encode::Field<'static>>> {
        let mut fields: Vec<encode::Field<'static>> = Vec::new();
        for key in keys {
            let [number, tag] = key.to_ne_bytes();
            let kind = match tag {
                ERROR => return None,
                F64 => Kind::Double,
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

    fn frame(&self, fields: &[encode::Field<'_>], has_half: bool, role: &Role, common: &Common<'_>) -> Frame {
        let (name, shared) = (self.meta.name(), common.shared);
        let speech =
            role.speaks.map(|(speaker, decision)| speaker_tags(&speaker, (&decision, None), common.sender));
        let of_sender = shared.of_sender.iter().filter(|_| role.speaks.is_some());
        let said: Vec<_> = shared.tags.iter().chain(of_sender).chain(speech.iter().flatten()).collect();
        let is_number = |value: &Value<'_>| matches!(value, Value::Int(_) | Value::Double(_));
        let mut numbers: Vec<(&str, &Value<'_>)> = Vec::new();
        numbers.extend(said.iter().filter(|(_, value)| is_number(value)).map(|(key, value)| (&**key, value)));
        if role.top {
            numbers.push(("_dd.top_level", &Value::Int(1)));
        }
        let half = (role.speaks.is_some() && has_half).then_some("_dd.p.tid");
        Frame::new(fields, half, &numbers, |span| {
            let service = shared.service.unwrap_or_default();
            let own = [("service", service), ("name", name), ("resource", name), ("type", "custom")];
            own.iter().for_each(|(key, text)| span.field(key).text(text));
            for (key, value) in said.iter().filter(|(_, value)| !is_number(value)) {
                span.tag(key, &value.to_text());
            }
            span.tag("span.kind", SpanKind::Internal.as_str());
        })
    }
}

impl Known {
    #[inline(always)]
    fn write(
        &self,
        record: &Record<'_>,
        fields: &[Field<&'static str>],
        anchor: &Anchor,
        cleaner: &mut Cleaner<'_>,
        out: &mut Vec<u8>,
    ) -> Fit {
        let mut decoder = Decoder(record.fields);
        let mut filling = self.frame.begin(out);
        for slot in self.frame.slots() {
            let next = decoder.bits().filter(|(field, tag, _)| key(*field, *tag) == slot.key);
            let Some((field, tag, bits)) = next else {
                filling.cancel();
                return Fit::OtherFields;
            };
            match bits {
                Bits::Number(bits) if tag == BOOL => {
                    filling.text(slot, if bits != 0 { b"true" } else { b"false" });
                }
                // Numbers that do not fit become texts.
                Bits::Number(bits) if tag != U64 || bits <= i64::MAX as u64 => filling.number(slot, bits),
                Bits::Text(text) if cleaner.is_clean(text, fields[usize::from(field)].looked_up) => {
                    filling.text(slot, text);
                }
                _ => {
                    filling.cancel();
                    return Fit::NotPlain;
                }
            }
        }
        if !decoder.0.is_empty() {
            filling.cancel();
            return Fit::OtherFields;
        }
        let head = record.head;
        filling.end(&Ids {
            trace: head.trace(),
            span: SpanId(head.span),
            parent: (head.parent != 0).then_some(SpanId(head.parent)),
            start: anchor.at(head.start).0,
            duration: anchor.between(head.start, head.end),
        });
        Fit::Written
    }
}
