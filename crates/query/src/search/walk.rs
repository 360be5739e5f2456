//! The steps of a walk back in time: each a range of starts that holds about so many rows, the next four times as many.
//! `search` drives it; it knows only what the catalog knows of files and hot batches, and reads nothing.

use super::{Candidate, Cursor, Search};
use crate::columns::Columns;
use crate::engine::View;
use crate::error::QueryError;
use crate::limits::{WALK_FIRST_ROWS, WALK_MAX_ROWS};
use crate::table::SnapshotTable;
use datafusion::arrow::compute::{max, min};
use store::Table;

/// Starts from `from` (inclusive) to `to` (exclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) from: i64,
    pub(super) to: i64,
}

/// Some rows that lie between two times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) rows: u64,
}

#[derive(Debug)]
pub(super) struct Walk {
    stretches: Vec<Stretch>,
    from: i64,
    to: i64,
    rows: u64,
    /// Where this walk began or went on; only what comes after is new.
    pub(super) after: Option<Cursor>,
}

impl View {
    pub(super) fn walk(&self, search: &Search) -> Result<Walk, QueryError> {
        let table = if search.model.is_some() { Table::LlmCalls } else { Table::Spans };
        let stretches = stretches(self.table(table)?)?;
        Ok(Walk::new(stretches, search.from_ns, search.to_ns, search.cursor.clone()))
    }
}

fn stretches(table: &SnapshotTable) -> Result<Vec<Stretch>, QueryError> {
    let files = table.data.files().iter();
    let mut all: Vec<Stretch> =
        files.map(|file| Stretch { first: file.min_ns, last: file.max_ns, rows: file.rows }).collect();
    for batch in table.data.hot() {
        let times = Columns(batch).int("start_ns")?;
        if let (Some(first), Some(last)) = (min(&times), max(&times)) {
            all.push(Stretch { first, last, rows: batch.num_rows() as u64 });
        }
    }
    Ok(all)
}

impl Walk {
    pub(super) fn new(
        stretches: Vec<Stretch>,
        from: Option<i64>,
        to: Option<i64>,
        after: Option<Cursor>,
    ) -> Self {
        let first = stretches.iter().map(|s| s.first).min().unwrap_or(0);
        let end = stretches.iter().map(|s| s.last.saturating_add(1)).max().unwrap_or(0);
        let to = end.min(to.unwrap_or(i64::MAX));
        let to = after.as_ref().map_or(to, |after| to.min(after.key.saturating_add(1)));
        Self { stretches, from: first.max(from.unwrap_or(i64::MIN)), to, rows: WALK_FIRST_ROWS, after }
    }

    /// The step to look at now; `None` when there is nothing left.
    pub(super) fn step(&self) -> Option<Step> {
        (self.from < self.to).then(|| Step { from: self.start(), to: self.to })
    }

    /// Leaves the step behind and looks at more the next time.
    pub(super) fn next(&mut self) {
        self.to = self.start();
        self.rows = (self.rows * 4).min(WALK_MAX_ROWS);
    }

    /// Stays in the step, behind `last`.
    pub(super) fn go_on_behind(&mut self, last: &Candidate) {
        self.to = self.to.min(last.key.saturating_add(1));
        self.after = Some(Cursor { key: last.key, trace: last.trace.clone() });
    }

    /// Where to go on another time; `None` if nothing is left.
    pub(super) fn place(&self) -> Option<Cursor> {
        let behind = || Cursor { key: self.to, trace: "f".repeat(32) };
        (self.from < self.to).then(|| match &self.after {
            Some(after) if after.key < self.to => after.clone(),
            _ => behind(),
        })
    }

    /// The latest start so that about `rows` rows lie between it and `to`.
    fn start(&self) -> i64 {
        if self.rows_from(self.from) <= self.rows {
            return self.from;
        }
        let (mut low, mut high) = (self.from, self.to - 1);
        while low < high {
            let middle = low + (high - low) / 2 + (high - low) % 2;
            if self.rows_from(middle) >= self.rows { low = middle } else { high = middle - 1 }
        }
        low
    }

    /// About how many rows lie between `start` and `to`, if rows lie evenly in their stretch.
    fn rows_from(&self, start: i64) -> u64 {
        let of = |stretch: &Stretch| {
            let (first, last) = (start.max(stretch.first), (self.to - 1).min(stretch.last));
            if first > last {
                return 0;
            }
            let whole = (i128::from(stretch.last) - i128::from(stretch.first) + 1) as u128;
            let part = (i128::from(last) - i128::from(first) + 1) as u128;
            u64::try_from(u128::from(stretch.rows) * part / whole).unwrap_or(u64::MAX).max(1)
        };
        self.stretches.iter().map(of).fold(0, u64::saturating_add)
    }
}
