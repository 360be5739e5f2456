//! The background tasks: one flushes when it is due, one keeps house. They end when the store closes or is dropped.

use crate::error::FlushError;
use crate::flush::{flush, remove_segments, tidy_spares};
use crate::fs::is_full;
use crate::keep::{Memory, keep_reserve, release_reserve, round};
use crate::shared::Shared;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often the first looks around even if nobody wakes it.
const LOOK: Duration = Duration::from_secs(1);

/// How long the second rests between its rounds.
const KEEP: Duration = Duration::from_secs(10);

/// Flushes when it is due, until it is aborted.
pub(crate) async fn flush_when_due(shared: Arc<Shared>) {
    loop {
        let _woken = tokio::time::timeout(LOOK, shared.work.notified()).await;
        let _held = shared.flushing.lock().await;
        if flush_is_due(&shared) {
            flush_now(&shared).await;
        }
    }
}

async fn flush_now(shared: &Arc<Shared>) {
    shared.flush_wanted.store(false, Ordering::Relaxed);
    if shared.full.load(Ordering::Relaxed) {
        let _only_if_it_is_stopping = tidy_spares(shared, true).await;
        release_reserve(shared).await;
    }
    if let Err(error) = flush(shared).await {
        tracing::warn!(%error, "rows stay in memory and in the log; flushing again soon");
        // The log may not notice: it writes over what it has.
        if is_full_disk(&error) {
            shared.full.store(true, Ordering::Relaxed);
        }
    }
}

/// Merges, removes and keeps the reserve, until it is aborted.
pub(crate) async fn keep_house(shared: Arc<Shared>) {
    let mut memory = Memory::default();
    loop {
        {
            let _held = shared.maintenance.lock().await;
            if let Err(error) = round(&shared, &mut memory).await {
                tracing::warn!(%error, "house-keeping failed and is tried again");
            }
        }
        {
            let _held = shared.flushing.lock().await;
            if let Err(error) = remove_segments(&shared).await {
                tracing::warn!(%error, "a log segment cannot be removed yet");
            }
            let _only_if_it_is_stopping = tidy_spares(&shared, false).await;
        }
        if !shared.full.load(Ordering::Relaxed)
            && let Err(error) = keep_reserve(&shared).await
        {
            tracing::warn!(%error, "there is no space to keep in reserve");
        }
        tokio::time::sleep(KEEP).await;
    }
}

/// Whether an error has its cause in a full disk.
fn is_full_disk(error: &FlushError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<std::io::Error>().is_some_and(is_full) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn flush_is_due(shared: &Shared) -> bool {
    let state = shared.state.lock();
    let old = match (state.since, shared.config.flush_interval) {
        (Some(since), Some(interval)) => {
            shared.clock.monotonic().saturating_duration_since(since) >= interval
        }
        _ => false,
    };
    old || shared.flush_wanted.load(Ordering::Relaxed)
        || state.frozen.is_some()
        || state.active.bytes() >= shared.config.flush_bytes
}
