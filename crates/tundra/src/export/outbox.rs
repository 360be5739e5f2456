//! Payloads on their way out: a queue bounded in bytes, and a sender thread that lives only while there is work.
//!
//! An exporter puts payloads in on the collector thread, which never waits for a network. Those that wait go together. While the target is away the
//! sender backs off with full jitter, or as long as the target asks for; when the queue is full the oldest payload makes
//! room. Whatever is lost is counted with its reason.

use super::endpoint::Endpoint;
use super::http::{Client, Request, Response};
use super::payload::{Joins, Payload, Piece};
use crate::engine::Local;
use crate::health::{DONE, Undelivered};
use crate::limits::{ANSWERED_TRIES, OUTBOX_BYTES, SPARE_BUFFERS};
use crate::rng;
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Learns what became of requests. Called on the sender thread; must not block or panic.
pub(crate) trait Watch: Send + Sync {
    /// The answer to the last try of a request; `None` if nobody answered.
    fn answered(&self, path: &str, answer: Option<&Response>);
}

/// Nobody wants to know.
impl Watch for () {
    fn answered(&self, _: &str, _: Option<&Response>) {}
}

#[derive(Default)]
struct State {
    queue: VecDeque<Payload>,
    bytes: usize,
    /// Buffers that were sent, for the next payloads.
    spare: Vec<Vec<u8>>,
    /// Bytes of the largest payloads that came lately.
    usual: usize,
    /// Whether a sender thread runs.
    sender: bool,
    /// Set once: give up at this time.
    closing: Option<Instant>,
}

struct Shared {
    endpoint: Endpoint,
    watch: Arc<dyn Watch>,
    /// For one request, from connecting to the last byte of the answer.
    time: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

/// The way out of one exporter.
pub(crate) struct Outbox(Arc<Shared>);

/// For one request, where nobody says otherwise.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// Payloads that wait without more memory for the queue.
const QUEUE: usize = 64;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest time that a target can ask to be left alone.
const LONGEST_WISH: Duration = Duration::from_secs(120);
/// A sender without work ends after this time.
const LINGER: Duration = Duration::from_secs(3);

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts into a payload those that come next and can go with it.
    fn join(&mut self, payload: &mut Payload) {
        let mut len_bytes = payload.len_bytes();
        while let Some(other) = self.queue.pop_front_if(|other| payload.can_take(len_bytes, other)) {
            let more = other.len_bytes();
            self.bytes = self.bytes.saturating_sub(more);
            len_bytes += more;
            payload.take(other);
        }
    }

    /// Keeps the memory of a payload that was sent, unless it is far too large for what is sent now.
    fn recycle(&mut self, mut buffer: Vec<u8>) {
        let fits = (1..=2 * self.usual).contains(&buffer.capacity());
        if fits && self.spare.len() < SPARE_BUFFERS {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// Loses everything that is queued.
    fn lose_all(&mut self, why: Undelivered) {
        self.bytes = 0;
        self.queue.drain(..).for_each(|payload| DONE.lose(payload.load, why));
    }
}

impl Outbox {
    pub(crate) fn new(endpoint: Endpoint, watch: Arc<dyn Watch>) -> Self {
        // What grows while payloads wait would come to lie behind them, and keep their memory from the system.
        let queue = VecDeque::with_capacity(QUEUE);
        let state = Mutex::new(State { queue, ..State::default() });
        Self(Arc::new(Shared { endpoint, watch, time: REQUEST_TIME, state, changed: Condvar::new() }))
    }

    /// Gives each request this time; for an outbox that nothing was put into.
    pub(crate) fn within(mut self, time: Duration) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            shared.time = time;
        }
        self
    }

