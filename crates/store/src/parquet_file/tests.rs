//! Dates, days and the order of rows.

use super::*;
use crate::testing::{batch_of_spans, spans_at};

#[test]
fn dates() {
    let cases = [
        (0, "1970-01-01"),
        (-1, "1969-12-31"),
        (11_016, "2000-02-29"),
        (20_778, "2026-11-21"),
        (-719_468, "0000-03-01"),
        (106_751, "2262-04-11"),
    ];
    for (day, text) in cases {
        assert_eq!(date(day), text);
    }
}

#[test]
fn rows_are_sorted_and_split_by_day() {
    let times: Vec<i64> = (0..100).map(|n| (n * 37 % 100) * DAY_NS / 40 + n).collect();
    let sorted = Sorted::new(Table::Spans, vec![spans_at(1, &times[..50]), spans_at(2, &times[50..])]);
    let days = sorted.days();
    assert_eq!(days.iter().map(|(_, range)| range.len()).sum::<usize>(), 100);
    let mut all = Vec::new();
    for (day, range) in days {
        for (time, batch, row) in sorted.places(range) {
            assert_eq!(time.div_euclid(DAY_NS), day);
            assert_eq!(super::times(Table::Spans, &sorted.batches()[*batch as usize])[*row as usize], *time);
            all.push(*time);
        }
    }
    let mut expected = times;
    expected.sort_unstable();
    assert_eq!(all, expected);
}

#[test]
fn hostile_times_make_few_files() {
    let times: Vec<i64> = (0..1000).map(|n| n * DAY_NS).collect();
    let sorted = Sorted::new(Table::Spans, vec![spans_at(1, &times)]);
    assert_eq!(sorted.days().len(), DATES_PER_FLUSH_MAX);
    assert_eq!(sorted.days().last().map(|(_, range)| range.end), Some(1000));
}

#[test]
fn facts_and_services() {
    let mut facts = Facts::default();
    for (_, batch) in batch_of_spans(3, 10) {
        facts.add(Table::Spans, &batch);
    }
    assert_eq!((facts.rows, facts.seqs), (10, Some((3, 3))));
    assert_eq!(facts.services().map(|list| list.len()), Some(1));
}
