//! How long reading takes. Prints, asserts nothing: `cargo test --release -p llm --test it -- --ignored --nocapture`.

use crate::captures::{READER, case};
use std::hint::black_box;
use std::time::Instant;
use tundra_record::{LogRecord, Resource, Scope, Span, Value};

/// The best of a thousand short batches: what the work costs when nobody else runs.
fn time(what: &str, rounds: u32, mut work: impl FnMut()) {
    let batch = (rounds / 1_000).max(1);
    let one = |_| {
        let started = Instant::now();
        for _ in 0..batch {
            work();
        }
        started.elapsed().as_nanos() / u128::from(batch)
    };
    println!("{what}: {} ns", (0..1_000).map(one).min().unwrap_or_default());
}

#[test]
#[ignore = "a measurement, not a check"]
fn measure() {
    let started = Instant::now();
    READER.prices().warm();
    println!("price data decoded: {} us", started.elapsed().as_micros());
    let attrs = [
        ("http.request.method", Value::from("GET")),
        ("url.path", Value::from("/cart")),
        ("http.response.status_code", Value::from(200)),
        ("server.address", Value::from("shop")),
        ("network.protocol.version", Value::from("1.1")),
        ("otel.dropped", Value::from(0)),
    ];
    let attrs: Vec<_> = attrs.into_iter().map(|(key, value)| (key.into(), value)).collect();
    let (resource, scope) = (Resource::default(), Scope { name: "http".into(), version: "1".into() });
    let plain = Span { attrs: attrs.clone(), ..Span::default() };
    time("plain span of 6 attributes", 1_000_000, || {
        black_box(READER.span(black_box(&resource), &scope, black_box(&plain)));
    });
    let log = LogRecord { attrs, ..LogRecord::default() };
    time("plain log of 6 attributes", 1_000_000, || {
        black_box(READER.log(black_box(&resource), &scope, black_box(&log)));
    });
    let mut named = plain.clone();
    named.attrs.push(("user.id".into(), Value::from("u-1")));
    time("span with a user id", 1_000_000, || {
        black_box(READER.span(black_box(&resource), &scope, black_box(&named)));
    });
    for name in
        ["otel-genai-openai-span", "openinference-openai", "ddtrace-llmobs-agentproxy", "vercel-ai-sdk-proto"]
    {
        let case = case(name);
        let (span, understood) =
            case.spans.iter().find(|(_, u)| u.as_ref().is_some_and(|u| u.call.is_some())).unwrap();
        time(&format!("{name}: one call"), 20_000, || {
            black_box(READER.span(&resource, &scope, black_box(span)));
        });
        let mut call = understood.as_ref().unwrap().call.clone().unwrap();
        time(&format!("{name}: its price alone"), 200_000, || READER.prices().apply(black_box(&mut call)));
        let mut shift = 0;
        time(&format!("{name}: a price not seen before"), 1_000, || {
            shift += 1_800_000_000_000;
            call.start.0 = shift;
            READER.prices().apply(black_box(&mut call));
        });
    }
}
