//! One request's rows as growing Arrow columns. `intake` fills a [`Batch`], `Store::append` takes it. It accepts
//! redacted records only, and nothing else can put rows into a store.

use crate::cells::TableRows;
use crate::entry::attrs::Scratch;
use crate::entry::call::CallRows;
use crate::entry::evaluation::EvaluationRows;
use crate::entry::log::LogRows;
use crate::entry::message::MessageRows;
use crate::entry::metric::MetricRows;
use crate::entry::origin::Origin;
use crate::entry::run::{Place, RunRows};
use crate::entry::span::SpanRows;
use crate::limits::BATCH_BYTES_MAX;
use crate::sizes::Sizes;
use crate::table::Table;
use arrow_array::{ArrayRef, RecordBatch};
use std::sync::Arc;
use tundra_record::llm::Understood;
use tundra_record::{LogRecord, MetricPoint, Redacted, Resource, Scope, Source, Span, UnixNanos};

/// The rows of one table, made when the first comes: a table has dozens of columns, a request few tables.
#[derive(Debug)]
struct Rows<T>(Option<Box<T>>);

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: TableRows> Rows<T> {
    fn made(&mut self, table: Table, sizes: &Sizes) -> &mut T {
        self.0.get_or_insert_with(|| Box::new(T::sized(&sizes.expected(table))))
    }

    fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |rows| rows.bytes())
    }

    fn finish(self, table: Table, sizes: &Sizes) -> (Table, Option<Vec<ArrayRef>>) {
        let finish = |rows: Box<T>| {
            sizes.learn(table, rows.sizes());
            rows.finish()
        };
        (table, self.0.map(finish))
    }
}

/// The rows of one request.
#[derive(Debug)]
pub struct Batch {
    origin: Origin,
    sizes: Arc<Sizes>,
    scratch: Scratch,
    counts: [usize; Table::ALL.len()],
    too_large: bool,
    spans: Rows<SpanRows>,
    calls: Rows<CallRows>,
    messages: Rows<MessageRows>,
    runs: Rows<RunRows>,
    evaluations: Rows<EvaluationRows>,
    logs: Rows<LogRows>,
    metrics: Rows<MetricRows>,
}

impl Batch {
    /// An empty batch of a request that arrived at `received` by the door `source`. [`Store::batch`](crate::Store::batch)
    /// makes one that need not grow.
    pub fn new(received: UnixNanos, source: Source) -> Self {
        Self::sized(received, source, Arc::default())
    }

    /// An empty batch that is made for as many rows as those before it had.
    pub(crate) fn sized(received: UnixNanos, source: Source, sizes: Arc<Sizes>) -> Self {
        Self {
            origin: Origin::new(received, source),
            sizes,
            scratch: Scratch::default(),
            counts: [0; Table::ALL.len()],
            too_large: false,
            spans: Rows::default(),
            calls: Rows::default(),
            messages: Rows::default(),
            runs: Rows::default(),
            evaluations: Rows::default(),
            logs: Rows::default(),
            metrics: Rows::default(),
        }
    }

    /// Marks the whole batch as sample data, which can be removed again. Call it before the first record.
    pub fn sample(&mut self, sample: bool) {
        self.origin.sample = sample;
    }

    /// The records that follow come from this resource; forgets the scope.
    pub fn resource(&mut self, resource: &Redacted<&Resource<'_>>) {
        self.push_resource(resource.get());
    }

    /// The records that follow come from this scope.
    pub fn scope(&mut self, scope: &Redacted<&Scope<'_>>) {
        self.push_scope(scope.get());
    }

    /// A span, with what was understood of it.
    pub fn span(&mut self, span: &Redacted<&Span<'_>>, understood: Option<&Redacted<Understood>>) {
        self.push_span(span.get(), understood.map(Redacted::get));
    }

    /// A log record, with what was understood of it.
    pub fn log(&mut self, log: &Redacted<&LogRecord<'_>>, understood: Option<&Redacted<Understood>>) {
        self.push_log(log.get(), understood.map(Redacted::get));
    }

    /// A metric point.
    pub fn metric(&mut self, point: &Redacted<&MetricPoint<'_>>) {
        self.push_metric(point.get());
    }

    /// A call that was captured by ourselves and belongs to no span or log record (yet).
    pub fn understood(&mut self, at: UnixNanos, understood: &Redacted<Understood>) {
        let known = understood.get();
        let call = known.call.as_ref();
        let place = Place {
            trace: call.map(|c| c.trace_id).filter(|id| id.is_valid()),
            span: call.map(|c| c.span_id).filter(|id| id.is_valid()),
            start: call.map_or(at, |c| c.start),
            duration: call.map_or(0, |c| c.duration),
            service: None,
            session: known.session_id.as_deref(),
        };
        self.push_understood(&place, known);
    }

