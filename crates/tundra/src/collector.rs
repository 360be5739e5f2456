//! The SDK's one background thread: drains every thread's ring, makes log lines, hands batches to exporters.
//!
//! Started by the first pipeline, shared by all. It sleeps until a ring is three quarters full, a batch is due, a command
//! comes or, after a quiet time, a first record is pushed. It needs no runtime, and records nothing of its own doing.
#![expect(unsafe_code, reason = "the thread's handle is reached through a raw pointer")]

mod batch;
mod clean;
mod console;
mod exporters;
mod failure;
mod held;
mod pipeline;
pub(crate) mod plain;
mod translate;

pub(crate) use batch::{Batch, Marked, Record, Walk, scope, worth};
pub(crate) use clean::{Cleaner, PlainName, Redaction, RulesLock, clean_points, lock_rules, set_rules};
pub use console::LogFormat;
pub(crate) use console::{Console, Injection};
pub(crate) use pipeline::{Pipeline, PipelineConfig};
pub(crate) use translate::{CUT, event_name, severity};

use crate::clock::Anchor;
use crate::engine::{Local, forget_spills};
use crate::limits::COMMANDS;
use crate::metrics::{self, Meter};
use crate::writer::Unwritten;
use std::collections::VecDeque;
use std::ptr::null_mut;
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU16,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};
use tundra_record::UnixNanos;

/// Between two looks while records are coming.
const BUSY_PERIOD: Duration = Duration::from_millis(100);
/// Between two looks after a quiet time; the first record ends the sleep earlier.
const IDLE_PERIOD: Duration = Duration::from_secs(2);
/// Looks without a record that make a quiet time.
const QUIET_LOOKS: u32 = 3;
/// Between two rounds of metrics.
const METRICS_PERIOD: Duration = Duration::from_secs(10);

/// What the collector can be asked.
pub(crate) enum Command {
    /// Export everything that was recorded before; answer when done.
    Flush(u16, SyncSender<Done>),
    /// The same, then give the exporters up.
    Shutdown(u16, Instant, SyncSender<Done>),
}

/// What the collector has to say of a command.
pub(crate) struct Done {
    /// Whether no exporter failed.
    ok: bool,
    /// What streams have not written yet. Only whoever asked waits for that.
    unwritten: Vec<Unwritten>,
    /// Whether it was the last chance.
    last: bool,
}

impl Done {
    /// Waits for streams, until the deadline; what is late is lost if it was the last chance.
    fn wait(&self, deadline: Instant) -> bool {
        let late = self.unwritten.iter().filter(|lines| !lines.wait(deadline)).count();
        if self.last {
            self.unwritten.iter().for_each(Unwritten::give_up);
        }
        self.ok && late == 0
    }
}

static SLEEPING: AtomicBool = AtomicBool::new(false);
/// The thread's handle, leaked; there is one more for each fork above this process.
static THREAD: AtomicPtr<Thread> = AtomicPtr::new(null_mut());
static COMMAND_QUEUE: Mutex<Option<SyncSender<Command>>> = Mutex::new(None);
/// Where the pipelines are while the collector sleeps; `None` while it works on them.
static HOME: Mutex<Option<Vec<Pipeline>>> = Mutex::new(Some(Vec::new()));
/// Pipelines that the collector has not seen yet.
static INCOMING: Mutex<Vec<Pipeline>> = Mutex::new(Vec::new());
/// The pipeline whose exporters are at work.
static AT_WORK: AtomicU16 = AtomicU16::new(0);
/// In a forked child: the thread stayed in the parent.
static LOST: AtomicBool = AtomicBool::new(false);

/// For exporters on this thread: whose they are.
pub(crate) fn at_work() -> u16 {
    AT_WORK.load(Relaxed)
}

/// Wakes the collector if it said that it sleeps: one exchange, and at most one system call per sleep.
pub(crate) fn wake() {
    if SLEEPING.load(Relaxed) && SLEEPING.swap(false, SeqCst) {
        wake_now();
    }
}

fn wake_now() {
    // SAFETY: null or leaked.
    if let Some(thread) = unsafe { THREAD.load(Acquire).as_ref() } {
        thread.unpark();
    }
}

/// Starts the thread if it does not run yet.
pub(crate) fn start() -> std::io::Result<()> {
    let mut queue = lock_commands();
    if queue.is_some() {
        return Ok(());
    }
    let (sender, receiver) = sync_channel(COMMANDS);
    let thread = std::thread::Builder::new().name("tundra".to_owned()).spawn(move || run(&receiver))?;
    THREAD.store(Box::into_raw(Box::new(thread.thread().clone())), Release);
    *queue = Some(sender);
    Ok(())
}

