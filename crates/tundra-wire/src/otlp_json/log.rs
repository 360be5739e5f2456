//! OTLP log requests in JSON.

use super::envelope::{Keys, walk};
use super::value::{self, contain, span_id, time, trace_id};
use crate::budget::{Budget, Fault};
use crate::error::DecodeError;
use crate::json::{Reader, Scalar};
use crate::limits::Limits;
use crate::otlp::envelope::{add_dropped, add_scope_attrs};
use crate::otlp::{DROPPED, clear_log, severity};
use tundra_record::{Attrs, LogRecord, Severity, Sink, UnixNanos};

const KEYS: Keys = Keys {
    groups: ["resourceLogs", "resource_logs"],
    scopes: ["scopeLogs", "scope_logs"],
    records: ["logRecords", "log_records"],
};

/// Decodes an `ExportLogsServiceRequest`.
pub fn logs(body: &[u8], limits: &Limits, sink: &mut impl Sink) -> Result<(), DecodeError> {
    let mut buffer = LogRecord::default();
    walk(body, &KEYS, limits, sink, |reader, scope_attrs, budget, sink| {
        budget.record::<LogRecord<'_>>(reader.offset())?;
        clear_log(&mut buffer);
        match contain(reader, |reader| log(reader, scope_attrs, &mut buffer, budget))? {
            None => sink.log(&mut buffer),
            Some(reason) => sink.reject(reason),
        }
        Ok(())
    })
}

fn log<'a>(
    reader: &mut Reader<'a>,
    scope_attrs: &Attrs<'a>,
    log: &mut LogRecord<'a>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    let (offset, mut observed, mut dropped) = (reader.offset(), UnixNanos::default(), 0);
    reader.object(|reader, key| {
        match key.as_ref() {
            "timeUnixNano" | "time_unix_nano" => log.time = time(&reader.scalar()?),
            "observedTimeUnixNano" | "observed_time_unix_nano" => observed = time(&reader.scalar()?),
            "severityNumber" | "severity_number" => log.severity = severity_of(&reader.scalar()?),
            "severityText" | "severity_text" => log.severity_text = reader.scalar()?.into_text(),
            "eventName" | "event_name" => log.event_name = reader.scalar()?.into_text(),
            "body" => {
                let from = reader.offset();
                log.body = value::any_value(reader, 0, budget)?;
                budget.charge(reader.offset() - from, from)?;
            }
            "attributes" => value::attrs(reader, 0, &mut log.attrs, budget)?,
            "traceId" | "trace_id" => log.trace_id = trace_id(&reader.scalar()?),
            "spanId" | "span_id" => log.span_id = span_id(&reader.scalar()?),
            "droppedAttributesCount" | "dropped_attributes_count" => dropped = reader.scalar()?.as_u64(),
            _ => reader.skip()?,
        }
        Ok::<(), Fault>(())
    })?;
    if log.time == UnixNanos::default() {
        log.time = observed;
    }
    add_scope_attrs(scope_attrs, &mut log.attrs, budget, offset)?;
    add_dropped(DROPPED[0], dropped, &mut log.attrs, budget, offset)
}

/// By number, or by a name like `SEVERITY_NUMBER_WARN2`.
fn severity_of(scalar: &Scalar<'_>) -> Severity {
    let Scalar::Text(text) = scalar else { return severity(scalar.as_u64()) };
    let word = text.rsplit('_').next().unwrap_or_default().to_ascii_uppercase();
    let level = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let step = word[level.len()..].parse().unwrap_or(1);
    let base = match level {
        "TRACE" => 1,
        "DEBUG" => 5,
        "INFO" => 9,
        "WARN" => 13,
        "ERROR" => 17,
        "FATAL" => 21,
        "" => return severity(step),
        _ => return Severity::default(),
    };
    severity(if (1..=4).contains(&step) { base + step - 1 } else { 0 })
}
