//! OTLP, version 1: requests as bytes to records, and back. `intake` and `outlet` call it.
//!
//! Kept: everything that the records have a place for, dropped-counts and scope attributes as attributes. Not kept:
//! schema URLs, entity references, metric descriptions, exemplars, and a log's flags and observed time when it has
//! another time. Unknown protobuf fields are skipped. A log without any time keeps time zero: the caller sets it.

pub mod count;
pub mod encode;
pub(crate) mod envelope;
pub(crate) mod exponential;
mod log;
mod metric;
mod trace;
mod value;

pub use crate::otlp_json as json;
pub use log::logs;
pub(crate) use log::{clear as clear_log, severity};
pub use metric::metrics;
pub use trace::traces;

use tundra_record::metric::Histogram;
use tundra_record::{Span, Status, Temporality, Value};

/// The names under which counts of what a client dropped are kept.
pub(crate) const DROPPED: [&str; 3] =
    ["otel.dropped_attributes_count", "otel.dropped_events_count", "otel.dropped_links_count"];

pub(crate) fn status_from_otlp(code: u64) -> Status {
    match code {
        1 => Status::Ok,
        2 => Status::Error,
        _ => Status::Unset,
    }
}

/// Datadog's clients speak OTLP too, and their spans name service and resource themselves. The attributes stay.
pub(crate) fn own_names(span: &mut Span<'_>) {
    for (key, value) in &span.attrs {
        let field = match key.as_ref() {
            "service.name" => &mut span.service,
            "resource.name" => &mut span.resource,
            _ => continue,
        };
        if let Value::Str(text) = value {
            *field = Some(text.clone());
        }
    }
}

pub(crate) fn temporality_from_otlp(number: u64) -> Temporality {
    match number {
        1 => Temporality::Delta,
        2 => Temporality::Cumulative,
        _ => Temporality::Unspecified,
    }
}

/// Keeps the promise that there is one bound fewer than counts: buckets that break it say nothing and are emptied,
/// count and sum stay.
pub(crate) fn well_formed(histogram: &mut Histogram) {
    if histogram.counts.len() != histogram.bounds.len() + 1 {
        histogram.bounds.clear();
        histogram.counts.clear();
    }
}