    /// How many rows there are, over all tables.
    pub fn rows(&self) -> usize {
        self.counts.iter().sum()
    }

    /// How many rows a table has.
    pub fn rows_of(&self, table: Table) -> usize {
        self.counts[usize::from(table.number() - 1)]
    }

    /// About how many bytes the rows take.
    pub fn bytes(&self) -> usize {
        self.spans.bytes()
            + self.calls.bytes()
            + self.messages.bytes()
            + self.runs.bytes()
            + self.evaluations.bytes()
            + self.logs.bytes()
            + self.metrics.bytes()
    }

    /// Whether rows were left out because the batch is larger than a store takes; `append` will refuse it.
    pub fn is_too_large(&self) -> bool {
        self.too_large
    }

    pub(crate) fn push_resource(&mut self, resource: &Resource<'_>) {
        self.origin.resource(resource);
    }

    pub(crate) fn push_scope(&mut self, scope: &Scope<'_>) {
        self.origin.scope(scope);
    }

    pub(crate) fn is_sample(&self) -> bool {
        self.origin.sample
    }

    pub(crate) fn push_span(&mut self, span: &Span<'_>, understood: Option<&Understood>) {
        if self.full(self.spans.bytes() + self.messages.bytes()) {
            return;
        }
        self.spans.made(Table::Spans, &self.sizes).push(&self.origin, span, understood, &mut self.scratch);
        self.count(Table::Spans);
        if let Some(understood) = understood {
            let resource = self.origin.service.clone();
            let place = Place {
                trace: Some(span.trace_id),
                span: Some(span.span_id),
                start: span.start,
                duration: span.duration,
                service: span.service.as_deref().or(resource.as_deref()),
                session: understood.session_id.as_deref(),
            };
            self.push_understood(&place, understood);
        }
    }

    pub(crate) fn push_log(&mut self, log: &LogRecord<'_>, understood: Option<&Understood>) {
        if self.full(self.logs.bytes() + self.messages.bytes()) {
            return;
        }
        self.logs.made(Table::Logs, &self.sizes).push(&self.origin, log, &mut self.scratch);
        self.count(Table::Logs);
        if let Some(understood) = understood {
            let service = self.origin.service.clone();
            let place = Place {
                trace: log.trace_id,
                span: log.span_id,
                start: log.time,
                duration: 0,
                service: service.as_deref(),
                session: understood.session_id.as_deref(),
            };
            self.push_understood(&place, understood);
        }
    }

    pub(crate) fn push_metric(&mut self, point: &MetricPoint<'_>) {
        if self.full(self.metrics.bytes()) {
            return;
        }
        self.metrics.made(Table::Metrics, &self.sizes).push(&self.origin, point, &mut self.scratch);
        self.count(Table::Metrics);
    }

    fn push_understood(&mut self, place: &Place<'_>, understood: &Understood) {
        if let Some(call) = &understood.call {
            let row = self.rows_of(Table::LlmCalls);
            self.calls.made(Table::LlmCalls, &self.sizes).push(&self.origin, place.service, call, row);
            self.count(Table::LlmCalls);
        }
        for message in &understood.messages {
            self.messages.made(Table::LlmMessages, &self.sizes).push(&self.origin, place, message);
            self.count(Table::LlmMessages);
        }
        if let Some(run) = &understood.run {
            self.runs.made(Table::AgentRuns, &self.sizes).push(&self.origin, place, run);
            self.count(Table::AgentRuns);
        }
        for evaluation in &understood.evaluations {
            self.evaluations.made(Table::Evaluations, &self.sizes).push(&self.origin, place, evaluation);
            self.count(Table::Evaluations);
        }
    }

    fn count(&mut self, table: Table) {
        self.counts[usize::from(table.number() - 1)] += 1;
    }

    fn full(&mut self, bytes: usize) -> bool {
        self.too_large |= bytes > BATCH_BYTES_MAX / 2;
        self.too_large
    }

    /// The finished columns of each table that has rows; `seq` is missing until the log gives one.
    pub(crate) fn finish(self) -> Vec<(Table, RecordBatch)> {
        let sizes = &self.sizes;
        let tables = [
            self.spans.finish(Table::Spans, sizes),
            self.calls.finish(Table::LlmCalls, sizes),
            self.messages.finish(Table::LlmMessages, sizes),
            self.runs.finish(Table::AgentRuns, sizes),
            self.evaluations.finish(Table::Evaluations, sizes),
            self.logs.finish(Table::Logs, sizes),
            self.metrics.finish(Table::Metrics, sizes),
        ];
        let batch = |(table, columns): (Table, Option<_>)| {
            let batch = RecordBatch::try_new(table.body_schema(), columns?);
            Some((table, batch.expect("columns and schema come from one declaration")))
        };
        tables.into_iter().filter_map(batch).collect()
    }
}

#[cfg(test)]
mod tests;
