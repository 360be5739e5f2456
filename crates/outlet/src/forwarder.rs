//! The forwarder: wait for news, read, send, move the cursor; pause and try again when the Agent is away.

use crate::agent::{Agent, SendError};
use crate::limits::{LINGER, PAUSE_MAX, PAUSE_MIN, READ_BYTES};
use crate::payload::pack;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use store::{CursorError, Store};
use tokio::sync::watch;

/// The cursor's name in the store.
const CURSOR: &str = "datadog-agent";

/// Sends every span of the store's log to an Agent, in order, at least once.
#[derive(Debug)]
pub struct Forwarder {
    store: Store,
    agent: Agent,
    state: Mutex<State>,
    counts: Counts,
}

/// How it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The Agent took the last request, or none was needed yet.
    Connected,
    /// The Agent did not take the last request; it is tried again.
    Waiting {
        /// Why.
        problem: String,
    },
}

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    refused: AtomicU64,
    damaged: AtomicU64,
    events: AtomicU64,
    skipped_batches: AtomicU64,
}

/// The forwarder's place in the log cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("the forwarder's place in the log cannot be kept: {0}")]
pub struct OpenError(#[from] CursorError);

impl Forwarder {
    /// Takes up where the last run stopped; the first time, with what comes in from now on.
    pub async fn open(store: Store, agent: Agent) -> Result<Self, OpenError> {
        if store.cursor(CURSOR).is_none() {
            let now = store.snapshot().seq();
            store.set_cursor(CURSOR, Some(now)).await?;
        }
        Ok(Self { store, agent, state: Mutex::new(State::Connected), counts: Counts::default() })
    }

    /// How it goes now.
    pub fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counter, reason and value of everything it counts.
    pub fn counts(&self) -> Vec<(&'static str, &'static str, u64)> {
        let Counts { sent, refused, damaged, events, skipped_batches } = &self.counts;
        vec![
            ("forwarded", "", sent.load(Ordering::Relaxed)),
            ("dropped", "refused_by_agent", refused.load(Ordering::Relaxed)),
            ("dropped", "damaged", damaged.load(Ordering::Relaxed)),
            ("not_forwarded", "llm_event", events.load(Ordering::Relaxed)),
            ("batches_skipped", "too_far_behind", skipped_batches.load(Ordering::Relaxed)),
        ]
    }

    /// Forwards until `stop` turns true. What was not sent by then is sent after the next start.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            () = self.forward() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn forward(&self) {
        let mut news = self.store.subscribe();
        let mut cursor = self.store.cursor(CURSOR).unwrap_or_default();
        let mut pause = PAUSE_MIN;
        loop {
            if news.wait_for(|seq| *seq > cursor).await.is_err() {
                return;
            }
            tokio::time::sleep(LINGER).await;
            match self.step(cursor).await {
                Ok(next) => {
                    cursor = next.max(cursor);
                    pause = PAUSE_MIN;
                    self.set(State::Connected);
                }
                Err(problem) => {
                    tracing::debug!(problem, pause_ms = pause.as_millis() as u64, "forwarding waits");
                    self.set(State::Waiting { problem });
                    tokio::time::sleep(jittered(pause, cursor)).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Sends what follows `cursor` and returns the cursor after it.
    async fn step(&self, cursor: u64) -> Result<u64, String> {
        let read = self.store.read_from(cursor, READ_BYTES).await.map_err(|error| error.to_string())?;
        self.counts.skipped_batches.fetch_add(read.skipped, Ordering::Relaxed);
        let packed = pack(&read.batches);
        self.counts.damaged.fetch_add(packed.damaged, Ordering::Relaxed);
        self.counts.events.fetch_add(packed.events, Ordering::Relaxed);
        for payload in packed.payloads {
            match self.agent.send(payload.body, payload.traces).await {
                Ok(()) => {
                    self.counts.sent.fetch_add(payload.spans, Ordering::Relaxed);
                }
                Err(SendError::Never { status }) => {
                    tracing::warn!(%status, spans = payload.spans, "the Datadog Agent refused spans");
                    self.counts.refused.fetch_add(payload.spans, Ordering::Relaxed);
                }
                Err(SendError::Later { problem }) => return Err(problem),
            }
        }
        self.store.set_cursor(CURSOR, Some(read.next)).await.map_err(|error| error.to_string())?;
        Ok(read.next)
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// Between half and the whole pause, so that many forwarders do not come back at once.
fn jittered(pause: Duration, seed: u64) -> Duration {
    let spread = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
    pause / 2 + pause.mul_f64(spread as f64 / 2048.0)
}

#[cfg(test)]
mod tests;
