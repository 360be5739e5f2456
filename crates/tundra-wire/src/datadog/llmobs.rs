//! LLM Observability as Datadog's clients send it beside their traces: span events and evaluations, in JSON. `intake`
//! calls it for the EVP proxy.
//!
//! A span event becomes a span under the ids of its APM span, with the event in `meta_struct._llmobs`, just as clients
//! that put the event into the APM span do; what it means is for `llm` to say. An evaluation becomes a log record that
//! carries all its fields.

use super::headers::DatadogHeaders;
use crate::budget::{Budget, Fault};
use crate::error::DecodeError;
use crate::json::{Kind, Reader};
use crate::limits::Limits;
use crate::otlp_json::value::{contain, plain};
use std::borrow::Cow;
use tundra_record::value::get;
use tundra_record::{
    Attrs, EVENT_SCOPE, LogRecord, Reject, Resource, Scope, Sink, Span, SpanId, Status, Text, TraceId,
    UnixNanos, Value,
};

/// The event name of log records that are evaluations.
pub const EVALUATION_EVENT: &str = "datadog.llmobs.evaluation";

/// Decodes a body of `/api/v2/llmobs`: one envelope of span events, or a list of envelopes.
pub fn llmobs_spans(
    body: &[u8],
    headers: &DatadogHeaders<'_>,
    limits: &Limits,
    sink: &mut impl Sink,
) -> Result<(), DecodeError> {
    let mut budget = Budget::new(body.len(), limits);
    let mut reader = Reader::new(body)?;
    let mut told = Told { headers, announced: None };
    if reader.kind() == Kind::Object {
        envelope(&mut reader, &mut budget, &mut told, sink)?;
    } else {
        reader.array(|reader| envelope(reader, &mut budget, &mut told, sink))?;
    }
    reader.end()
}

/// What is said of the events that follow.
struct Told<'a, 'h> {
    headers: &'h DatadogHeaders<'h>,
    announced: Option<[Option<Text<'a>>; 4]>,
}

fn envelope<'a>(
    reader: &mut Reader<'a>,
    budget: &mut Budget,
    told: &mut Told<'a, '_>,
    sink: &mut impl Sink,
) -> Result<(), DecodeError> {
    let mut version = None;
    reader.object(|reader, key| match key.as_ref() {
        "_dd.tracer_version" => {
            version = Some(reader.scalar()?.into_text());
            Ok(())
        }
        "spans" => reader.array(|reader| {
            budget.record::<Span<'_>>(reader.offset())?;
            match fields(reader, budget)? {
                Ok(event) => told.span(event, version.as_ref(), sink),
                Err(reason) => sink.reject(reason),
            }
            Ok(())
        }),
        _ => reader.skip(),
    })
}

/// The fields of the next object, or why they cannot be kept. What is no object has no fields.
fn fields<'a>(
    reader: &mut Reader<'a>,
    budget: &mut Budget,
) -> Result<Result<Attrs<'a>, Reject>, DecodeError> {
    let mut read = Attrs::new();
    let refused = contain(reader, |reader| {
        if let Value::Map(entries) = plain(reader, 0, budget)? {
            read = entries;
        }
        Ok::<(), Fault>(())
    })?;
    Ok(refused.map_or(Ok(read), Err))
}

impl<'a> Told<'a, '_> {
    fn span(&mut self, mut event: Attrs<'a>, version: Option<&Text<'a>>, sink: &mut impl Sink) {
        let Some((trace_id, span_id)) = ids(&event) else {
            return sink.reject(Reject::InvalidId);
        };
        self.announce(&event, version, sink);
        let text = |key: &str| text(&event, key);
        let whole = |key: &str| get(&event, key).and_then(Value::as_int).unwrap_or_default().max(0);
        let mut span = Span {
            trace_id,
            span_id,
            parent_id: get(&event, "parent_id").and_then(decimal).map(SpanId),
            service: text("service").or_else(|| tag(&event, "service")),
            name: text("name").unwrap_or_default(),
            resource: text("name"),
            start: UnixNanos(whole("start_ns")),
            duration: whole("duration"),
            status: match text("status").as_deref() {
                Some("error") => Status::Error,
                Some("ok") => Status::Ok,
                _ => Status::Unset,
            },
            ..Span::default()
        };
        if span.status == Status::Error {
            let meta = get(&event, "meta");
            let inner = meta.and_then(|meta| meta.get("error")?.get("message"));
            let message = inner.or_else(|| meta?.get("error.message")).and_then(Value::as_str);
            let message = message.map(|message| Cow::Owned(message.to_owned()));
            span.status_message = text("status_message").or(message).unwrap_or_default();
        }
        event.retain(|(key, _)| !IN_SPAN.contains(&key.as_ref()));
        span.attrs.push((Cow::Borrowed("span.type"), Value::from("llm")));
        span.attrs.push((Cow::Borrowed("meta_struct._llmobs"), Value::Map(event)));
        sink.span(&mut span);
    }

    fn announce(&mut self, event: &Attrs<'a>, version: Option<&Text<'a>>, sink: &mut impl Sink) {
        let said = [tag(event, "env"), tag(event, "version"), tag(event, "language"), version.cloned()];
        if self.announced.as_ref() == Some(&said) {
            return;
        }
        let mut resource = Resource::default();
        let language = said[2].as_deref().filter(|_| self.headers.language.is_none());
        let tracer = said[3].as_deref().filter(|_| self.headers.tracer_version.is_none());
        DatadogHeaders {
            language: language.or(self.headers.language),
            tracer_version: tracer.or(self.headers.tracer_version),
            ..*self.headers
        }
        .add_to(&mut resource.attrs);
        for (name, text) in ["deployment.environment.name", "service.version"].into_iter().zip(&said) {
            if let Some(text) = text {
                resource.attrs.push((Cow::Borrowed(name), Value::Str(Cow::Borrowed(text))));
            }
        }
        sink.resource(&mut resource);
        let version = said[3].as_deref().unwrap_or_default();
        sink.scope(&mut Scope { name: EVENT_SCOPE.into(), version: Cow::Borrowed(version) });
        drop(resource);
        self.announced = Some(said);
    }
}

