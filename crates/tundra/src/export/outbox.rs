//! Payloads on their way out: a queue bounded in bytes, and a sender thread that lives only while there is work.
//!
//! An exporter puts payloads in on the collector thread, which never waits for a network. Those that wait go together as long
//! as the target takes them so. While the target is away the sender backs off with full jitter, or as long as the target
//! asks for; when the queue is full the oldest payload makes room. Whatever is lost is counted with its reason.

use super::endpoint::Endpoint;
use super::http::{Client, Response};
use super::payload::{Group, Payload};
use crate::collector::at_work;
use crate::engine::Local;
use crate::health::{DONE, Target, Undelivered, ails, recovers};
use crate::limits::{BODY_BYTES, LONGEST_TIME, OUTBOX_BYTES, PAYLOAD_BYTES, SPARE_BYTES};
use crate::rng;
use std::cell::Cell;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Learns what became of requests. Called on the sender thread; must not block or panic.
pub(crate) trait Watch: Send + Sync {
    /// The answer to the last try of a request; `None` if nobody answered.
    fn answered(&self, path: &str, answer: Option<&Response>) {
        let _ = (path, answer);
    }

    /// How many records of a request were rejected by a target that took the others.
    fn rejected(&self, answer: &Response) -> u64 {
        let _ = answer;
        0
    }

    /// Whether it waits for a success's body that only ends with the connection. Default: yes.
    fn waits_for_bodies(&self) -> bool {
        true
    }
}

/// Nobody wants to know.
impl Watch for () {
    fn waits_for_bodies(&self) -> bool {
        false
    }
}

#[derive(Default)]
struct State {
    queue: VecDeque<Payload>,
    bytes: usize,
    /// Buffers that were sent, for the next payloads.
    spare: Vec<Vec<u8>>,
    /// Bytes of the largest payloads that came lately, as far as they are of a sensible size. It forgets slowly: between two
    /// large ones come small ones.
    usual: usize,
    /// Whose it is.
    pipeline: u16,
    /// Whether a sender thread runs.
    sender: bool,
    /// Whether it sleeps until something comes: only then it has to be woken.
    idle: bool,
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
/// Payloads that are looked at for others that can go with the first.
const SCAN: usize = 64;
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

/// Whether a buffer has room for what usually comes, and not much more: to grow costs more than new memory.
fn is_fit(buffer: &Vec<u8>, usual: usize) -> bool {
    (usual..=2 * usual).contains(&buffer.capacity())
}

impl State {
    /// The next payload, with others that can go with it, up to so many bytes. Those of another kind wait: signals that
    /// share a target come in turns, and their order means nothing.
    fn take(&mut self, most: usize) -> Option<Group> {
        let mut group = Group::of(self.queue.pop_front()?);
        let mut at = 0;
        while let Some(other) = self.queue.get(at).filter(|_| at < SCAN) {
            if group.len_bytes() + other.body.len() > most || !group.takes(other) {
                at += 1;
            } else if let Some(other) = self.queue.remove(at) {
                group.push(other);
            }
        }
        self.bytes = self.bytes.saturating_sub(group.len_bytes());
        Some(group)
    }

    /// What could not be delivered is next again, each payload by itself.
    fn put_back(&mut self, group: Group) {
        self.bytes += group.len_bytes();
        group.into_payloads().rev().for_each(|payload| self.queue.push_front(payload));
    }

    /// Keeps the memory of a payload that was sent, if it is about what the next ones need.
    fn recycle(&mut self, mut buffer: Vec<u8>) {
        let kept: usize = self.spare.iter().map(Vec::capacity).sum();
        if is_fit(&buffer, self.usual) && kept + buffer.capacity() <= SPARE_BYTES {
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
            shared.time = time.min(LONGEST_TIME);
        }
        self
    }

    /// An empty buffer for a payload: one that was sent, if there is one, for new memory costs more than what is written
    /// into it; else one that needs not grow.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        let mut state = self.0.state();
        let usual = state.usual;
        state.spare.retain(|spare| is_fit(spare, usual));
        state.spare.pop().unwrap_or_else(|| Vec::with_capacity(usual + usual / 4))
    }

