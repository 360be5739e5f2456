//! Judgements as clients send them.

use super::*;

#[test]
fn langfuse() {
    let captured = include_str!("../../tests/data/langfuse-python/009.body");
    let found = langfuse_scores(captured).unwrap();
    assert_eq!(found[0].evaluation.name, "helpfulness");
    assert_eq!(found[0].evaluation.value, Some(0.9));
    assert_eq!(found[0].evaluation.explanation.as_deref(), Some("ok"));
    assert_eq!(
        found[0].trace_id.map(|id| id.to_string()).as_deref(),
        Some("09b5b0921bf8959492fd9984a1aa878b")
    );
    assert_eq!(found[0].span_id.map(|id| id.to_string()).as_deref(), Some("32a7add2ad1d5d56"));
    let many = format!("[{}{{}}]", "{},".repeat(EVALUATIONS_MAX));
    assert!(matches!(langfuse_scores(&many), Err(EvaluationError::TooMany { .. })));
}
