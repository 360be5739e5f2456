//! Log records.

use crate::id::{SpanId, TraceId};
use crate::time::UnixNanos;
use crate::value::{Attrs, Text, Value};

/// One log line or event.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRecord<'a> {
    /// When it happened; if the client did not say, when it was observed or received.
    pub time: UnixNanos,
    /// How bad it is.
    pub severity: Severity,
    /// The level as the client spelled it; empty if it did not.
    pub severity_text: Text<'a>,
    /// The name, for logs that are events (OTLP `event_name`); empty for plain lines.
    pub event_name: Text<'a>,
    /// The message, or a structured body.
    pub body: Value<'a>,
    /// The trace it belongs to, if any.
    pub trace_id: Option<TraceId>,
    /// The span it belongs to, if any.
    pub span_id: Option<SpanId>,
    /// Details.
    pub attrs: Attrs<'a>,
}

impl Default for LogRecord<'_> {
    fn default() -> Self {
        Self {
            time: UnixNanos::default(),
            severity: Severity::default(),
            severity_text: Text::default(),
            event_name: Text::default(),
            body: Value::from(""),
            trace_id: None,
            span_id: None,
            attrs: Attrs::new(),
        }
    }
}

/// OTLP's severity number: 0 not said, 1-4 trace, 5-8 debug, 9-12 info, 13-16 warn, 17-20 error, 21-24 fatal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Severity(pub u8);

impl Severity {
    /// The word that SQL uses, one for each band of four.
    pub fn as_str(self) -> &'static str {
        match self.0 {
            1..=4 => "trace",
            5..=8 => "debug",
            9..=12 => "info",
            13..=16 => "warn",
            17..=20 => "error",
            21..=24 => "fatal",
            _ => "unset",
        }
    }
}
