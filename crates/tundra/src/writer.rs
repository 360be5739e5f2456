//! Lines on their way to a stream or a file that may block: a queue bounded in bytes, and a thread that lives only while
//! there is work.
//!
//! The collector puts lines in and never waits: whoever reads the stream may be slow, or the disk, and any thread of the
//! program may hold standard output's lock. What finds no room is lost and counted; what was taken keeps its order. A flush
//! waits for lines on the thread that asked for it, never on the collector's.

mod receipt;

pub(crate) use receipt::{Fate, Owner, Receipt};

use crate::collector::at_work;
use crate::engine::Local;
use crate::health::{Target, ails, recovers};
use crate::limits::LINES_BYTES;
use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// A writer without work ends after this time.
const LINGER: Duration = Duration::from_secs(3);
/// Between two looks at a stream that says it would block.
const RETRY: Duration = Duration::from_millis(5);

type Out = Box<dyn Write + Send>;

struct Chunk {
    bytes: Vec<u8>,
    owner: Owner,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Chunk>,
    /// Bytes of the queue and of what is being written.
    bytes: usize,
    /// Chunks taken, and chunks of these that are written or lost.
    taken: u64,
    done: u64,
    /// Chunks lost, and how many of them a flush has told of.
    lost: u64,
    told: u64,
    /// Whether the thread runs.
    thread: bool,
    /// Why nothing more is taken.
    closed: Option<Fate>,
    /// Whose it is.
    pipeline: u16,
}

struct Shared {
    /// Who is told of when it does not take lines; empty for the console, which would have to tell it.
    name: String,
    /// Held while something is written; empty in a forked child that could not have it.
    out: Mutex<Option<Out>>,
    state: Mutex<State>,
    changed: Condvar,
    /// Nobody waits any more: what would block is lost.
    hurried: AtomicBool,
}

/// The way to one stream.
pub(crate) struct Writer(Arc<Shared>);

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, bytes: &[u8], pipeline: u16) -> Fate {
        let _at_work = AtWork::begin();
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(out) = out.as_mut() else { return Fate::Forked };
        // The stream may be the application's own code.
        let written = catch_unwind(AssertUnwindSafe(|| self.write_all(out, bytes)));
        let written = written.unwrap_or_else(|_| Err(Error::other("it panicked")));
        if !self.name.is_empty() {
            let target = Target { pipeline, name: self.name.clone(), path: "" };
            match &written {
                Ok(()) => recovers(&target),
                Err(error) => ails(target, error),
            }
        }
        if written.is_ok() { Fate::Written } else { Fate::Failed }
    }

    fn write_all(&self, out: &mut Out, mut bytes: &[u8]) -> std::io::Result<()> {
        while !bytes.is_empty() {
            let written = self.patiently(|| out.write(bytes))?;
            bytes = bytes.get(written..).filter(|_| written > 0).ok_or(ErrorKind::WriteZero)?;
        }
        self.patiently(|| out.flush())
    }

    /// Tries again while the stream only asks for patience: standard output may have been told not to block.
    fn patiently<R>(&self, mut act: impl FnMut() -> std::io::Result<R>) -> std::io::Result<R> {
        loop {
            match act().map_err(|error: Error| (error.kind(), error)) {
                Ok(done) => return Ok(done),
                Err((ErrorKind::Interrupted, _)) => {}
                Err((ErrorKind::WouldBlock, _)) if !self.hurried.load(Relaxed) => std::thread::sleep(RETRY),
                Err((_, error)) => return Err(error),
            }
        }
    }
}

impl Writer {
    pub(crate) fn new(out: Out) -> Self {
        Self::named(String::new(), out)
    }

    /// One that is told of when it does not take lines.
    pub(crate) fn named(name: String, out: Out) -> Self {
        Self::with(name, Some(out))
    }

    fn with(name: String, out: Option<Out>) -> Self {
        let closed = if out.is_some() { None } else { Some(Fate::Forked) };
        Self(Arc::new(Shared {
            name,
            out: Mutex::new(out),
            state: Mutex::new(State { closed, ..State::default() }),
            changed: Condvar::new(),
            hurried: AtomicBool::new(false),
        }))
    }

