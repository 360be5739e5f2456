//! Rows that are not in files yet, as Arrow batches that readers see at once. Small batches are merged in size
//! classes, so that many appends of a row each cost little memory and few batches.

use crate::limits::{MERGE_CLASSES, MERGE_FANOUT, MERGE_ROWS};
use crate::merge::merge;
use crate::table::Table;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use std::collections::BTreeMap;

/// What a batch costs beside its values: about 30 columns of some 200 bytes each.
pub(crate) const BATCH_OVERHEAD: usize = 6 * 1024;

#[derive(Clone, Debug)]
struct Hot {
    batch: RecordBatch,
    bytes: usize,
}

/// The batches of a table by size class; each class but the last holds fewer than a fan-out of them.
#[derive(Clone, Debug, Default)]
struct Lane {
    classes: [Vec<Hot>; MERGE_CLASSES + 1],
}

fn class_of(rows: usize) -> usize {
    MERGE_ROWS.iter().position(|bound| rows < *bound).unwrap_or(MERGE_CLASSES)
}

impl Lane {
    fn push(&mut self, hot: Hot) {
        let mut class = class_of(hot.batch.num_rows());
        self.classes[class].push(hot);
        while class < MERGE_CLASSES && self.classes[class].len() >= MERGE_FANOUT {
            let small = std::mem::take(&mut self.classes[class]);
            let bytes = small.iter().map(|hot| hot.bytes).sum();
            let batches: Vec<RecordBatch> = small.iter().map(|hot| hot.batch.clone()).collect();
            match merge(&batches) {
                Ok(batch) => {
                    class = class_of(batch.num_rows()).max(class + 1);
                    self.classes[class].push(Hot { batch, bytes });
                }
                // Batches of one schema always merge; should they not, they stay as they are.
                Err(_) => {
                    self.classes[MERGE_CLASSES].extend(small);
                    return;
                }
            }
        }
    }

    /// Forgets the rows up to a sequence; returns how many.
    fn remove_upto(&mut self, seq: u64) -> u64 {
        let mut removed = 0;
        for hot in self.classes.iter_mut().flatten() {
            let before = hot.batch.num_rows();
            if let Some(seqs) =
                hot.batch.column_by_name("seq").and_then(|c| c.as_primitive_opt::<Int64Type>())
            {
                let newer: BooleanArray = seqs.values().iter().map(|row| Some(*row > seq as i64)).collect();
                if let Ok(kept) = filter_record_batch(&hot.batch, &newer) {
                    hot.batch = kept;
                }
            }
            removed += before - hot.batch.num_rows();
        }
        self.classes.iter_mut().for_each(|class| class.retain(|hot| hot.batch.num_rows() > 0));
        removed as u64
    }

    fn batches(&self) -> impl Iterator<Item = &Hot> {
        self.classes.iter().flatten()
    }
}

/// Rows that are not in files yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memtable {
    lanes: BTreeMap<(Table, bool), Lane>,
    rows: u64,
    /// The sequences of its rows.
    range: Option<(u64, u64)>,
}

impl Memtable {
    /// Adds the rows of a batch.
    pub(crate) fn insert(&mut self, seq: u64, sample: bool, tables: Vec<(Table, RecordBatch)>, bytes: usize) {
        let all: usize = tables.iter().map(|(_, batch)| batch.num_rows()).sum();
        for (table, batch) in tables {
            let rows = batch.num_rows();
            self.rows += rows as u64;
            let hot = Hot { bytes: bytes * rows / all.max(1), batch };
            self.lanes.entry((table, sample)).or_default().push(hot);
        }
        let (first, last) = self.range.unwrap_or((seq, seq));
        self.range = Some((first.min(seq), last.max(seq)));
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.lanes.values().flat_map(Lane::batches).map(|hot| hot.bytes + BATCH_OVERHEAD).sum()
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The first and last sequence, if there are rows.
    pub(crate) fn range(&self) -> Option<(u64, u64)> {
        self.range
    }

    /// The batches of a table.
    pub(crate) fn batches(&self, table: Table) -> impl Iterator<Item = &RecordBatch> {
        [false, true].into_iter().flat_map(move |sample| self.lane(table, sample))
    }

    /// The batches of a table that are, or are not, sample data.
    pub(crate) fn lane(&self, table: Table, sample: bool) -> impl Iterator<Item = &RecordBatch> {
        self.lanes.get(&(table, sample)).into_iter().flat_map(Lane::batches).map(|hot| &hot.batch)
    }

    /// Forgets the sample rows up to a sequence; returns how many of each table.
    pub(crate) fn remove_samples(&mut self, upto: u64) -> BTreeMap<Table, u64> {
        let mut removed = BTreeMap::new();
        for ((table, sample), lane) in &mut self.lanes {
            let rows = if *sample { lane.remove_upto(upto) } else { 0 };
            if rows > 0 {
                removed.insert(*table, rows);
            }
        }
        self.rows -= removed.values().sum::<u64>();
        removed
    }
}

#[cfg(test)]
mod tests;