    /// An empty buffer for a payload: one that was sent, if there is one, for new memory costs more than what is written
    /// into it; else one that needs not grow.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        let mut state = self.0.state();
        state.spare.pop().unwrap_or_else(|| Vec::with_capacity(state.usual + state.usual / 4))
    }

    /// Takes a payload over. One that can never be sent is counted as lost.
    pub(crate) fn put(&self, payload: Payload) {
        let mut state = self.0.state();
        if payload.len_bytes() > OUTBOX_BYTES || state.closing.is_some() {
            let late = state.closing.is_some();
            DONE.lose(payload.load, if late { Undelivered::Shutdown } else { Undelivered::TooLarge });
            return;
        }
        while state.bytes + payload.len_bytes() > OUTBOX_BYTES {
            let Some(oldest) = state.queue.pop_front() else { break };
            state.bytes -= oldest.len_bytes();
            DONE.lose(oldest.load, Undelivered::OutboxFull);
        }
        state.bytes += payload.len_bytes();
        if payload.joins != Joins::Never {
            state.usual = payload.len_bytes().max(state.usual / 8 * 7);
        }
        state.queue.push_back(payload);
        if !state.sender {
            let shared = Arc::clone(&self.0);
            let thread = std::thread::Builder::new().name("tundra-sender".to_owned());
            state.sender = thread.spawn(move || send_all(&shared)).is_ok();
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// In a forked child: what is queued is the parent's to send, and so is the thread that does.
    pub(crate) fn after_fork(&mut self, watch: Arc<dyn Watch>) {
        *self = Self::new(self.0.endpoint.clone(), watch);
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
        state.lose_all(Undelivered::Shutdown);
    }
}

/// What became of one try.
enum Outcome {
    Delivered,
    /// For good.
    Refused,
    /// Worth another try, after this time at the earliest if the target said so.
    Later {
        answered: bool,
        wish: Option<Duration>,
    },
}

fn attempt(shared: &Shared, client: &mut Client<'_>, payload: &Payload, deadline: Instant) -> Outcome {
    let Payload { method, path, headers, counts, .. } = payload;
    let pieces: Vec<_> = payload.pieces.iter().map(Piece::bytes).collect();
    let answer = client.request(Request { method, path, headers, counts, pieces: &pieces }, deadline).ok();
    shared.watch.answered(payload.path, answer.as_ref());
    match answer {
        Some(response) => match response.status {
            200..300 => Outcome::Delivered,
            408 | 429 | 500 | 502..=504 => Outcome::Later {
                answered: true,
                wish: response.retry_after().map(|wish| wish.min(LONGEST_WISH)),
            },
            _ => Outcome::Refused,
        },
        None => Outcome::Later { answered: false, wish: None },
    }
}

fn send_all(shared: &Shared) {
    Local::suppress();
    let dice = Cell::new(rng::seed());
    let mut client = Client::new(&shared.endpoint);
    let (mut pause, mut tries) = (FIRST_PAUSE, 0);
    let mut state = shared.state();
    loop {
        let (payload, held) = next(shared, state);
        state = held;
        let Some(mut payload) = payload else { break };
        state.join(&mut payload);
        let limit = Instant::now() + shared.time;
        let deadline = state.closing.map_or(limit, |closing| closing.min(limit));
        drop(state);
        payload.pack();
        let outcome = attempt(shared, &mut client, &payload, deadline);
        state = shared.state();
        match outcome {
            Outcome::Delivered => {
                (pause, tries) = (FIRST_PAUSE, 0);
                payload.pieces.into_iter().for_each(|piece| state.recycle(piece.buffer));
            }
            Outcome::Refused => {
                (pause, tries) = (FIRST_PAUSE, 0);
                DONE.export_errors.fetch_add(1, Relaxed);
                DONE.lose(payload.load, Undelivered::Refused);
            }
            Outcome::Later { answered, wish } => {
                DONE.export_errors.fetch_add(1, Relaxed);
                tries += u32::from(answered);
                if state.closing.is_some() {
                    // No time for patience: what cannot be sent now is lost.
                    DONE.lose(payload.load, Undelivered::Shutdown);
                    break;
                }
                if !payload.retry || tries >= ANSWERED_TRIES {
                    tries = 0;
                    DONE.lose(payload.load, Undelivered::Refused);
                } else {
                    state.bytes += payload.len_bytes();
                    state.queue.push_front(payload);
                }
                let part = rng::next(&dice) as f64 / u64::MAX as f64;
                state = wait(shared, state, wish.unwrap_or_default() + pause.mul_f64(part));
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
    state.sender = false;
    state.spare = Vec::new();
    if state.closing.is_some() {
        state.lose_all(Undelivered::Shutdown);
    }
    drop(state);
    shared.changed.notify_all();
}

/// The next payload, or none if there was nothing to do for a while or the end has come.
fn next<'s>(
    shared: &'s Shared,
    mut state: MutexGuard<'s, State>,
) -> (Option<Payload>, MutexGuard<'s, State>) {
    loop {
        if let Some(payload) = state.queue.pop_front() {
            state.bytes = state.bytes.saturating_sub(payload.len_bytes());
            return (Some(payload), state);
        }
        if state.closing.is_some() {
            return (None, state);
        }
        let (again, timeout) =
            shared.changed.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
        state = again;
        if state.queue.is_empty() && timeout.timed_out() {
            return (None, state);
        }
    }
}

/// Waits so long, unless the end begins.
fn wait<'s>(shared: &'s Shared, mut state: MutexGuard<'s, State>, pause: Duration) -> MutexGuard<'s, State> {
    let until = Instant::now() + pause;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || state.closing.is_some() {
            return state;
        }
        state = shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
    }
}
