//! OTLP, version 1: requests as bytes to records, and back. `intake` and `outlet` call it.
//!
//! Kept: everything that the records have a place for, dropped-counts and scope attributes as attributes. Not kept:
//! schema URLs, entity references, metric descriptions, exemplars, and a log's flags and observed time when it has
//! another time. Unknown protobuf fields are skipped. A log without any time keeps time zero: the caller sets it.

mod envelope;
mod trace;
mod value;

pub use trace::traces;

use tundra_record::Status;

/// The names under which counts of what a client dropped are kept.
const DROPPED: [&str; 3] =
    ["otel.dropped_attributes_count", "otel.dropped_events_count", "otel.dropped_links_count"];

fn status_from_otlp(code: u64) -> Status {
    match code {
        1 => Status::Ok,
        2 => Status::Error,
        _ => Status::Unset,
    }
}
