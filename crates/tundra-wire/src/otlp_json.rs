//! OTLP requests in JSON to the same records that protobuf gives, and back (`encode`). `intake` calls it as `otlp::json`.
//!
//! Clients differ, so the reading is tolerant: ids in hex or base64, 64-bit numbers as numbers or text, enums by number
//! or name, keys in camelCase or snake_case, null for absent. Unknown keys are skipped.

pub mod encode;
mod envelope;
mod log;
mod metric;
mod trace;
pub(crate) mod value;

pub use log::logs;
pub use metric::metrics;
pub use trace::traces;
