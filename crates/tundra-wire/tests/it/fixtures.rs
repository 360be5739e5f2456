//! Real requests of real clients: each decodes to as many records as an independent decoder counted in it.

use super::alloc::measure;
use super::recorder::{Counts, Item, decode, record, spans};
use super::render::render;
use std::io::Read as _;
use std::path::Path;
use tundra_record::{Span, SpanId, Status, TraceId, Value};
use tundra_wire::datadog::encode::{Chunk, v04};
use tundra_wire::datadog::{count_spans, count_spans_v05};
use tundra_wire::{Limits, otlp};

pub(crate) struct Fixture {
    pub(crate) format: String,
    pub(crate) name: String,
    pub(crate) records: usize,
    pub(crate) body: Vec<u8>,
}

/// Every request of the manifest, without compression and without the frames of streams.
pub(crate) fn all() -> Vec<Fixture> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let manifest = std::fs::read_to_string(data.join("manifest.txt")).unwrap();
    let rows = manifest.lines().filter(|line| !line.starts_with('#'));
    let read = |line: &str| {
        let [format, name, records] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let mut body = std::fs::read(data.join(name)).unwrap();
        let mut format = format.to_owned();
        if let Some(plain) = format.strip_suffix("+gzip") {
            let mut inflated = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut inflated).unwrap();
            (format, body) = (plain.to_owned(), inflated);
        }
        if let Some(plain) = format.strip_suffix("-stream") {
            (format, body) = (plain.to_owned(), unframe(&body));
        }
        Fixture { format, name: name.to_owned(), records: records.parse().unwrap(), body }
    };
    rows.map(read).collect()
}

fn unframe(mut stream: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    while let Some((len, rest)) = stream.split_first_chunk() {
        let (frame, rest) = rest.split_at(u32::from_le_bytes(*len) as usize);
        lines.extend_from_slice(frame);
        lines.push(b'\n');
        stream = rest;
    }
    lines
}

fn named(name: &str) -> Fixture {
    all().into_iter().find(|fixture| fixture.name == name).unwrap()
}

#[test]
fn every_record_of_every_request_is_read() {
    let fixtures = all();
    assert!(fixtures.len() >= 120);
    for fixture in fixtures {
        let mut counts = Counts::default();
        decode(&fixture.format, &fixture.body, &Limits::default(), &mut counts)
            .unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
        assert_eq!((counts.kept(), counts.rejected), (fixture.records, 0), "{}", fixture.name);
        let counted = match fixture.format.as_str() {
            "otlp-traces" | "otlp-logs" => otlp::count::records(&fixture.body),
            "otlp-metrics" => otlp::count::points(&fixture.body),
            "v04" => count_spans(&fixture.body),
            "v05" => count_spans_v05(&fixture.body),
            _ => fixture.records,
        };
        assert_eq!(counted, fixture.records, "counting {}", fixture.name);
    }
}

#[test]
fn unchanged_datadog_data_goes_out_as_it_came() {
    for fixture in all().into_iter().filter(|fixture| fixture.format.starts_with("v0")) {
        let read = spans(&fixture.format, &fixture.body);
        let mut body = Vec::new();
        let chunks: Vec<_> = read.chunk_by(|a, b| a.trace_id == b.trace_id).collect();
        let chunks: Vec<_> = chunks.iter().map(|spans| Chunk { resource: None, spans }).collect();
        v04(&chunks, &mut body);
        assert_eq!(sorted(spans("v04", &body)), sorted(read), "{}", fixture.name);
    }
}

