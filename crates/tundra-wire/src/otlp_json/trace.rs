//! OTLP trace requests in JSON.

use super::envelope::{Keys, walk};
use super::value::{self, contain, enumeration, span_id, time, trace_id};
use crate::budget::{Budget, EVENT_BYTES, Fault, LINK_BYTES};
use crate::error::DecodeError;
use crate::json::Reader;
use crate::limits::Limits;
use crate::otlp::envelope::{add_dropped, add_scope_attrs};
use crate::otlp::{DROPPED, own_names, status_from_otlp};
use tundra_record::{Attrs, Event, Link, Reject, Sink, Span, SpanKind, UnixNanos};

const KEYS: Keys = Keys {
    groups: ["resourceSpans", "resource_spans"],
    scopes: ["scopeSpans", "scope_spans"],
    records: ["spans", "spans"],
};

const KINDS: [(&str, u64); 5] =
    [("INTERNAL", 1), ("SERVER", 2), ("CLIENT", 3), ("PRODUCER", 4), ("CONSUMER", 5)];
const CODES: [(&str, u64); 2] = [("OK", 1), ("ERROR", 2)];

/// Decodes an `ExportTraceServiceRequest`.
pub fn traces(body: &[u8], limits: &Limits, sink: &mut impl Sink) -> Result<(), DecodeError> {
    let mut buffer = Span::default();
    walk(body, &KEYS, limits, sink, |reader, scope_attrs, budget, sink| {
        budget.record::<Span<'_>>(reader.offset())?;
        buffer.clear();
        match contain(reader, |reader| span(reader, scope_attrs, &mut buffer, budget))? {
            None => sink.span(&mut buffer),
            Some(reason) => sink.reject(reason),
        }
        Ok(())
    })
}

fn span<'a>(
    reader: &mut Reader<'a>,
    scope_attrs: &Attrs<'a>,
    span: &mut Span<'a>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    let (offset, mut end, mut dropped) = (reader.offset(), UnixNanos::default(), [0; 3]);
    reader.object(|reader, key| {
        match key.as_ref() {
            "traceId" | "trace_id" => span.trace_id = trace_id(&reader.scalar()?).unwrap_or_default(),
            "spanId" | "span_id" => span.span_id = span_id(&reader.scalar()?).unwrap_or_default(),
            "parentSpanId" | "parent_span_id" => span.parent_id = span_id(&reader.scalar()?),
            "traceState" | "trace_state" => span.trace_state = reader.scalar()?.into_text(),
            "name" => span.name = reader.scalar()?.into_text(),
            "kind" => span.kind = SpanKind::from_otlp(enumeration(&reader.scalar()?, &KINDS)),
            "startTimeUnixNano" | "start_time_unix_nano" => span.start = time(&reader.scalar()?),
            "endTimeUnixNano" | "end_time_unix_nano" => end = time(&reader.scalar()?),
            "attributes" => value::attrs(reader, 0, &mut span.attrs, budget)?,
            "events" => reader.array(|reader| event(reader, &mut span.events, budget))?,
            "links" => reader.array(|reader| link(reader, &mut span.links, budget))?,
            "status" => status(reader, span)?,
            "flags" => span.flags = reader.scalar()?.as_u64() as u32,
            "droppedAttributesCount" | "dropped_attributes_count" => dropped[0] = reader.scalar()?.as_u64(),
            "droppedEventsCount" | "dropped_events_count" => dropped[1] = reader.scalar()?.as_u64(),
            "droppedLinksCount" | "dropped_links_count" => dropped[2] = reader.scalar()?.as_u64(),
            _ => reader.skip()?,
        }
        Ok::<(), Fault>(())
    })?;
    if !span.trace_id.is_valid() || !span.span_id.is_valid() {
        return Err(Fault::Record(Reject::InvalidId));
    }
    span.duration = end.since(span.start);
    own_names(span);
    add_scope_attrs(scope_attrs, &mut span.attrs, budget, offset)?;
    for (key, count) in DROPPED.into_iter().zip(dropped) {
        add_dropped(key, count, &mut span.attrs, budget, offset)?;
    }
    Ok(())
}

fn status<'a>(reader: &mut Reader<'a>, span: &mut Span<'a>) -> Result<(), DecodeError> {
    reader.object(|reader, key| {
        match key.as_ref() {
            "code" => span.status = status_from_otlp(enumeration(&reader.scalar()?, &CODES)),
            "message" => span.status_message = reader.scalar()?.into_text(),
            _ => reader.skip()?,
        }
        Ok(())
    })
}

fn event<'a>(reader: &mut Reader<'a>, events: &mut Vec<Event<'a>>, budget: &mut Budget) -> Result<(), Fault> {
    if events.len() >= budget.limits.events {
        return Err(Fault::Record(Reject::TooMany));
    }
    let offset = reader.offset();
    budget.charge(EVENT_BYTES, offset)?;
    let (mut event, mut dropped) = (Event::default(), 0);
    reader.object(|reader, key| {
        match key.as_ref() {
            "timeUnixNano" | "time_unix_nano" => event.time = time(&reader.scalar()?),
            "name" => event.name = reader.scalar()?.into_text(),
            "attributes" => value::attrs(reader, 0, &mut event.attrs, budget)?,
            "droppedAttributesCount" | "dropped_attributes_count" => dropped = reader.scalar()?.as_u64(),
            _ => reader.skip()?,
        }
        Ok::<(), Fault>(())
    })?;
    add_dropped(DROPPED[0], dropped, &mut event.attrs, budget, offset)?;
    events.push(event);
    Ok(())
}

fn link<'a>(reader: &mut Reader<'a>, links: &mut Vec<Link<'a>>, budget: &mut Budget) -> Result<(), Fault> {
    if links.len() >= budget.limits.links {
        return Err(Fault::Record(Reject::TooMany));
    }
    let offset = reader.offset();
    budget.charge(LINK_BYTES, offset)?;
    let (mut link, mut dropped) = (Link::default(), 0);
    reader.object(|reader, key| {
        match key.as_ref() {
            "traceId" | "trace_id" => link.trace_id = trace_id(&reader.scalar()?).unwrap_or_default(),
            "spanId" | "span_id" => link.span_id = span_id(&reader.scalar()?).unwrap_or_default(),
            "traceState" | "trace_state" => link.trace_state = reader.scalar()?.into_text(),
            "attributes" => value::attrs(reader, 0, &mut link.attrs, budget)?,
            "flags" => link.flags = reader.scalar()?.as_u64() as u32,
            "droppedAttributesCount" | "dropped_attributes_count" => dropped = reader.scalar()?.as_u64(),
            _ => reader.skip()?,
        }
        Ok::<(), Fault>(())
    })?;
    add_dropped(DROPPED[0], dropped, &mut link.attrs, budget, offset)?;
    links.push(link);
    Ok(())
}
