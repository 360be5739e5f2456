//! One span with everything known about it: its own columns, the model call and its messages, the run, judgements, logs.

use super::gather::is_trace;
use crate::columns::{Columns, int_at, text_at, truth_at, word};
use crate::engine::View;
use crate::error::QueryError;
use crate::limits::{SPAN_CONTENT_BYTES, SPAN_ROWS};
use arrow_json::writer::{JsonArray, WriterBuilder};
use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::compute::{filter_record_batch, not};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::col;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use store::Table;
use tundra_record::{EVENT_SCOPE, SpanId, TraceId};

const SPAN_COLUMNS: [&str; 27] = [
    "trace_id",
    "span_id",
    "parent_id",
    "service",
    "env",
    "version",
    "host",
    "name",
    "resource",
    "kind",
    "start_ns",
    "duration_ns",
    "status",
    "status_message",
    "attrs",
    "attr_kinds",
    "content",
    "events",
    "links",
    "source",
    "user_id",
    "session_id",
    "sample",
    "resource_attrs",
    "scope_name",
    "scope_version",
    "llm_problems",
];
const MESSAGE_COLUMNS: [&str; 9] =
    ["direction", "idx", "part", "role", "kind", "content", "tool_name", "tool_call_id", "received_ns"];
const LOG_COLUMNS: [&str; 5] = ["time_ns", "severity", "body", "attrs", "event_name"];
/// What belongs to a span may lie this far outside it.
const SLACK_NS: i64 = 3_600_000_000_000;

/// A span and what goes with it. JSON texts are as they were stored.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the fields are the columns of `spans` and explained there")]
pub struct SpanDetail {
    pub trace_id: String,
    pub span_id: String,
    pub parent_id: Option<String>,
    pub service: Option<String>,
    pub env: Option<String>,
    pub version: Option<String>,
    pub host: Option<String>,
    pub name: String,
    pub resource: Option<String>,
    pub kind: String,
    pub start_ns: i64,
    pub duration_ns: i64,
    pub status: String,
    pub status_message: Option<String>,
    pub attrs: Vec<(String, String)>,
    pub attr_kinds: Option<String>,
    pub content: Vec<(String, String)>,
    pub events: Option<String>,
    pub links: Option<String>,
    pub source: String,
    pub user_id: Option<String>,
    pub session_id: Option<String>,
    pub sample: bool,
    pub resource_attrs: Option<String>,
    pub scope_name: Option<String>,
    pub scope_version: Option<String>,
    pub llm_problems: Option<String>,
    /// The model call and its messages, if the span is one or has some.
    pub llm: Option<Llm>,
    /// The columns of its row in `agent_runs`.
    pub run: Option<Map<String, Value>>,
    /// The columns of its rows in `evaluations`.
    pub evaluations: Vec<Map<String, Value>>,
    /// Its logs, oldest first.
    pub logs: Vec<LogLine>,
}

/// A model call and its messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Llm {
    /// The columns of the latest row in `llm_calls`; `None` if only messages are known.
    pub call: Option<Map<String, Value>>,
    /// The messages in reading order: tools, system, input, output.
    pub messages: Vec<Message>,
}

/// One part of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the columns of `llm_messages` and explained there")]
pub struct Message {
    pub direction: String,
    pub idx: i64,
    pub part: i64,
    pub role: String,
    pub kind: String,
    pub content: String,
    pub tool_name: Option<String>,
    pub tool_call_id: Option<String>,
}

/// A log record of the span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the columns of `logs` and explained there")]
pub struct LogLine {
    pub time_ns: i64,
    pub severity: String,
    pub event_name: Option<String>,
    pub body: String,
    pub attrs: Vec<(String, String)>,
}

