//! Text is found where it is, and only there.

use super::{AhoCorasick, rows_with};
use datafusion::arrow::array::{Array, MapBuilder, StringBuilder};

fn rows(rows: &[Option<&[(&str, &str)]>], needle: &str, from: usize) -> Vec<bool> {
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in rows {
        for (key, value) in row.unwrap_or_default() {
            map.keys().append_value(key);
            map.values().append_value(value);
        }
        map.append(row.is_some()).unwrap();
    }
    let map = map.finish();
    let finder = AhoCorasick::builder().ascii_case_insensitive(true).build([needle]).unwrap();
    rows_with(&map.slice(from, map.len() - from), &finder).unwrap()
}

#[test]
fn values_of_maps() {
    let check = |map: &[Option<&[(&str, &str)]>], needle: &str, expected: &[bool]| {
        assert_eq!(rows(map, needle, 0), expected, "{needle} in {map:?}");
    };
    check(&[Some(&[("a", "Hello World")]), Some(&[("a", "x")])], "hello", &[true, false]);
    check(&[Some(&[("hello", "x")])], "hello", &[false]);
    check(&[Some(&[("a", "hel"), ("b", "lo")])], "hello", &[false]);
    check(&[Some(&[("a", "hel"), ("b", "lohello")])], "hello", &[true]);
    check(&[Some(&[("a", "")]), Some(&[("b", "")]), Some(&[("c", "x")])], "x", &[false, false, true]);
    check(&[Some(&[]), None, Some(&[("c", "xx"), ("d", "x")]), Some(&[])], "x", &[false, false, true, false]);
    check(&[Some(&[("a", "x"), ("b", "x"), ("c", "x")]), Some(&[("d", "x")])], "x", &[true, true]);
    check(&[], "x", &[]);
    check(&[Some(&[("a", "grüße")])], "üß", &[true]);
}

#[test]
fn a_slice_of_a_map() {
    let map: [Option<&[(&str, &str)]>; 3] = [Some(&[("a", "x")]), Some(&[("b", "y")]), Some(&[("c", "x")])];
    assert_eq!(rows(&map, "x", 1), [false, true]);
}