    /// Takes a payload over. One that can never be sent is counted as lost.
    pub(crate) fn put(&self, mut payload: Payload) {
        let mut state = self.0.state();
        if state.bytes > PAYLOAD_BYTES && payload.gzip {
            // The target is away: what is small now lets more of them wait.
            drop(state);
            payload.pack();
            state = self.0.state();
        }
        state.pipeline = at_work();
        let len_bytes = payload.body.len();
        if len_bytes > OUTBOX_BYTES || state.closing.is_some() {
            let late = state.closing.is_some();
            DONE.lose(payload.load, if late { Undelivered::Shutdown } else { Undelivered::TooLarge });
            return;
        }
        while state.bytes + len_bytes > OUTBOX_BYTES {
            let Some(oldest) = state.queue.pop_front() else { break };
            state.bytes -= oldest.body.len();
            DONE.lose(oldest.load, Undelivered::OutboxFull);
        }
        state.bytes += len_bytes;
        state.usual = len_bytes.min(BODY_BYTES).max(state.usual - state.usual / 64);
        if payload.body.capacity() / 4 > len_bytes {
            // Its buffer was meant for more: what waits holds what it counts for, and the next one need not ask for memory.
            let buffer = std::mem::take(&mut payload.body);
            payload.body.extend_from_slice(&buffer);
            state.recycle(buffer);
        }
        state.queue.push_back(payload);
        if !state.sender {
            let shared = Arc::clone(&self.0);
            let thread = std::thread::Builder::new().name("tundra-sender".to_owned());
            state.sender = thread.spawn(move || send_all(&shared)).is_ok();
        }
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        if idle {
            self.0.changed.notify_all();
        }
    }

    /// In a forked child: what is queued is the parent's to send, and so is the thread that does.
    pub(crate) fn after_fork(&mut self, watch: Arc<dyn Watch>) {
        *self = Self::new(self.0.endpoint.clone(), watch);
    }

    /// From now on there is no patience, and nothing more is taken: what is held has time until the deadline.
    pub(crate) fn end(&self, deadline: Instant) {
        self.0.state().closing.get_or_insert(deadline);
        self.0.changed.notify_all();
    }

