//! Records as Datadog v0.4 and v0.5 msgpack, inverse to the decoders beside it. `outlet` and the SDK call it.
//!
//! What v0.4 has no place for is said in the tags that Datadog itself uses: truth values and nested values as text,
//! `error.message`, `otel.status_code`. Whatever came from a Datadog client goes out as it came.

mod frame;
mod piece;
mod v05;

pub use frame::{Common, Filling, Frame, Place, Slot};
pub use piece::Ids;

use piece::SpanWriter;
pub use v05::v05;

use super::native::FLAGS_VALID;
use super::{META_STRUCT, OPERATION};
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
    Writer::new(out).array(chunks.len());
    for chunk in chunks {
        let shared = chunk.resource.map(Shared::of).unwrap_or_default();
        Writer::new(out).array(chunk.spans.len());
        for (at, span) in chunk.spans.iter().enumerate() {
            write(span, &shared, at == 0, out);
        }
    }
}

/// What spans take from their sender's resource.
#[derive(Clone, Debug, Default)]
pub struct Shared<'r> {
    /// The service of spans that name none; `None` if spans say all of it themselves.
    pub service: Option<&'r str>,
    /// Tags of spans that do not have them.
    pub tags: Attrs<'r>,
    /// The same for the first span of a chunk alone: what they say of the sender holds for the whole chunk.
    pub of_sender: Attrs<'r>,
}

impl<'r> Shared<'r> {
    /// Of a resource.
    pub fn of(resource: &'r Resource<'_>) -> Self {
        let (of_sender, tags) =
            shared_tags(resource).into_iter().partition(|(tag, _)| OF_SENDER.contains(&&**tag));
        Self { service: Some(service_of(resource)), tags, of_sender }
    }
}

/// Appends one span; `first` if it speaks for its chunk.
pub fn write(span: &Span<'_>, shared: &Shared<'_>, first: bool, out: &mut Vec<u8>) {
    let head = head(span, shared.service);
    write_span(span, &head, &sort(span, first, shared), out);
}

/// What a root has for a parent where the format asks for a number.
const ROOT_PARENT: u64 = 0;

/// What a span says beside its own fields, where `service` is that of spans which name none.
fn head<'s>(span: &'s Span<'_>, service: Option<&'s str>) -> Head<'s> {
    let operation = span.attr(OPERATION).and_then(Value::as_str).filter(|operation| !operation.is_empty());
    Head {
        name: operation.unwrap_or(&span.name),
        service: span.service.as_deref().or(service),
        resource: span.resource.as_deref().or_else(|| service.map(|_| span.name.as_ref())),
    }
}

/// What a span says beside its own fields.
struct Head<'s> {
    name: &'s str,
    service: Option<&'s str>,
    resource: Option<&'s str>,
}

/// Resource attributes that tell of the process that sends and of the library in it. Datadog's own clients say such things
/// once for each chunk, too.
const OF_SENDER: [&str; 16] = [
    "process.pid",
    "process.parent_pid",
    "process.executable.name",
    "process.executable.path",
    "process.command",
    "process.command_line",
    "process.command_args",
    "process.owner",
    "process.runtime.name",
    "process.runtime.version",
    "process.runtime.description",
    "telemetry.sdk.name",
    "telemetry.sdk.language",
    "telemetry.sdk.version",
    "telemetry.distro.name",
    "telemetry.distro.version",
];

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

fn sort<'s>(span: &'s Span<'_>, first: bool, shared: &'s Shared<'_>) -> Maps<'s> {
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
    let of_sender = shared.of_sender.iter().filter(|_| first);
    for (key, value) in shared.tags.iter().chain(of_sender) {
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

fn write_span(span: &Span<'_>, head: &Head<'_>, maps: &Maps<'_>, out: &mut Vec<u8>) {
    let mut piece = SpanWriter::begin(out);
    let texts = [
        ("service", head.service),
        ("name", Some(head.name)),
        ("resource", head.resource),
        ("type", maps.kind),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            piece.field(key).text(text);
        }
    }
    for (key, text) in &maps.meta {
        piece.tag(key, text);
    }
    if !maps.metrics.is_empty() {
        let writer = piece.field("metrics");
        writer.map(maps.metrics.len());
        for (key, number) in &maps.metrics {
            writer.text(key);
            writer.value(number);
        }
    }
    if span.status == Status::Error {
        piece.field("error").int(1);
    }
    if !maps.structs.is_empty() {
        write_structs(&maps.structs, piece.field("meta_struct"));
    }
    if !span.links.is_empty() {
        write_links(&span.links, piece.field("span_links"));
    }
    if !span.events.is_empty() {
        write_events(&span.events, piece.field("span_events"));
    }
    piece.end(&Ids {
        trace: span.trace_id,
        span: span.span_id,
        parent: span.parent_id,
        start: span.start.0,
        duration: span.duration,
    });
}

fn write_structs(structs: &[(&str, &Value<'_>)], writer: &mut Writer<'_>) {
    writer.map(structs.len());
    let mut packed = Vec::new();
    for (key, value) in structs {
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
