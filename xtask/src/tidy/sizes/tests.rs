//! The limits at their edges, and the ratchet's three answers.

use super::{FILE_LINES_MAX, FUNCTION_LINES_MAX, check};
use crate::tidy::tests::house;

fn lines(n: usize) -> String {
    "let x = 1;\n".repeat(n)
}

#[test]
fn limits_and_ratchet() {
    let function = |n: usize| format!("fn long() {{\n{}}}\n", lines(n - 2));
    let check = |text: &str, ratchet: &str, expected: &[&str]| {
        let house = house(&[("crates/a/src/b.rs", text), ("xtask/tidy.ratchet", ratchet)]);
        let found: Vec<String> = check(&house).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    };
    check(&lines(FILE_LINES_MAX), "", &[]);
    let too_long = "crates/a/src/b.rs:1: the file has 401 code lines, at most 400: split it";
    check(&lines(FILE_LINES_MAX + 1), "", &[too_long]);
    check(&lines(401), "crates/a/src/b.rs = 401\n", &[]);
    let grew = "crates/a/src/b.rs:1: the file grew from 410 to 420 code lines: shrink it";
    check(&lines(420), "crates/a/src/b.rs = 410\n", &[grew]);
    let smaller = "xtask/tidy.ratchet: `crates/a/src/b.rs` is smaller now: run `cargo xtask tidy --shrink`";
    check(&lines(405), "crates/a/src/b.rs = 410\n", &[smaller]);
    check(&lines(4), "crates/a/src/b.rs = 410\n", &[smaller]);
    check(&function(FUNCTION_LINES_MAX), "", &[]);
    let long = "crates/a/src/b.rs:1: `long` has 71 code lines, at most 70: split it";
    check(&function(FUNCTION_LINES_MAX + 1), "", &[long]);
    check("", "what\n", &["xtask/tidy.ratchet:1: not `path[::function] = number`"]);
}

#[test]
fn tests_may_be_long() {
    let house =
        house(&[("crates/a/src/b/tests.rs", &lines(500)), ("crates/a/tests/it/main.rs", &lines(500))]);
    assert_eq!(check(&house), []);
}
