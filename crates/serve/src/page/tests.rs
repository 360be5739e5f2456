//! The page without JavaScript shows hostile text as text.

use super::{escape, render};
use crate::doors::HealthState;
use query::TraceSummary;

#[test]
fn hostile_text_stays_text() {
    let hostile = "<script>alert(1)</script>\"' onload=x &amp;";
    let trace = TraceSummary {
        trace_id: "a".repeat(32),
        name: hostile.to_owned(),
        service: hostile.to_owned(),
        ..TraceSummary::default()
    };
    let state = HealthState {
        data_dir: hostile.to_owned(),
        addresses: vec![("otlp_http", Some("127.0.0.1:4318".to_owned())), ("api", Some(hostile.to_owned()))],
        ..HealthState::default()
    };
    let page = render(&state, &[trace], false);
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"));
    assert!(page.contains("make ui"));
    assert!(!render(&HealthState::default(), &[], true).contains("make ui"));
}

#[test]
fn escapes() {
    for (text, expected) in
        [("a", "a"), ("<", "&lt;"), ("&lt;", "&amp;lt;"), ("\"'", "&quot;&#39;"), ("ü", "ü")]
    {
        assert_eq!(escape(text), expected);
    }
    assert_eq!(escape(&"x".repeat(1_000)).len(), 500);
}
