//! The exporters of one pipeline: each is called on the collector's thread, and one that panics is let go.

use crate::export::{Exported, Exporter};
use crate::health::{DONE, Kind, Target, ails, recovers};
use crate::writer::Unwritten;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// All of one pipeline.
pub(super) struct Exporters {
    list: Vec<Box<dyn Exporter>>,
    pipeline: u16,
}

/// What became of a batch: by kind, whether there is an exporter for such records and whether one took them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome {
    pub(super) wanted: [bool; Kind::COUNT],
    pub(super) took: [bool; Kind::COUNT],
    pub(super) failed: bool,
}

impl Exporters {
    pub(super) fn new(list: Vec<Box<dyn Exporter>>, pipeline: u16) -> Self {
        Self { list, pipeline }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether one wants to see spans of unsampled traces.
    pub(super) fn counts_unsampled(&self) -> bool {
        self.list.iter().any(|exporter| exporter.counts_unsampled())
    }

    /// Hands a batch to every one.
    pub(super) fn export(&mut self, batch: &Exported<'_>) -> Outcome {
        let target = Target { pipeline: self.pipeline, name: "an exporter".to_owned(), path: "" };
        let mut outcome = Outcome::default();
        let failed = self.each(|exporter| {
            let takes = exporter.takes();
            outcome.wanted.iter_mut().zip(takes).for_each(|(wanted, takes)| *wanted |= takes);
            let done = exporter.export(batch);
            if let Err(error) = &done {
                ails(target.clone(), &error.what);
            }
            let ok = done.is_ok();
            outcome.took.iter_mut().zip(takes).for_each(|(took, takes)| *took |= takes && ok);
            ok
        });
        if failed == 0 {
            recovers(&target);
        }
        Outcome { failed: failed > 0, ..outcome }
    }

    /// There was no batch for a while.
    pub(super) fn tick(&mut self) {
        self.each(|exporter| {
            exporter.tick();
            true
        });
    }

    pub(super) fn after_fork(&mut self) {
        self.list.iter_mut().for_each(|exporter| exporter.after_fork());
    }

    /// What was handed to streams and is not written yet.
    pub(super) fn unwritten(&self) -> impl Iterator<Item = Unwritten> {
        self.list.iter().filter_map(|exporter| exporter.unwritten())
    }

    /// Ends all of them: each begins to before the first is waited for.
    pub(super) fn close(&mut self, deadline: Instant) {
        self.each(|exporter| {
            exporter.end(deadline);
            true
        });
        self.each(|exporter| {
            exporter.shutdown(deadline);
            true
        });
        self.list.clear();
    }

    /// Calls every one, and lets go of one that panics; gives how many failed.
    fn each(&mut self, mut call: impl FnMut(&mut dyn Exporter) -> bool) -> usize {
        let mut failed = 0;
        super::AT_WORK.store(self.pipeline, Relaxed);
        self.list.retain_mut(|exporter| {
            let done = catch_unwind(AssertUnwindSafe(|| call(exporter.as_mut())));
            let ok = matches!(done, Ok(true));
            failed += usize::from(!ok);
            DONE.export_errors.fetch_add(u64::from(!ok), Relaxed);
            done.is_ok()
        });
        failed
    }
}
