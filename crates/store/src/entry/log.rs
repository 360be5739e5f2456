//! Log records.

use crate::cells::rows;
use crate::entry::attrs::{self, Scratch};
use crate::entry::origin::Origin;
use crate::read::{Columns, ReadError};
use tundra_record::value::from_json;
use tundra_record::{LogRecord, Severity, UnixNanos, Value};

rows! {
    /// Log records of a batch.
    LogRows, LOGS {
        time_ns: Int some "when it happened, nanoseconds since 1970 UTC",
        service: Text null "service that wrote it",
        env: Text null "deployment environment",
        severity: Text some "trace, debug, info, warn, error, fatal or unset",
        severity_number: Int some "OpenTelemetry's severity number, 0 to 24",
        severity_text: Text null "the level as the client spelled it",
        body: Text some "the message; a structured body as JSON",
        body_json: Bool some "true if the body is JSON of a structured body",
        trace_id: Text null "trace it belongs to",
        span_id: Text null "span it belongs to",
        attrs: Map some "attributes as text",
        attr_kinds: Text null "one letter for each attribute in order; NULL if all are texts in attrs",
        event_name: Text null "name, for logs that are events",
        host: Text null "host it was written on",
        source: Text some "otlp, datadog, gateway or sdk",
        sample: Bool some "true for sample data",
        resource_attrs: Text null "attributes of the process, container and host, JSON",
        scope_name: Text null "library that wrote it",
        scope_version: Text null "version of that library",
        received_ns: Int some "when it arrived",
    }
}

impl LogRows {
    /// Appends a log record.
    pub(crate) fn push(&mut self, origin: &Origin, log: &LogRecord<'_>, scratch: &mut Scratch) {
        self.time_ns.push(log.time.0);
        self.service.maybe(origin.service.as_deref());
        self.env.maybe(origin.env.as_deref());
        self.severity.push(log.severity.as_str());
        self.severity_number.push(i64::from(log.severity.0));
        self.severity_text.filled(&log.severity_text);
        self.body.push(&log.body.to_text());
        self.body_json.push(!matches!(log.body, Value::Str(_)));
        match log.trace_id {
            Some(id) => self.trace_id.ascii(&id.hex()),
            None => self.trace_id.null(),
        }
        match log.span_id {
            Some(id) => self.span_id.ascii(&id.hex()),
            None => self.span_id.null(),
        }
        attrs::write(&log.attrs, &mut self.attrs, None, &mut self.attr_kinds, scratch);
        self.event_name.filled(&log.event_name);
        self.host.maybe(origin.host.as_deref());
        self.source.push(origin.source.as_str());
        self.sample.push(origin.sample);
        self.resource_attrs.filled(&origin.resource_attrs);
        self.scope_name.filled(&origin.scope_name);
        self.scope_version.filled(&origin.scope_version);
        self.received_ns.push(origin.received.0);
    }
}

/// The log record of a row; it borrows from the batch.
pub(crate) fn read<'b>(columns: &Columns<'b>, row: usize) -> Result<LogRecord<'b>, ReadError> {
    let damaged = |column| ReadError::Damaged { column, row };
    let text = |column| columns.text(column, row);
    let body = text("body").ok_or(damaged("body"))?;
    let body = match columns.truth("body_json", row) {
        Some(true) => from_json(body).ok_or(damaged("body"))?,
        _ => body.into(),
    };
    let attrs = attrs::read(columns.map("attrs", row), std::iter::empty(), text("attr_kinds"));
    Ok(LogRecord {
        time: UnixNanos(columns.int("time_ns", row).ok_or(damaged("time_ns"))?),
        severity: Severity(
            columns.int("severity_number", row).and_then(|n| u8::try_from(n).ok()).unwrap_or_default(),
        ),
        severity_text: text("severity_text").unwrap_or_default().into(),
        event_name: text("event_name").unwrap_or_default().into(),
        body,
        trace_id: text("trace_id").and_then(|id| id.parse().ok()),
        span_id: text("span_id").and_then(|id| id.parse().ok()),
        attrs: attrs.ok_or(damaged("attrs"))?,
    })
}