    /// Waits for what is held, until the deadline; what is left is counted as lost.
    pub(crate) fn close(&self, deadline: Instant) {
        self.end(deadline);
        let mut state = self.0.state();
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
    Refused {
        why: String,
    },
    /// Worth another try, after this time at the earliest if the target said so.
    Later {
        answered: bool,
        wish: Option<Duration>,
        why: String,
    },
}

fn attempt(shared: &Shared, client: &mut Client<'_>, group: &mut Group, deadline: Instant) -> Outcome {
    let answer = group.send(client, deadline);
    shared.watch.answered(group.path(), answer.as_ref().ok());
    match answer {
        Ok(response) => match response.status {
            200..300 => {
                let rejected = shared.watch.rejected(&response);
                DONE.lose(group.load().map(|count| count.min(rejected)), Undelivered::Refused);
                Outcome::Delivered
            }
            status @ (408 | 429 | 500 | 502..=504) => Outcome::Later {
                answered: true,
                wish: response.retry_after(SystemTime::now()).map(|wish| wish.min(LONGEST_WISH)),
                why: refusal(status),
            },
            status => Outcome::Refused { why: refusal(status) },
        },
        Err(error) => {
            let hint = match error.kind() {
                // Somebody else lives there, or speaks another language.
                ErrorKind::InvalidData => "are address and port right?",
                _ => "is it running?",
            };
            Outcome::Later { answered: false, wish: None, why: format!("{error}; {hint}") }
        }
    }
}

/// What a status says, and where to look.
fn refusal(status: u16) -> String {
    let hint = match status {
        401 | 403 => "; is the key right?",
        404 | 405 => "; is this its address?",
        _ => "",
    };
    format!("it answers with status {status}{hint}")
}

/// Tells who fails and why, and when that is over. What carries no records does not count, and a target that says when to come
/// back is well. Whoever does not answer takes nothing; whoever does may take one signal and not the other.
fn note(shared: &Shared, pipeline: u16, outcome: &Outcome, group: &Group) {
    if group.load() == [0; 3] {
        return;
    }
    let target = |path| Target { pipeline, name: shared.endpoint.shown(), path };
    if !matches!(outcome, Outcome::Later { answered: false, .. }) {
        recovers(&target(""));
    }
    match outcome {
        Outcome::Delivered => recovers(&target(group.path())),
        Outcome::Refused { why } if group.is_single() => ails(target(group.path()), why),
        Outcome::Later { answered, wish: None, why } => {
            ails(target(if *answered { group.path() } else { "" }), why)
        }
        Outcome::Refused { .. } | Outcome::Later { .. } => {}
    }
}

fn send_all(shared: &Shared) {
    Local::suppress();
    let dice = Cell::new(rng::seed());
    let mut client = Client::new(&shared.endpoint, shared.watch.waits_for_bodies());
    let mut pause = FIRST_PAUSE;
    // What goes together: less after each failure, for it may be too much for the target, or for the way there.
    let mut most = PAYLOAD_BYTES;
    let mut state = shared.state();
    loop {
        let (group, held) = next(shared, state, most);
        state = held;
        let Some(mut group) = group else { break };
        let limit = Instant::now() + shared.time;
        let (deadline, is_last) = state.closing.map_or((limit, false), |closing| (closing.min(limit), true));
        let pipeline = state.pipeline;
        drop(state);
        let outcome = attempt(shared, &mut client, &mut group, deadline);
        note(shared, pipeline, &outcome, &group);
        state = shared.state();
        if !matches!(outcome, Outcome::Delivered) {
            DONE.export_errors.fetch_add(1, Relaxed);
            most = group.len_bytes() / 2;
        }
        match outcome {
            Outcome::Delivered => {
                pause = FIRST_PAUSE;
                most = (most + most / 8).clamp(BODY_BYTES, PAYLOAD_BYTES);
                group.into_payloads().for_each(|payload| state.recycle(payload.body));
            }
            Outcome::Refused { .. } if !group.is_single() => state.put_back(group),
            Outcome::Refused { .. } => {
                pause = FIRST_PAUSE;
                DONE.lose(group.load(), Undelivered::Refused);
            }
            // No time for patience: what is tried once the end has begun and cannot be sent is lost. What waits behind it is not,
            // unless nobody is there.
            Outcome::Later { answered, .. } if is_last => {
                DONE.lose(group.load(), Undelivered::Shutdown);
                if !answered && group.retry() {
                    break;
                }
            }
            Outcome::Later { answered, wish, .. } => {
                if group.tries_again(answered) {
                    state.put_back(group);
                } else {
                    DONE.lose(group.load(), Undelivered::Refused);
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

/// The next payloads, or none if there was nothing to do for a while or the end has come.
fn next<'s>(
    shared: &'s Shared,
    mut state: MutexGuard<'s, State>,
    most: usize,
) -> (Option<Group>, MutexGuard<'s, State>) {
    loop {
        if let Some(group) = state.take(most) {
            return (Some(group), state);
        }
        if state.closing.is_some() {
            return (None, state);
        }
        state.idle = true;
        let (again, timeout) =
            shared.changed.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
        state = again;
        state.idle = false;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_payload_leaves_its_large_buffer_to_the_next() {
        let nobody = Endpoint::parse("http://127.0.0.1:1", 1).expect("an endpoint");
        let outbox = Outbox::new(nobody, Arc::new(()));
        let put = |len_bytes: usize, mut buffer: Vec<u8>| {
            buffer.resize(len_bytes, 0);
            outbox.put(Payload::post("/x", Vec::new(), buffer, [0; 3]));
        };
        put(300_000, outbox.buffer());
        let buffer = outbox.buffer();
        let (place, room) = (buffer.as_ptr(), buffer.capacity());
        assert!((300_000..=600_000).contains(&room), "{room}");
        put(1000, buffer);
        for small in [1, 500, 20_000, 70_000] {
            let again = outbox.buffer();
            assert_eq!((again.as_ptr(), again.len()), (place, 0), "before {small}");
            put(small, again);
        }
        // What is of another size than all others says nothing of them, and is not kept for them.
        put(9 << 20, outbox.buffer());
        assert!(outbox.buffer().capacity() <= 2 * BODY_BYTES);
        let state = outbox.0.state();
        let held: usize = state.queue.iter().map(|payload| payload.body.capacity()).sum();
        assert!(held <= 11 << 20, "what waits holds what it counts for: {held}");
        drop(state);
        outbox.close(Instant::now());
    }
}
