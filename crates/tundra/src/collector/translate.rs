//! From what a thread wrote to the words of `tundra_record`: field names, error fields, kinds, times.
//!
//! Called by `Batch::drive` and the console, once per record. Fields that mean something to every back end are taken
//! out: `otel.name`, `otel.kind`/`span.kind`, `otel.status_code`, `otel.status_description`, `service.name`,
//! `resource.name`. An error value, or on an `ERROR` event a field named `error`, `err` or `exception`, becomes
//! exception attributes; on a span it also makes the status.

use super::batch::Record;
use super::failure::{EXCEPTION, Failure, SPAN_ERROR};
use crate::clock::Anchor;
use crate::engine::fields::{Decoder, Raw, spilled_value};
use crate::engine::{Linked, Moment, SpillEvent, TRUNCATED, UNSAMPLED};
use crate::panic;
use tracing_core::{Level, Metadata};
use tundra_record::value::from_json;
use tundra_record::{
    Attrs, Event, Link, LogRecord, Severity, Span, SpanId, SpanKind, Status, Text, TraceId, UnixNanos, Value,
};

/// Marks an attribute list from which something was cut.
pub(crate) const CUT: &str = "tundra.truncated";
const FIELDS: usize = 256;
const NANOS_IN_SECOND: f64 = 1e9;

/// Translates records; holds buffers that are reused.
pub(crate) struct Translator {
    anchor: Anchor,
    names: Vec<&'static str>,
    /// For each field the place of its attribute, plus one.
    places: [u16; FIELDS],
}

