//! Headers in and out.

use super::*;

fn from(headers: &[(&str, &str)]) -> Option<(String, String, bool)> {
    let get = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    extract(get).map(|remote| (remote.trace_id.to_string(), remote.span_id.to_string(), remote.sampled))
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

#[test]
fn headers_in() {
    let ok = |sampled| Some((TRACE.to_owned(), SPAN.to_owned(), sampled));
    let w3c = |text: &str| from(&[("traceparent", text)]);
    assert_eq!(w3c(&format!("00-{TRACE}-{SPAN}-01")), ok(true));
    assert_eq!(w3c(&format!("00-{TRACE}-{SPAN}-00")), ok(false));
    assert_eq!(w3c(&format!("cc-{TRACE}-{SPAN}-01-more")), ok(true));
    for bad in [
        "",
        "00",
        "00-",
        &format!("00-{TRACE}-{SPAN}-01-more"),
        &format!("ff-{TRACE}-{SPAN}-01"),
        &format!("00-{}-{SPAN}-01", "0".repeat(32)),
        &format!("00-{TRACE}-{}-01", "0".repeat(16)),
        &format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        &format!("00-{TRACE}-{SPAN}-0"),
        &format!("00_{TRACE}-{SPAN}-01"),
        &"é".repeat(60),
    ] {
        assert_eq!(w3c(bad), None, "{bad}");
    }
    let datadog = [
        ("x-datadog-trace-id", "9532127138774266268"),
        ("x-datadog-parent-id", "13235353014750950193"),
        ("x-datadog-sampling-priority", "2"),
        ("x-datadog-tags", "_dd.p.dm=-4,_dd.p.tid=0af7651916cd43dd"),
    ];
    assert_eq!(from(&datadog), ok(true));
    assert_eq!(from(&[("x-datadog-trace-id", "0")]), None);
    assert_eq!(from(&[("x-datadog-trace-id", "-1")]), None);
    let dropped = from(&[("x-datadog-trace-id", "1"), ("x-datadog-sampling-priority", "-1")]);
    assert_eq!(dropped.map(|(_, _, sampled)| sampled), Some(false));
}

#[test]
fn there_and_back() {
    let collector = crate::testing::Collector::new();
    let traceparent = format!("00-{TRACE}-{SPAN}-01");
    let get = |name: &str| match name {
        "traceparent" => Some(&*traceparent),
        "tracestate" => Some("vendor=1"),
        "baggage" => Some("user=7"),
        _ => None,
    };
    let remote = extract(get).expect("well-formed");
    let mut headers = std::collections::HashMap::new();
    collector.in_scope(|| {
        assert!(!inject(|_, _| unreachable!("inside nothing")));
        let span = remote.in_scope(|| tracing::info_span!("server"));
        span.in_scope(|| assert!(inject(|name, value| drop(headers.insert(name, value.to_owned())))));
        assert!(!inject(|_, _| unreachable!("inside nothing")));
    });
    let span = collector.span("server").expect("recorded");
    assert_eq!(span.trace_id.to_string(), TRACE);
    assert_eq!(span.parent_id.map(|id| id.to_string()).as_deref(), Some(SPAN));
    assert_eq!(headers["traceparent"], format!("00-{TRACE}-{}-01", span.span_id));
    assert_eq!((&*headers["tracestate"], &*headers["baggage"]), ("vendor=1", "user=7"));
    assert_eq!(headers["x-datadog-trace-id"], "9532127138774266268");
    let again = extract(|name| headers.get(name).map(String::as_str)).expect("ours");
    assert_eq!((again.trace_id, again.span_id), (span.trace_id, span.span_id));
}
