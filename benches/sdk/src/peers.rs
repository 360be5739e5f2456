//! The peers that have an API of their own: fastrace, and the OpenTelemetry SDK without `tracing`.

use crate::bursts::{Burst, Yield, block_on, burst};
use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};
use fastrace::future::FutureExt as _;
use fastrace::prelude::*;
use opentelemetry::trace::{SpanBuilder, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, ContextGuard, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracer, SpanData, SpanExporter};
use std::borrow::Cow;
use std::hint::black_box;
use std::time::Duration;

/// Takes everything and looks at nothing.
#[derive(Debug)]
pub struct Nowhere;

impl SpanExporter for Nowhere {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        black_box(&batch);
        Ok(())
    }
}

impl Reporter for Nowhere {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        black_box(&spans);
    }
}

pub fn start_fastrace() {
    fastrace::set_reporter(Nowhere, Config::default().report_interval(Duration::from_millis(100)));
}

/// Its properties are texts, so numbers have to become some.
fn four(n: u64) -> [(&'static str, Cow<'static, str>); 4] {
    [
        ("model", "gpt-4o-2024-08-06".into()),
        ("input_tokens", n.to_string().into()),
        ("temperature", 0.7_f64.to_string().into()),
        ("stream", "true".into()),
    ]
}

#[inline(never)]
fn local0() {
    let _span = LocalSpan::enter_with_local_parent("child0");
    black_box(());
}

#[inline(never)]
fn local4(n: u64) {
    let _span = LocalSpan::enter_with_local_parent("child4").with_properties(|| four(n));
    black_box(());
}

#[inline(never)]
fn span0(parent: &Span) {
    let span = Span::enter_with_parent("child0", parent);
    let _inside = span.set_local_parent();
    black_box(());
}

#[inline(never)]
fn span4(parent: &Span, n: u64) {
    let span = Span::enter_with_parent("child4", parent).with_properties(|| four(n));
    let _inside = span.set_local_parent();
    black_box(());
}

#[inline(never)]
fn event(n: u64) {
    let two = || [("tokens", Cow::from(n.to_string())), ("kind", "chunk".into())];
    LocalSpan::add_event(Event::new("stream chunk").with_properties(two));
}

pub fn fastrace_root() -> Span {
    Span::root("root", SpanContext::random())
}

fn in_fastrace_root(each: impl Fn(&Span, u64)) {
    for _ in 0..10 {
        let root = fastrace_root();
        let _inside = root.set_local_parent();
        (0..100).for_each(|n| each(&root, n));
    }
}

/// A row's burst; `local` for spans that stay on their thread and end in order.
pub fn through_fastrace(row: &str, local: bool) -> Option<Burst> {
    match (row, local) {
        ("span0", true) => burst(1010, || in_fastrace_root(|_, _| local0())),
        ("span4", true) => burst(1010, || in_fastrace_root(|_, n| local4(n))),
        ("span0", false) => burst(1010, || in_fastrace_root(|root, _| span0(root))),
        ("span4", false) => burst(1010, || in_fastrace_root(span4)),
        ("event", true) => burst(1010, || in_fastrace_root(|_, n| event(n))),
        ("poll", false) => burst(1000, || block_on(Yield(1000).in_span(fastrace_root()))),
        _ => None,
    }
}

/// One span for the cold rows, inside of a root.
pub fn fastrace_once(row: &str, local: bool) -> Option<Box<dyn FnMut(u64)>> {
    let root = fastrace_root();
    if local {
        // Kept for good: the process ends with it.
        let root: &'static Span = Box::leak(Box::new(root));
        std::mem::forget(root.set_local_parent());
        return match row {
            "cold0" => Some(Box::new(|_| local0())),
            "cold4" => Some(Box::new(local4)),
            _ => None,
        };
    }
    match row {
        "cold0" => Some(Box::new(move |_| span0(&root))),
        "cold4" => Some(Box::new(move |n| span4(&root, n))),
        _ => None,
    }
}

/// Spans that stay open.
pub fn fastrace_held(count: u64) -> (Box<dyn std::any::Any>, usize) {
    let root = fastrace_root();
    let field = |n: u64| [("n", n.to_string())];
    let open = |n| Span::enter_with_parent("held", &root).with_properties(|| field(n));
    (Box::new((0..count).map(open).collect::<Vec<_>>()), size_of::<Span>())
}

fn otel_four(n: i64) -> [KeyValue; 4] {
    [
        KeyValue::new("model", "gpt-4o-2024-08-06"),
        KeyValue::new("input_tokens", n),
        KeyValue::new("temperature", 0.7),
        KeyValue::new("stream", true),
    ]
}

#[inline(never)]
fn otel0(tracer: &SdkTracer) {
    let _inside = Context::current_with_span(tracer.start("child0")).attach();
    black_box(());
}

#[inline(never)]
fn otel4(tracer: &SdkTracer, n: i64) {
    let span = tracer.build(SpanBuilder::from_name("child4").with_attributes(otel_four(n)));
    let _inside = Context::current_with_span(span).attach();
    black_box(());
}

fn otel_event(n: i64) {
    let two = vec![KeyValue::new("tokens", n), KeyValue::new("kind", "chunk")];
    Context::map_current(|context| context.span().add_event("stream chunk", two));
}

fn otel_root(tracer: &SdkTracer) -> ContextGuard {
    Context::current_with_span(tracer.start("root")).attach()
}

/// A row's burst, by the SDK alone.
pub fn through_otel(row: &str, tracer: &SdkTracer) -> Option<Burst> {
    let tracer = tracer.clone();
    let in_root = move |each: &dyn Fn(&SdkTracer, i64)| {
        for _ in 0..10 {
            let _inside = otel_root(&tracer);
            (0..100).for_each(|n| each(&tracer, n));
        }
    };
    match row {
        "span0" => burst(1010, move || in_root(&|tracer, _| otel0(tracer))),
        "span4" => burst(1010, move || in_root(&otel4)),
        "event" => burst(1010, move || in_root(&|_, n| otel_event(n))),
        _ => None,
    }
}

/// One span for the cold rows, inside of a root.
pub fn otel_once(row: &str, tracer: &SdkTracer) -> Option<Box<dyn FnMut(u64)>> {
    std::mem::forget(otel_root(tracer));
    let tracer = tracer.clone();
    match row {
        "cold0" => Some(Box::new(move |_| otel0(&tracer))),
        "cold4" => Some(Box::new(move |n| otel4(&tracer, n as i64))),
        _ => None,
    }
}

/// Spans that stay open.
pub fn otel_held(tracer: &SdkTracer, count: u64) -> (Box<dyn std::any::Any>, usize) {
    let field = |n| [KeyValue::new("n", n as i64)];
    let open = |n: u64| tracer.build(SpanBuilder::from_name("held").with_attributes(field(n)));
    let held: Vec<_> = (0..count).map(open).collect();
    let handle = held.first().map_or(0, size_of_val);
    (Box::new(held), handle)
}
