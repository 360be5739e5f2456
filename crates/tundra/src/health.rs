//! The SDK's own ledger: what was created, what became of it, and why anything was lost.
//!
//! Application threads count in their own state, the collector in `DONE`; `health()` adds them up. The sum is exact when
//! nothing is being recorded: created = exported + dropped by reason + open + waiting.

mod ailing;

pub(crate) use ailing::{AilingLock, Target, ails, lock_ailing, recovers, take_ailing};

use crate::engine::{Local, open_spans, spilled};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Span,
    Log,
}

impl Kind {
    pub(crate) const COUNT: usize = 2;
}

/// Why a record was not exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dropped {
    /// The thread's ring was full: it recorded faster than the collector drained.
    RingFull,
    /// The collector's ring of a thread could not be made: too many threads, or no memory.
    Threads,
    /// Too many spans are open at once, or there was no memory for more.
    Slots,
    /// The thread is ending; its state was given up already.
    ThreadEnding,
    /// The process was forked while an exporter or the console was at work, and the child could not take it over.
    Forked,
    /// The pipeline was shut down before the record arrived, or before its line was written.
    Shutdown,
    /// The root was not sampled.
    Unsampled,
    /// There is no exporter that takes it.
    NoExporter,
    /// Every exporter failed, or the console did where nobody else took the record.
    ExportFailed,
    /// The console's reader stayed away, there was no room for more lines, and nobody else took the record.
    ConsoleFull,
    /// The `Debug` or `Display` of one of its values panicked.
    Panicked,
}

impl Dropped {
    pub(crate) const COUNT: usize = 11;

    /// All reasons.
    pub const ALL: [Self; Self::COUNT] = [
        Self::RingFull,
        Self::Threads,
        Self::Slots,
        Self::ThreadEnding,
        Self::Forked,
        Self::Shutdown,
        Self::Unsampled,
        Self::NoExporter,
        Self::ExportFailed,
        Self::ConsoleFull,
        Self::Panicked,
    ];

    /// The reason as ledgers name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::Threads => "threads",
            Self::Slots => "slots",
            Self::ThreadEnding => "thread_ending",
            Self::Forked => "forked",
            Self::Shutdown => "shutdown",
            Self::Unsampled => "unsampled",
            Self::NoExporter => "no_exporter",
            Self::ExportFailed => "export_failed",
            Self::ConsoleFull => "console_full",
            Self::Panicked => "panicked",
        }
    }
}

/// Why a record that an exporter took did not arrive; also why a log record has no line although an exporter took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Undelivered {
    /// The target stayed away, and newer records needed the room.
    OutboxFull,
    /// The target refused, or failed too often.
    Refused,
    /// The end came first.
    Shutdown,
    /// It is larger than anything that can be sent.
    TooLarge,
}

impl Undelivered {
    pub(crate) const COUNT: usize = 4;

    /// All reasons.
    pub const ALL: [Self; Self::COUNT] = [Self::OutboxFull, Self::Refused, Self::Shutdown, Self::TooLarge];

    /// The reason as ledgers name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutboxFull => "outbox_full",
            Self::Refused => "refused",
            Self::Shutdown => "shutdown",
            Self::TooLarge => "too_large",
        }
    }
}

/// Why something that was measured is in no metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unmeasured {
    /// There are too many series, and this one has no place: counted once for each handle or call site, and for each call
    /// with computed labels.
    NoRoom,
    /// A histogram was given an infinite value, or one that is no number.
    NotFinite,
}

impl Unmeasured {
    pub(crate) const COUNT: usize = 2;

    /// All reasons.
    pub const ALL: [Self; Self::COUNT] = [Self::NoRoom, Self::NotFinite];

    /// The reason as ledgers name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRoom => "no_room",
            Self::NotFinite => "not_finite",
        }
    }
}

/// What a payload holds: spans, log records, metric points.
pub(crate) type Load = [u64; 3];

