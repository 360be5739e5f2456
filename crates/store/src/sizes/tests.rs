//! Expectations follow the smaller of two batches and stay within bounds.

use super::*;

fn size(rows: usize, bytes: usize) -> Size {
    Size { rows, bytes, ..Size::default() }
}

#[test]
fn the_smaller_of_the_last_two_is_expected() {
    let sizes = Sizes::default();
    let table = Table::Spans;
    let steps: &[(Size, Option<Size>)] = &[
        (size(80, 800), None),
        (size(800, 8_000), Some(size(90, 900))),
        (size(800, 0), Some(size(900, 0))),
        (size(8, 80), Some(size(9, 0))),
        (size(usize::MAX, usize::MAX), Some(size(9, 90))),
        (size(usize::MAX, usize::MAX), Some(size(EXPECTED_ROWS_MAX, EXPECTED_BYTES_MAX))),
    ];
    for (told, want) in steps {
        sizes.learn(table, vec![*told]);
        assert_eq!(sizes.expected(table).first(), want.as_ref(), "after {told:?}");
    }
    assert!(sizes.expected(Table::Logs).is_empty());
}

#[test]
fn only_much_room_is_given_back() {
    for (capacity, kept) in [(100, 100), (125, 125), (130, 100), (1_000, 100)] {
        let mut values = Vec::with_capacity(capacity);
        values.resize(100, 0_u8);
        trim(&mut values);
        assert_eq!(values.capacity(), kept);
    }
}