/// The encoder groups tags by their map, so the order of attributes is not compared.
fn sorted(mut spans: Vec<Span<'static>>) -> Vec<Span<'static>> {
    spans.iter_mut().for_each(|span| span.attrs.sort_by(|a, b| a.0.cmp(&b.0)));
    spans
}

#[test]
fn unchanged_otlp_spans_go_out_as_they_came() {
    for fixture in all().into_iter().filter(|fixture| fixture.format.starts_with("otlp-traces")) {
        let items = record(&fixture.format, &fixture.body).unwrap();
        let mut body = Vec::new();
        let (mut resource, mut scope) = (Default::default(), Default::default());
        for item in &items {
            match item {
                Item::Resource(r) => resource = r.clone(),
                Item::Scope(s) => scope = s.clone(),
                Item::Span(span) => otlp::encode::traces(&resource, &scope, [span], &mut body),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(spans("otlp-traces", &body), spans(&fixture.format, &fixture.body), "{}", fixture.name);
    }
}

#[test]
fn readable_renderings() {
    for (snapshot, name) in [
        ("claude_code_logs", "llm/claude-code-proto/002.body"),
        ("openinference_traces", "llm/openinference-openai/003.body"),
        ("rust_sdk_v04", "datadog/rs-otel/0004-POST_v0.4_traces.bin"),
        ("js_otlp_json", "datadog/js-otlp/0004-POST_v1_traces.bin"),
        ("py_otlp_metrics_json", "datadog/py-otlp/0017-POST_v1_metrics.bin"),
        ("rust_v05", "datadog/rs-v05/0002-POST_v0.5_traces.bin"),
    ] {
        let fixture = named(name);
        insta::assert_snapshot!(snapshot, render(&record(&fixture.format, &fixture.body).unwrap()));
    }
}

#[test]
fn every_dogstatsd_construct() {
    let bodies = all().into_iter().filter(|fixture| fixture.name.starts_with("datadog/dsd-"));
    let mut lines: Vec<String> = bodies
        .flat_map(|fixture| {
            let text = String::from_utf8(fixture.body).unwrap();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    lines.sort();
    lines.dedup();
    insta::assert_snapshot!(render(&record("dogstatsd", lines.join("\n").as_bytes()).unwrap()));
}

/// The traps of the captures: ids of 128 bits, errors, links and events of four encodings.
#[test]
fn what_the_captures_hide() {
    let rust = spans("v04", &named("datadog/rs-otel/0004-POST_v0.4_traces.bin").body);
    let id: TraceId = "6b00db66000000004be7e5efd0d00f15".parse().unwrap();
    assert_eq!(rust[0].trace_id, id, "the Rust SDK says the high half only in otel.trace_id");
    assert_eq!((rust[0].status, rust[0].status_message.as_ref()), (Status::Error, "boom"));
    assert_eq!((rust[0].links[0].flags, rust[0].events[0].attrs.len()), (1, 3));

    let python = spans("v04", &named("datadog/py-v04-llm/0008-POST_v0.4_traces.bin").body);
    assert!(python.iter().all(|span| span.trace_id.high() != 0), "the first span speaks for its chunk");
    let structured = python
        .iter()
        .filter(|span| span.attr("meta_struct._llmobs").and_then(|value| value.get("meta")).is_some());
    assert!(structured.count() > 0, "LLM events are unpacked");

    let js = spans("v04", &named("datadog/js-v04-llm/0010-PUT_v0.4_traces.bin").body);
    assert!(js.iter().any(|span| !span.events.is_empty()), "events in a tag become events");
    assert!(js.iter().any(|span| !span.links.is_empty()), "links in a tag become links");
}

#[test]
fn spans_cost_no_allocation_of_their_own() {
    let attrs = (0..12).map(|at| (format!("key.{at}").into(), Value::from("some text"))).collect();
    let span =
        Span { trace_id: TraceId(7), span_id: SpanId(9), name: "work".into(), attrs, ..Span::default() };
    let spans = vec![span; 512];
    let (mut otlp_body, mut v04_body) = (Vec::new(), Vec::new());
    otlp::encode::traces(&Default::default(), &Default::default(), &spans, &mut otlp_body);
    v04(&[Chunk { resource: None, spans: &spans }], &mut v04_body);
    for (format, body) in [("otlp-traces", otlp_body), ("v04", v04_body)] {
        let mut counts = Counts::default();
        let (_, calls) = measure(|| decode(format, &body, &Limits::default(), &mut counts).unwrap());
        assert_eq!(counts.spans, 512);
        // The attributes' buffer grows by doubling, and Datadog's resource is made once.
        assert!(calls < 10, "{format}: {calls} allocations");
    }
}
