//! Records as Datadog v0.4 and v0.5 msgpack, inverse to the decoders beside it. `outlet` and the SDK call it.
//!
//! What v0.4 has no place for is said in the tags that Datadog itself uses: truth values and nested values as text,
//! `error.message`, `otel.status_code`. Whatever came from a Datadog client goes out as it came.

mod v05;

pub use v05::v05;

use super::META_STRUCT;
use super::native::FLAGS_VALID;
use crate::msgpack::Writer;
use std::borrow::Cow;
use tundra_record::{Attrs, Event, Link, Resource, Span, SpanKind, Status, Text, Value};

/// The spans of one trace (or of a part of it), and what the sender's resource adds to them.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'c, 'a> {
    /// For spans that came by another door: its attributes become tags of spans that do not have them, and `service`,
    /// `env` and `version` are taken from it. `None` for spans of a Datadog client, which say all of it themselves.
    pub resource: Option<&'c Resource<'a>>,
    /// The spans, all of one trace.
    pub spans: &'c [Span<'a>],
}

/// Appends a whole `/v0.4/traces` body.
pub fn v04(chunks: &[Chunk<'_, '_>], out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    writer.array(chunks.len());
    for chunk in chunks {
        let shared = chunk.resource.map(shared_tags).unwrap_or_default();
        writer.array(chunk.spans.len());
        for (span, head) in heads(chunk) {
            write_span(span, &head, &shared, &mut writer);
        }
    }
}

/// What a root has for a parent where the format asks for a number.
const ROOT_PARENT: u64 = 0;

/// Each span of a chunk with what it says beside its own fields.
fn heads<'c, 'a>(chunk: &Chunk<'c, 'a>) -> impl Iterator<Item = (&'c Span<'a>, Head<'c>)> + use<'c, 'a> {
    let resource = chunk.resource;
    chunk.spans.iter().enumerate().map(move |(at, span)| {
        let head = Head {
            service: span.service.as_deref().or_else(|| resource.map(service_of)),
            resource: span.resource.as_deref().or_else(|| resource.map(|_| span.name.as_ref())),
            first: at == 0,
        };
        (span, head)
    })
}

/// What a span says beside its own fields.
struct Head<'s> {
    service: Option<&'s str>,
    resource: Option<&'s str>,
    /// Whether it speaks for its chunk.
    first: bool,
}

/// The service of a span that came by another door; OpenTelemetry's name for one that nobody named.
fn service_of<'r>(resource: &'r Resource<'_>) -> &'r str {
    resource.service().unwrap_or("unknown_service")
}

/// A resource's attributes as tags, under the names that Datadog has for them.
fn shared_tags<'r>(resource: &'r Resource<'_>) -> Attrs<'r> {
    let mut tags = Attrs::new();
    for (key, text) in [("env", resource.env()), ("version", resource.version())] {
        if let Some(text) = text {
            tags.push((Cow::Borrowed(key), Value::from(text)));
        }
    }
    for (key, value) in &resource.attrs {
        let tag = if key == "host.name" { "_dd.hostname" } else { key };
        if tag != "service.name" && tags.iter().all(|(have, _)| have != tag) {
            tags.push((Cow::Borrowed(tag), text_or_number(value)));
        }
    }
    tags
}

fn text_or_number<'v>(value: &'v Value<'_>) -> Value<'v> {
    match value {
        Value::Int(number) => Value::Int(*number),
        Value::Double(number) => Value::Double(*number),
        other => Value::Str(other.to_text()),
    }
}

