//! Everything that enters the daemon: listeners, admission, decoding, redaction, enrichment, append, acknowledgement.
//!
//! Start reading in [`path`]: one file shows the whole way in. Each door (`otlp_http`, `otlp_grpc`, `datadog`,
//! `dogstatsd`) speaks one protocol and hands over [`path::Received`] bytes. Never imports `query` or `serve`.

pub mod admit;
pub mod datadog;
pub mod dogstatsd;
mod guard;
mod inflate;
pub mod ledger;
pub mod limits;
pub mod listener;
mod otlp_answer;
pub mod otlp_grpc;
pub mod otlp_http;
pub mod path;

pub use ledger::{Ledger, LedgerRow};
pub use limits::Limits;
pub use path::{Ack, Intake, Parts, Protocol, Received, TakeError};
