//! Sample data: what a stranger sees before anything of his own arrives. An agent run with tools, one of which fails,
//! and three models; and a trace of 10,000 spans. Built as records, so that it takes the same path as everybody's.

mod large;
mod run;

use std::borrow::Cow;
use tundra_record::{Attrs, Resource, Span, SpanId, SpanKind, Status, TraceId, UnixNanos, Value};

/// Spans of the large trace.
pub(crate) const LARGE_SPANS: usize = 10_000;
/// Spans that are submitted at once.
const PART_SPANS: usize = 2_500;
const MILLISECOND: i64 = 1_000_000;

/// Sample data, ready to be submitted.
#[derive(Debug)]
pub(crate) struct Samples {
    /// The agent run.
    pub(crate) run: TraceId,
    /// The trace of many spans.
    pub(crate) large: TraceId,
    pub(crate) parts: Vec<(Resource<'static>, Vec<Span<'static>>)>,
}

/// Sample data that has just happened.
pub(crate) fn build(now: UnixNanos) -> Samples {
    let id =
        |kind: u64| TraceId((u128::from(0x5a3b_1e00_u64 + kind) << 64) | u128::from(now.0.unsigned_abs()));
    let (run, large) = (id(1), id(2));
    let mut parts = vec![(resource("support-agent"), run::spans(run, now))];
    for (service, spans) in large::spans(large, now) {
        for part in spans.chunks(PART_SPANS) {
            parts.push((resource(service), part.to_vec()));
        }
    }
    Samples { run, large, parts }
}

fn resource(service: &'static str) -> Resource<'static> {
    let attrs = [
        ("service.name", service),
        ("service.version", "1.4.2"),
        ("deployment.environment.name", "sample"),
        ("host.name", "sample-host"),
        ("telemetry.sdk.name", "tundra-sample"),
        ("telemetry.sdk.language", "rust"),
    ];
    Resource { attrs: attrs.map(|(key, value)| (key.into(), value.into())).to_vec() }
}

/// Builds the spans of one trace, each with the next id.
#[derive(Debug)]
struct Pen {
    trace: TraceId,
    zero: UnixNanos,
    next: u64,
    spans: Vec<Span<'static>>,
}

impl Pen {
    /// Times are milliseconds after `zero`.
    fn new(trace: TraceId, zero: UnixNanos) -> Self {
        Self { trace, zero, next: 1, spans: Vec::new() }
    }

    fn span(
        &mut self,
        parent: Option<SpanId>,
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        start_ms: i64,
        duration_ms: i64,
    ) -> &mut Span<'static> {
        // Ids differ between traces and loads, as everybody's do.
        let span_id = SpanId(((self.trace.low() ^ self.trace.high()) << 20) | self.next);
        self.next += 1;
        self.spans.push(Span {
            trace_id: self.trace,
            span_id,
            parent_id: parent,
            name: name.into(),
            kind,
            start: self.zero.plus(start_ms * MILLISECOND),
            duration: duration_ms * MILLISECOND,
            status: Status::Ok,
            ..Span::default()
        });
        let last = self.spans.len() - 1;
        &mut self.spans[last]
    }
}

fn attrs<const N: usize>(pairs: [(&'static str, Value<'static>); N]) -> Attrs<'static> {
    pairs.into_iter().map(|(key, value)| (Cow::Borrowed(key), value)).collect()
}

#[cfg(test)]
mod tests;
