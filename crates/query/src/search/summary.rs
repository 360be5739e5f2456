//! One line about a trace, from all its spans and calls: what lists and the live stream show.

use crate::columns::{Columns, int_at, truth_at, word};
use crate::engine::View;
use crate::error::QueryError;
use crate::limits::{LOOK_BACK_NS, READ_ROWS};
use crate::trace::Spent;
use crate::trace::sum;
use datafusion::arrow::array::Array;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::col;
use std::collections::{BTreeSet, HashMap, HashSet};
use store::Table;

const SPAN_COLUMNS: [&str; 9] =
    ["trace_id", "span_id", "parent_id", "service", "name", "start_ns", "duration_ns", "status", "sample"];
const CALL_COLUMNS: [&str; 10] = [
    "trace_id",
    "call_key",
    "revision",
    "input_tokens",
    "output_tokens",
    "cost_pusd",
    "cost_reported_pusd",
    "request_model",
    "response_model",
    "start_ns",
];
/// A model call may start this long before the first span of its trace.
const SLACK_NS: i64 = 3_600_000_000_000;

/// One line about a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the API's and explained there")]
pub struct TraceSummary {
    pub trace_id: String,
    pub name: String,
    pub service: String,
    pub start_ns: i64,
    pub duration_ns: i64,
    pub spans: u64,
    pub errors: u64,
    pub spent: Spent,
    pub services: Vec<String>,
    pub models: Vec<String>,
    pub partial: bool,
    pub sample: bool,
}

/// What is known of a trace so far.
#[derive(Debug)]
struct Sum {
    spans: HashSet<u64>,
    errors: HashSet<u64>,
    first: i64,
    end: i64,
    /// The span that names the trace: the earliest root, or without a root the earliest span.
    head: (bool, i64, String, String),
    services: BTreeSet<String>,
    sample: bool,
}

impl Default for Sum {
    fn default() -> Self {
        Self {
            spans: HashSet::new(),
            errors: HashSet::new(),
            first: i64::MAX,
            end: i64::MIN,
            head: (true, i64::MAX, String::new(), String::new()),
            services: BTreeSet::new(),
            sample: false,
        }
    }
}

fn among(traces: &[String]) -> Expr {
    match traces {
        [one] => col("trace_id").eq(word(one)),
        many => col("trace_id").in_list(many.iter().map(word).collect(), false),
    }
}

impl View {
    /// The summaries of `traces`, in their order; those of which nothing is stored are left out. `since` is a start that
    /// none of them is much older than, where the caller knows one; then files from long before are not read.
    pub(crate) async fn summaries(
        &self,
        traces: &[String],
        since: Option<i64>,
    ) -> Result<Vec<TraceSummary>, QueryError> {
        if traces.is_empty() {
            return Ok(Vec::new());
        }
        let mut sums: HashMap<String, Sum> = HashMap::new();
        let mut missing = traces.to_vec();
        let looks: Vec<Option<i64>> = match since {
            Some(since) => LOOK_BACK_NS.iter().map(|back| Some(since.saturating_sub(*back))).collect(),
            None => vec![None],
        };
        for from in looks {
            if missing.is_empty() {
                break;
            }
            let filter = from.map_or_else(
                || among(&missing),
                |from| among(&missing).and(col("start_ns").gt_eq(lit(from))),
            );
            for batch in self.read(Table::Spans, &SPAN_COLUMNS, filter, READ_ROWS).await? {
                add_spans(Columns(&batch), &mut sums)?;
            }
            // A trace whose root was found is whole; the others are looked for further back.
            missing.retain(|trace| sums.get(trace).is_none_or(|sum| sum.head.0));
        }
        let first = sums.values().map(|sum| sum.first).min().unwrap_or(i64::MIN).saturating_sub(SLACK_NS);
        let calls = among(traces).and(col("start_ns").gt_eq(lit(first)));
        let calls = calls_of(&self.read(Table::LlmCalls, &CALL_COLUMNS, calls, READ_ROWS).await?)?;
        let line = |trace: &String| Some(summary(trace, sums.get(trace)?, calls.get(trace)));
        Ok(traces.iter().filter_map(line).collect())
    }
}

