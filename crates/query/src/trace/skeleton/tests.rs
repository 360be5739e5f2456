//! Any set of spans becomes one well-formed pre-order, with every span in it exactly once.

use super::{Flags, Gathered, Row, Skeleton, assemble};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

fn row(id: u64, parent: Option<u64>, start: i64) -> Row {
    Row { id, parent, start, duration: 10, ..Row::default() }
}

fn of(rows: &[Row]) -> Skeleton {
    assemble(Gathered { rows: rows.to_vec(), ..Gathered::default() })
}

/// Ids, parents, depths, subtree sizes and orphan marks, as text.
fn shown(s: &Skeleton) -> String {
    let line = |at: usize| {
        let orphan = if s.flags[at] & Flags::ORPHAN != 0 { "?" } else { "" };
        format!("{}{}^{}d{}s{}", s.span_id[at], orphan, s.parent[at], s.depth[at], s.subtree[at])
    };
    (0..s.span_id.len()).map(line).collect::<Vec<_>>().join(" ")
}

#[test]
fn shapes() {
    let check = |rows: &[Row], expected: &str, partial: bool| {
        let skeleton = of(rows);
        assert_eq!(shown(&skeleton), expected);
        assert_eq!(skeleton.partial, partial, "{expected}");
    };
    check(&[], "", true);
    check(&[row(1, None, 0)], "1^-1d0s1", false);
    // Children by start, whatever order they came in.
    check(
        &[row(3, Some(1), 5), row(2, Some(1), 1), row(1, None, 0), row(4, Some(2), 2)],
        "1^-1d0s4 2^0d1s2 4^1d2s1 3^0d1s1",
        false,
    );
    // Two roots.
    check(&[row(2, None, 5), row(1, None, 0)], "1^-1d0s1 2^-1d0s1", false);
    // A missing parent.
    check(&[row(2, Some(9), 5), row(3, Some(2), 6)], "2?^-1d0s2 3^0d1s1", true);
    // Its own parent.
    check(&[row(1, Some(1), 0)], "1?^-1d0s1", true);
    // A circle of three, entered at its earliest span.
    check(&[row(1, Some(3), 5), row(2, Some(1), 1), row(3, Some(2), 9)], "2?^-1d0s3 3^0d1s2 1^1d2s1", true);
    // A child that began before its parent stays where it is: clocks differ.
    check(&[row(1, None, 10), row(2, Some(1), 3)], "1^-1d0s2 2^0d1s1", false);
}

#[test]
fn the_last_of_two_spans_with_one_id_counts() {
    let with = |seq, name| Row { seq, name, ..row(1, None, 0) };
    assert_eq!(of(&[with(2, 7), with(1, 8)]).name, [7]);
    assert_eq!(of(&[with(1, 8), with(2, 7)]).name, [7]);
    assert_eq!(of(&[with(1, 8), with(1, 7)]).name, [7]);
}

#[test]
fn extremes_do_not_overflow() {
    let far = Row { start: i64::MAX, duration: i64::MAX, ..row(1, None, 0) };
    let early = Row { start: i64::MIN, ..row(2, Some(1), 0) };
    assert_eq!(of(&[far, early]).span_id.len(), 2);
}

#[test]
fn a_chain_as_long_as_a_trace_may_be() {
    let rows: Vec<Row> = (1..=100_000).map(|id| row(id, (id > 1).then(|| id - 1), id as i64)).collect();
    let skeleton = of(&rows);
    assert_eq!(skeleton.depth.last(), Some(&99_999));
    assert_eq!(skeleton.subtree.first(), Some(&100_000));
}

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    let one = (0_u64..40, prop::option::of(0_u64..44), 0_i64..20, 0_i64..3);
    let row = |(id, parent, start, seq)| Row { seq, ..row(id, parent, start) };
    prop::collection::vec(one.prop_map(row), 0..120)
}

proptest! {
    /// Random forests with missing parents, circles and duplicates.
    #[test]
    fn every_span_once_and_every_subtree_whole(rows in any_rows()) {
        let s = of(&rows);
        let ids: HashSet<u64> = rows.iter().map(|row| row.id).collect();
        prop_assert_eq!(s.span_id.len(), ids.len());
        prop_assert_eq!(s.span_id.iter().copied().collect::<HashSet<_>>(), ids);
        for at in 0..s.span_id.len() {
            let size = s.subtree[at] as usize;
            prop_assert!(at + size <= s.span_id.len());
            if s.parent[at] < 0 {
                prop_assert_eq!(s.depth[at], 0);
                continue;
            }
            let parent = s.parent[at] as usize;
            prop_assert!(parent < at, "parents come first");
            prop_assert_eq!(s.depth[at], s.depth[parent] + 1);
            prop_assert!(at + size <= parent + s.subtree[parent] as usize, "a subtree lies inside its parent's");
        }
        // The sum over the roots is the whole.
        let roots: usize = (0..s.span_id.len()).filter(|at| s.parent[*at] < 0).map(|at| s.subtree[at] as usize).sum();
        prop_assert_eq!(roots, s.span_id.len());
    }

    /// The same spans in another order give the same skeleton.
    #[test]
    fn order_of_arrival_does_not_matter(rows in any_rows()) {
        let mut unique: HashMap<u64, Row> = HashMap::new();
        for row in rows {
            unique.insert(row.id, row);
        }
        let mut rows: Vec<Row> = unique.into_values().collect();
        rows.sort_by_key(|row| row.id);
        let one = of(&rows);
        rows.reverse();
        prop_assert_eq!(one, of(&rows));
    }
}
