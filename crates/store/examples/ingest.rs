//! Measures what a span costs: `cargo run --release -p store --example ingest -- [spans] [spans a request] [durability]`.
//!
//! Redaction is timed apart from the batch; memory is what the system says of the process after everything.

use std::sync::Arc;
use std::time::Instant;
use store::{Batch, Config, Durability, FolderObjects, Parts, RealFs, Store};
use tundra_record::env::SystemClock;
use tundra_record::redact::{Pass, RedactConfig, Redactor};
use tundra_record::{Resource, Scope, Source, Span, SpanId, SpanKind, TraceId, UnixNanos};

const DAY_NS: i64 = 1_763_683_200_000_000_000;

/// A span of a service mesh with six attributes, one in ten of which has a long text.
fn span(number: u64) -> Span<'static> {
    let operation = number % 97;
    let mut attrs = vec![
        ("http.request.method".into(), "GET".into()),
        ("http.route".into(), format!("/api/v1/items/{operation}/{{id}}").into()),
        ("http.response.status_code".into(), 200i64.into()),
        ("session.id".into(), format!("session-{:08x}", number / 40).into()),
        ("k8s.pod.name".into(), format!("checkout-7d9f8b6c5-{:05}", operation % 40).into()),
        ("cache.hit".into(), number.is_multiple_of(3).into()),
    ];
    if number.is_multiple_of(10) {
        let word = format!("the {} of question {} is answered by {} ", operation, number, number / 7);
        attrs.push(("gen_ai.prompt".into(), word.repeat(25).into()));
    }
    Span {
        trace_id: TraceId((u128::from(number / 10 + 1) << 64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        span_id: SpanId((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        parent_id: (!number.is_multiple_of(10))
            .then(|| SpanId((number / 10 * 10 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))),
        name: format!("GET /api/v1/items/{operation}").into(),
        kind: SpanKind::Server,
        start: UnixNanos(DAY_NS + number as i64 * 80_000),
        duration: 1_000_000 + (number % 1000) as i64 * 977,
        attrs,
        ..Span::default()
    }
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn resident_mib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// The steps before the log, the fastest of many rounds, so that neighbours on the machine count little.
fn steps(redactor: &Redactor, request: u64) {
    let mut best = [f64::MAX; 3];
    for round in 0..200 {
        let clock = Instant::now();
        let mut spans: Vec<Span<'_>> = (round * request..(round + 1) * request).map(span).collect();
        let made = clock.elapsed();
        let mut pass = Pass::new(redactor);
        let clean: Vec<_> = spans.iter_mut().map(|span| pass.span(span)).collect();
        let redacted = clock.elapsed();
        let mut batch = Batch::new(UnixNanos(DAY_NS), Source::Otlp);
        clean.iter().for_each(|span| batch.span(span, None));
        let batched = clock.elapsed();
        for (best, time) in best.iter_mut().zip([made, redacted - made, batched - redacted]) {
            *best = best.min(time.as_secs_f64() / request as f64 * 1e6);
        }
    }
    let [made, redacted, batched] = best;
    say(format_args!("make {made:.2}, redact {redacted:.2}, rows {batched:.2} us/span (best of 200 rounds)"));
}

fn say(text: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    let _closed = writeln!(std::io::stdout(), "{text}");
}

/// Spans, spans a request, and whether durability is relaxed.
fn arguments() -> (u64, u64, bool) {
    let mut words = std::env::args().skip(1);
    let total = words.next().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let request = words.next().and_then(|n| n.parse().ok()).unwrap_or(512);
    (total, request, words.next().as_deref() == Some("relaxed"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (total, request, relaxed) = arguments();
    let dir = tempfile::tempdir()?;
    let fs = Arc::new(RealFs);
    let objects = Arc::new(FolderObjects::open(fs.clone(), dir.path().join("data"))?);
    let mut config = Config::new(dir.path());
    if relaxed {
        config.durability = Durability::Relaxed;
    }
    let opening = Instant::now();
    let store = Store::open(config, Parts { fs, clock: Arc::new(SystemClock), objects }).await?;
    say(format_args!("open an empty store: {:?}", opening.elapsed()));
    let redactor = Redactor::new(&RedactConfig::default())?;
    steps(&redactor, request);
    let before_rss = resident_mib("VmRSS");
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let mut refused = 0u64;
    let mut waits: Vec<f64> = Vec::new();
    let mut number = 0;
    let mut hot = 0;
    while number < total {
        let mut spans: Vec<Span<'_>> = (number..(number + request).min(total)).map(span).collect();
        let mut resource = Resource {
            attrs: vec![
                ("service.name".into(), "checkout".into()),
                ("host.name".into(), "ip-10-0-0-1".into()),
            ],
        };
        let mut scope = Scope { name: "mesh".into(), version: "1.0".into() };
        let mut pass = Pass::new(&redactor);
        let mut batch = Batch::new(UnixNanos(DAY_NS), Source::Otlp);
        batch.resource(&pass.resource(&mut resource));
        batch.scope(&pass.scope(&mut scope));
        let clean: Vec<_> = spans.iter_mut().map(|span| pass.span(span)).collect();
        clean.iter().for_each(|span| batch.span(span, None));
        let clock = Instant::now();
        match store.append(batch).await {
            Ok(_) => number += request,
            Err(error) => {
                refused += 1;
                tokio::time::sleep(error.retry_after().unwrap_or_default()).await;
            }
        }
        hot = hot.max(store.stats().hot_bytes);
        waits.push(clock.elapsed().as_secs_f64() * 1e3);
    }
    let rss = resident_mib("VmRSS");
    store.flush().await?;
    let spent = cpu_seconds() - cpu;
    let per = |seconds: f64| seconds / total as f64 * 1e6;
    waits.sort_by(f64::total_cmp);
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
    let stats = store.stats();
    say(format_args!("spans {total}, {request} a request, relaxed {relaxed}, refused appends {refused}"));
    say(format_args!("all of it           {:6.2} us/span (CPU of all threads)", per(spent)));
    say(format_args!("wall                {:6.2} us/span", per(started.elapsed().as_secs_f64())));
    say(format_args!("append p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99)));
    say(format_args!("files {}, {} B/span", stats.files, stats.file_bytes / total));
    say(format_args!(
        "memory before {before_rss} MiB, after {rss} MiB, at most {} MiB; rows in memory at most {} MiB",
        resident_mib("VmHWM"),
        hot >> 20
    ));
    let closing = Instant::now();
    store.maintain().await?;
    say(format_args!("maintain {:?}, now {} files", closing.elapsed(), store.stats().files));
    say(format_args!("memory at most {} MiB", resident_mib("VmHWM")));
    store.close().await?;
    Ok(())
}
