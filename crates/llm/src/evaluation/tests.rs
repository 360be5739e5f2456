//! Judgements as clients send them.

use super::*;

#[test]
fn datadog() {
    let captured = include_str!("../../tests/data/ddtrace-llmobs-agentproxy/003.body");
    let found = datadog_evaluations(captured).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].evaluation.name, "helpfulness");
    assert_eq!(found[0].evaluation.value, Some(0.9));
    assert_eq!(found[0].span_id, Some(SpanId(3_170_062_033_896_160_855)));
    assert_eq!(found[0].time, Some(UnixNanos(1_795_217_146_159_000_000)));

    let metric = |inner: &str| {
        let json = format!(r#"{{"data":{{"attributes":{{"metrics":[{inner}]}}}}}}"#);
        datadog_evaluations(&json).unwrap().remove(0)
    };
    let verdict = metric(
        r#"{"label":"toxic","metric_type":"categorical","categorical_value":"no","span_id":"7","reasoning":"r"}"#,
    );
    assert_eq!(verdict.evaluation.label.as_deref(), Some("no"));
    assert_eq!(verdict.span_id, Some(SpanId(7)));
    let truth = metric(r#"{"label":"ok","boolean_value":true,"join_on":{"tag":{"key":"k","value":"v"}}}"#);
    assert_eq!((truth.evaluation.value, truth.evaluation.label.as_deref()), (Some(1.0), Some("true")));
    assert_eq!(truth.tag, Some(("k".to_owned(), "v".to_owned())));
    assert_eq!(metric(r#"{"timestamp_ms":9223372036854775807}"#).time, Some(UnixNanos(i64::MAX)));

    assert_eq!(datadog_evaluations("{"), Err(EvaluationError::NotJson));
    assert_eq!(datadog_evaluations("{}"), Err(EvaluationError::Shape { field: "data.attributes.metrics" }));
}

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
