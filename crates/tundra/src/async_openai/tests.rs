//! Answers of providers, byte by byte as they send them, and what a call says of each.

use super::answer::Answer;
use crate::llm::chat;
use crate::testing::{Collector, attr};
use ::http::{HeaderMap, HeaderValue, StatusCode, header};
use tundra_record::Span;

/// How an answer comes to its end.
#[derive(Clone, Copy, Debug)]
enum End {
    /// With its last byte.
    Whole,
    /// Nobody wants the rest.
    Dropped,
}

/// The span of a call that was answered so.
fn answered(kind: &'static str, body: &str, end: End) -> Span<'static> {
    let collector = Collector::new();
    collector.in_scope(|| {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        let mut answer = Answer::new(chat("openai", "m"), StatusCode::OK, &headers);
        // Whatever the network made of it.
        body.as_bytes().chunks(7).for_each(|bytes| answer.hear(bytes));
        match end {
            End::Whole => answer.end(),
            End::Dropped => drop(answer),
        }
    });
    collector.span("chat m").expect("one call")
}

/// A stream of these events.
fn streamed(events: &[&str], end: End) -> Span<'static> {
    let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    answered("text/event-stream", &body, end)
}

fn check(span: &Span<'_>, expect: &[(&str, &str)]) {
    for (key, value) in expect {
        assert_eq!(attr(span, key).unwrap_or_default(), *value, "{key} of {span:?}");
    }
}

#[test]
fn failures() {
    use End::{Dropped, Whole};
    let check = |events: &[&str], end, kind: &str| check(&streamed(events, end), &[("error.type", kind)]);
    let said = r#"{"choices":[{"index":0,"delta":{"content":"It "}}]}"#;
    check(&[said], Dropped, "cancelled");
    check(&[said], Whole, "");
    // Whoever hears of a failure stops listening.
    let busy = r#"{"error":{"code":"rate_limit_exceeded","message":"slow down"}}"#;
    check(&[said, busy], Dropped, "rate_limit_exceeded");
}