fn value(raw: Raw<'_>) -> Value<'_> {
    match raw {
        Raw::U64(number) => i64::try_from(number).map_or_else(|_| number.to_string().into(), Value::Int),
        Raw::I64(number) => Value::Int(number),
        Raw::F64(number) => Value::Double(number),
        Raw::Bool(truth) => Value::Bool(truth),
        Raw::Str(text) => Value::from(text),
        Raw::Error(_) => Value::from(Failure::of(raw).message),
    }
}

impl Translator {
    pub(crate) fn new(anchor: Anchor) -> Self {
        Self { anchor, names: Vec::new(), places: [0; FIELDS] }
    }

    /// All values of a record, the last one of each field only; `special` takes what it wants.
    fn fields<'a>(
        &mut self,
        meta: &'static Metadata<'static>,
        (fields, long): (&'a [u8], &'a [(u8, u8, String)]),
        attrs: &mut Attrs<'a>,
        mut special: impl FnMut(&'static str, Raw<'a>) -> bool,
    ) {
        self.names.clear();
        self.names.extend(meta.fields().iter().map(|field| field.name()));
        self.places[..self.names.len().min(FIELDS)].fill(0);
        let spilled = long.iter().map(|(field, tag, text)| (*field, spilled_value(*tag, text)));
        for (field, raw) in Decoder(fields).chain(spilled) {
            let at = usize::from(field);
            let Some(name) = self.names.get(at).copied() else { continue };
            if special(name, raw) {
                continue;
            }
            let name = name.strip_prefix("r#").unwrap_or(name);
            match self.places[at] {
                0 => {
                    attrs.push((Text::Borrowed(name), value(raw)));
                    self.places[at] = attrs.len() as u16;
                }
                place => attrs[usize::from(place) - 1].1 = value(raw),
            }
        }
    }

    /// A record as a span of its own.
    pub(crate) fn one<'a>(&mut self, record: &Record<'a>) -> Span<'a> {
        let mut span = Span::default();
        self.span(record, &mut span);
        span
    }

    /// Fills a cleared span.
    pub(crate) fn span<'a>(&mut self, record: &Record<'a>, span: &mut Span<'a>) {
        let head = &record.head;
        let Some(meta) = head.metadata() else { return };
        span.trace_id = head.trace();
        span.span_id = SpanId(head.span);
        span.parent_id = (head.parent != 0).then_some(SpanId(head.parent));
        span.name = meta.name().into();
        span.kind = SpanKind::Internal;
        span.start = self.anchor.at(head.start);
        span.duration = self.anchor.between(head.start, head.end);
        span.flags = u32::from(head.tag & UNSAMPLED == 0);
        let mut attrs = std::mem::take(&mut span.attrs);
        let mut failure: Told<'a> = None;
        let long = record.spill.map_or(&[][..], |spill| &spill.long);
        self.fields(meta, (record.fields, long), &mut attrs, |name, raw| {
            take_failure(name, raw, true, &mut failure) || take_special(name, raw, span)
        });
        if let Some(spill) = record.spill {
            attrs.extend(spill.waited.map(|waited| self.waited(waited)));
            for (key, value) in &spill.added {
                let text = if let Value::Str(text) = value { Raw::Str(text) } else { Raw::Bool(false) };
                if !matches!(value, Value::Str(_)) || !take_special(key, text, span) {
                    set(&mut attrs, key, value);
                }
            }
            if let Some(name) = &spill.name {
                span.name = Text::Borrowed(name);
            }
            let link = |(trace, span, attrs): &Linked| Link {
                trace_id: TraceId(*trace),
                span_id: SpanId(*span),
                attrs: attrs.clone(),
                ..Link::default()
            };
            span.links.extend(spill.links.iter().map(link));
            if let Some(start) = spill.start {
                span.start = UnixNanos(start);
            }
            let end = spill.end.map_or_else(|| self.anchor.at(head.end), UnixNanos);
            if spill.start.is_some() || spill.end.is_some() {
                span.duration = end.0.saturating_sub(span.start.0).max(0);
            }
            let moment = |(time, name, attrs): &'a Moment| Event {
                time: UnixNanos(*time),
                name: Text::Borrowed(name),
                attrs: attrs.clone(),
            };
            span.events.extend(spill.moments.iter().map(moment));
            for event in &spill.events {
                let (event, failed) = self.event(event);
                span.events.push(event);
                failure = failed.or(failure);
            }
        }
        if let Some((_, failure)) = failure {
            // Who says that all went well knows of it.
            if span.status != Status::Ok {
                span.status = Status::Error;
            }
            if span.status_message.is_empty() {
                span.status_message = failure.message.into();
            }
            failure.write(SPAN_ERROR, &mut attrs);
        }
        if head.flags & TRUNCATED != 0 && attrs.iter().all(|(key, _)| key != CUT) {
            attrs.push((CUT.into(), Value::Bool(true)));
        }
        span.attrs = attrs;
    }

    fn waited(&self, (key, [from, to]): (&'static str, [u64; 2])) -> (Text<'static>, Value<'static>) {
        let seconds = self.anchor.between(from, to) as f64 / NANOS_IN_SECOND;
        (key.into(), Value::Double(seconds))
    }

    fn event<'a>(&mut self, event: &'a SpillEvent) -> (Event<'a>, Told<'a>) {
        let mut attrs = Attrs::new();
        let (mut failure, mut message) = (None, Text::Borrowed(""));
        self.fields(event.meta, (&event.fields, &event.long), &mut attrs, |name, raw| {
            take_event_special(name, raw, Level::ERROR, &mut failure, &mut message)
        });
        if let Some((_, failure)) = &failure {
            failure.write(EXCEPTION, &mut attrs);
        }
        // A message of a model keeps its name: by that its content is found where it is not wanted.
        let given = Some(event_name(event.meta)).filter(|name| name.starts_with("gen_ai."));
        if let Some(name) = given.or(failure.is_some().then_some("exception".into())) {
            if !message.is_empty() {
                attrs.push(("message".into(), Value::Str(message)));
            }
            message = name;
        }
        (Event { time: self.anchor.at(event.tick), name: message, attrs }, failure)
    }

    /// The log record of an event.
    pub(crate) fn log<'a>(&mut self, record: &Record<'a>) -> LogRecord<'a> {
        let head = &record.head;
        let Some(meta) = head.metadata() else { return LogRecord::default() };
        let mut attrs = Attrs::new();
        let (mut failure, mut message) = (None, Text::Borrowed(""));
        let mut from_log = FromLog::default();
        let long = record.spill.map_or(&[][..], |spill| &spill.long);
        self.fields(meta, (record.fields, long), &mut attrs, |name, raw| {
            from_log.take(name, raw)
                || take_event_special(name, raw, *meta.level(), &mut failure, &mut message)
        });
        if let Some(Value::Map(pairs)) = from_log.pairs.and_then(from_json) {
            attrs.extend(pairs);
        }
        if let Some((_, failure)) = failure {
            failure.write(EXCEPTION, &mut attrs);
            // `#[instrument(err)]` tells an error and no message; who lists log records shows their messages.
            if message.is_empty() {
                message = failure.message.into();
            }
        }
        if head.flags & TRUNCATED != 0 {
            attrs.push((CUT.into(), Value::Bool(true)));
        }
        attrs.push(("target".into(), Value::from(from_log.target.unwrap_or(meta.target()))));
        LogRecord {
            time: self.anchor.at(head.start),
            severity: severity(*meta.level()),
            severity_text: meta.level().as_str().into(),
            event_name: event_name(meta),
            body: Value::Str(message),
            trace_id: Some(head.trace()).filter(|id| id.is_valid()),
            span_id: Some(SpanId(head.parent)).filter(|id| id.is_valid()),
            attrs,
        }
    }
}

/// What records of the `log` crate bring through our bridge, or through that of the `tracing-log` crate.
#[derive(Default)]
struct FromLog<'a> {
    target: Option<&'a str>,
    pairs: Option<&'a str>,
}

