//! The words every room speaks: ids, time, resource, span, event, link, log, metric point, LLM call, money,
//! and (feature `redact`) the rules that strip personal data and secrets before anything is stored or sent.
//!
//! Records borrow from the bytes they were decoded from, so that the way from a socket to a column allocates
//! nothing per span. Nothing here does I/O, reads a clock or knows a vendor (the redaction rule table aside).
#![warn(missing_docs)]

pub mod env;
pub mod id;
pub mod llm;
pub mod log;
pub mod metric;
pub mod money;
#[cfg(feature = "redact-rules")]
pub mod redact;
pub mod resource;
pub mod sink;
pub mod span;
pub mod task;
pub mod time;
pub mod value;

pub use id::{SpanId, TraceId};
pub use log::{LogRecord, Severity};
pub use metric::{MetricPoint, MetricValue, Temporality};
pub use money::PicoUsd;
#[cfg(feature = "redact-rules")]
pub use redact::Redacted;
pub use resource::{Resource, Scope};
pub use sink::{Reject, Sink};
pub use span::{EVENT_SCOPE, Event, Link, Source, Span, SpanKind, Status};
pub use task::{Task, TaskState};
pub use time::UnixNanos;
pub use value::{Attrs, Text, Value};