    /// Takes whole lines over. An empty queue takes them however long they are.
    pub(crate) fn put(&self, bytes: Vec<u8>, owner: Owner) {
        let mut state = self.0.state();
        let full = state.bytes > 0 && state.bytes + bytes.len() > LINES_BYTES;
        if let Some(fate) = state.closed.or(full.then_some(Fate::NoRoom)) {
            state.lost += 1;
            drop(state);
            return owner.learn(fate);
        }
        state.bytes += bytes.len();
        state.taken += 1;
        state.pipeline = at_work();
        state.queue.push_back(Chunk { bytes, owner });
        if !state.thread {
            let shared = Arc::clone(&self.0);
            let thread = std::thread::Builder::new().name("tundra-lines".to_owned());
            state.thread = thread.spawn(move || write_lines(&shared)).is_ok();
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// What was taken so far, for whoever waits for it.
    pub(crate) fn unwritten(&self) -> Unwritten {
        let until = self.0.state().taken;
        Unwritten { shared: Arc::clone(&self.0), until }
    }

    /// Nothing comes any more: the thread ends with the last line.
    pub(crate) fn end(&self) {
        self.0.state().closed.get_or_insert(Fate::Ended);
        self.0.changed.notify_all();
    }

    /// In a forked child: what is queued is the parent's to write, and so is the thread that does. A stream that was being
    /// written to stays the parent's as well, for nobody would ever let go of it here.
    pub(crate) fn after_fork(&mut self) {
        let out = match self.0.out.try_lock() {
            Ok(mut out) => out.take(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
            Err(TryLockError::WouldBlock) => None,
        };
        *self = Self::with(self.0.name.clone(), out);
    }
}

fn write_lines(shared: &Shared) {
    Local::suppress();
    let mut state = shared.state();
    loop {
        let Some(chunk) = state.queue.pop_front() else {
            if state.closed.is_some() {
                break;
            }
            let waited = shared.changed.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
            state = waited.0;
            if state.queue.is_empty() && waited.1.timed_out() {
                break;
            }
            continue;
        };
        let pipeline = state.pipeline;
        drop(state);
        let fate = shared.write(&chunk.bytes, pipeline);
        chunk.owner.learn(fate);
        state = shared.state();
        state.bytes = state.bytes.saturating_sub(chunk.bytes.len());
        state.done += 1;
        state.lost += u64::from(fate != Fate::Written);
        shared.changed.notify_all();
    }
    state.thread = false;
}

/// Lines that were taken, to be waited for on any thread.
pub struct Unwritten {
    shared: Arc<Shared>,
    /// The number of the last chunk.
    until: u64,
}

impl std::fmt::Debug for Unwritten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unwritten").finish_non_exhaustive()
    }
}

impl Unwritten {
    /// Waits until they are written, but not longer than this; false if they are not, or if lines were lost since the last
    /// time somebody asked.
    pub(crate) fn wait(&self, deadline: Instant) -> bool {
        let mut state = self.shared.state();
        while state.done < self.until {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let lost = state.lost;
        std::mem::replace(&mut state.told, lost) == lost
    }

    /// Loses what still waits.
    pub(crate) fn give_up(&self) {
        self.shared.hurried.store(true, Relaxed);
        let mut state = self.shared.state();
        let left: Vec<Chunk> = state.queue.drain(..).collect();
        state.done += left.len() as u64;
        state.lost += left.len() as u64;
        state.bytes -= left.iter().map(|chunk| chunk.bytes.len()).sum::<usize>();
        drop(state);
        self.shared.changed.notify_all();
        left.iter().for_each(|chunk| chunk.owner.learn(Fate::Ended));
    }
}

/// Writers at work on their streams. Whoever forks waits for none: a stream has locks of its own (standard output's is one),
/// which a child would find locked for ever.
static AT_WORK: AtomicUsize = AtomicUsize::new(0);
/// Set while somebody forks: no writer begins.
static PAUSED: AtomicBool = AtomicBool::new(false);
/// Between two looks of those who wait for each other.
const LOOK: Duration = Duration::from_micros(200);

struct AtWork;

impl AtWork {
    fn begin() -> Self {
        loop {
            AT_WORK.fetch_add(1, SeqCst);
            if !PAUSED.load(SeqCst) {
                return Self;
            }
            AT_WORK.fetch_sub(1, SeqCst);
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        AT_WORK.fetch_sub(1, SeqCst);
    }
}

/// No writer is at work while this is held, unless one was for too long.
#[cfg(unix)]
pub(crate) struct Pause(());

/// For whoever forks, one at a time: waits until no writer is at work, but not longer than this.
#[cfg(unix)]
pub(crate) fn pause(patience: Duration) -> Pause {
    PAUSED.store(true, SeqCst);
    let until = Instant::now() + patience;
    while AT_WORK.load(SeqCst) > 0 && Instant::now() < until {
        std::thread::sleep(LOOK);
    }
    Pause(())
}

#[cfg(unix)]
impl Drop for Pause {
    fn drop(&mut self) {
        PAUSED.store(false, SeqCst);
    }
}

/// In a forked child: those who are at work stayed in the parent.
#[cfg(unix)]
pub(crate) fn forget_parent() {
    AT_WORK.store(0, SeqCst);
}

#[cfg(test)]
mod tests;
