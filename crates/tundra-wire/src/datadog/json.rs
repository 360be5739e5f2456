//! Datadog v0.3 and v0.4 in JSON, which curl users and old clients send, and the agentless `{"traces":[{"spans":[…]}]}`
//! form with its hex ids. `intake` calls it.

use super::chunk::{Chunk, Draft, time};
use super::headers::DatadogHeaders;
use crate::budget::{Budget, EVENT_BYTES, Fault, LINK_BYTES};
use crate::error::DecodeError;
use crate::json::{Kind, Reader, Scalar};
use crate::limits::Limits;
use crate::otlp_json::value::{contain, from_base64, plain};
use tundra_record::{Attrs, Event, Link, Reject, Sink, Span, SpanId, TraceId, UnixNanos, Value};

/// Decodes a JSON body of `/v0.3/traces`, `/v0.4/traces` or the agentless `/v1/input`. An empty body holds nothing.
pub fn traces_json(
    body: &[u8],
    headers: &DatadogHeaders<'_>,
    limits: &Limits,
    sink: &mut impl Sink,
) -> Result<(), DecodeError> {
    if body.is_empty() {
        return Ok(());
    }
    let mut budget = Budget::new(body.len(), limits);
    let mut reader = Reader::new(body)?;
    let mut chunk = Chunk::new(headers);
    let mut draft = Draft::default();
    if reader.kind() == Kind::Object {
        reader.object(|reader, key| {
            if key != "traces" {
                return reader.skip();
            }
            reader.array(|reader| {
                reader.object(|reader, key| match key.as_ref() {
                    "spans" => spans(reader, &mut chunk, &mut draft, &mut budget, sink),
                    _ => reader.skip(),
                })
            })
        })?;
    } else {
        reader.array(|reader| spans(reader, &mut chunk, &mut draft, &mut budget, sink))?;
    }
    reader.end()
}

fn spans<'a>(
    reader: &mut Reader<'a>,
    chunk: &mut Chunk<'a, '_>,
    draft: &mut Draft<'a>,
    budget: &mut Budget,
    sink: &mut impl Sink,
) -> Result<(), DecodeError> {
    chunk.begin();
    reader.array(|reader| {
        budget.record::<Span<'_>>(reader.offset())?;
        draft.clear();
        reader.object(|reader, key| {
            let refused = contain(reader, |reader| field(&key, reader, draft, budget))?;
            draft.refused = refused.or(draft.refused);
            Ok::<(), DecodeError>(())
        })?;
        chunk.finish(draft, sink);
        Ok(())
    })
}

fn field<'a>(
    key: &str,
    reader: &mut Reader<'a>,
    draft: &mut Draft<'a>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    let offset = reader.offset();
    match key {
        "service" => draft.span.service = Some(reader.scalar()?.into_text()),
        "name" => draft.span.name = reader.scalar()?.into_text(),
        "resource" => draft.span.resource = Some(reader.scalar()?.into_text()),
        "type" => {
            let text = reader.scalar()?.into_text();
            draft.set_type(text, budget, offset)?;
        }
        "trace_id" => draft.low = id(&reader.scalar()?),
        "span_id" => draft.set_span_id(id(&reader.scalar()?)),
        "parent_id" => draft.set_parent_id(id(&reader.scalar()?)),
        "start" => draft.span.start = time(reader.scalar()?.as_i64()),
        "duration" => draft.span.duration = reader.scalar()?.as_i64().max(0),
        "error" => draft.error = reader.scalar()?.as_i64() != 0,
        "meta" | "metrics" => reader.object(|reader, key| {
            let offset = reader.offset();
            let refused = contain(reader, |reader| {
                let value = plain(reader, 1, budget)?;
                draft.tag(key, value, budget, offset)
            })?;
            draft.refused = refused.or(draft.refused);
            Ok::<(), Fault>(())
        })?,
        "meta_struct" => reader.object(|reader, key| {
            let value = structure(plain(reader, 1, budget)?, budget);
            draft.structure(&key, value, budget, offset)
        })?,
        "span_links" => reader.array(|reader| link(reader, &mut draft.span.links, budget))?,
        "span_events" => reader.array(|reader| event(reader, &mut draft.span.events, budget))?,
        _ => reader.skip()?,
    }
    Ok(())
}

