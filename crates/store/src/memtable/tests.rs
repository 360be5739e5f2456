//! Merging loses no row and keeps the number of batches small.

use super::*;
use crate::testing::{batch_of_spans, span_ids};

#[test]
fn single_rows_are_merged_and_none_is_lost() {
    let mut memtable = Memtable::default();
    for seq in 1..=2000u64 {
        let tables = batch_of_spans(seq, 1);
        memtable.insert(seq, seq % 5 == 0, tables, 700);
    }
    let batches: Vec<_> = memtable.batches(Table::Spans).cloned().collect();
    assert!(batches.len() < 2 * MERGE_FANOUT * MERGE_CLASSES, "{}", batches.len());
    let mut ids = span_ids(&batches);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2000);
    assert_eq!((memtable.rows(), memtable.range()), (2000, Some((1, 2000))));
    assert!(memtable.bytes() < 2000 * 1200, "{}", memtable.bytes());
    assert_eq!(memtable.remove_samples(1000)[&Table::Spans], 200);
    assert_eq!(memtable.remove_samples(2000)[&Table::Spans], 200);
    assert!(memtable.remove_samples(2000).is_empty());
    assert_eq!(memtable.rows(), 1600);
    assert_eq!(memtable.lane(Table::Spans, true).count(), 0);
}
