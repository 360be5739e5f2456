//! Events and links of a span: JSON text in a column, records in memory.

use crate::entry::attrs::{as_attrs, write_object};
use std::borrow::Cow;
use std::fmt::Write as _;
use tundra_record::value::{from_json, write_json_text};
use tundra_record::{Event, Link, UnixNanos, Value};

fn string(text: &str, out: &mut String) {
    write_json_text(&Value::Str(Cow::Borrowed(text)), out);
}

/// `[{"time_ns":1,"name":"…","attrs":{…}}, …]`
pub(crate) fn write_events(events: &[Event<'_>], out: &mut String) {
    out.push('[');
    for (at, event) in events.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let _infallible = write!(out, "{comma}{{\"time_ns\":{},\"name\":", event.time.0);
        string(&event.name, out);
        out.push_str(",\"attrs\":");
        write_object(&event.attrs, out);
        out.push('}');
    }
    out.push(']');
}

/// `[{"trace_id":"…","span_id":"…","trace_state":"…","flags":0,"attrs":{…}}, …]`
pub(crate) fn write_links(links: &[Link<'_>], out: &mut String) {
    out.push('[');
    for (at, link) in links.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let (trace, span) = (link.trace_id, link.span_id);
        let _infallible = write!(out, "{comma}{{\"trace_id\":\"{trace}\",\"span_id\":\"{span}\"");
        if !link.trace_state.is_empty() {
            out.push_str(",\"trace_state\":");
            string(&link.trace_state, out);
        }
        let _infallible = write!(out, ",\"flags\":{},\"attrs\":", link.flags);
        write_object(&link.attrs, out);
        out.push('}');
    }
    out.push(']');
}

/// Reads what [`write_events`] wrote.
pub(crate) fn read_events(text: &str) -> Option<Vec<Event<'_>>> {
    items(text)?.into_iter().map(event).collect()
}

/// Reads what [`write_links`] wrote.
pub(crate) fn read_links(text: &str) -> Option<Vec<Link<'_>>> {
    items(text)?.into_iter().map(link).collect()
}

fn items(text: &str) -> Option<Vec<Value<'_>>> {
    match from_json(text)? {
        Value::List(items) => Some(items),
        _ => None,
    }
}

fn event(value: Value<'_>) -> Option<Event<'_>> {
    let Value::Map(entries) = value else { return None };
    let mut event = Event::default();
    for (key, value) in entries {
        match (key.as_ref(), value) {
            ("time_ns", value) => event.time = UnixNanos(value.as_int()?),
            ("name", Value::Str(name)) => event.name = name,
            ("attrs", value) => event.attrs = as_attrs(value)?,
            _ => {}
        }
    }
    Some(event)
}

fn link(value: Value<'_>) -> Option<Link<'_>> {
    let Value::Map(entries) = value else { return None };
    let mut link = Link::default();
    for (key, value) in entries {
        match (key.as_ref(), value) {
            // An id of zero is not an id; a link that came with one keeps it.
            ("trace_id", Value::Str(id)) => link.trace_id = id.parse().unwrap_or_default(),
            ("span_id", Value::Str(id)) => link.span_id = id.parse().unwrap_or_default(),
            ("trace_state", Value::Str(state)) => link.trace_state = state,
            ("flags", value) => link.flags = u32::try_from(value.as_int()?).ok()?,
            ("attrs", value) => link.attrs = as_attrs(value)?,
            _ => {}
        }
    }
    Some(link)
}
