//! Records as Datadog v0.5 msgpack, inverse to the decoder `v05`. The SDK calls it for Agents that ask for this format.
//!
//! v0.5 has no links, events and structures: links and events go as the JSON tags that Datadog's own clients use, entries
//! of `meta_struct` have no place here, so spans that carry one belong into v0.4.

use super::{Chunk, Head, Maps, ROOT_PARENT, Shared, head, sort};
use crate::datadog::native::FLAGS_VALID;
use crate::msgpack::Writer;
use std::borrow::Cow;
use std::collections::HashMap;
use tundra_record::value::write_json_text;
use tundra_record::{Event, Link, Span, Status, Text, Value};

/// The fields of a span.
const FIELDS: usize = 12;

/// Appends a whole `/v0.5/traces` body.
pub fn v05(chunks: &[Chunk<'_, '_>], out: &mut Vec<u8>) {
    let mut table = Table::new();
    let mut traces = Vec::new();
    let mut writer = Writer::new(&mut traces);
    writer.array(chunks.len());
    for chunk in chunks {
        let shared = chunk.resource.map(Shared::of).unwrap_or_default();
        writer.array(chunk.spans.len());
        for (at, span) in chunk.spans.iter().enumerate() {
            let head = head(span, shared.service);
            let maps = sort(span, at == 0, &shared);
            write_span(span, &head, &maps, &mut table, &mut writer);
        }
    }
    let mut writer = Writer::new(out);
    writer.array(2);
    writer.array(table.places.len());
    out.extend_from_slice(&table.texts);
    out.extend_from_slice(&traces);
}

/// Every text once, in the order of first use; the empty one is always number 0.
struct Table {
    places: HashMap<String, u64>,
    /// The texts as msgpack.
    texts: Vec<u8>,
}

impl Table {
    fn new() -> Self {
        let mut table = Self { places: HashMap::new(), texts: Vec::new() };
        table.place("");
        table
    }

    fn place(&mut self, text: &str) -> u64 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.places.len() as u64;
        self.places.insert(text.to_owned(), place);
        Writer::new(&mut self.texts).text(text);
        place
    }
}

fn write_span(span: &Span<'_>, head: &Head<'_>, maps: &Maps<'_>, table: &mut Table, writer: &mut Writer<'_>) {
    writer.array(FIELDS);
    for text in [head.service.unwrap_or_default(), head.name, head.resource.unwrap_or_default()] {
        writer.uint(table.place(text));
    }
    writer.uint(span.trace_id.low());
    writer.uint(span.span_id.0);
    writer.uint(span.parent_id.map_or(ROOT_PARENT, |id| id.0));
    writer.int(span.start.0);
    writer.int(span.duration);
    writer.int(i64::from(span.status == Status::Error));
    let links = (!span.links.is_empty()).then(|| ("_dd.span_links", links(&span.links)));
    let events = (!span.events.is_empty()).then(|| ("events", events(&span.events)));
    let squeezed: Vec<(&str, String)> = links.into_iter().chain(events).collect();
    writer.map(maps.meta.len() + squeezed.len());
    let squeezed = squeezed.iter().map(|(key, text)| (*key, text.as_str()));
    for (key, text) in maps.meta.iter().map(|(key, text)| (*key, text.as_ref())).chain(squeezed) {
        writer.uint(table.place(key));
        writer.uint(table.place(text));
    }
    writer.map(maps.metrics.len());
    for (key, number) in &maps.metrics {
        writer.uint(table.place(key));
        writer.value(number);
    }
    writer.uint(table.place(maps.kind.unwrap_or_default()));
}

fn json(items: Vec<Value<'_>>) -> String {
    let mut text = String::new();
    write_json_text(&Value::List(items), &mut text);
    text
}

fn events(events: &[Event<'_>]) -> String {
    let event = |event: &Event<'_>| {
        let mut entries = vec![
            (Text::Borrowed("name"), Value::Str(Cow::Owned(event.name.to_string()))),
            (Text::Borrowed("time_unix_nano"), Value::Int(event.time.0)),
        ];
        if !event.attrs.is_empty() {
            entries.push((Text::Borrowed("attributes"), Value::Map(event.attrs.clone()).into_owned()));
        }
        Value::Map(entries)
    };
    json(events.iter().map(event).collect())
}

fn links(links: &[Link<'_>]) -> String {
    let link = |link: &Link<'_>| {
        let mut entries = vec![
            (Text::Borrowed("trace_id"), Value::from(link.trace_id.to_string())),
            (Text::Borrowed("span_id"), Value::from(link.span_id.to_string())),
        ];
        if !link.attrs.is_empty() {
            entries.push((Text::Borrowed("attributes"), Value::Map(link.attrs.clone()).into_owned()));
        }
        if !link.trace_state.is_empty() {
            entries.push((Text::Borrowed("tracestate"), Value::from(link.trace_state.to_string())));
        }
        if link.flags != 0 {
            entries.push((Text::Borrowed("flags"), Value::Int(i64::from(link.flags | FLAGS_VALID))));
        }
        Value::Map(entries)
    };
    json(links.iter().map(link).collect())
}
