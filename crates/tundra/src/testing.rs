//! For your tests: an in-memory collector, its records with nothing borrowed, and traces as indented text.
//!
//! ```
//! let collector = tundra::testing::Collector::new();
//! collector.in_scope(|| {
//!     let _request = tracing::info_span!("request", path = "/").entered();
//!     tracing::info_span!("query", rows = 3).in_scope(|| ());
//! });
//! assert_eq!(collector.tree(), "request path=\"/\"\n  query rows=3\n");
//! ```
//!
//! Model calls have a view of their own, and time stands still where a test asks for it:
//!
//! ```
//! use std::time::Duration;
//! let clock = tundra::testing::Clock::at(1_700_000_000_000_000_000);
//! let collector = tundra::testing::Collector::with_clock(clock);
//! collector.in_scope(|| {
//!     let call = tundra::llm::chat("openai", "gpt-4o");
//!     call.input(tundra::llm::Message::user("What is the weather?"));
//!     clock.advance(Duration::from_secs(2));
//!     call.output(tundra::llm::Message::assistant("Sunny."));
//!     call.usage(tundra::llm::Usage { input: Some(12), output: Some(3), ..Default::default() });
//! });
//! let calls = collector.calls();
//! assert_eq!((calls[0].name.as_str(), calls[0].output.as_str()), ("gpt-4o", "Sunny."));
//! assert_eq!((calls[0].input_tokens, calls[0].span.duration), (Some(12), 2_000_000_000));
//! ```
//!
//! Several collectors can be used side by side, each for the code inside its `in_scope`.

mod calls;
mod clock;

pub use calls::ModelCall;
pub use clock::Clock;

use crate::builder::from_environment;
use crate::env::Environment;
use crate::{Builder, ExportError, Exported, Exporter, Guard, LogFormat};
use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Dispatch, Metadata, Subscriber, dispatcher};
use tundra_record::value::{into_owned, write_json_text};
use tundra_record::{
    LogRecord, MetricPoint, Reject, Resource, Scope, Sink, Span, SpanId, Status, UnixNanos, Value,
};

/// How long a test waits for the collector thread before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an in-memory exporter was given, with nothing borrowed.
#[derive(Debug, Default)]
pub struct Records {
    /// Closed spans.
    pub spans: Vec<Span<'static>>,
    /// Log records.
    pub logs: Vec<LogRecord<'static>>,
    /// Metric points.
    pub points: Vec<MetricPoint<'static>>,
}

