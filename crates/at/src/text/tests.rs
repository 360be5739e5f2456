//! Each form at its edges.

use super::*;

#[test]
fn foreign_texts_cannot_steer_the_terminal() {
    let check = |text: &str, expected: &str| assert_eq!(clean(text), expected);
    check("GET /pay ü 東京", "GET /pay ü 東京");
    check("\x1b[2Jgone", "·[2Jgone");
    check("a\nb\tc\u{9b}d", "a b c·d");
    check("abc\u{202e}fed", "abc·fed");
}

#[test]
fn texts_fit_their_columns() {
    let check = |text: &str, columns: usize, expected: &str| assert_eq!(fit(text, columns), expected);
    check("abc", 5, "abc  ");
    check("abcdef", 5, "abcd…");
    check("東京都", 5, "東京…");
    check("東京都", 4, "東… ");
    check("abc", 0, "");
}

#[test]
fn durations() {
    let check = |ns: i64, expected: &str| assert_eq!(duration(ns), expected);
    check(-4, "0 ns");
    check(999, "999 ns");
    check(1_240, "1.24 µs");
    check(12_340, "12.3 µs");
    check(999_960, "1000 µs");
    check(340_000_000, "340 ms");
    check(1_240_000_000, "1.24 s");
    check(125_000_000_000, "2 m 05 s");
    check(3_780_000_000_000, "1 h 03 m");
}

#[test]
fn counts_and_money() {
    let check = |number: u64, expected: &str| assert_eq!(count(number), expected);
    check(0, "0");
    check(999, "999");
    check(1_290, "1,290");
    check(12_345_678, "12,345,678");
    let check = |pico: i64, expected: &str| assert_eq!(money(pico), expected);
    check(0, "$0");
    check(1_250_000_000_000, "$1.25");
    check(12_300_000_000, "$0.0123");
    check(123_456_789, "$0.0001235");
    check(3, "$0.000000000003");
    assert_eq!((counted(1, "span"), counted(2000, "span")), ("1 span".to_owned(), "2,000 spans".to_owned()));
}

#[test]
fn times() {
    let check = |ns: i64, expected: &str| assert_eq!(utc(ns), expected);
    check(0, "1970-01-01 00:00:00 UTC");
    check(951_782_400 * SECOND, "2000-02-29 00:00:00 UTC");
    check(1_795_226_411 * SECOND, "2026-11-21 02:00:11 UTC");
    check(-SECOND, "1969-12-31 23:59:59 UTC");
    let check =
        |text: &str, expected: Option<i64>| assert_eq!(parse_span_of_time(text).ok(), expected, "{text}");
    check("30s", Some(30 * SECOND));
    check("7d", Some(7 * 86_400 * SECOND));
    check("", None);
    check("5", None);
    check("-5m", None);
    check("99999999999d", None);
    check("5µ", None);
    let check = |seconds: i64, expected: &str| assert_eq!(ago(seconds * SECOND), expected);
    check(-3, "0 s");
    check(59, "59 s");
    check(7200, "2 h");
    check(400_000, "4 d");
}
