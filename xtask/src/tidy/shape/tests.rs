//! One case for each rule.

use super::check;
use crate::tidy::tests::{house, room};

#[test]
fn files() {
    let check = |path: &str, text: &str, expected: &[&str]| {
        let found: Vec<String> = check(&house(&[(path, text)])).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    };
    let doc = "//! Doc.\n";
    check("crates/a/src/lib.rs", doc, &[]);
    check("crates/a/src/a/b/c.rs", doc, &[]);
    check("crates/a/src/a/b/c/d.rs", doc, &["crates/a/src/a/b/c/d.rs: deeper than 2 folders under `src`"]);
    check("crates/a/src/b/mod.rs", doc, &["crates/a/src/b/mod.rs: no `mod.rs`: put `foo.rs` beside `foo/`"]);
    check(
        "crates/a/src/utils.rs",
        doc,
        &["crates/a/src/utils.rs: `utils` says nothing as a module: name what it is"],
    );
    check(
        "crates/a/src/b.rs",
        "use a::b;\n",
        &["crates/a/src/b.rs:1: open with `//!`: what lives here, who calls it, what it must never do"],
    );
}

#[test]
fn rooms() {
    let lints = "[lints]\nworkspace = true\n";
    let mut house = house(&[("crates/error/Cargo.toml", lints), ("crates/store/Cargo.toml", "")]);
    house.rooms = vec![room("error", "error", &[]), room("store", "store", &[])];
    let found: Vec<String> = check(&house).iter().map(ToString::to_string).collect();
    let expected = [
        "crates/error/Cargo.toml: `error` says nothing as a crate's name: name what it is",
        "crates/store/Cargo.toml: add `[lints]` with `workspace = true`",
    ];
    assert_eq!(found, expected);
}