fn add_spans(columns: Columns<'_>, sums: &mut HashMap<String, Sum>) -> Result<(), QueryError> {
    let (trace, span, parent) =
        (columns.text("trace_id")?, columns.text("span_id")?, columns.text("parent_id")?);
    let (service, name, status) = (columns.text("service")?, columns.text("name")?, columns.text("status")?);
    let (start, duration) = (columns.int("start_ns")?, columns.int("duration_ns")?);
    let sample = columns.truth("sample")?;
    for row in 0..trace.len() {
        if !sums.contains_key(trace.value(row)) {
            sums.insert(trace.value(row).to_owned(), Sum::default());
        }
        let Some(sum) = sums.get_mut(trace.value(row)) else { continue };
        let Ok(id) = u64::from_str_radix(span.value(row), 16) else { continue };
        sum.spans.insert(id);
        if status.value(row) == "error" {
            sum.errors.insert(id);
        }
        let begin = start.value(row);
        sum.first = sum.first.min(begin);
        sum.end = sum.end.max(begin.saturating_add(duration.value(row)));
        sum.sample |= truth_at(&sample, row).unwrap_or(false);
        let by = if service.is_valid(row) { service.value(row) } else { "" };
        if !by.is_empty() && !sum.services.contains(by) {
            sum.services.insert(by.to_owned());
        }
        let child = parent.is_valid(row);
        if (child, begin) < (sum.head.0, sum.head.1) || sum.spans.len() == 1 {
            sum.head = (child, begin, name.value(row).to_owned(), by.to_owned());
        }
    }
    Ok(())
}

/// The calls of each trace: what they cost, and their models.
fn calls_of(batches: &[RecordBatch]) -> Result<HashMap<String, (Spent, BTreeSet<String>)>, QueryError> {
    let mut last: HashMap<String, i64> = HashMap::new();
    for batch in batches {
        let (key, revision) = (Columns(batch).text("call_key")?, Columns(batch).int("revision")?);
        for row in 0..batch.num_rows() {
            let known = last.entry(key.value(row).to_owned()).or_insert(i64::MIN);
            *known = (*known).max(revision.value(row));
        }
    }
    let mut calls: HashMap<String, (Spent, BTreeSet<String>)> = HashMap::new();
    for batch in batches {
        let columns = Columns(batch);
        let (trace, key, revision) =
            (columns.text("trace_id")?, columns.text("call_key")?, columns.int("revision")?);
        let (input, output) = (columns.int("input_tokens")?, columns.int("output_tokens")?);
        let (cost, reported) = (columns.int("cost_pusd")?, columns.int("cost_reported_pusd")?);
        let (asked, answered) = (columns.text("request_model")?, columns.text("response_model")?);
        for row in 0..batch.num_rows() {
            // Taking the entry makes sure that of two equal rows one counts.
            if last.get(key.value(row)) != Some(&revision.value(row)) || last.remove(key.value(row)).is_none()
            {
                continue;
            }
            let (spent, models) = calls.entry(trace.value(row).to_owned()).or_default();
            let tokens = sum(int_at(&input, row), int_at(&output, row));
            spent.add(tokens, int_at(&cost, row).or(int_at(&reported, row)));
            let model = [&answered, &asked].into_iter().find(|model| model.is_valid(row));
            models.extend(model.map(|model| model.value(row).to_owned()));
        }
    }
    Ok(calls)
}

fn summary(trace: &str, sum: &Sum, calls: Option<&(Spent, BTreeSet<String>)>) -> TraceSummary {
    let (partial, _, name, service) = &sum.head;
    let (spent, models) = calls.cloned().unwrap_or_default();
    TraceSummary {
        trace_id: trace.to_owned(),
        name: name.clone(),
        service: service.clone(),
        start_ns: sum.first,
        duration_ns: sum.end.saturating_sub(sum.first),
        spans: sum.spans.len() as u64,
        errors: sum.errors.len() as u64,
        spent,
        services: sum.services.iter().cloned().collect(),
        models: models.into_iter().collect(),
        partial: *partial,
        sample: sum.sample,
    }
}
