//! Reads what a skeleton is made of: the spans, then what calls, runs and logs add to them.

use super::skeleton::{Flags, Gathered, Row};
use crate::columns::{Columns, int_at, truth_at, word};
use crate::engine::View;
use crate::error::QueryError;
use crate::limits::TRACE_SPANS;
use datafusion::arrow::array::{Array, StringViewArray};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::col;
use std::collections::HashMap;
use store::Table;
use tundra_record::{EVENT_SCOPE, SpanKind, TraceId};

const SPAN_COLUMNS: [&str; 12] = [
    "span_id",
    "parent_id",
    "service",
    "name",
    "kind",
    "start_ns",
    "duration_ns",
    "status",
    "sample",
    "events",
    "scope_name",
    "seq",
];
const CALL_COLUMNS: [&str; 7] =
    ["span_id", "input_tokens", "output_tokens", "cost_pusd", "cost_reported_pusd", "ttft_ns", "revision"];
const RUN_COLUMNS: [&str; 2] = ["span_id", "kind"];
/// Calls, runs and logs of a trace may lie this far outside its spans.
const SLACK_NS: i64 = 3_600_000_000_000;

/// What one model call says, as far as a list shows it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallFacts {
    pub(crate) tokens: Option<i64>,
    pub(crate) cost_pusd: Option<i64>,
    pub(crate) ttft: Option<i64>,
    revision: i64,
}

/// Numbers for texts, in the order they are first met.
#[derive(Debug, Default)]
struct Texts {
    known: HashMap<String, u32>,
    all: Vec<String>,
}

impl Texts {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.known.get(text) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.known.insert(text.to_owned(), number);
        self.all.push(text.to_owned());
        number
    }
}

/// Equality with a trace's id, as the filter of a direct read.
pub(crate) fn is_trace(trace: TraceId) -> Expr {
    col("trace_id").eq(word(trace.to_string()))
}

fn id(column: &StringViewArray, row: usize) -> Option<u64> {
    column.is_valid(row).then(|| u64::from_str_radix(column.value(row), 16).ok())?
}

impl View {
    /// The spans of a trace, in no order and possibly twice.
    pub(super) async fn spans_of(&self, trace: TraceId) -> Result<Gathered, QueryError> {
        let batches = self.read(Table::Spans, &SPAN_COLUMNS, is_trace(trace), TRACE_SPANS).await?;
        let (mut services, mut names) = (Texts::default(), Texts::default());
        let mut rows = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
        for batch in &batches {
            read_spans(Columns(batch), &mut rows, &mut services, &mut names)?;
        }
        Ok(Gathered { rows, services: services.all, names: names.all })
    }

    /// Adds what calls, runs and logs say about the spans.
    pub(super) async fn annotate(&self, trace: TraceId, gathered: &mut Gathered) -> Result<(), QueryError> {
        let first = gathered.rows.iter().map(|row| row.start).min().unwrap_or(0).saturating_sub(SLACK_NS);
        let last = gathered.rows.iter().map(|row| row.start.saturating_add(row.duration)).max().unwrap_or(0);
        let last = last.saturating_add(SLACK_NS);
        let near =
            |time: &str| is_trace(trace).and(col(time).gt_eq(lit(first))).and(col(time).lt_eq(lit(last)));
        let (calls, runs, logs) = tokio::try_join!(
            self.read(Table::LlmCalls, &CALL_COLUMNS, near("start_ns"), TRACE_SPANS),
            self.read(Table::AgentRuns, &RUN_COLUMNS, near("start_ns"), TRACE_SPANS),
            self.read(Table::Logs, &["span_id"], near("time_ns"), TRACE_SPANS),
        )?;
        let mut at: HashMap<u64, Vec<usize>> = HashMap::new();
        for (row, span) in gathered.rows.iter().enumerate() {
            at.entry(span.id).or_default().push(row);
        }
        let mut each = |span: u64, change: &dyn Fn(&mut Row)| {
            at.get(&span).into_iter().flatten().for_each(|row| change(&mut gathered.rows[*row]));
        };
        for batch in &runs {
            let (span, kind) = (Columns(batch).text("span_id")?, Columns(batch).text("kind")?);
            for row in 0..batch.num_rows() {
                let Some(span) = id(&span, row) else { continue };
                each(span, &|row_of_span| kind.value(row).clone_into(&mut row_of_span.role));
            }
        }
        for (span, facts) in latest_calls(&calls)? {
            each(span, &|row| {
                row.flags |= Flags::LLM;
                "llm".clone_into(&mut row.role);
                (row.tokens, row.cost_pusd, row.ttft) = (facts.tokens, facts.cost_pusd, facts.ttft);
            });
        }
        for batch in &logs {
            let span = Columns(batch).text("span_id")?;
            for row in 0..batch.num_rows() {
                let Some(span) = id(&span, row) else { continue };
                each(span, &|row| row.flags |= Flags::LOGS);
            }
        }
        Ok(())
    }
}

