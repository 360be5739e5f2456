//! Who is measured, and how each is set up: the way its documentation shows.
//!
//! `NAME` throws records away after the hand-over, `NAME+net` exports them to the referee's sink over HTTP. Datadog's
//! SDK has no exporter that can be replaced: it always sends.

use crate::peers;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig as _};
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider};
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing_subscriber::prelude::*;
use tundra::{ExportError, Exported, Exporter};

/// How long a shutdown may take, for everybody.
pub const DEADLINE: Duration = Duration::from_secs(1);

/// One side, set up.
pub struct Side {
    /// Empties its queues.
    pub flush: Box<dyn Fn() + Send + Sync>,
    /// Ends it.
    pub end: Box<dyn FnOnce() + Send>,
    /// For those that have an API of their own.
    pub tracer: Option<SdkTracer>,
    /// Switches recording on, or off and empties its queues; for those that can.
    pub switch: Arc<dyn Fn(bool) + Send + Sync>,
}

impl Side {
    /// One that has nothing to do.
    pub fn plain() -> Self {
        Self { flush: Box::new(|| ()), end: Box::new(|| ()), tracer: None, switch: Arc::new(|_| ()) }
    }
}

/// Where the referee's sink listens.
pub fn sink() -> String {
    std::env::var("BENCH_SINK").unwrap_or_else(|_| "http://127.0.0.1:9".to_owned())
}

/// Takes everything and looks at nothing.
struct Nowhere;

impl Exporter for Nowhere {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        black_box(batch.spans());
        Ok(())
    }
}

struct Empty;

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Empty {}

fn install(stack: impl Into<tracing::Dispatch>) {
    tracing::dispatcher::set_global_default(stack.into()).expect("nobody else did");
}

/// Sets a side up for this process.
pub fn open(name: &str) -> Side {
    let (peer, how) = name.split_once('+').unwrap_or((name, ""));
    match peer {
        "none" => Side::plain(),
        "registry" => {
            install(tracing_subscriber::registry().with(Empty));
            Side::plain()
        }
        "tundra" | "layer" => tundra_side(peer, how),
        "otel" | "tracing_otel" => opentelemetry_side(peer, how),
        "datadog" => {
            let provider = datadog_opentelemetry::tracing().init_local().0;
            let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
            install(tracing_subscriber::registry().with(layer));
            provided(provider, None)
        }
        "fastrace" | "fastrace_span" => {
            peers::start_fastrace();
            Side { flush: Box::new(fastrace::flush), ..Side::plain() }
        }
        _ => crate::meters::open(peer).unwrap_or_else(Side::plain),
    }
}

fn tundra_side(door: &str, how: &str) -> Side {
    let builder =
        tundra::builder().service("bench").filter("info").no_log_output().shutdown_deadline(DEADLINE);
    let exporter: Box<dyn Exporter> = match how.split('+').next() {
        Some("agent") => Box::new(tundra::DatadogAgent::new(&sink()).expect("an address")),
        Some("otlp" | "net") => Box::new(tundra::Otlp::new(&sink()).expect("an address")),
        _ => Box::new(Nowhere),
    };
    let builder = if how.ends_with("plain") { builder.no_redaction() } else { builder };
    let builder = builder.exporter(exporter);
    let guard = if door == "layer" {
        let (layer, guard) = builder.layer().expect("it can be made");
        install(tracing_subscriber::registry().with(layer));
        guard
    } else {
        builder.install().expect("nobody else did")
    };
    let handle = guard.handle();
    let guard = Arc::new(Mutex::new(Some(guard)));
    let held = Arc::clone(&guard);
    let flush = Arc::new(move || {
        if let Some(guard) = &*held.lock().expect("no panic") {
            let _ = guard.flush(Duration::from_secs(10));
        }
    });
    let flushed = Arc::clone(&flush);
    let switch = move |on: bool| {
        flushed();
        handle.set_filter(if on { "info" } else { "off" }).expect("these are directives");
    };
    let end = move || drop(guard.lock().expect("no panic").take());
    Side { flush: Box::new(move || flush()), end: Box::new(end), switch: Arc::new(switch), ..Side::plain() }
}

fn opentelemetry_side(peer: &str, how: &str) -> Side {
    // A queue long enough for a burst: with the usual one, most of it would be thrown away.
    let queue = BatchConfigBuilder::default().with_max_queue_size(16_384).build();
    let builder = SdkTracerProvider::builder();
    let provider = if how.is_empty() {
        let processor = BatchSpanProcessor::builder(peers::Nowhere).with_batch_config(queue).build();
        builder.with_span_processor(processor).build()
    } else {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{}/v1/traces", sink()))
            .with_headers(std::collections::HashMap::new())
            .build()
            .expect("an address");
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(queue).build();
        builder.with_span_processor(processor).build()
    };
    let tracer = provider.tracer("bench");
    if peer == "otel" {
        return provided(provider, Some(tracer));
    }
    install(tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer)));
    provided(provider, None)
}

fn provided(provider: SdkTracerProvider, tracer: Option<SdkTracer>) -> Side {
    let held = provider.clone();
    let flush = move || {
        let _ = held.force_flush();
    };
    let end = move || {
        let _ = provider.shutdown_with_timeout(DEADLINE);
    };
    Side { flush: Box::new(flush), end: Box::new(end), tracer, ..Side::plain() }
}
