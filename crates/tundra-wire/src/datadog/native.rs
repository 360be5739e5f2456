//! Span links and span events as v0.4 has them in msgpack. Only the v0.4 decoder calls it.

use crate::budget::{Budget, EVENT_BYTES, Fault, LINK_BYTES};
use crate::msgpack::Reader;
use std::borrow::Cow;
use tundra_record::{Attrs, Event, Link, Reject, SpanId, TraceId, UnixNanos, Value};

/// Datadog sets this bit to say that the other bits mean something.
pub(crate) const FLAGS_VALID: u32 = 1 << 31;

/// Reads `span_links`.
pub(crate) fn links<'a>(
    reader: &mut Reader<'a>,
    links: &mut Vec<Link<'a>>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    for _ in 0..reader.array()? {
        if links.len() >= budget.limits.links {
            return Err(Fault::Record(Reject::TooMany));
        }
        budget.charge(LINK_BYTES, reader.offset())?;
        let (mut link, mut low, mut high) = (Link::default(), 0, 0);
        for _ in 0..reader.map()? {
            match reader.bytes()? {
                b"trace_id" => low = reader.number()?.as_u64(),
                b"trace_id_high" => high = reader.number()?.as_u64(),
                b"span_id" => link.span_id = SpanId(reader.number()?.as_u64()),
                b"tracestate" => link.trace_state = reader.text()?,
                b"flags" => link.flags = flags(reader.number()?.as_u64()),
                b"attributes" => plain_attrs(reader, &mut link.attrs, budget)?,
                _ => reader.skip()?,
            }
        }
        link.trace_id = TraceId(u128::from(high) << 64 | u128::from(low));
        links.push(link);
    }
    Ok(())
}

/// The flags without the bit that says they are valid, unless that bit is all there is.
pub(crate) fn flags(wire: u64) -> u32 {
    match wire as u32 {
        FLAGS_VALID => FLAGS_VALID,
        flags => flags & !FLAGS_VALID,
    }
}

fn plain_attrs<'a>(reader: &mut Reader<'a>, attrs: &mut Attrs<'a>, budget: &mut Budget) -> Result<(), Fault> {
    for _ in 0..reader.map()? {
        let offset = reader.offset();
        let key = reader.text()?;
        budget.attr(attrs.len(), key.len(), offset)?;
        attrs.push((key, reader.budgeted_value(1, budget)?));
    }
    Ok(())
}

/// Reads `span_events`.
pub(crate) fn events<'a>(
    reader: &mut Reader<'a>,
    events: &mut Vec<Event<'a>>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    for _ in 0..reader.array()? {
        if events.len() >= budget.limits.events {
            return Err(Fault::Record(Reject::TooMany));
        }
        budget.charge(EVENT_BYTES, reader.offset())?;
        let mut event = Event::default();
        for _ in 0..reader.map()? {
            match reader.bytes()? {
                b"time_unix_nano" => event.time = UnixNanos::from_u64(reader.number()?.as_u64()),
                b"name" => event.name = reader.text()?,
                b"attributes" => typed_attrs(reader, &mut event.attrs, budget)?,
                _ => reader.skip()?,
            }
        }
        events.push(event);
    }
    Ok(())
}

fn typed_attrs<'a>(reader: &mut Reader<'a>, attrs: &mut Attrs<'a>, budget: &mut Budget) -> Result<(), Fault> {
    for _ in 0..reader.map()? {
        let offset = reader.offset();
        let key = reader.text()?;
        budget.attr(attrs.len(), key.len(), offset)?;
        attrs.push((key, typed(reader, 1, budget)?));
    }
    Ok(())
}

/// A value as a map of its type's number and the value under that type's name.
fn typed<'a>(reader: &mut Reader<'a>, depth: usize, budget: &mut Budget) -> Result<Value<'a>, Fault> {
    if depth > budget.limits.depth {
        return Err(Fault::Record(Reject::TooDeep));
    }
    let mut value = Value::Str(Cow::Borrowed(""));
    for _ in 0..reader.map()? {
        match reader.bytes()? {
            b"string_value" => value = Value::Str(reader.text()?),
            b"bool_value" | b"int_value" | b"double_value" => value = reader.budgeted_value(depth, budget)?,
            b"array_value" => value = typed_array(reader, depth, budget)?,
            _ => reader.skip()?,
        }
    }
    Ok(value)
}

fn typed_array<'a>(reader: &mut Reader<'a>, depth: usize, budget: &mut Budget) -> Result<Value<'a>, Fault> {
    let mut items = Vec::new();
    for _ in 0..reader.map()? {
        if reader.bytes()? != b"values" {
            reader.skip()?;
            continue;
        }
        for _ in 0..reader.array()? {
            budget.charge(crate::budget::ATTR_BYTES, reader.offset())?;
            items.push(typed(reader, depth + 1, budget)?);
        }
    }
    Ok(Value::List(items))
}
