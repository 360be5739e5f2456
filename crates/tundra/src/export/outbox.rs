//! Payloads on their way out: a queue bounded in bytes, and a sender thread that lives only while there is work.
//!
//! An exporter puts payloads in on the collector thread, which never waits for a network. While the target is away the
//! sender backs off with jitter; when the queue is full the oldest payload makes room, and its records are counted.

use super::endpoint::Endpoint;
use super::http;
use crate::engine::Local;
use crate::health::{DONE, Kind};
use crate::limits::OUTBOX_BYTES;
use crate::rng;
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One request.
pub(crate) struct Payload {
    pub(crate) path: &'static str,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// What is lost with it.
    pub(crate) spans: u64,
    pub(crate) logs: u64,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Payload>,
    bytes: usize,
    /// Whether a sender thread runs.
    sender: bool,
    /// Set once: give up at this time.
    closing: Option<Instant>,
}

struct Shared {
    endpoint: Endpoint,
    state: Mutex<State>,
    changed: Condvar,
}

/// The way out of one exporter.
pub(crate) struct Outbox(Arc<Shared>);

/// For one request, from connecting to the last byte of the answer.
const REQUEST_TIME: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A sender without work ends after this time.
const LINGER: Duration = Duration::from_secs(3);

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lose(payload: &Payload) {
    DONE.lost[Kind::Span as usize].fetch_add(payload.spans, Relaxed);
    DONE.lost[Kind::Log as usize].fetch_add(payload.logs, Relaxed);
}

impl Outbox {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        let state = Mutex::new(State::default());
        Self(Arc::new(Shared { endpoint, state, changed: Condvar::new() }))
    }

    /// Puts a payload in; false if it can never be sent.
    pub(crate) fn put(&self, payload: Payload) -> bool {
        let mut state = self.0.state();
        if payload.body.len() > OUTBOX_BYTES || state.closing.is_some() {
            return false;
        }
        while state.bytes + payload.body.len() > OUTBOX_BYTES {
            let Some(oldest) = state.queue.pop_front() else { break };
            state.bytes -= oldest.body.len();
            lose(&oldest);
        }
        state.bytes += payload.body.len();
        state.queue.push_back(payload);
        if !state.sender {
            let shared = Arc::clone(&self.0);
            let thread = std::thread::Builder::new().name("tundra-sender".to_owned());
            state.sender = thread.spawn(move || send_all(&shared)).is_ok();
        }
        drop(state);
        self.0.changed.notify_all();
        true
    }

    /// In a forked child: what is queued is the parent's to send, and so is the thread that does.
    pub(crate) fn after_fork(&mut self) {
        *self = Self::new(self.0.endpoint.clone());
    }

    /// Sends what is held, until the deadline; what is left is counted as lost.
    pub(crate) fn close(&self, deadline: Instant) {
        let mut state = self.0.state();
        state.closing = Some(deadline);
        self.0.changed.notify_all();
        while state.sender {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.bytes = 0;
        state.queue.drain(..).for_each(|payload| lose(&payload));
    }
}

/// What became of one attempt.
enum Outcome {
    /// Taken, or refused for good.
    Settled { delivered: bool },
    /// Worth another try.
    Later,
}

fn attempt(shared: &Shared, payload: &Payload, deadline: Instant) -> Outcome {
    let what = ("POST", payload.path);
    match http::request(&shared.endpoint, what, &payload.headers, &payload.body, deadline) {
        Ok(response) if (200..300).contains(&response.status) => Outcome::Settled { delivered: true },
        Ok(response) if response.status == 429 || response.status >= 500 => Outcome::Later,
        Ok(_) => Outcome::Settled { delivered: false },
        Err(_) => Outcome::Later,
    }
}

fn send_all(shared: &Shared) {
    Local::suppress();
    let dice = Cell::new(rng::seed());
    let mut pause = FIRST_PAUSE;
    let mut state = shared.state();
    loop {
        let Some(payload) = state.queue.pop_front() else {
            if state.closing.is_some() {
                break;
            }
            let (again, timeout) =
                shared.changed.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
            state = again;
            if state.queue.is_empty() && (timeout.timed_out() || state.closing.is_some()) {
                break;
            }
            continue;
        };
        state.bytes = state.bytes.saturating_sub(payload.body.len());
        let limit = Instant::now() + REQUEST_TIME;
        let deadline = state.closing.map_or(limit, |closing| closing.min(limit));
        drop(state);
        let outcome = attempt(shared, &payload, deadline);
        state = shared.state();
        match outcome {
            Outcome::Settled { delivered } => {
                pause = FIRST_PAUSE;
                if !delivered {
                    lose(&payload);
                    DONE.export_errors.fetch_add(1, Relaxed);
                }
            }
            Outcome::Later => {
                DONE.export_errors.fetch_add(1, Relaxed);
                if state.closing.is_some() {
                    // No time for patience: what cannot be sent now is lost.
                    lose(&payload);
                    break;
                }
                state.bytes += payload.body.len();
                state.queue.push_front(payload);
                state = wait(shared, state, pause, rng::next(&dice));
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
    state.sender = false;
    state.bytes = 0;
    if state.closing.is_some() {
        state.queue.drain(..).for_each(|payload| lose(&payload));
    }
    drop(state);
    shared.changed.notify_all();
}

/// Waits between half and all of `pause`, unless the end begins.
fn wait<'s>(
    shared: &'s Shared,
    state: MutexGuard<'s, State>,
    pause: Duration,
    dice: u64,
) -> MutexGuard<'s, State> {
    let half = pause / 2;
    let until = Instant::now() + half + half.mul_f64(dice as f64 / u64::MAX as f64);
    let mut state = state;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || state.closing.is_some() {
            return state;
        }
        state = shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
    }
}
