//! OpenTelemetry's GenAI conventions on log records: messages one by one (old), a whole call's content on
//! `gen_ai.client.inference.operation.details` (new), and evaluation results.
//!
//! A log record that belongs to a span tells the content of that span's call, not another call; only one without a
//! span is a call by itself.

use super::otel_genai::{DIALECT, KEYS, content, evaluation, message_event};
use crate::draft::Draft;
use crate::fields::{find, text};
use tundra_record::{LogRecord, Scope, Severity, Value};

pub(super) fn log(_scope: &Scope<'_>, log: &LogRecord<'_>) -> Option<Draft> {
    let name = event_name(log);
    let mut draft = of_log(DIALECT, log);
    match name {
        "gen_ai.evaluation.result" => draft.evaluation(evaluation(&log.attrs)),
        "gen_ai.client.inference.operation.details" => details(&mut draft, log),
        _ => message_event(&mut draft, name, &log.attrs, &log.body),
    }
    Some(draft)
}

/// The event's name, wherever the client put it.
pub(super) fn event_name<'v>(log: &'v LogRecord<'_>) -> &'v str {
    if !log.event_name.is_empty() {
        return &log.event_name;
    }
    find(&log.attrs, &["event.name"]).or(Some(&log.body)).and_then(Value::as_str).unwrap_or_default()
}

/// A draft of a log record, with what all dialects share.
pub(super) fn of_log(dialect: &'static str, log: &LogRecord<'_>) -> Draft {
    let mut draft = Draft::default();
    draft.call.dialect = dialect;
    draft.call.trace_id = log.trace_id.unwrap_or_default();
    draft.call.span_id = log.span_id.unwrap_or_default();
    draft.call.start = log.time;
    draft.call.error_type = text(&log.attrs, &["error.type"]);
    draft.call.success = Some(draft.call.error_type.is_none() && log.severity < Severity(17));
    draft
}

fn details(draft: &mut Draft, log: &LogRecord<'_>) {
    let attrs = match &log.body {
        Value::Map(body) if log.attrs.iter().all(|(key, _)| !key.starts_with("gen_ai.")) => body,
        _ => &log.attrs,
    };
    draft.fill(&KEYS, attrs);
    content(draft, attrs);
    if log.span_id.is_none() {
        draft.leaf(&text(attrs, &["gen_ai.operation.name"]).unwrap_or_default());
    }
}