impl Sink for Records {
    fn resource(&mut self, _: &mut Resource<'_>) {}
    fn scope(&mut self, _: &mut Scope<'_>) {}
    fn span(&mut self, span: &mut Span<'_>) {
        self.spans.push(span.clone().into_owned());
    }
    fn log(&mut self, log: &mut LogRecord<'_>) {
        self.logs.push(LogRecord {
            time: log.time,
            severity: log.severity,
            severity_text: log.severity_text.to_string().into(),
            event_name: log.event_name.to_string().into(),
            body: log.body.clone().into_owned(),
            trace_id: log.trace_id,
            span_id: log.span_id,
            attrs: into_owned(log.attrs.clone()),
        });
    }
    fn metric(&mut self, point: &mut MetricPoint<'_>) {
        self.points.push(MetricPoint {
            name: point.name.to_string().into(),
            unit: point.unit.to_string().into(),
            time: point.time,
            start: point.start,
            attrs: into_owned(point.attrs.clone()),
            value: point.value.clone(),
        });
    }
    fn reject(&mut self, _: Reject) {}
}

/// An exporter that keeps everything in memory, shared with whoever made it.
#[derive(Clone, Debug, Default)]
pub struct Memory(pub Arc<Mutex<Records>>);

impl Exporter for Memory {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        batch.drive(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Collects what is recorded inside its scope.
pub struct Collector {
    dispatch: Dispatch,
    guard: Guard,
    records: Arc<Mutex<Records>>,
    lines: Lines,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}

impl Default for Collector {
    fn default() -> Self {
        Self::new()
    }
}

impl Collector {
    /// Collects everything, down to `trace`. Variables such as `DD_TRACE_ENABLED` change nothing.
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// The same with other settings.
    #[expect(clippy::missing_panics_doc, reason = "a test that cannot start its collector has to fail")]
    pub fn with(set: impl FnOnce(Builder) -> Builder) -> Self {
        keep_call_sites_open();
        let (defaults, records, lines) = defaults();
        let (dispatch, guard) = set(defaults).build().expect("a test collector can always be made");
        Self { dispatch, guard, records, lines }
    }

    /// The same with times from a test's clock.
    pub fn with_clock(clock: Clock) -> Self {
        Self::with(|builder| builder.steps(clock.0))
    }

    /// The same with the SDK as a layer of a `Registry`.
    #[cfg(feature = "layer")]
    #[expect(clippy::missing_panics_doc, reason = "a test that cannot start its collector has to fail")]
    pub fn layered(set: impl FnOnce(Builder) -> Builder) -> Self {
        use tracing_subscriber::prelude::*;
        keep_call_sites_open();
        let (defaults, records, lines) = defaults();
        let (layer, guard) = set(defaults).layer().expect("a test collector can always be made");
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
        Self { dispatch, guard, records, lines }
    }

    /// Runs `work` with this collector as the thread's subscriber.
    pub fn in_scope<R>(&self, work: impl FnOnce() -> R) -> R {
        dispatcher::with_default(&self.dispatch, work)
    }

    /// For other threads: `tracing::dispatcher::with_default(&collector.dispatch(), ...)`.
    pub fn dispatch(&self) -> Dispatch {
        self.dispatch.clone()
    }

    /// The guard, for flushes and changes at run time.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    fn flushed(&self) -> MutexGuard<'_, Records> {
        let _ = self.guard.flush(PATIENCE);
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All spans that were closed, in the order their threads handed them over.
    pub fn spans(&self) -> Vec<Span<'static>> {
        self.flushed().spans.clone()
    }

    /// All log records.
    pub fn logs(&self) -> Vec<LogRecord<'static>> {
        self.flushed().logs.clone()
    }

    /// All metric points, from the whole process.
    pub fn points(&self) -> Vec<MetricPoint<'static>> {
        self.flushed().points.clone()
    }

    /// All log lines, as they would have been written.
    pub fn lines(&self) -> String {
        drop(self.flushed());
        String::from_utf8_lossy(&self.lines.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// All calls of models, tools and agents, in the order they began.
    pub fn calls(&self) -> Vec<ModelCall> {
        let mut spans = self.spans();
        spans.sort_by_key(|span| span.start);
        spans.into_iter().filter_map(ModelCall::of).collect()
    }

    /// The span with this name, if there is exactly one.
    pub fn span(&self, name: &str) -> Option<Span<'static>> {
        let mut found: Vec<_> = self.spans().into_iter().filter(|span| span.name == name).collect();
        if found.len() == 1 { found.pop() } else { None }
    }

    /// All traces as text, one span a line, children below their parent, siblings in the order they began.
    pub fn tree(&self) -> String {
        tree(&self.spans())
    }
}

/// What every test collector begins with, whatever the environment of the machine says.
fn defaults() -> (Builder, Arc<Mutex<Records>>, Lines) {
    let records = Arc::new(Mutex::new(Records::default()));
    let lines = Lines::default();
    let builder = from_environment(Environment::from_lookup(|_| None))
        .service("test")
        .no_panic_hook()
        .filter("trace")
        .sample_rate(1.0)
        .log_output(Box::new(lines.clone()))
        .log_format(LogFormat::Json)
        .exporter(Box::new(Memory(Arc::clone(&records))));
    (builder, records, lines)
}

/// With a single subscriber in the process, `tracing` lets the first thread that reaches a call site decide for all, even
/// if that thread has no subscriber. A second one that never goes away makes it ask each time.
fn keep_call_sites_open() {
    static SECOND: OnceLock<Dispatch> = OnceLock::new();
    SECOND.get_or_init(|| Dispatch::new(Deaf));
}

struct Deaf;

impl Subscriber for Deaf {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &tracing_core::Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Spans as text: name and attributes, children indented; failed spans are marked with `!`.
pub fn tree(spans: &[Span<'_>]) -> String {
    let known: HashMap<SpanId, UnixNanos> = spans.iter().map(|span| (span.span_id, span.start)).collect();
    let mut below: HashMap<Option<SpanId>, Vec<&Span<'_>>> = HashMap::new();
    for span in spans {
        let parent = span.parent_id.filter(|parent| known.contains_key(parent));
        below.entry(parent).or_default().push(span);
    }
    below.values_mut().for_each(|siblings| siblings.sort_by_key(|span| span.start));
    let mut text = String::new();
    let mut open: Vec<(usize, &Span<'_>)> = Vec::new();
    let push = |open: &mut Vec<_>, depth, parent| {
        let children = below.get(&parent).into_iter().flatten().rev();
        open.extend(children.map(|span| (depth, *span)));
    };
    push(&mut open, 0, None);
    while let Some((depth, span)) = open.pop() {
        write_span(span, depth, &mut text);
        push(&mut open, depth + 1, Some(span.span_id));
    }
    text
}

fn write_span(span: &Span<'_>, depth: usize, text: &mut String) {
    text.push_str(&"  ".repeat(depth));
    text.push_str(&span.name);
    if span.status == Status::Error {
        text.push_str(" !");
    }
    for (key, value) in &span.attrs {
        text.push(' ');
        text.push_str(key);
        text.push('=');
        write_json_text(value, text);
    }
    for event in &span.events {
        text.push_str(" [");
        text.push_str(&event.name);
        text.push(']');
    }
    text.push('\n');
}

/// The attribute under `key` as text, for assertions.
pub fn attr(span: &Span<'_>, key: &str) -> Option<String> {
    span.attr(key).map(|value| Value::to_text(value).into_owned())
}
