//! OTLP trace requests in protobuf. One span buffer serves the whole request.

use super::envelope::{add_dropped, add_scope_attrs, span_id, trace_id, walk};
use super::value;
use crate::budget::{Budget, EVENT_BYTES, Fault, LINK_BYTES};
use crate::error::DecodeError;
use crate::limits::Limits;
use crate::protobuf::{Message, Wire};
use tundra_record::{Attrs, Event, Link, Reject, Sink, Span, SpanKind, UnixNanos};

/// Decodes an `ExportTraceServiceRequest`.
pub fn traces(body: &[u8], limits: &Limits, sink: &mut impl Sink) -> Result<(), DecodeError> {
    let mut buffer = Span::default();
    walk(body, limits, sink, |message, scope_attrs, budget, sink| {
        budget.record::<Span<'_>>(message.offset)?;
        buffer.clear();
        let read = span(message, scope_attrs, &mut buffer, budget);
        match Fault::split(read)? {
            None => sink.span(&mut buffer),
            Some(reason) => sink.reject(reason),
        }
        Ok(())
    })
}

fn span<'a>(
    message: Message<'a>,
    scope_attrs: &Attrs<'a>,
    span: &mut Span<'a>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    let (mut start, mut end, mut dropped) = (0, 0, [0; 3]);
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field {
            (1, Wire::Bytes(id)) => span.trace_id = trace_id(id.bytes).unwrap_or_default(),
            (2, Wire::Bytes(id)) => span.span_id = span_id(id.bytes).unwrap_or_default(),
            (3, Wire::Bytes(state)) => span.trace_state = state.text(),
            (4, Wire::Bytes(id)) => span.parent_id = span_id(id.bytes),
            (5, Wire::Bytes(name)) => span.name = name.text(),
            (6, Wire::Varint(kind)) => span.kind = SpanKind::from_otlp(kind),
            (7, Wire::Fixed64(nanos)) => start = nanos,
            (8, Wire::Fixed64(nanos)) => end = nanos,
            (9, Wire::Bytes(entry)) => value::attr(entry, 0, &mut span.attrs, budget)?,
            (10, Wire::Varint(count)) => dropped[0] = count,
            (11, Wire::Bytes(entry)) => event(entry, &mut span.events, budget)?,
            (12, Wire::Varint(count)) => dropped[1] = count,
            (13, Wire::Bytes(entry)) => link(entry, &mut span.links, budget)?,
            (14, Wire::Varint(count)) => dropped[2] = count,
            (15, Wire::Bytes(entry)) => status(entry, span)?,
            (16, Wire::Fixed32(flags)) => span.flags = flags,
            _ => {}
        }
    }
    if !span.trace_id.is_valid() || !span.span_id.is_valid() {
        return Err(Fault::Record(Reject::InvalidId));
    }
    span.start = UnixNanos::from_u64(start);
    span.duration = UnixNanos::from_u64(end).since(span.start);
    super::own_names(span);
    add_scope_attrs(scope_attrs, &mut span.attrs, budget, message.offset)?;
    for (key, count) in super::DROPPED.into_iter().zip(dropped) {
        add_dropped(key, count, &mut span.attrs, budget, message.offset)?;
    }
    Ok(())
}

fn status<'a>(message: Message<'a>, span: &mut Span<'a>) -> Result<(), Fault> {
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field {
            (2, Wire::Bytes(text)) => span.status_message = text.text(),
            (3, Wire::Varint(code)) => span.status = super::status_from_otlp(code),
            _ => {}
        }
    }
    Ok(())
}

fn event<'a>(message: Message<'a>, events: &mut Vec<Event<'a>>, budget: &mut Budget) -> Result<(), Fault> {
    if events.len() >= budget.limits.events {
        return Err(Fault::Record(Reject::TooMany));
    }
    budget.charge(EVENT_BYTES, message.offset)?;
    let (mut event, mut dropped) = (Event::default(), 0);
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field {
            (1, Wire::Fixed64(nanos)) => event.time = UnixNanos::from_u64(nanos),
            (2, Wire::Bytes(name)) => event.name = name.text(),
            (3, Wire::Bytes(entry)) => value::attr(entry, 0, &mut event.attrs, budget)?,
            (4, Wire::Varint(count)) => dropped = count,
            _ => {}
        }
    }
    add_dropped(super::DROPPED[0], dropped, &mut event.attrs, budget, message.offset)?;
    events.push(event);
    Ok(())
}

fn link<'a>(message: Message<'a>, links: &mut Vec<Link<'a>>, budget: &mut Budget) -> Result<(), Fault> {
    if links.len() >= budget.limits.links {
        return Err(Fault::Record(Reject::TooMany));
    }
    budget.charge(LINK_BYTES, message.offset)?;
    let (mut link, mut dropped) = (Link::default(), 0);
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field {
            (1, Wire::Bytes(id)) => link.trace_id = trace_id(id.bytes).unwrap_or_default(),
            (2, Wire::Bytes(id)) => link.span_id = span_id(id.bytes).unwrap_or_default(),
            (3, Wire::Bytes(state)) => link.trace_state = state.text(),
            (4, Wire::Bytes(entry)) => value::attr(entry, 0, &mut link.attrs, budget)?,
            (5, Wire::Varint(count)) => dropped = count,
            (6, Wire::Fixed32(flags)) => link.flags = flags,
            _ => {}
        }
    }
    add_dropped(super::DROPPED[0], dropped, &mut link.attrs, budget, message.offset)?;
    links.push(link);
    Ok(())
}
