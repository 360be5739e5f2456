//! The SDK's one background thread: drains every thread's ring, writes log lines, hands batches to exporters.
//!
//! Started by the first pipeline, shared by all. It sleeps until a ring is a quarter full, a batch is due, a command
//! comes or, after a quiet time, a first record is pushed. It needs no runtime, and records nothing of its own doing.

mod batch;
mod clean;
mod console;
mod failure;
mod pipeline;
mod translate;

pub(crate) use batch::Batch;
pub(crate) use clean::Redaction;
pub(crate) use console::Console;
pub use console::LogFormat;
pub(crate) use pipeline::{Pipeline, PipelineConfig};

use crate::clock::Anchor;
use crate::engine::Local;
use crate::limits::COMMANDS;
use crate::metrics::{self, Meter};
use std::collections::VecDeque;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};
use tundra_record::UnixNanos;

/// Between two looks while records are coming.
const BUSY_PERIOD: Duration = Duration::from_millis(100);
/// Between two looks after a quiet time; the first record ends the sleep earlier.
const IDLE_PERIOD: Duration = Duration::from_secs(1);
/// Looks without a record that make a quiet time.
const QUIET_LOOKS: u32 = 3;
/// Between two rounds of metrics.
const METRICS_PERIOD: Duration = Duration::from_secs(10);

/// What the collector can be asked.
pub(crate) enum Command {
    Install(Box<Pipeline>),
    /// Export everything that was recorded before; answer when done.
    Flush(u16, SyncSender<bool>),
    /// The same, then give the exporters up.
    Shutdown(u16, Instant, SyncSender<bool>),
}

static SLEEPING: AtomicBool = AtomicBool::new(false);
static THREAD: OnceLock<Thread> = OnceLock::new();
static COMMAND_QUEUE: Mutex<Option<SyncSender<Command>>> = Mutex::new(None);

/// Wakes the collector if it said that it sleeps: one exchange, and at most one system call per sleep.
pub(crate) fn wake() {
    if SLEEPING.load(Relaxed) && SLEEPING.swap(false, SeqCst) {
        wake_now();
    }
}

fn wake_now() {
    if let Some(thread) = THREAD.get() {
        thread.unpark();
    }
}

/// Starts the thread if it does not run yet.
pub(crate) fn start() -> std::io::Result<()> {
    let mut queue = COMMAND_QUEUE.lock().unwrap_or_else(PoisonError::into_inner);
    if queue.is_some() {
        return Ok(());
    }
    let (sender, receiver) = sync_channel(COMMANDS);
    let thread = std::thread::Builder::new().name("tundra".to_owned()).spawn(move || run(&receiver))?;
    let _ = THREAD.set(thread.thread().clone());
    *queue = Some(sender);
    Ok(())
}

/// Hands a command over before the deadline; false if the collector did not take it.
pub(crate) fn send(command: Command, deadline: Instant) -> bool {
    let Some(queue) = COMMAND_QUEUE.lock().unwrap_or_else(PoisonError::into_inner).clone() else {
        return false;
    };
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
pub(crate) fn ask(command: impl FnOnce(SyncSender<bool>) -> Command, deadline: Instant) -> bool {
    let (answer, wait) = sync_channel(1);
    send(command(answer), deadline)
        && wait.recv_timeout(deadline.saturating_duration_since(Instant::now())).unwrap_or(false)
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
    };
    loop {
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
        while self.pending.len() < COMMANDS
            && let Ok(command) = self.commands.try_recv()
        {
            match command {
                Command::Install(pipeline) => {
                    self.pipelines.retain(|pipeline| !pipeline.is_closed());
                    self.pipelines.push(*pipeline);
                }
                other => self.pending.push_back(other),
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            // Never pending: see `receive`.
            Command::Install(_) => {}
            Command::Flush(id, answer) => {
                let done = self.flush(id);
                let _ = answer.try_send(done);
            }
            Command::Shutdown(id, deadline, answer) => {
                let done = self.flush(id);
                if let Some(pipeline) = self.pipelines.iter_mut().find(|pipeline| pipeline.id() == id) {
                    pipeline.close(deadline);
                }
                let _ = answer.try_send(done);
            }
        }
    }

    fn flush(&mut self, id: u16) -> bool {
        self.drain();
        self.measure();
        self.pipelines.iter_mut().find(|pipeline| pipeline.id() == id).is_some_and(Pipeline::export)
    }

    fn look(&mut self) {
        let moved = self.drain();
        self.quiet = if moved == 0 { self.quiet.saturating_add(1) } else { 0 };
        if metrics::take_news() {
            let lines = self.meter.lines();
            self.open().for_each(|pipeline| pipeline.metric_lines(&lines));
        }
        if Instant::now() >= self.metrics_due {
            self.measure();
        }
        self.open().for_each(Pipeline::export_if_due);
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
        // Whoever recorded before the mark had sent its `Install` before that.
        self.marks.clear();
        self.marks.extend(Local::all().map(|local| (local, local.ring.mark())));
        self.receive();
        self.anchor.refresh();
        self.pipelines.iter_mut().for_each(|pipeline| pipeline.set_anchor(self.anchor));
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
            Local::all().for_each(|local| local.ring.demand_wake());
        }
        SLEEPING.store(true, SeqCst);
        let waiting = deep && Local::all().any(|local| !local.ring.is_empty());
        if !waiting {
            std::thread::park_timeout(until.saturating_duration_since(now));
        }
        SLEEPING.store(false, SeqCst);
    }
}
