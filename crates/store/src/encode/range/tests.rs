//! Ranges hold every text they were shown.

use super::*;
use proptest::prelude::*;

fn check(texts: &[String]) {
    let mut range = Range::default();
    let mut parts = Range::default();
    for text in texts {
        range.widen(text.as_bytes());
        let mut part = Range::default();
        part.widen(text.as_bytes());
        parts.join(&part);
    }
    assert_eq!(range.bounds(), parts.bounds());
    let Some((low, high)) = range.bounds() else { return assert!(texts.is_empty()) };
    let (least, greatest) = (texts.iter().min().unwrap(), texts.iter().max().unwrap());
    assert!(low.bytes.as_slice() <= least.as_bytes() && high.bytes.as_slice() >= greatest.as_bytes());
    assert_eq!(low.exact, low.bytes == least.as_bytes());
    assert!(!high.exact || high.bytes == greatest.as_bytes());
    assert!(std::str::from_utf8(&low.bytes).is_ok() && std::str::from_utf8(&high.bytes).is_ok());
}

#[test]
fn bounds_hold() {
    let texts = |list: &[&str]| -> Vec<String> { list.iter().map(|text| (*text).to_owned()).collect() };
    let long = "é".repeat(40);
    let cases = [
        texts(&[]),
        texts(&[""]),
        texts(&["a", "a\0", "a\0\0"]),
        texts(&["12345678", "1234567", "123456789"]),
        texts(&[&"x".repeat(64), &"x".repeat(65), &"x".repeat(66)]),
        texts(&[&long, &format!("x{long}"), &"\u{7f}".repeat(70)]),
    ];
    cases.iter().for_each(|texts| check(texts));
}

proptest! {
    #[test]
    fn any_bounds_hold(texts in proptest::collection::vec("[a\u{0}é~\u{7f}]{0,80}", 0..20)) {
        check(&texts);
    }
}
