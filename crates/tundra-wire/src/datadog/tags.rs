//! What older clients squeeze into text tags: the high half of the trace id, and links and events as JSON. Used by all
//! Datadog decoders; a tag that does not parse stays the attribute it is.

use crate::budget::{ATTR_BYTES, Budget, EVENT_BYTES, Fault, LINK_BYTES};
use std::borrow::Cow;
use tundra_record::value::{from_json, get};
use tundra_record::{Attrs, Event, Link, SpanId, Text, TraceId, UnixNanos, Value};

/// The high half of a trace id: 16 hex digits.
pub(crate) fn high_half(text: &str) -> Option<u64> {
    let hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex { u64::from_str_radix(text, 16).ok() } else { None }
}

/// Reads the `events` tag; `true` if all of it became events.
pub(crate) fn events<'a>(
    text: &Text<'a>,
    events: &mut Vec<Event<'a>>,
    budget: &mut Budget,
    offset: usize,
) -> Result<bool, Fault> {
    let Some(items) = list(text, EVENT_BYTES, budget, offset)? else { return Ok(false) };
    let Some(read) = items.into_iter().map(event).collect::<Option<Vec<_>>>() else { return Ok(false) };
    if events.len() + read.len() > budget.limits.events {
        return Ok(false);
    }
    events.extend(read);
    Ok(true)
}

/// Reads the `_dd.span_links` tag; `true` if all of it became links.
pub(crate) fn links<'a>(
    text: &Text<'a>,
    links: &mut Vec<Link<'a>>,
    budget: &mut Budget,
    offset: usize,
) -> Result<bool, Fault> {
    let Some(items) = list(text, LINK_BYTES, budget, offset)? else { return Ok(false) };
    let Some(read) = items.into_iter().map(link).collect::<Option<Vec<_>>>() else { return Ok(false) };
    if links.len() + read.len() > budget.limits.links {
        return Ok(false);
    }
    links.extend(read);
    Ok(true)
}

/// The text as a JSON list, charged before it is parsed by the places where a value can begin.
fn list<'a>(
    text: &Text<'a>,
    item_bytes: usize,
    budget: &mut Budget,
    offset: usize,
) -> Result<Option<Vec<Value<'a>>>, Fault> {
    if !text.trim_start().starts_with('[') {
        return Ok(None);
    }
    let places = memchr::memchr3_iter(b',', b'[', b'{', text.as_bytes()).count();
    let objects = memchr::memchr_iter(b'{', text.as_bytes()).count();
    budget.charge(places * ATTR_BYTES + objects * item_bytes + text.len(), offset)?;
    let parsed = match text {
        Cow::Borrowed(text) => from_json(text),
        Cow::Owned(text) => from_json(text).map(Value::into_owned),
    };
    Ok(match parsed {
        Some(Value::List(items)) => Some(items),
        _ => None,
    })
}

fn event(item: Value<'_>) -> Option<Event<'_>> {
    let Value::Map(entries) = item else { return None };
    let mut event = Event::default();
    for (key, value) in entries {
        match (key.as_ref(), value) {
            ("name", Value::Str(name)) => event.name = name,
            ("time_unix_nano", Value::Int(nanos)) => event.time = UnixNanos(nanos),
            ("attributes", Value::Map(attrs)) => event.attrs = attrs,
            ("attributes", Value::Str(none)) if none.is_empty() => {}
            // Whatever else it says would be lost, so the tag stays.
            _ => return None,
        }
    }
    Some(event)
}

fn link(item: Value<'_>) -> Option<Link<'_>> {
    let Value::Map(entries) = item else { return None };
    let trace_id = hex_id(&entries, "trace_id", 32)?;
    let span_id = u64::try_from(hex_id(&entries, "span_id", 16)?).ok()?;
    let mut link = Link { trace_id: TraceId(trace_id), span_id: SpanId(span_id), ..Link::default() };
    for (key, value) in entries {
        match (key.as_ref(), value) {
            ("trace_id" | "span_id", _) => {}
            ("attributes", Value::Map(attrs)) => link.attrs = attrs,
            ("tracestate", Value::Str(state)) => link.trace_state = state,
            ("flags", Value::Int(flags)) => link.flags = super::native::flags(flags as u64),
            ("dropped_attributes_count", Value::Int(0)) => {}
            _ => return None,
        }
    }
    Some(link)
}

fn hex_id(entries: &Attrs<'_>, key: &str, digits: usize) -> Option<u128> {
    let text = get(entries, key)?.as_str()?;
    let hex = !text.is_empty() && text.len() <= digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex { u128::from_str_radix(text, 16).ok() } else { None }
}
