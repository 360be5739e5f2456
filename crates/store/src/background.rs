//! The background task: flushes when it is due and keeps house. Ends when the store closes or is dropped.

use crate::flush::flush;
use crate::shared::Shared;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often the task looks around even if nobody wakes it.
const LOOK: Duration = Duration::from_secs(1);

/// Runs until it is aborted.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        let _woken = tokio::time::timeout(LOOK, shared.work.notified()).await;
        if flush_is_due(&shared) {
            let _held = shared.maintenance.lock().await;
            shared.flush_wanted.store(false, Ordering::Relaxed);
            if let Err(error) = flush(&shared).await {
                tracing::warn!(%error, "rows stay in memory and in the log; flushing again soon");
            }
        }
    }
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
