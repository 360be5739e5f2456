//! Whose lines they are: who learns what became of them, and where in the ledger that is entered.

use crate::health::{DONE, Dropped, Kind, Load, Undelivered};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

/// What became of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Written,
    /// There were too many before them.
    NoRoom,
    /// The stream did not take them.
    Failed,
    /// The end came first.
    Ended,
    /// The stream is the parent's.
    Forked,
}

impl Fate {
    const ALL: [Self; 5] = [Self::Written, Self::NoRoom, Self::Failed, Self::Ended, Self::Forked];

    /// The reason of a loss: for records that nobody else took, and for those that somebody did.
    fn loss(self) -> Option<(Dropped, Undelivered)> {
        match self {
            Self::Written => None,
            Self::NoRoom => Some((Dropped::ConsoleFull, Undelivered::OutboxFull)),
            Self::Failed => Some((Dropped::ExportFailed, Undelivered::Refused)),
            Self::Ended => Some((Dropped::Shutdown, Undelivered::Shutdown)),
            Self::Forked => Some((Dropped::Forked, Undelivered::Refused)),
        }
    }
}

/// Whose lines they are.
pub(crate) enum Owner {
    /// Lines of so many log records.
    Console(Arc<Receipt>, u64),
    /// All that an exporter made of so many records, which count as exported already.
    Exporter(Load),
}

impl Owner {
    pub(super) fn learn(&self, fate: Fate) {
        if fate == Fate::Failed {
            DONE.export_errors.fetch_add(1, Relaxed);
        }
        match self {
            Self::Console(receipt, count) => receipt.learn(fate, *count),
            Self::Exporter(load) => {
                if let Some((_, why)) = fate.loss() {
                    DONE.lose(*load, why);
                }
            }
        }
    }
}

/// The log records of one batch: exported as soon as an exporter took them or their line was written.
#[derive(Debug, Default)]
pub(crate) struct Receipt(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Whether an exporter took the batch, once that is known.
    took: Option<bool>,
    /// What became of lines before that.
    early: [u64; Fate::ALL.len()],
}

impl Receipt {
    fn learn(&self, fate: Fate, count: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.took {
            Some(took) => enter(fate, count, took),
            None => known.early[fate as usize] += count,
        }
    }

    /// The batch is through. If an exporter took it, the caller has entered its records as exported.
    pub(crate) fn settle(&self, took: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.took = Some(took);
        for (fate, count) in Fate::ALL.into_iter().zip(known.early) {
            enter(fate, count, took);
        }
    }
}

/// Enters so many log records into the ledger.
fn enter(fate: Fate, count: u64, took: bool) {
    match (took, fate.loss()) {
        (true, None) => {}
        (true, Some((_, why))) => DONE.lose([0, count, 0], why),
        (false, loss) => {
            DONE.waiting[Kind::Log as usize].fetch_sub(count, Relaxed);
            match loss {
                Some((why, _)) => DONE.drop_record(Kind::Log, why, count),
                None => {
                    DONE.exported[Kind::Log as usize].fetch_add(count, Relaxed);
                }
            }
        }
    }
}