/// A span's tags, sorted into the three maps that v0.4 keeps them in.
#[derive(Default)]
struct Maps<'s> {
    meta: Vec<(&'s str, Text<'s>)>,
    metrics: Vec<(&'s str, &'s Value<'s>)>,
    structs: Vec<(&'s str, &'s Value<'s>)>,
    kind: Option<&'s str>,
}

fn sort<'s>(span: &'s Span<'_>, first: bool, shared: &'s Attrs<'_>) -> Maps<'s> {
    let mut maps = Maps::default();
    for (key, value) in &span.attrs {
        match (key.strip_prefix(META_STRUCT), value) {
            (Some(name), Value::Map(_) | Value::List(_) | Value::Bytes(_)) => {
                maps.structs.push((name, value))
            }
            (_, Value::Str(kind)) if key == "span.type" && maps.kind.is_none() => maps.kind = Some(kind),
            (_, Value::Int(_) | Value::Double(_)) => maps.metrics.push((key, value)),
            _ => maps.meta.push((key, value.to_text())),
        }
    }
    for (key, value) in shared {
        if span.attr(key).is_none() {
            match value {
                Value::Int(_) | Value::Double(_) => maps.metrics.push((key, value)),
                other => maps.meta.push((key, other.to_text())),
            }
        }
    }
    let mut add = |key: &'s str, text: Text<'s>| {
        if span.attr(key).is_none() {
            maps.meta.push((key, text));
        }
    };
    if first && span.trace_id.high() != 0 {
        add("_dd.p.tid", Cow::Owned(format!("{:016x}", span.trace_id.high())));
    }
    if span.kind != SpanKind::Unspecified {
        add("span.kind", Cow::Borrowed(span.kind.as_str()));
    }
    if span.status == Status::Ok {
        add("otel.status_code", Cow::Borrowed("Ok"));
    }
    let said = ["error.message", "error.msg"].into_iter().any(|key| span.attr(key).is_some());
    if span.status == Status::Error && !span.status_message.is_empty() && !said {
        add("error.message", Cow::Borrowed(&span.status_message));
    }
    if !span.trace_state.is_empty() {
        add("w3c.tracestate", Cow::Borrowed(&span.trace_state));
    }
    maps
}

fn write_span(span: &Span<'_>, head: &Head<'_>, shared: &Attrs<'_>, writer: &mut Writer<'_>) {
    let maps = sort(span, head.first, shared);
    let texts = [("service", head.service), ("name", Some(span.name.as_ref())), ("resource", head.resource)];
    let optional = texts.iter().filter(|(_, text)| text.is_some()).count()
        + [
            span.parent_id.is_some(),
            span.status == Status::Error,
            !maps.meta.is_empty(),
            !maps.metrics.is_empty(),
            !maps.structs.is_empty(),
            maps.kind.is_some(),
            !span.links.is_empty(),
            !span.events.is_empty(),
        ]
        .into_iter()
        .map(usize::from)
        .sum::<usize>();
    writer.map(optional + 4);
    for (key, text) in texts {
        if let Some(text) = text {
            writer.text(key);
            writer.text(text);
        }
    }
    let parent = span.parent_id.map(|id| id.0);
    for (key, id) in
        [("trace_id", Some(span.trace_id.low())), ("span_id", Some(span.span_id.0)), ("parent_id", parent)]
    {
        if let Some(id) = id {
            writer.text(key);
            writer.uint(id);
        }
    }
    for (key, nanos) in [("start", span.start.0), ("duration", span.duration)] {
        writer.text(key);
        writer.int(nanos);
    }
    if span.status == Status::Error {
        writer.text("error");
        writer.int(1);
    }
    if let Some(kind) = maps.kind {
        writer.text("type");
        writer.text(kind);
    }
    write_maps(&maps, writer);
    write_links(&span.links, writer);
    write_events(&span.events, writer);
}

fn write_maps(maps: &Maps<'_>, writer: &mut Writer<'_>) {
    if !maps.meta.is_empty() {
        writer.text("meta");
        writer.map(maps.meta.len());
        for (key, text) in &maps.meta {
            writer.text(key);
            writer.text(text);
        }
    }
    if !maps.metrics.is_empty() {
        writer.text("metrics");
        writer.map(maps.metrics.len());
        for (key, number) in &maps.metrics {
            writer.text(key);
            writer.value(number);
        }
    }
    if maps.structs.is_empty() {
        return;
    }
    writer.text("meta_struct");
    writer.map(maps.structs.len());
    let mut packed = Vec::new();
    for (key, value) in &maps.structs {
        writer.text(key);
        match value {
            Value::Bytes(bytes) => writer.bytes(bytes),
            value => {
                packed.clear();
                Writer::new(&mut packed).value(value);
                writer.bytes(&packed);
            }
        }
    }
}

fn write_links(links: &[Link<'_>], writer: &mut Writer<'_>) {
    if links.is_empty() {
        return;
    }
    writer.text("span_links");
    writer.array(links.len());
    for link in links {
        let high = link.trace_id.high();
        let state = !link.trace_state.is_empty();
        let optional = [high != 0, !link.attrs.is_empty(), state, link.flags != 0];
        writer.map(2 + optional.into_iter().map(usize::from).sum::<usize>());
        writer.text("trace_id");
        writer.uint(link.trace_id.low());
        if high != 0 {
            writer.text("trace_id_high");
            writer.uint(high);
        }
        writer.text("span_id");
        writer.uint(link.span_id.0);
        if !link.attrs.is_empty() {
            writer.text("attributes");
            writer.map(link.attrs.len());
            for (key, value) in &link.attrs {
                writer.text(key);
                writer.text(&value.to_text());
            }
        }
        if state {
            writer.text("tracestate");
            writer.text(&link.trace_state);
        }
        if link.flags != 0 {
            writer.text("flags");
            writer.uint(u64::from(link.flags | FLAGS_VALID));
        }
    }
}

fn write_events(events: &[Event<'_>], writer: &mut Writer<'_>) {
    if events.is_empty() {
        return;
    }
    writer.text("span_events");
    writer.array(events.len());
    for event in events {
        writer.map(if event.attrs.is_empty() { 2 } else { 3 });
        writer.text("time_unix_nano");
        writer.int(event.time.0.max(0));
        writer.text("name");
        writer.text(&event.name);
        if !event.attrs.is_empty() {
            writer.text("attributes");
            writer.map(event.attrs.len());
            for (key, value) in &event.attrs {
                writer.text(key);
                typed(value, writer);
            }
        }
    }
}

/// A value under the name of its type. Datadog has no nested maps and no bytes here; they go as JSON text.
fn typed(value: &Value<'_>, writer: &mut Writer<'_>) {
    let (number, name) = match value {
        Value::Bool(_) => (1, "bool_value"),
        Value::Int(_) => (2, "int_value"),
        Value::Double(_) => (3, "double_value"),
        Value::List(_) => (4, "array_value"),
        Value::Str(_) | Value::Bytes(_) | Value::Map(_) => (0, "string_value"),
    };
    writer.map(2);
    writer.text("type");
    writer.int(number);
    writer.text(name);
    match value {
        Value::List(items) => {
            writer.map(1);
            writer.text("values");
            writer.array(items.len());
            items.iter().for_each(|item| typed(item, writer));
        }
        Value::Bytes(_) | Value::Map(_) => writer.text(&value.to_text()),
        plain => writer.value(plain),
    }
}
