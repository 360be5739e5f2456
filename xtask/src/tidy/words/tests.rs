//! How names fall into words, and which are refused.

use super::{check, parts};
use crate::tidy::tests::house;

#[test]
fn names_fall_into_words() {
    let check = |name: &str, expected: &[&str]| assert_eq!(parts(name), expected, "{name}");
    check("SpanBatch", &["span", "batch"]);
    check("span_batch", &["span", "batch"]);
    check("SPAN_BATCH", &["span", "batch"]);
    check("v04Reader", &["v04", "reader"]);
}

#[test]
fn banned_words_in_declared_names() {
    let words =
        "| word | means | not |\n|---|---|---|\n| span | one step | `operation`, step |\n| at | - | - |\n";
    let check = |source: &str, expected: &[&str]| {
        let house = house(&[("docs/words.md", words), ("crates/a/src/b.rs", source)]);
        let found: Vec<String> = check(&house).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{source}");
    };
    check("fn span() { let step = 1; }", &[]);
    let said = "crates/a/src/b.rs:2: `StepList` says `step`: our word is `span` (docs/words.md)";
    check("fn span() {}\nstruct StepList;", &[said]);
    check("// struct Step;\nconst S: &str = \"struct Step\";", &[]);
}
