//! What an exporter is, and what it is given. The collector calls exporters one after the other on its own thread.

pub(crate) mod datadog;
mod dogstatsd;
mod endpoint;
mod forms;
mod http;
mod json_lines;
mod otlp;
mod outbox;
mod payload;
mod pieces;
mod rotating;
#[cfg(feature = "tls")]
mod tls;
mod vendor;

pub use datadog::DatadogAgent;
pub use dogstatsd::DogStatsD;
pub use endpoint::EndpointError;
pub use json_lines::JsonLines;
pub use otlp::{Otlp, Signal};

use crate::collector::{Batch, Injection};
use crate::sampling::Sampler;
use crate::writer::Unwritten;
use std::sync::Arc;
use tundra_record::{LogRecord, MetricPoint, Resource, Scope, Sink, Span};

/// Takes finished telemetry somewhere. Runs on the SDK's own thread, never on the application's, and may take its time;
/// while it does, rings fill, and what does not fit is counted as dropped.
pub trait Exporter: Send {
    /// Takes one batch. An error is counted; the batch is not offered again, so an exporter that wants to retry keeps
    /// (a bounded amount of) it.
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError>;

    /// Whether it wants to see, through [`Exported::unsampled`], spans of traces that are not kept: to count them.
    /// Asked once. Default: no.
    fn counts_unsampled(&self) -> bool {
        false
    }

    /// Whether it does anything with spans, and with log records: what is of no use to any exporter counts as dropped. Default:
    /// with both.
    #[doc(hidden)]
    fn takes(&self) -> [bool; 2] {
        [true; 2]
    }

    /// Called at regular times without new records, so that held data can be sent.
    fn tick(&mut self) {}

    /// Called in a forked child before its first batch: threads, connections and held data are the parent's.
    fn after_fork(&mut self) {}

    /// What it took and has not written yet, for a flush to wait for. Default: nothing that can be waited for.
    #[doc(hidden)]
    fn unwritten(&self) -> Option<Unwritten> {
        None
    }

    /// Called for each exporter before the first one is shut down: what is held can go while others are waited for. Must not
    /// wait itself.
    #[doc(hidden)]
    fn end(&mut self, deadline: std::time::Instant) {
        let _ = deadline;
    }

    /// Called once, before the SDK lets go of the exporter: deliver what is held, until the deadline at the latest.
    fn shutdown(&mut self, deadline: std::time::Instant) {
        let _ = deadline;
    }
}

/// An exporter could not take a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ExportError {
    /// What went wrong.
    pub what: String,
}

impl ExportError {
    /// From a text in lower case.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

/// A batch as lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Records<'a> {
    /// What made all of it.
    pub scope: Scope<'static>,
    /// Closed spans.
    pub spans: Vec<Span<'a>>,
    /// Log records.
    pub logs: Vec<LogRecord<'a>>,
    /// Metric points.
    pub points: &'a [MetricPoint<'static>],
}

/// One batch of spans, logs and metric points, still in the form the threads wrote them.
#[derive(Clone, Copy, Debug)]
pub struct Exported<'a> {
    pub(crate) batch: &'a Batch,
    pub(crate) resource: &'a Resource<'static>,
    pub(crate) sampler: &'a Arc<Sampler>,
    pub(crate) injection: &'a Arc<Injection>,
}

impl Exported<'_> {
    /// Walks the batch: the resource, one scope, then spans and logs in the order they were drained, then points.
    ///
    /// Every `tracing` event is a log record, with trace and span id if it happened inside a span. An event of level
    /// `ERROR` inside a span is also an event of that span, named `exception` if it carried an error.
    pub fn drive(&self, sink: &mut dyn Sink) {
        self.batch.drive(self.resource, sink);
    }

    /// The batch as lists, for exporters that need all spans at once.
    pub fn records(&self) -> Records<'_> {
        self.batch.collect()
    }

    /// Spans of traces that are not kept; nothing unless an exporter [asked](Exporter::counts_unsampled) for them.
    pub fn unsampled(&self) -> Vec<Span<'_>> {
        let marked = self.batch.marked().into_iter();
        marked.filter(|marked| !marked.sampled).map(|marked| marked.span).collect()
    }

    /// Who sends it.
    pub fn resource(&self) -> &Resource<'static> {
        self.resource
    }

    /// How many spans there are.
    pub fn spans(&self) -> usize {
        self.batch.spans
    }

    /// How many log records there are.
    pub fn logs(&self) -> usize {
        self.batch.logs
    }

    /// How many metric points there are.
    pub fn points(&self) -> usize {
        self.batch.points.len()
    }
}

#[cfg(test)]
mod tests;