/// What the span says itself and its event need not repeat.
const IN_SPAN: &[&str] = &["span_id", "start_ns", "duration", "status", "status_message", "service"];

/// The ids of the APM span that the event tells. The event's own trace id is another one, that of the LLM trace; it
/// serves only if the client says no other.
fn ids(event: &Attrs<'_>) -> Option<(TraceId, SpanId)> {
    let dd = get(event, "_dd");
    let apm = dd.and_then(|dd| dd.get("apm_trace_id").or_else(|| dd.get("trace_id")));
    let trace = apm.and_then(trace_id).or_else(|| get(event, "trace_id").and_then(trace_id))?;
    Some((trace, SpanId(get(event, "span_id").and_then(decimal)?)))
}

/// 32 hex digits, or a decimal number as clients without 128-bit ids write it.
fn trace_id(value: &Value<'_>) -> Option<TraceId> {
    let id = match value {
        Value::Str(text) if text.len() == 32 => text.parse().ok(),
        other => decimal(other).map(|low| TraceId(low.into())),
    };
    id.filter(|id| id.is_valid())
}

/// A span id in decimal, as text or number; `undefined` and zero are none.
fn decimal(value: &Value<'_>) -> Option<u64> {
    let id = match value {
        Value::Str(text) => text.parse().ok(),
        other => other.as_int().and_then(|id| u64::try_from(id).ok()),
    };
    id.filter(|id| *id != 0)
}

fn text<'a>(fields: &Attrs<'a>, key: &str) -> Option<Text<'a>> {
    match get(fields, key) {
        Some(Value::Str(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

/// The value of `key` among tags in a list of `key:value`.
fn tag<'a>(event: &Attrs<'a>, key: &str) -> Option<Text<'a>> {
    let Some(Value::List(tags)) = get(event, "tags") else { return None };
    tags.iter().find_map(|tag| {
        let Value::Str(tag) = tag else { return None };
        let value = tag.strip_prefix(key)?.strip_prefix(':').filter(|value| !value.is_empty())?;
        Some(match tag {
            // Borrows from the request, as the tag does.
            Cow::Borrowed(tag) => Cow::Borrowed(&tag[tag.len() - value.len()..]),
            Cow::Owned(_) => Cow::Owned(value.to_owned()),
        })
    })
}

/// Decodes a body of `/api/intake/llm-obs/v1/eval-metric` or `v2`. An evaluation that does not say when it was made is
/// of `now`.
pub fn llmobs_evaluations(
    body: &[u8],
    headers: &DatadogHeaders<'_>,
    now: UnixNanos,
    limits: &Limits,
    sink: &mut impl Sink,
) -> Result<(), DecodeError> {
    let mut budget = Budget::new(body.len(), limits);
    let mut reader = Reader::new(body)?;
    let mut resource = Resource::default();
    headers.add_to(&mut resource.attrs);
    sink.resource(&mut resource);
    sink.scope(&mut Scope::default());
    let mut found = false;
    within(&mut reader, "data", &mut |reader| {
        within(reader, "attributes", &mut |reader| {
            within(reader, "metrics", &mut |reader| {
                found = true;
                reader.array(|reader| {
                    budget.record::<LogRecord<'_>>(reader.offset())?;
                    match fields(reader, &mut budget)? {
                        Ok(metric) => sink.log(&mut evaluation(metric, now)),
                        Err(reason) => sink.reject(reason),
                    }
                    Ok(())
                })
            })
        })
    })?;
    reader.end()?;
    let expected = "evaluations under data.attributes.metrics";
    if found { Ok(()) } else { Err(DecodeError::Unexpected { offset: body.len(), expected }) }
}

/// Reads what stands under `wanted` in the next object, and passes over the rest.
fn within<'a>(
    reader: &mut Reader<'a>,
    wanted: &str,
    read: &mut dyn FnMut(&mut Reader<'a>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    reader.object(|reader, key| if key == wanted { read(reader) } else { reader.skip() })
}

fn evaluation(metric: Attrs<'_>, now: UnixNanos) -> LogRecord<'_> {
    let millis = get(&metric, "timestamp_ms").and_then(Value::as_int).filter(|millis| *millis > 0);
    // The older form names the span at the top.
    let joined = get(&metric, "join_on").and_then(|join| join.get("span")?.get("span_id"));
    LogRecord {
        time: millis.map_or(now, |millis| UnixNanos(millis.saturating_mul(1_000_000))),
        event_name: EVALUATION_EVENT.into(),
        body: Value::Str(text(&metric, "label").unwrap_or_default()),
        // The LLM trace it names is not the trace that its span is in; the span alone joins.
        span_id: joined.or_else(|| get(&metric, "span_id")).and_then(decimal).map(SpanId),
        attrs: metric,
        ..LogRecord::default()
    }
}