/// A number, or the 16 hex digits of the agentless form; other text is read as a decimal number.
fn id(scalar: &Scalar<'_>) -> u64 {
    match scalar {
        Scalar::Text(text) if text.len() == 16 => {
            u64::from_str_radix(text, 16).unwrap_or_else(|_| scalar.as_u64())
        }
        other => other.as_u64(),
    }
}

/// Bytes come as base64 of msgpack; whatever is not that is kept as it came.
fn structure<'a>(value: Value<'a>, budget: &Budget) -> Value<'a> {
    let Value::Str(text) = &value else { return value };
    let unpacked = from_base64(text).and_then(|bytes| {
        let mut reader = crate::msgpack::Reader::new(&bytes);
        let unpacked = reader.value(&budget.limits).ok()?;
        let whole = reader.is_empty() && matches!(unpacked, Value::Map(_) | Value::List(_));
        whole.then(|| unpacked.into_owned())
    });
    unpacked.unwrap_or(value)
}

fn link<'a>(reader: &mut Reader<'a>, links: &mut Vec<Link<'a>>, budget: &mut Budget) -> Result<(), Fault> {
    if links.len() >= budget.limits.links {
        return Err(Fault::Record(Reject::TooMany));
    }
    budget.charge(LINK_BYTES, reader.offset())?;
    let (mut link, mut low, mut high) = (Link::default(), 0, 0);
    reader.object(|reader, key| {
        match key.as_ref() {
            "trace_id" => low = id(&reader.scalar()?),
            "trace_id_high" => high = id(&reader.scalar()?),
            "span_id" => link.span_id = SpanId(id(&reader.scalar()?)),
            "tracestate" => link.trace_state = reader.scalar()?.into_text(),
            "flags" => link.flags = super::native::flags(reader.scalar()?.as_u64()),
            "attributes" => link.attrs = attrs(reader, budget)?,
            _ => reader.skip()?,
        }
        Ok::<(), Fault>(())
    })?;
    link.trace_id = TraceId(u128::from(high) << 64 | u128::from(low));
    links.push(link);
    Ok(())
}

fn event<'a>(reader: &mut Reader<'a>, events: &mut Vec<Event<'a>>, budget: &mut Budget) -> Result<(), Fault> {
    if events.len() >= budget.limits.events {
        return Err(Fault::Record(Reject::TooMany));
    }
    budget.charge(EVENT_BYTES, reader.offset())?;
    let mut event = Event::default();
    reader.object(|reader, key| {
        match key.as_ref() {
            "time_unix_nano" => event.time = UnixNanos::from_u64(reader.scalar()?.as_u64()),
            "name" => event.name = reader.scalar()?.into_text(),
            "attributes" => {
                let plain = attrs(reader, budget)?;
                event.attrs = plain.into_iter().map(|(key, value)| (key, untyped(value))).collect();
            }
            _ => reader.skip()?,
        }
        Ok::<(), Fault>(())
    })?;
    events.push(event);
    Ok(())
}

fn attrs<'a>(reader: &mut Reader<'a>, budget: &mut Budget) -> Result<Attrs<'a>, Fault> {
    match plain(reader, 0, budget)? {
        Value::Map(entries) => Ok(entries),
        _ => Ok(Attrs::new()),
    }
}

/// `{"type":0,"string_value":"x"}` is the value inside; what has another shape is itself.
fn untyped(value: Value<'_>) -> Value<'_> {
    let Value::Map(entries) = value else { return value };
    let typed = entries.iter().any(|(key, _)| key == "type")
        && entries.iter().all(|(key, _)| key == "type" || key.ends_with("_value"));
    if !typed {
        return Value::Map(entries);
    }
    let inner = entries.into_iter().find(|(key, _)| key != "type").map(|(_, value)| value);
    match inner {
        Some(Value::Map(array)) => {
            let values = array.into_iter().find(|(key, _)| key == "values").map(|(_, values)| values);
            match values {
                Some(Value::List(items)) => Value::List(items.into_iter().map(untyped).collect()),
                _ => Value::List(Vec::new()),
            }
        }
        Some(plain) => plain,
        None => Value::from(""),
    }
}
