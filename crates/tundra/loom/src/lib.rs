//! The real `engine/ring.rs` and `engine/slot.rs`, compiled against loom: what the SDK calls `sync` is loom's here, and
//! limits are small, so that a handful of records wraps, grows and fills.
//!
//! `cargo test --manifest-path crates/tundra/loom/Cargo.toml` runs the models, which `tests/models.rs` lists. What loom cannot show: more than three
//! threads, and the processor's own store buffers beyond what the memory model allows.
#![expect(unsafe_code, reason = "loom has to reach as deep as what it watches")]

mod keyed;
mod memory;
pub mod rings;
pub mod slots;

/// The SDK's limits, shrunk.
mod limits {
    /// Four of the smallest records and a rest.
    pub(crate) const RING_BYTES: usize = 320;
    pub(crate) const BURST_RING_BYTES: usize = 640;
    /// Two larger rings, of which one is for who is full.
    pub(crate) const BURST_BYTES: usize = 1280;
    /// At once.
    pub(crate) const CALM_SLEEPS: u32 = 0;
    pub(crate) const WAKE_BYTES: u64 = 64;
    pub(crate) const WAKE_AGAIN_BYTES: u64 = 32;
    pub(crate) const SLOTS_PER_PAGE: usize = 2;
    pub(crate) const PAGES: usize = 4;
    pub(crate) const THREADS: usize = 2;
}

/// Whom the ring wakes.
mod collector {
    pub(crate) fn wake() {}
}

/// Tries every order with at most so many forced switches; more find nothing new in bounded time.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.max_branches = 10_000;
    builder.check(model);
}
