//! The span engine: a `tracing` subscriber that allocates nothing per span and hands finished records to the collector.
//!
//! Slots hold open spans (`slot`), each thread has its own state (`local`) and ring (`ring`), values are bytes
//! (`fields`), what does not fit spills (`spill`). All of it is shared by every pipeline of the process; a subscriber is
//! little more than its pipeline's number. It never blocks, panics, logs or calls the system on an application thread.

mod fanout;
pub(crate) mod fields;
mod filter;
mod local;
#[cfg(feature = "layer")]
mod places;
mod ring;
mod slot;
mod spill;
mod subscriber;
mod sync;
#[cfg(feature = "layer")]
mod verdicts;

pub(crate) use fanout::{Fanout, Second};
pub use filter::FilterError;
pub(crate) use filter::{ActiveFilter, Filter};
#[cfg(feature = "opentelemetry")]
pub(crate) use local::ANY_PIPELINE_HERE;
pub(crate) use local::{ANY_PIPELINE, Entry, Local, Parked, is_forked, lock_parked, silence_child};
pub(crate) use slot::Identity as SpanIdentity;
pub(crate) use slot::{
    EVENT, FIRST, HEAD, Head, KEPT_ERROR, KEPT_LLM, SPAN, TRUNCATED, UNSAMPLED, identity, metadata,
    open_spans,
};
pub(crate) use spill::{Moment, Spill, SpillEvent, forget_spills, spilled};
pub(crate) use subscriber::{Engine, change_spill};
#[cfg(feature = "layer")]
pub(crate) use {
    places::Places,
    subscriber::{enter, exit, link, record_values, release},
    verdicts::Verdicts,
};

/// In a forked child: threads, rings and open spans of the parent are not ours.
pub(crate) fn forget_parent(parked: &mut Parked) {
    local::forget_threads(parked);
    slot::forget_pages();
    ring::forget_bursts();
}
