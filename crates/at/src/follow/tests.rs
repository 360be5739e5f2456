//! Which lines of the stream are traces, and which of those are wanted.

use super::{trace_of, wanted};
use crate::arguments::Filter;
use serde_json::json;

#[test]
fn traces_are_picked_out_of_the_stream() {
    let check = |line: &str, expected: Option<&str>| {
        let id = trace_of(line).map(|trace| trace["trace_id"].as_str().unwrap_or_default().to_owned());
        assert_eq!(id.as_deref(), expected, "{line}");
    };
    check("data: {\"trace_id\": \"a\"}", Some("a"));
    check("data:{\"type\":\"trace\",\"trace\":{\"trace_id\":\"b\"}}", Some("b"));
    check("data: {\"type\":\"rate\",\"spans_per_s\":4}", None);
    check("event: trace", None);
    check(": keep-alive", None);
    check("data: {", None);
}

#[test]
fn the_filter_holds_on_this_side_too() {
    let trace = json!({"service": "shop", "errors": 1});
    let check = |service: Option<&str>, status: Option<&str>, trace: &serde_json::Value, expected: bool| {
        let filter = Filter {
            service: service.map(str::to_owned),
            status: status.map(str::to_owned),
            ..Filter::default()
        };
        assert_eq!(wanted(trace, &filter), expected);
    };
    check(None, None, &trace, true);
    check(Some("shop"), Some("error"), &trace, true);
    check(Some("cart"), None, &trace, false);
    check(None, Some("error"), &json!({"service": "shop", "errors": 0}), false);
}
