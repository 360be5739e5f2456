//! What goes into a growing column comes out of the finished one.

use super::*;
use arrow_array::Array;
use arrow_array::cast::AsArray;

#[test]
fn texts_come_back_and_repeats_are_kept_once() {
    let long = |n: usize| format!("a text longer than twelve bytes, number {n}");
    let cases: Vec<Vec<Option<String>>> = vec![
        vec![],
        vec![None, None],
        vec![Some(String::new()), None, Some("short".into())],
        vec![None, None, Some(long(1)), None, Some(long(1))],
        (0..500).map(|n| (n % 7 != 0).then(|| long(n % 13))).collect(),
        (0..500).map(|n| Some(long(n))).collect(),
    ];
    for case in cases {
        let mut column = Text::sized(Size::default());
        case.iter().for_each(|text| column.maybe(text.as_deref()));
        let array = column.finish();
        let back: Vec<_> = array.as_string_view().iter().map(|t| t.map(str::to_owned)).collect();
        assert_eq!(back, case);
    }
    let mut column = Text::sized(Size::default());
    (0..1000).for_each(|n| column.push(&long(n % 3)));
    assert!(column.data.len() < 20 * long(0).len(), "{}", column.data.len());
}

#[test]
fn ids_in_a_row_are_kept_once() {
    let ids = [Some("0123456789abcdef"), Some("0123456789abcdef"), None, Some("0123456789abcdef"), Some("f")];
    let mut column = Text::sized(Size::default());
    for id in ids {
        match id {
            Some(id) => column.ascii(id.as_bytes()),
            None => column.null(),
        }
    }
    assert_eq!(column.data.len(), 32);
    let array = column.finish();
    assert_eq!(array.as_string_view().iter().collect::<Vec<_>>(), ids);
}

#[test]
fn maps_come_back() {
    let mut column = Map::sized(Size::default());
    column.entry("k", "v");
    column.entry("k2", "");
    column.row_or_null();
    column.row_or_null();
    column.row();
    let array = column.finish();
    let map = array.as_map();
    assert_eq!((map.len(), map.null_count()), (3, 1));
    assert_eq!(map.value(0).len(), 2);
    assert_eq!(map.value(2).len(), 0);
    assert!(map.is_null(1));
}