fn read_spans(
    columns: Columns<'_>,
    rows: &mut Vec<Row>,
    services: &mut Texts,
    names: &mut Texts,
) -> Result<(), QueryError> {
    let (span, parent) = (columns.text("span_id")?, columns.text("parent_id")?);
    let (service, name) = (columns.text("service")?, columns.text("name")?);
    let (kind, status) = (columns.text("kind")?, columns.text("status")?);
    let (start, duration) = (columns.int("start_ns")?, columns.int("duration_ns")?);
    let (sample, events, seq) = (columns.truth("sample")?, columns.text("events")?, columns.int("seq")?);
    let scope = columns.text("scope_name")?;
    for row in 0..span.len() {
        let Some(own) = id(&span, row) else { continue };
        let error = if status.value(row) == "error" { Flags::ERROR } else { 0 };
        let has_events = if events.is_valid(row) { Flags::EVENTS } else { 0 };
        rows.push(Row {
            id: own,
            parent: id(&parent, row),
            start: start.value(row),
            duration: duration.value(row).max(0),
            service: services.number(if service.is_valid(row) { service.value(row) } else { "" }),
            name: names.number(name.value(row)),
            kind: SpanKind::from_word(kind.value(row)) as u8,
            flags: error | has_events,
            sample: truth_at(&sample, row).unwrap_or(false),
            event: scope.is_valid(row) && scope.value(row) == EVENT_SCOPE,
            seq: seq.value(row),
            ..Row::default()
        });
    }
    Ok(())
}

/// The last word on each call, by its span.
fn latest_calls(batches: &[RecordBatch]) -> Result<HashMap<u64, CallFacts>, QueryError> {
    let mut calls: HashMap<u64, CallFacts> = HashMap::new();
    for batch in batches {
        let columns = Columns(batch);
        let (span, revision) = (columns.text("span_id")?, columns.int("revision")?);
        let (input, output) = (columns.int("input_tokens")?, columns.int("output_tokens")?);
        let (cost, reported) = (columns.int("cost_pusd")?, columns.int("cost_reported_pusd")?);
        let ttft = columns.int("ttft_ns")?;
        for row in 0..batch.num_rows() {
            let Some(span) = id(&span, row) else { continue };
            let facts = CallFacts {
                tokens: sum(int_at(&input, row), int_at(&output, row)),
                cost_pusd: int_at(&cost, row).or(int_at(&reported, row)),
                ttft: int_at(&ttft, row),
                revision: revision.value(row),
            };
            match calls.get(&span) {
                Some(known) if known.revision > facts.revision => {}
                _ => {
                    calls.insert(span, facts);
                }
            }
        }
    }
    Ok(calls)
}

/// A sum of which a part may be unknown; unknown if both are.
pub(crate) fn sum(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
    }
}