/// Counts of threads that have no state of their own, and of the collector.
pub(crate) struct Totals {
    pub(crate) created: [AtomicU64; Kind::COUNT],
    pub(crate) exported: [AtomicU64; Kind::COUNT],
    pub(crate) dropped: [[AtomicU64; Dropped::COUNT]; Kind::COUNT],
    /// Records drained but not yet exported.
    pub(crate) waiting: [AtomicU64; Kind::COUNT],
    /// Records that an exporter took and later had to give up: spans, log records, metric points.
    pub(crate) lost: [[AtomicU64; Undelivered::COUNT]; 3],
    pub(crate) unmeasured: [AtomicU64; Unmeasured::COUNT],
    pub(crate) cut_series: AtomicU64,
    pub(crate) export_errors: AtomicU64,
    pub(crate) bad_answers: AtomicU64,
    pub(crate) stale_parents: AtomicU64,
    pub(crate) refused_guests: AtomicU64,
    pub(crate) unplaced_spans: AtomicU64,
}

pub(crate) static DONE: Totals = Totals {
    created: [const { AtomicU64::new(0) }; Kind::COUNT],
    exported: [const { AtomicU64::new(0) }; Kind::COUNT],
    dropped: [const { [const { AtomicU64::new(0) }; Dropped::COUNT] }; Kind::COUNT],
    waiting: [const { AtomicU64::new(0) }; Kind::COUNT],
    lost: [const { [const { AtomicU64::new(0) }; Undelivered::COUNT] }; 3],
    unmeasured: [const { AtomicU64::new(0) }; Unmeasured::COUNT],
    cut_series: AtomicU64::new(0),
    export_errors: AtomicU64::new(0),
    bad_answers: AtomicU64::new(0),
    stale_parents: AtomicU64::new(0),
    refused_guests: AtomicU64::new(0),
    unplaced_spans: AtomicU64::new(0),
};

impl Totals {
    pub(crate) fn drop_record(&self, kind: Kind, why: Dropped, count: u64) {
        self.dropped[kind as usize][why as usize].fetch_add(count, Relaxed);
    }

    pub(crate) fn lose(&self, load: Load, why: Undelivered) {
        for (counts, count) in self.lost.iter().zip(load) {
            counts[why as usize].fetch_add(count, Relaxed);
        }
    }

    pub(crate) fn unmeasured(&self, why: Unmeasured) {
        self.unmeasured[why as usize].fetch_add(1, Relaxed);
    }

    fn undelivered(&self, at: usize) -> Vec<(Undelivered, u64)> {
        let counts = self.lost[at].iter().map(|count| count.load(Relaxed));
        Undelivered::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}

/// In a forked child: the ledger starts clean.
pub(crate) fn forget_parent(ailing: &mut AilingLock) {
    let totals = [&DONE.created, &DONE.exported, &DONE.waiting].into_iter().flatten();
    let by_reason = DONE.dropped.iter().flatten().chain(DONE.lost.iter().flatten()).chain(&DONE.unmeasured);
    let others = [&DONE.cut_series, &DONE.export_errors, &DONE.bad_answers];
    let of_places = [&DONE.stale_parents, &DONE.refused_guests, &DONE.unplaced_spans];
    ailing.clear();
    totals.chain(by_reason).chain(others).chain(of_places).for_each(|count| count.store(0, Relaxed));
}

/// One kind of record in the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Records made by the application.
    pub created: u64,
    /// Records that at least one exporter took, and log records whose line was written.
    pub exported: u64,
    /// Of these, once for each exporter with a queue that took them and had to give up, and for the console: the target
    /// stayed away or refused.
    pub undelivered: u64,
    /// The same by reason; reasons with zero are left out.
    pub undelivered_for: Vec<(Undelivered, u64)>,
    /// Records lost, by reason; reasons with zero are left out.
    pub dropped: Vec<(Dropped, u64)>,
    /// Records that the collector holds at this moment, and log records that nobody took and whose line is not written yet.
    pub waiting: u64,
}

impl Ledger {
    /// Lost records, all reasons together.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().map(|(_, count)| count).sum()
    }

    /// Lost records for one reason.
    pub fn dropped_for(&self, why: Dropped) -> u64 {
        self.dropped.iter().find(|(reason, _)| *reason == why).map_or(0, |(_, count)| *count)
    }
}