impl<'a> FromLog<'a> {
    /// True if the field was one of theirs.
    fn take(&mut self, name: &str, raw: Raw<'a>) -> bool {
        let Some(name) = name.strip_prefix("log.") else { return false };
        match (name, raw) {
            ("target", Raw::Str(text)) => self.target = Some(text),
            ("kv", Raw::Str(text)) => self.pairs = Some(text),
            ("module_path" | "file" | "line", _) => {}
            _ => return false,
        }
        true
    }
}

/// The name that a program gave an event; without one, `tracing` and the `log` bridges give it one of their own.
pub(crate) fn event_name(meta: &'static Metadata<'static>) -> Text<'static> {
    let name = meta.name();
    let of_place = || {
        let place = name.strip_prefix("event ")?.strip_prefix(meta.file()?)?.strip_prefix(':')?;
        Some(place.parse() == Ok(meta.line()?))
    };
    let made = matches!(name, "log event" | "log record") || of_place() == Some(true);
    if made { Text::default() } else { name.into() }
}

/// Sets an attribute by name; the list is bounded, and so is the search.
fn set<'a>(attrs: &mut Attrs<'a>, key: &'a str, value: &'a Value<'static>) {
    // A shallow view: texts are borrowed from the spill.
    let value = if let Value::Str(text) = value { Value::from(&**text) } else { value.clone() };
    match attrs.iter_mut().rev().find(|(name, _)| name == key) {
        Some((_, old)) => *old = value,
        None => attrs.push((Text::Borrowed(key), value)),
    }
}

/// A field that has its own place in a span; true if it was taken.
fn take_special<'a>(name: &str, raw: Raw<'a>, span: &mut Span<'a>) -> bool {
    let Raw::Str(text) = raw else {
        if let ("error", Raw::Bool(true)) = (name, raw) {
            span.status = Status::Error;
        }
        return false;
    };
    match name {
        "otel.name" => span.name = text.into(),
        "otel.kind" | "span.kind" => span.kind = SpanKind::from_word(text),
        "otel.status_code" => span.status = Status::from_word(&text.to_ascii_lowercase()),
        "otel.status_description" | "otel.status_message" => span.status_message = text.into(),
        "service.name" => span.service = Some(text.into()),
        "resource.name" => span.resource = Some(text.into()),
        _ => return false,
    }
    true
}

/// Whether a field of a span or event is more than an attribute to any of the functions here, whatever its value.
pub(super) fn is_special(name: &str, meta: &Metadata<'_>) -> bool {
    if meta.is_span() {
        return is_error_name(name) || SPAN_FIELDS.contains(&name);
    }
    let fails = *meta.level() == Level::ERROR && is_error_name(name);
    fails || name == panic::STACK_FIELD || name.starts_with("log.")
}

/// Fields that have a place of their own in a span.
const SPAN_FIELDS: [&str; 8] = [
    "otel.name",
    "otel.kind",
    "span.kind",
    "otel.status_code",
    "otel.status_description",
    "otel.status_message",
    "service.name",
    "resource.name",
];

/// Fields that people put an error's text in.
pub(super) fn is_error_name(name: &str) -> bool {
    matches!(name, "error" | "err" | "exception")
}

/// The message or the error of an event; true if it was taken.
fn take_event_special<'a>(
    name: &'static str,
    raw: Raw<'a>,
    level: Level,
    failure: &mut Told<'a>,
    message: &mut Text<'a>,
) -> bool {
    match (name, raw) {
        ("message", Raw::Str(text)) => *message = text.into(),
        (panic::STACK_FIELD, Raw::U64(number)) => {
            failure.get_or_insert_default().1.panicked(panic::stack(number));
        }
        _ => return take_failure(name, raw, level == Level::ERROR, failure),
    }
    true
}

/// An error, and the field that told it.
type Told<'a> = Option<(&'static str, Failure<'a>)>;

/// An error value, or the text of one in a field for errors; true if it was taken. A record has one error: what other fields
/// tell stays theirs.
fn take_failure<'a>(name: &'static str, raw: Raw<'a>, texts: bool, failure: &mut Told<'a>) -> bool {
    let is_error = match raw {
        Raw::Error(_) => true,
        Raw::Str(text) => texts && is_error_name(name) && !matches!(text.trim(), "" | "false"),
        _ => false,
    };
    let takes = is_error && failure.as_ref().is_none_or(|(known, _)| *known == name);
    if takes {
        *failure = Some((name, Failure::of(raw)));
    }
    takes
}

/// OTLP's number for a level.
pub(crate) fn severity(level: Level) -> Severity {
    Severity(match level {
        Level::TRACE => 1,
        Level::DEBUG => 5,
        Level::INFO => 9,
        Level::WARN => 13,
        Level::ERROR => 17,
    })
}
