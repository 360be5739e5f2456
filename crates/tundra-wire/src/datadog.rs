//! Datadog's trace formats as bytes to records, and back. `intake`, `outlet` and the SDK call it.
//!
//! What Datadog says in tags that a record has a field for moves into that field and is written back from it:
//! `_dd.p.tid` (the high half of trace ids), `span.kind`, links and events in JSON tags. Everything else stays an
//! attribute: `type` as `span.type`, `meta_struct` entries unpacked as `meta_struct.<key>`. A span whose attribute
//! `operation.name` is what Datadog calls it has its own name in Datadog's resource.

mod chunk;
pub mod encode;
mod headers;
mod json;
mod llmobs;
mod native;
pub mod stats;
mod tags;
mod v04;
mod v05;

pub use headers::DatadogHeaders;
pub use json::traces_json;
pub use llmobs::{EVALUATION_EVENT, llmobs_evaluations, llmobs_spans};
pub use v04::{count_spans, traces_v03_v04};
pub use v05::{count_spans_v05, traces_v05};

/// What unpacked `meta_struct` entries are called among the attributes.
const META_STRUCT: &str = "meta_struct.";

/// The attribute with what Datadog is to call a span, where that is not its name: an operation that many spans share.
/// Datadog takes it from spans that come by OTLP, too.
pub const OPERATION: &str = "operation.name";
