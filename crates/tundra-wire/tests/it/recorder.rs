//! Sinks for tests: one keeps everything, one keeps only numbers; and the door from a format's name to its decoder.

use tundra_record::value::into_owned;
use tundra_record::{LogRecord, MetricPoint, Reject, Resource, Scope, Sink, Span, Text, UnixNanos};
use tundra_wire::datadog::{
    DatadogHeaders, llmobs_evaluations, llmobs_spans, traces_json, traces_v03_v04, traces_v05,
};
use tundra_wire::{DecodeError, Limits, dogstatsd, otlp};

/// What a decoder handed over, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Resource(Resource<'static>),
    Scope(Scope<'static>),
    Span(Span<'static>),
    Log(LogRecord<'static>),
    Metric(MetricPoint<'static>),
    Reject(Reject),
}

/// Keeps everything.
#[derive(Debug, Default)]
pub(crate) struct Recorder(pub(crate) Vec<Item>);

fn owned(text: &Text<'_>) -> Text<'static> {
    Text::Owned(text.clone().into_owned())
}

impl Sink for Recorder {
    fn resource(&mut self, resource: &mut Resource<'_>) {
        self.0.push(Item::Resource(Resource { attrs: into_owned(resource.attrs.clone()) }));
    }

    fn scope(&mut self, scope: &mut Scope<'_>) {
        self.0.push(Item::Scope(Scope { name: owned(&scope.name), version: owned(&scope.version) }));
    }

    fn span(&mut self, span: &mut Span<'_>) {
        self.0.push(Item::Span(span.clone().into_owned()));
    }

    fn log(&mut self, log: &mut LogRecord<'_>) {
        self.0.push(Item::Log(LogRecord {
            time: log.time,
            severity: log.severity,
            severity_text: owned(&log.severity_text),
            event_name: owned(&log.event_name),
            body: log.body.clone().into_owned(),
            trace_id: log.trace_id,
            span_id: log.span_id,
            attrs: into_owned(log.attrs.clone()),
        }));
    }

    fn metric(&mut self, point: &mut MetricPoint<'_>) {
        self.0.push(Item::Metric(MetricPoint {
            name: owned(&point.name),
            unit: owned(&point.unit),
            time: point.time,
            start: point.start,
            attrs: into_owned(point.attrs.clone()),
            value: point.value.clone(),
        }));
    }

    fn reject(&mut self, reason: Reject) {
        self.0.push(Item::Reject(reason));
    }
}

/// Keeps only numbers, and so allocates nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) spans: usize,
    pub(crate) logs: usize,
    pub(crate) points: usize,
    pub(crate) rejected: usize,
}

impl Counts {
    pub(crate) fn kept(&self) -> usize {
        self.spans + self.logs + self.points
    }
}

impl Sink for Counts {
    fn resource(&mut self, _: &mut Resource<'_>) {}

    fn scope(&mut self, _: &mut Scope<'_>) {}

    fn span(&mut self, _: &mut Span<'_>) {
        self.spans += 1;
    }

    fn log(&mut self, _: &mut LogRecord<'_>) {
        self.logs += 1;
    }

    fn metric(&mut self, _: &mut MetricPoint<'_>) {
        self.points += 1;
    }

    fn reject(&mut self, _: Reject) {
        self.rejected += 1;
    }
}

pub(crate) const NOW: UnixNanos = UnixNanos(1_795_000_000_000_000_000);

/// Decodes `body` as `format` says.
pub(crate) fn decode(
    format: &str,
    body: &[u8],
    limits: &Limits,
    sink: &mut impl Sink,
) -> Result<(), DecodeError> {
    let headers = DatadogHeaders {
        language: Some("rust"),
        tracer_version: Some("1.0"),
        container_id: Some("abc"),
        ..DatadogHeaders::default()
    };
    match format {
        "otlp-traces" => otlp::traces(body, limits, sink),
        "otlp-logs" => otlp::logs(body, limits, sink),
        "otlp-metrics" => otlp::metrics(body, limits, sink),
        "otlp-traces-json" => otlp::json::traces(body, limits, sink),
        "otlp-logs-json" => otlp::json::logs(body, limits, sink),
        "otlp-metrics-json" => otlp::json::metrics(body, limits, sink),
        "v04" => traces_v03_v04(body, &headers, limits, sink),
        "v04-json" => traces_json(body, &headers, limits, sink),
        "v05" => traces_v05(body, &headers, limits, sink),
        "llmobs" => llmobs_spans(body, &headers, limits, sink),
        "llmobs-evaluations" => llmobs_evaluations(body, &headers, NOW, limits, sink),
        "dogstatsd" => {
            dogstatsd::lines(body, NOW, limits, sink);
            Ok(())
        }
        other => panic!("no decoder for {other}"),
    }
}

/// Everything that a body decodes to with default limits.
pub(crate) fn record(format: &str, body: &[u8]) -> Result<Vec<Item>, DecodeError> {
    let mut sink = Recorder::default();
    decode(format, body, &Limits::default(), &mut sink)?;
    Ok(sink.0)
}

/// Only the spans of it.
pub(crate) fn spans(format: &str, body: &[u8]) -> Vec<Span<'static>> {
    let items = record(format, body).unwrap();
    items.into_iter().filter_map(|item| if let Item::Span(span) = item { Some(span) } else { None }).collect()
}
