//! OTLP log requests in protobuf. One record buffer serves the whole request.

use super::envelope::{add_dropped, add_scope_attrs, span_id, trace_id, walk};
use super::value;
use crate::budget::{Budget, Fault};
use crate::error::DecodeError;
use crate::limits::Limits;
use crate::protobuf::{Message, Wire};
use tundra_record::{Attrs, LogRecord, Severity, Sink, UnixNanos};

/// Decodes an `ExportLogsServiceRequest`.
pub fn logs(body: &[u8], limits: &Limits, sink: &mut impl Sink) -> Result<(), DecodeError> {
    let mut buffer = LogRecord::default();
    walk(body, limits, sink, |message, scope_attrs, budget, sink| {
        budget.record::<LogRecord<'_>>(message.offset)?;
        clear(&mut buffer);
        let read = log(message, scope_attrs, &mut buffer, budget);
        match Fault::split(read)? {
            None => sink.log(&mut buffer),
            Some(reason) => sink.reject(reason),
        }
        Ok(())
    })
}

/// Makes it the default record again and keeps its buffer.
pub(crate) fn clear(log: &mut LogRecord<'_>) {
    let mut attrs = std::mem::take(&mut log.attrs);
    attrs.clear();
    *log = LogRecord { attrs, ..LogRecord::default() };
}

fn log<'a>(
    message: Message<'a>,
    scope_attrs: &Attrs<'a>,
    log: &mut LogRecord<'a>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    let (mut time, mut observed, mut dropped) = (0, 0, 0);
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field {
            (1, Wire::Fixed64(nanos)) => time = nanos,
            (2, Wire::Varint(number)) => log.severity = severity(number),
            (3, Wire::Bytes(text)) => log.severity_text = text.text(),
            (5, Wire::Bytes(any)) => {
                budget.charge(any.bytes.len(), any.offset)?;
                if let Some(body) = value::any_value(any, 0, budget)? {
                    log.body = body;
                }
            }
            (6, Wire::Bytes(entry)) => value::attr(entry, 0, &mut log.attrs, budget)?,
            (7, Wire::Varint(count)) => dropped = count,
            (9, Wire::Bytes(id)) => log.trace_id = trace_id(id.bytes),
            (10, Wire::Bytes(id)) => log.span_id = span_id(id.bytes),
            (11, Wire::Fixed64(nanos)) => observed = nanos,
            (12, Wire::Bytes(name)) => log.event_name = name.text(),
            _ => {}
        }
    }
    log.time = UnixNanos::from_u64(if time == 0 { observed } else { time });
    add_scope_attrs(scope_attrs, &mut log.attrs, budget, message.offset)?;
    add_dropped(super::DROPPED[0], dropped, &mut log.attrs, budget, message.offset)
}

/// Numbers past OTLP's 24 say nothing.
pub(crate) fn severity(number: u64) -> Severity {
    Severity(u8::try_from(number).ok().filter(|number| *number <= 24).unwrap_or(0))
}
