//! The span engine: a `tracing` subscriber that allocates nothing per span and hands finished records to the collector.
//!
//! Slots hold open spans (`slot`), each thread has its own state (`local`), stack of contexts (`contexts`) and ring
//! (`ring`), which the collector reads in runs (`run`). Values are bytes (`fields`), what does not fit spills (`spill`).
//! Spans begin in `subscriber`, are added to in `change` and end in `end`. All of it is shared by every pipeline of the
//! process; a subscriber is little more than its pipeline's number. It never blocks, panics, logs or calls the system on an
//! application thread.

mod change;
mod contexts;
mod end;
mod fanout;
pub(crate) mod fields;
mod filter;
mod guests;
mod local;
#[cfg(feature = "layer")]
mod places;
mod retold;
mod ring;
mod run;
mod slot;
mod spill;
mod subscriber;
mod sync;
#[cfg(feature = "layer")]
mod verdicts;

pub(crate) use change::change_spill;
pub(crate) use contexts::Entry;
pub(crate) use fanout::{Fanout, Second};
pub use filter::FilterError;
pub(crate) use filter::{ActiveFilter, Filter};
pub(crate) use guests::{GuestsLock, lock_guests};
#[cfg(feature = "opentelemetry")]
pub(crate) use local::ANY_PIPELINE_HERE;
pub(crate) use local::{ANY_PIPELINE, Local, Parked, UNDECIDED, is_forked, lock_parked, silence_child};
pub(crate) use run::{Run, Word, head, record};
pub(crate) use slot::Identity as SpanIdentity;
pub(crate) use slot::{
    EVENT, FIRST, FOREIGN, Head, KEPT_ERROR, KEPT_LLM, NUMBER, SPAN, TRUNCATED, UNSAMPLED, identity,
    metadata, open_spans,
};
pub(crate) use spill::{Linked, Moment, Spill, SpillEvent, forget_spills, spilled};
pub(crate) use subscriber::Engine;
#[cfg(feature = "layer")]
pub(crate) use {
    change::{link, record_values},
    end::release,
    places::Places,
    subscriber::{enter, exit},
    verdicts::Verdicts,
};

/// In a forked child: threads, rings and open spans of the parent are not ours.
pub(crate) fn forget_parent(parked: &mut Parked) {
    local::forget_threads(parked);
    slot::forget_pages();
    ring::forget_bursts();
}
