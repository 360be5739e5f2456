//! A trace and a span as they were stored, hot and from files.

use super::Flags;
use crate::testing::{SECOND, ZERO, shop, span};
use tundra_record::{LogRecord, SpanId, TraceId, UnixNanos, Value};

#[tokio::test]
async fn a_skeleton() {
    let house = shop().await;
    house
        .log(LogRecord {
            time: UnixNanos(ZERO + 150),
            body: Value::from("declined"),
            trace_id: Some(TraceId(1)),
            span_id: Some(SpanId(11)),
            ..LogRecord::default()
        })
        .await;
    for round in ["hot", "files", "both"] {
        let s = house.query.trace(TraceId(1)).await.unwrap().unwrap();
        assert_eq!(s.span_id, [10, 11, 12], "{round}");
        assert_eq!(s.parent, [-1, 0, 0]);
        assert_eq!(s.role, ["", "", "llm"]);
        assert_eq!(s.flags, [0, Flags::ERROR | Flags::LOGS, Flags::LLM]);
        assert_eq!((s.start_ns, s.duration_ns, s.partial, s.sample), (ZERO, 900, false, false));
        assert_eq!(
            (s.start.as_slice(), s.duration.as_slice()),
            ([0, 100, 300].as_slice(), [900, 200, 400].as_slice())
        );
        assert_eq!(
            (s.spent.calls, s.spent.tokens, s.spent.cost_pusd, s.errors),
            (1, Some(120), Some(5_000), 1)
        );
        assert_eq!((s.tokens.as_slice(), s.ttft[2]), ([None, None, Some(120)].as_slice(), Some(5)));
        let services: Vec<&str> = s.service.iter().map(|at| s.services[*at as usize].as_str()).collect();
        assert_eq!(services, ["shop", "pay", "shop"]);
        house.store.flush().await.unwrap();
        if round == "files" {
            house.add("shop", vec![(span(1, 10, None, "GET /order", 0, 900), None)]).await;
        }
    }
    assert_eq!(house.query.trace(TraceId(99)).await.unwrap(), None);
}

#[tokio::test]
async fn one_span_with_everything() {
    let house = shop().await;
    for _round in ["hot", "files"] {
        let span = house.query.span(TraceId(1), SpanId(12)).await.unwrap().unwrap();
        assert_eq!((span.name.as_str(), span.start_ns, span.duration_ns), ("chat", ZERO + 300, 400));
        assert_eq!(span.parent_id.as_deref(), Some("000000000000000a"));
        assert_eq!(span.content, [("prompt.note".to_owned(), "x".repeat(600))]);
        assert_eq!(span.user_id.as_deref(), Some("u-1"));
        let llm = span.llm.unwrap();
        let call = llm.call.unwrap();
        assert_eq!(call["request_model"], "gpt-4o");
        assert_eq!(call["cost_reported_pusd"], serde_json::Value::Null);
        let contents: Vec<&str> = llm.messages.iter().map(|message| message.content.as_str()).collect();
        assert_eq!(contents, ["two and two?", "four"]);
        let root = house.query.span(TraceId(1), SpanId(10)).await.unwrap().unwrap();
        assert_eq!(root.attrs, [("http.route".into(), "/order".into()), ("cart.items".into(), "3".into())]);
        assert_eq!((root.attr_kinds.as_deref(), root.llm), (Some("si"), None));
        house.store.flush().await.unwrap();
    }
    assert_eq!(house.query.span(TraceId(1), SpanId(99)).await.unwrap(), None);
    assert_eq!(house.query.span(TraceId(2), SpanId(12)).await.unwrap(), None);
}

#[tokio::test]
async fn the_tail_tells_each_trace_once_a_step() {
    let house = shop().await;
    let mut place = house.query.place();
    assert_eq!(house.query.news(&mut place).await.unwrap().spans, 0);
    house
        .add("shop", vec![(span(3, 30, None, "a", 0, 1), None), (span(3, 31, Some(30), "b", 0, 1), None)])
        .await;
    house.add("shop", vec![(span(4, 40, None, "c", SECOND, 1), None)]).await;
    house.store.flush().await.unwrap();
    house.query.changed(place).await;
    let news = house.query.news(&mut place).await.unwrap();
    let names: Vec<(&str, u64)> =
        news.traces.iter().map(|trace| (trace.name.as_str(), trace.spans)).collect();
    assert_eq!((names.as_slice(), news.spans, news.skipped), ([("c", 1), ("a", 2)].as_slice(), 3, 0));
    assert_eq!(house.query.news(&mut place).await.unwrap().spans, 0);
    assert_eq!(house.query.spans(), 7);
}
