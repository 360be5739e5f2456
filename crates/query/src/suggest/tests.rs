//! Typos find the name that was meant.

use super::hint;

#[test]
fn nearest_names() {
    let names = ["spans", "llm_calls", "llm_messages", "logs", "metrics"];
    let check = |wrong: &str, expected: &str| {
        assert_eq!(hint(wrong, names.into_iter(), "tables"), expected, "{wrong}")
    };
    check("span", "did you mean `spans`?");
    check("lmm_calls", "did you mean `llm_calls`?");
    check("Metric", "did you mean `metrics`?");
    check("zzzzzzzzzz", "tables: `llm_calls`, `llm_messages`, `logs`, `metrics`, `spans`");
}