/// How the SDK is doing, in the whole process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Spans.
    pub spans: Ledger,
    /// Log records (`tracing` events).
    pub logs: Ledger,
    /// Spans open at this moment.
    pub open_spans: u64,
    /// Bytes of long values waiting for export.
    pub spilled_bytes: usize,
    /// Metric points that network exporters took and had to give up, by reason.
    pub points_undelivered: Vec<(Undelivered, u64)>,
    /// What was measured and is in no metric, by reason; reasons with zero are left out.
    pub unmeasured: Vec<(Unmeasured, u64)>,
    /// Exports that failed.
    pub export_errors: u64,
    /// Answers of servers that could not be understood; they change nothing.
    pub bad_answers: u64,
    /// Spans whose explicit parent was closed long ago, and which became roots.
    pub stale_parents: u64,
    /// Spans that only a second subscriber wanted, and that ended for it at once: too many of them were open. They are no
    /// records of ours, and not in `spans`.
    pub refused_guests: u64,
    /// Spans whose children may stand elsewhere: too many of the `opentelemetry` API were open, or the thread was inside of too
    /// many.
    pub unplaced_spans: u64,
    /// Series of all metrics.
    pub series: usize,
    /// Series that were asked for with names or labels that are too long, or with too many labels, and were cut; what became
    /// the same counts in one. Counted once for each handle or call site, and for each call with computed labels.
    pub cut_series: u64,
    /// What time is read from.
    pub clock: &'static str,
    /// Targets that do not take what they are sent, and why, a sentence each; also told as a warning on the console, at most
    /// every ten minutes. One that takes something again is left out.
    pub failures: Vec<String>,
    /// Settings of the environment that are not honored, a sentence each; also told as warnings at start.
    pub notices: Vec<String>,
}

static NOTICES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps what the environment asked for in vain; every pipeline finds the same.
pub(crate) fn note(notices: &[String]) {
    let mut kept = NOTICES.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.is_empty() {
        kept.extend_from_slice(notices);
    }
}

/// Reads the ledger of the whole process.
pub fn health() -> Health {
    Health {
        spans: ledger(Kind::Span),
        logs: ledger(Kind::Log),
        open_spans: open_spans(),
        spilled_bytes: spilled(),
        points_undelivered: DONE.undelivered(2),
        unmeasured: Unmeasured::ALL
            .into_iter()
            .map(|why| (why, DONE.unmeasured[why as usize].load(Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect(),
        export_errors: DONE.export_errors.load(Relaxed),
        bad_answers: DONE.bad_answers.load(Relaxed),
        stale_parents: DONE.stale_parents.load(Relaxed),
        refused_guests: DONE.refused_guests.load(Relaxed),
        unplaced_spans: DONE.unplaced_spans.load(Relaxed),
        series: crate::metrics::series_count(),
        cut_series: DONE.cut_series.load(Relaxed),
        clock: crate::clock::source_name(),
        failures: ailing::all(),
        notices: NOTICES.lock().unwrap_or_else(PoisonError::into_inner).clone(),
    }
}

fn ledger(kind: Kind) -> Ledger {
    let at = kind as usize;
    let mut dropped = [0; Dropped::COUNT];
    for (sum, count) in dropped.iter_mut().zip(&DONE.dropped[at]) {
        *sum = count.load(Relaxed);
    }
    let mut created = DONE.created[at].load(Relaxed);
    for local in Local::all() {
        created += local.counts.created[at].load(Relaxed);
        for (sum, count) in dropped.iter_mut().zip(&local.counts.dropped[at]) {
            *sum += count.load(Relaxed);
        }
    }
    let undelivered_for = DONE.undelivered(at);
    Ledger {
        created,
        exported: DONE.exported[at].load(Relaxed),
        undelivered: undelivered_for.iter().map(|(_, count)| count).sum(),
        undelivered_for,
        dropped: Dropped::ALL.into_iter().zip(dropped).filter(|(_, count)| *count > 0).collect(),
        waiting: DONE.waiting[at].load(Relaxed),
    }
}
