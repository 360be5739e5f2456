//! The thread's current `opentelemetry` context, asked in a way that never panics.
//!
//! Called wherever a span or event begins, so also where OpenTelemetry itself cannot answer: in a thread-local's
//! destructor after its own is gone, and in the `Drop` of a context's value, which it runs while it changes the context.
//! Its interface has no call that fails politely, and a panic in our panic hook ends the process.

use crate::panic;
use ::opentelemetry::Context;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Not asked yet on this thread.
    Unknown,
    There,
    /// OpenTelemetry's state of this thread is about to be destroyed, or was.
    Gone,
}

thread_local! {
    /// Needs no destructor, so it can be read as long as the thread runs.
    static REACH: Cell<Reach> = const { Cell::new(Reach::Unknown) };
    static FAREWELL: Farewell = const { Farewell };
}

/// Registered after OpenTelemetry's state, so destroyed before it.
struct Farewell;

impl Drop for Farewell {
    fn drop(&mut self) {
        REACH.set(Reach::Gone);
    }
}

/// Asks the current context; `None` if it cannot be reached at this moment.
pub(super) fn ask<R>(question: impl FnOnce(&Context) -> R) -> Option<R> {
    let reach = REACH.get();
    if reach == Reach::Gone {
        return None;
    }
    // A platform that destroys in another order, a thread whose first record comes that late, and a context that is being
    // changed are known by the panic alone.
    let _quiet = panic::Quiet::begin();
    let answer = catch_unwind(AssertUnwindSafe(|| Context::map_current(question))).ok()?;
    if reach == Reach::Unknown {
        let watched = FAREWELL.try_with(|_| ()).is_ok();
        REACH.set(if watched { Reach::There } else { Reach::Gone });
    }
    Some(answer)
}