/// Pipelines on their way, held by whoever forks.
pub(crate) type Incoming = MutexGuard<'static, Vec<Pipeline>>;

/// For whoever forks, and for this module.
pub(crate) fn lock_incoming() -> Incoming {
    INCOMING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a pipeline known; what is recorded from now on can belong to it. Their number is bounded by the caller.
pub(crate) fn install(pipeline: Pipeline) {
    lock_incoming().push(pipeline);
    wake_now();
}

/// Commands on their way, held by whoever forks.
pub(crate) type CommandQueue = MutexGuard<'static, Option<SyncSender<Command>>>;

/// For whoever forks.
pub(crate) fn lock_commands() -> CommandQueue {
    COMMAND_QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The pipelines at rest, held by whoever forks.
pub(crate) type Home = MutexGuard<'static, Option<Vec<Pipeline>>>;

fn home() -> Home {
    HOME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For whoever forks: waits until the collector rests, but not longer than this.
pub(crate) fn lock_home(patience: Duration) -> Option<Home> {
    let until = Instant::now() + patience;
    loop {
        let home = home();
        if home.is_some() {
            return Some(home);
        }
        if Instant::now() >= until {
            return None;
        }
        drop(home);
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// In a forked child: thread and commands stayed in the parent.
pub(crate) fn forget_parent(commands: &mut CommandQueue) {
    // Dropping it would tell a receiver that no longer exists, under locks that nobody may hold any more.
    std::mem::forget(commands.take());
    THREAD.store(null_mut(), Release);
    SLEEPING.store(false, SeqCst);
    LOST.store(true, SeqCst);
}

/// In a forked child: whether it has recorded nothing yet, so that there is no thread either.
pub(crate) fn is_in_parent() -> bool {
    LOST.load(SeqCst)
}

/// In a forked child that begins to record: pipelines let go of what is the parent's, and the thread starts anew.
#[cold]
pub(crate) fn revive() {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    if !LOST.load(SeqCst) {
        return;
    }
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if LOST.load(SeqCst) {
        home().iter_mut().flatten().for_each(Pipeline::after_fork);
        forget_spills();
        // Without a thread everything is dropped and counted when rings are full.
        let _ = start();
        LOST.store(false, SeqCst);
    }
}

/// Hands a command over before the deadline; false if the collector did not take it.
fn send(command: Command, deadline: Instant) -> bool {
    revive();
    let Some(queue) = lock_commands().clone() else { return false };
    let mut command = command;
    loop {
        match queue.try_send(command) {
            Ok(()) => break,
            Err(TrySendError::Full(back)) if Instant::now() < deadline => command = back,
            Err(_) => return false,
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    wake_now();
    true
}

/// Asks and waits for the answer, until the deadline at the latest.
fn ask(command: impl FnOnce(SyncSender<Done>) -> Command, deadline: Instant) -> Option<Done> {
    let (answer, wait) = sync_channel(1);
    let sent = send(command(answer), deadline);
    let left = || deadline.saturating_duration_since(Instant::now());
    sent.then(|| wait.recv_timeout(left()).ok()).flatten()
}

/// Has everything exported that a pipeline recorded before; false if it failed or came too late.
pub(crate) fn flush(pipeline: u16, deadline: Instant) -> bool {
    ask(|answer| Command::Flush(pipeline, answer), deadline).is_some_and(|done| done.wait(deadline))
}

/// The same, and lets go of the exporters; when that is done, lines have so much time at most.
pub(crate) fn shut_down(pipeline: u16, deadline: Instant, lines: Duration) {
    if let Some(done) = ask(|answer| Command::Shutdown(pipeline, deadline, answer), deadline) {
        done.wait(deadline.min(Instant::now() + lines));
    }
}

/// Gives an answer; if nobody waits for it any more, nobody will for its lines.
fn answer(to: &SyncSender<Done>, done: Done) {
    if let Err(TrySendError::Full(done) | TrySendError::Disconnected(done)) = to.try_send(done) {
        done.wait(Instant::now());
    }
}

struct Collector<'a> {
    commands: &'a Receiver<Command>,
    /// Commands that were received and not yet obeyed.
    pending: VecDeque<Command>,
    /// How far each ring was filled at the beginning of a drain.
    marks: Vec<(&'static Local, u64)>,
    pipelines: Vec<Pipeline>,
    anchor: Anchor,
    meter: Meter,
    metrics_due: Instant,
    quiet: u32,
    /// When the rings were last looked at.
    looked: Instant,
}

fn run(commands: &Receiver<Command>) {
    Local::suppress();
    let anchor = Anchor::new();
    let meter = Meter::new(UnixNanos(crate::clock::wall_now()));
    let metrics_due = Instant::now() + METRICS_PERIOD;
    let mut collector = Collector {
        commands,
        pending: VecDeque::with_capacity(COMMANDS),
        marks: Vec::new(),
        pipelines: Vec::new(),
        anchor,
        meter,
        metrics_due,
        quiet: 0,
        looked: Instant::now(),
    };
    loop {
        collector.pipelines = home().take().unwrap_or_default();
        collector.look();
        while let Some(command) = collector.pending.pop_front() {
            collector.obey(command);
        }
        collector.sleep();
    }
}

impl Collector<'_> {
    /// Takes commands in. A pipeline must be known before its first record is drained, so it is installed at once.
    fn receive(&mut self) {
        let incoming = std::mem::take(&mut *lock_incoming());
        if !incoming.is_empty() {
            self.pipelines.retain(|pipeline| !pipeline.is_closed());
            self.pipelines.extend(incoming);
        }
        while self.pending.len() < COMMANDS
            && let Ok(command) = self.commands.try_recv()
        {
            self.pending.push_back(command);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Flush(id, to) => {
                let ok = self.flush(id);
                let unwritten = self.pipeline(id).map_or_else(Vec::new, |pipeline| pipeline.unwritten());
                answer(&to, Done { ok, unwritten, last: false });
            }
            Command::Shutdown(id, deadline, to) => {
                let ok = self.flush(id);
                let unwritten = self.pipeline(id).map_or_else(Vec::new, |pipeline| pipeline.close(deadline));
                answer(&to, Done { ok, unwritten, last: true });
            }
        }
    }

    fn flush(&mut self, id: u16) -> bool {
        self.drain();
        self.measure();
        self.pipeline(id).is_some_and(Pipeline::export)
    }

    fn pipeline(&mut self, id: u16) -> Option<&mut Pipeline> {
        self.pipelines.iter_mut().find(|pipeline| pipeline.id() == id)
    }

    fn look(&mut self) {
        self.open().for_each(Pipeline::wake);
        let moved = self.drain();
        self.quiet = if moved == 0 { self.quiet.saturating_add(1) } else { 0 };
        if metrics::take_news() {
            let lines = self.meter.lines();
            self.open().for_each(|pipeline| pipeline.metric_lines(&lines));
        }
        if Instant::now() >= self.metrics_due {
            self.measure();
        }
        self.open().for_each(|pipeline| pipeline.release(false));
        self.open().for_each(Pipeline::export_if_due);
        self.open().for_each(Pipeline::tell_ailing);
    }

    fn open(&mut self) -> impl Iterator<Item = &mut Pipeline> {
        self.pipelines.iter_mut().filter(|pipeline| !pipeline.is_closed())
    }

    fn measure(&mut self) {
        let points = self.meter.points(UnixNanos(crate::clock::wall_now()));
        let lines = self.meter.lines();
        for pipeline in self.open() {
            pipeline.metric_lines(&lines);
            pipeline.points(&points);
        }
        self.metrics_due = Instant::now() + METRICS_PERIOD;
    }

    /// Moves every ring's records into the pipelines' batches.
    fn drain(&mut self) -> usize {
        // Whoever recorded before the mark had installed its pipeline before that.
        self.marks.clear();
        self.marks.extend(Local::all().map(|local| (local, local.ring.mark())));
        let soon = std::mem::replace(&mut self.looked, Instant::now()).elapsed() < BUSY_PERIOD / 2;
        self.marks.iter().for_each(|(local, mark)| local.ring.judge(*mark, soon));
        self.receive();
        self.anchor.refresh();
        self.pipelines.iter_mut().for_each(|pipeline| pipeline.begin_drain(self.anchor));
        let mut moved = 0;
        for (local, mark) in &self.marks {
            moved += pipeline::drain_into(local, *mark, &mut self.pipelines);
        }
        self.open().for_each(Pipeline::write_lines);
        moved
    }

    fn sleep(&mut self) {
        let now = Instant::now();
        let deep = self.quiet >= QUIET_LOOKS;
        let mut until = now + if deep { IDLE_PERIOD } else { BUSY_PERIOD };
        until = self.pipelines.iter().filter_map(Pipeline::due).fold(until, Instant::min);
        until = until.min(self.metrics_due);
        if deep {
            Local::rest_parked();
            Local::all().for_each(|local| local.ring.demand_wake());
        }
        *home() = Some(std::mem::take(&mut self.pipelines));
        SLEEPING.store(true, SeqCst);
        let waiting = deep && Local::all().any(|local| !local.ring.is_empty());
        if !waiting {
            std::thread::park_timeout(until.saturating_duration_since(now));
        }
        SLEEPING.store(false, SeqCst);
    }
}