impl View {
    pub(super) async fn span(&self, trace: TraceId, span: SpanId) -> Result<Option<SpanDetail>, QueryError> {
        let is_span = is_trace(trace).and(col("span_id").eq(word(span.to_string())));
        let columns: Vec<&str> = SPAN_COLUMNS.into_iter().chain(["seq"]).collect();
        let spans = self.read(Table::Spans, &columns, is_span.clone(), SPAN_ROWS).await?;
        let Some(mut detail) = told(&spans)? else { return Ok(None) };
        let near = |time: &str| -> Expr {
            let end = detail.start_ns.saturating_add(detail.duration_ns);
            let (first, last) = (detail.start_ns.saturating_sub(SLACK_NS), end.saturating_add(SLACK_NS));
            is_span.clone().and(col(time).gt_eq(lit(first))).and(col(time).lt_eq(lit(last)))
        };
        // Who judges need not know the trace: the span's id is enough.
        let judged = col("span_id").eq(word(span.to_string()));
        let all = |table: Table| -> Vec<&str> { table.columns().map(|column| column.name).collect() };
        let (call_columns, run_columns) = (all(Table::LlmCalls), all(Table::AgentRuns));
        let evaluation_columns = all(Table::Evaluations);
        let (calls, messages, runs, evaluations, logs) = tokio::try_join!(
            self.read(Table::LlmCalls, &call_columns, near("start_ns"), SPAN_ROWS),
            self.read(Table::LlmMessages, &MESSAGE_COLUMNS, near("start_ns"), SPAN_ROWS),
            self.read(Table::AgentRuns, &run_columns, near("start_ns"), SPAN_ROWS),
            self.read(Table::Evaluations, &evaluation_columns, judged.clone(), SPAN_ROWS),
            self.read(Table::Logs, &LOG_COLUMNS, near("time_ns"), SPAN_ROWS),
        )?;
        let call = object(latest(&calls, "revision")?)?;
        let messages = read_messages(&messages)?;
        if call.is_some() || !messages.is_empty() {
            detail.llm = Some(Llm { call, messages });
        }
        detail.run = object(latest(&runs, "received_ns")?)?;
        let own = Value::from(detail.trace_id.as_str());
        for batch in &evaluations {
            let all = objects(batch)?.into_iter();
            let of_trace = |row: &Map<String, Value>| {
                row.get("trace_id").is_none_or(|trace| trace.is_null() || *trace == own)
            };
            detail.evaluations.extend(all.filter(of_trace));
        }
        detail.logs = read_logs(&logs)?;
        Ok(Some(detail))
    }
}

/// The span as it was told last, by its trace if that told it. What only an event says of it is added.
fn told(batches: &[RecordBatch]) -> Result<Option<SpanDetail>, QueryError> {
    let wrong = |error: ArrowError| QueryError::Failed {
        context: "sorting a span's rows",
        detail: error.to_string(),
    };
    let (mut events, mut traces) = (Vec::new(), Vec::new());
    for batch in batches {
        let scopes = Columns(batch).text("scope_name")?;
        let event: BooleanArray = scopes.iter().map(|scope| Some(scope == Some(EVENT_SCOPE))).collect();
        traces.push(filter_record_batch(batch, &not(&event).map_err(wrong)?).map_err(wrong)?);
        events.push(filter_record_batch(batch, &event).map_err(wrong)?);
    }
    let own = |batches: &[RecordBatch]| {
        latest(batches, "seq")?.map(|(batch, row)| own_columns(Columns(batch), row)).transpose()
    };
    let Some(mut span) = own(&traces)? else { return own(&events) };
    if let Some(event) = own(&events)? {
        let said = event.attrs.into_iter().chain(event.content);
        let new =
            said.filter(|(key, _)| !span.attrs.iter().chain(&span.content).any(|(known, _)| known == key));
        let new: Vec<_> = new.collect();
        if !new.is_empty() {
            let kinds = span.attr_kinds.get_or_insert_with(|| "s".repeat(span.attrs.len()));
            kinds.extend(new.iter().map(|(_, text)| if text.starts_with('{') { 'J' } else { 'c' }));
            span.content.extend(new);
        }
        span.llm_problems = event.llm_problems.or(span.llm_problems);
    }
    Ok(Some(span))
}

fn own_columns(columns: Columns<'_>, row: usize) -> Result<SpanDetail, QueryError> {
    let text = |name| -> Result<Option<String>, QueryError> { Ok(text_at(&columns.text(name)?, row)) };
    let word = |name| -> Result<String, QueryError> { Ok(text(name)?.unwrap_or_default()) };
    Ok(SpanDetail {
        trace_id: word("trace_id")?,
        span_id: word("span_id")?,
        parent_id: text("parent_id")?,
        service: text("service")?,
        env: text("env")?,
        version: text("version")?,
        host: text("host")?,
        name: word("name")?,
        resource: text("resource")?,
        kind: word("kind")?,
        start_ns: columns.int("start_ns")?.value(row),
        duration_ns: columns.int("duration_ns")?.value(row),
        status: word("status")?,
        status_message: text("status_message")?,
        attrs: columns.map("attrs", row)?,
        attr_kinds: text("attr_kinds")?,
        content: columns.map("content", row)?,
        events: text("events")?,
        links: text("links")?,
        source: word("source")?,
        user_id: text("user_id")?,
        session_id: text("session_id")?,
        sample: truth_at(&columns.truth("sample")?, row).unwrap_or(false),
        resource_attrs: text("resource_attrs")?,
        scope_name: text("scope_name")?,
        scope_version: text("scope_version")?,
        llm_problems: text("llm_problems")?,
        ..SpanDetail::default()
    })
}

