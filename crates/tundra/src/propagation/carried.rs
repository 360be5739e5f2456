//! What came with a trace and travels on with it, kept by trace id: `tracestate`, `baggage`, Datadog's origin and tags.
//!
//! Written when a remote context is entered, read when headers are written. Bounded; the oldest make room.

use super::Remote;
use crate::limits::{REMOTE_STATE_BYTES, REMOTE_STATES};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tundra_record::TraceId;

/// The latest traces that brought something.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    by_trace: HashMap<TraceId, Arc<Remote>>,
    order: VecDeque<TraceId>,
    bytes: usize,
}

impl Kept {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_trace.len().max(self.order.len())
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let bytes = self.by_trace.values().map(|remote| len_bytes(remote)).sum();
        assert_eq!(self.bytes, bytes);
        bytes
    }

    fn insert(&mut self, remote: &Remote) {
        self.bytes += len_bytes(remote);
        match self.by_trace.insert(remote.trace_id, Arc::new(remote.clone())) {
            Some(old) => self.bytes -= len_bytes(&old),
            None => self.order.push_back(remote.trace_id),
        }
        while self.order.len() > REMOTE_STATES || self.bytes > REMOTE_STATE_BYTES {
            let Some(oldest) = self.order.pop_front() else { break };
            self.bytes -= self.by_trace.remove(&oldest).map_or(0, |old| len_bytes(&old));
        }
    }
}

/// What one trace takes.
fn len_bytes(remote: &Remote) -> usize {
    let Remote { origin, datadog_tags, trace_state, baggage, .. } = remote;
    let texts: usize = [origin, datadog_tags, trace_state, baggage].iter().map(|text| text.len()).sum();
    texts + size_of::<Remote>() + 2 * size_of::<TraceId>()
}

static KEPT: Mutex<Option<Kept>> = Mutex::new(None);
static ANY: AtomicBool = AtomicBool::new(false);

/// What is kept, held by whoever forks.
pub(crate) type CarriedLock = MutexGuard<'static, Option<Kept>>;

/// For whoever forks, and for this module.
pub(crate) fn lock() -> CarriedLock {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers what a remote context brought, if it brought anything.
pub(crate) fn keep(remote: &Remote) {
    let plain = remote.trace_state.is_empty()
        && remote.baggage.is_empty()
        && remote.origin.is_empty()
        && remote.datadog_tags.is_empty()
        && matches!(remote.priority, None | Some(0 | 1));
    if plain {
        return;
    }
    ANY.store(true, Relaxed);
    lock().get_or_insert_default().insert(remote);
}

/// Whether somebody above rejected this very trace: then nothing of it is worth keeping.
pub(crate) fn is_rejected(trace: TraceId) -> bool {
    of(trace).is_some_and(|remote| remote.priority.is_some_and(|priority| priority < 0))
}

/// What a trace brought.
pub(crate) fn of(trace: TraceId) -> Option<Arc<Remote>> {
    if !ANY.load(Relaxed) {
        return None;
    }
    lock().as_ref()?.by_trace.get(&trace).cloned()
}
