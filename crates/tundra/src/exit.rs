//! What happens when the process ends while pipelines are open: by `std::process::exit`, or with a guard that is a
//! `static` or was forgotten. What was recorded until then is handed over, as a dropped guard would have.
//!
//! Guards say here when they begin and end. The handler runs on the thread that ends the process, after its thread-local
//! values are gone, and waits no longer than the guards would; with every guard dropped it does nothing. A process that is
//! killed or aborted never comes here.

use crate::collector;
use crate::engine::Local;
use crate::limits::EXIT_LINES;
use std::panic::catch_unwind;
use std::sync::{Mutex, MutexGuard, Once, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// Pipelines whose guard lives, and how long their end may take.
pub(crate) type Open = Vec<(u16, Duration)>;
static OPEN: Mutex<Open> = Mutex::new(Vec::new());

/// The open pipelines, held by whoever forks.
pub(crate) type OpenLock = MutexGuard<'static, Open>;

/// For whoever forks, and for this module.
pub(crate) fn lock_open() -> OpenLock {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A guard begins.
pub(crate) fn opened(pipeline: u16, deadline: Duration) {
    static ONCE: Once = Once::new();
    ONCE.call_once(watch);
    lock_open().push((pipeline, deadline));
}

/// Its end.
pub(crate) fn closed(pipeline: u16) {
    lock_open().retain(|(open, _)| *open != pipeline);
}

#[cfg(any(unix, windows))]
#[expect(unsafe_code, reason = "registering an exit handler has no safe form")]
fn watch() {
    // SAFETY: the handler is a plain function without arguments that lives as long as the program.
    unsafe { libc::atexit(hand_over) };
}

#[cfg(not(any(unix, windows)))]
fn watch() {}

#[cfg_attr(not(any(unix, windows)), expect(dead_code, reason = "there are no such handlers"))]
extern "C" fn hand_over() {
    // A forked child that recorded nothing has nothing to hand over, and most of them end this way. On a thread of ours (an
    // exporter or a stream of the program's ended it) nobody is left to wait for.
    if crate::engine::is_forked() || collector::is_in_parent() || Local::is_suppressed() {
        return;
    }
    // Whoever holds the lock may have been ended in the midst of it.
    let open = match OPEN.try_lock() {
        Ok(mut open) => std::mem::take(&mut *open),
        Err(TryLockError::Poisoned(poisoned)) => std::mem::take(&mut *poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => return,
    };
    let began = Instant::now();
    let _ = catch_unwind(|| {
        for (pipeline, deadline) in open {
            // Whoever ends the process may hold standard output, and never lets go of it.
            collector::shut_down(pipeline, began + deadline, EXIT_LINES);
        }
    });
}