/// The row with the greatest number in `by`; of equals the last.
fn latest<'b>(
    batches: &'b [RecordBatch],
    by: &'static str,
) -> Result<Option<(&'b RecordBatch, usize)>, QueryError> {
    let mut best: Option<(i64, &RecordBatch, usize)> = None;
    for batch in batches {
        let numbers = Columns(batch).int(by)?;
        for row in 0..numbers.len() {
            let number = int_at(&numbers, row).unwrap_or(i64::MIN);
            if best.is_none_or(|(known, ..)| number >= known) {
                best = Some((number, batch, row));
            }
        }
    }
    Ok(best.map(|(_, batch, row)| (batch, row)))
}

fn object(place: Option<(&RecordBatch, usize)>) -> Result<Option<Map<String, Value>>, QueryError> {
    let Some((batch, row)) = place else { return Ok(None) };
    Ok(objects(&batch.slice(row, 1))?.pop())
}

fn objects(batch: &RecordBatch) -> Result<Vec<Map<String, Value>>, QueryError> {
    let wrong = |detail: String| QueryError::Failed { context: "writing a row as JSON", detail };
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(Vec::new());
    writer.write(batch).and_then(|()| writer.finish()).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_slice(&writer.into_inner()).map_err(|error| wrong(error.to_string()))
}

/// The same message told twice counts once, as it was told last.
fn read_messages(batches: &[RecordBatch]) -> Result<Vec<Message>, QueryError> {
    let mut kept: BTreeMap<(u8, i64, i64), (i64, Message)> = BTreeMap::new();
    let mut bytes = 0;
    for batch in batches {
        let columns = Columns(batch);
        let (direction, role, kind) =
            (columns.text("direction")?, columns.text("role")?, columns.text("kind")?);
        let (content, tool, call) =
            (columns.text("content")?, columns.text("tool_name")?, columns.text("tool_call_id")?);
        let (idx, part, received) = (columns.int("idx")?, columns.int("part")?, columns.int("received_ns")?);
        for row in 0..batch.num_rows() {
            bytes += content.value(row).len();
            if bytes > SPAN_CONTENT_BYTES {
                break;
            }
            let key = (reading_order(direction.value(row)), idx.value(row), part.value(row));
            if kept.get(&key).is_some_and(|(known, _)| *known > received.value(row)) {
                continue;
            }
            let message = Message {
                direction: direction.value(row).to_owned(),
                idx: idx.value(row),
                part: part.value(row),
                role: role.value(row).to_owned(),
                kind: kind.value(row).to_owned(),
                content: content.value(row).to_owned(),
                tool_name: text_at(&tool, row),
                tool_call_id: text_at(&call, row),
            };
            kept.insert(key, (received.value(row), message));
        }
    }
    Ok(kept.into_values().map(|(_, message)| message).collect())
}

fn reading_order(direction: &str) -> u8 {
    match direction {
        "tools" => 0,
        "system" => 1,
        "input" => 2,
        _ => 3,
    }
}

fn read_logs(batches: &[RecordBatch]) -> Result<Vec<LogLine>, QueryError> {
    let mut logs = Vec::new();
    for batch in batches {
        let columns = Columns(batch);
        let (time, severity) = (columns.int("time_ns")?, columns.text("severity")?);
        let (body, event) = (columns.text("body")?, columns.text("event_name")?);
        for row in 0..batch.num_rows() {
            logs.push(LogLine {
                time_ns: time.value(row),
                severity: severity.value(row).to_owned(),
                event_name: text_at(&event, row),
                body: body.value(row).to_owned(),
                attrs: columns.map("attrs", row)?,
            });
        }
    }
    logs.sort_by_key(|log| log.time_ns);
    Ok(logs)
}
