//! Small bodies that show one peculiarity each, by what they decode to.

use super::recorder::{Item, record, spans};
use tundra_record::metric::Histogram;
use tundra_record::{
    Attrs, MetricPoint, MetricValue, Resource, Scope, Severity, Span, SpanId, SpanKind, Status, Temporality,
    TraceId, Value,
};
use tundra_wire::datadog::encode::{Chunk, v04};
use tundra_wire::{msgpack, otlp};

fn json_span(rest: &str) -> Span<'static> {
    let ids = "\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\"";
    let span =
        if rest.contains("spanId") || rest.contains("span_id") { rest } else { &format!("{ids},{rest}") };
    let body = format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{{span}}}]}}]}}]}}");
    spans("otlp-traces-json", body.as_bytes()).remove(0)
}

#[test]
fn otlp_json_spellings() {
    let id = TraceId(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
    for ids in [
        r#""traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708""#,
        r#""trace_id":"0102030405060708090A0B0C0D0E0F10","span_id":"0102030405060708""#,
        r#""traceId":"AQIDBAUGBwgJCgsMDQ4PEA==","spanId":"AQIDBAUGBwg=""#,
        r#""traceId":"AQIDBAUGBwgJCgsMDQ4PEA","spanId":"AQIDBAUGBwg""#,
    ] {
        let span = json_span(ids);
        assert_eq!((span.trace_id, span.span_id), (id, SpanId(0x0102_0304_0506_0708)), "{ids}");
    }
    for (kind, expected) in [
        ("2", SpanKind::Server),
        ("\"SPAN_KIND_SERVER\"", SpanKind::Server),
        ("\"server\"", SpanKind::Server),
        ("\"3\"", SpanKind::Client),
        ("\"SPAN_KIND_WHATEVER\"", SpanKind::Unspecified),
        ("99", SpanKind::Unspecified),
        ("null", SpanKind::Unspecified),
    ] {
        assert_eq!(json_span(&format!("\"kind\":{kind}")).kind, expected, "{kind}");
    }
    for (code, expected) in [
        ("2", Status::Error),
        ("\"STATUS_CODE_ERROR\"", Status::Error),
        ("\"STATUS_CODE_OK\"", Status::Ok),
        ("0", Status::Unset),
    ] {
        assert_eq!(json_span(&format!("\"status\":{{\"code\":{code}}}")).status, expected, "{code}");
    }
    for time in ["1700000000000000001", "\"1700000000000000001\""] {
        let both = format!("\"startTimeUnixNano\":{time},\"end_time_unix_nano\":{time}");
        assert_eq!(json_span(&both).start.0, 1_700_000_000_000_000_001, "{time}");
    }
}

#[test]
fn otlp_json_values() {
    for (json, expected) in [
        (r#"{"stringValue":"x"}"#, Value::from("x")),
        (r#"{"intValue":"-9223372036854775808"}"#, Value::Int(i64::MIN)),
        (r#"{"intValue":7}"#, Value::Int(7)),
        (r#"{"int_value":7.0}"#, Value::Int(7)),
        (r#"{"boolValue":true}"#, Value::Bool(true)),
        (r#"{"doubleValue":1}"#, Value::Double(1.0)),
        (r#"{"doubleValue":"Infinity"}"#, Value::Double(f64::INFINITY)),
        (r#"{"bytesValue":"AQI="}"#, Value::Bytes(vec![1, 2].into())),
        (r#"{"bytesValue":"-_-_"}"#, Value::Bytes(vec![0xfb, 0xff, 0xbf].into())),
        (
            r#"{"arrayValue":{"values":[{"intValue":1},{}]}}"#,
            Value::List(vec![Value::Int(1), Value::from("")]),
        ),
        (
            r#"{"kvlistValue":{"values":[{"key":"a","value":{"boolValue":false}}]}}"#,
            Value::Map(vec![("a".into(), Value::Bool(false))]),
        ),
        (r#"{"arrayValue":{}}"#, Value::List(vec![])),
        (r#"{}"#, Value::from("")),
        (r#"null"#, Value::from("")),
        (r#""plain""#, Value::from("plain")),
        (r#"18446744073709551615"#, Value::from("18446744073709551615")),
    ] {
        let span = json_span(&format!("\"attributes\":[{{\"value\":{json},\"key\":\"k\"}}]"));
        assert_eq!(span.attrs, vec![("k".into(), expected)], "{json}");
    }
    assert_eq!(json_span(r#""attributes":{"a":1}"#).attrs, vec![("a".into(), Value::Int(1))]);
}

#[test]
fn otlp_json_logs_and_metrics() {
    let log = |fields: &str| {
        let body = format!("{{\"resource_logs\":[{{\"scope_logs\":[{{\"log_records\":[{{{fields}}}]}}]}}]}}");
        match record("otlp-logs-json", body.as_bytes()).unwrap().pop() {
            Some(Item::Log(log)) => log,
            other => panic!("{other:?}"),
        }
    };
    for (severity, expected) in [
        ("13", 13),
        ("\"SEVERITY_NUMBER_WARN\"", 13),
        ("\"SEVERITY_NUMBER_WARN3\"", 15),
        ("\"17\"", 17),
        ("99", 0),
        ("\"LOUD\"", 0),
    ] {
        assert_eq!(log(&format!("\"severityNumber\":{severity}")).severity, Severity(expected), "{severity}");
    }
    assert_eq!(log(r#""observedTimeUnixNano":"5""#).time.0, 5, "the observed time stands in");
    assert_eq!(log(r#""timeUnixNano":"4","observedTimeUnixNano":"5""#).time.0, 4);

    let metrics = br#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"sum":{"dataPoints":[{"asInt":"3","timeUnixNano":"9"},{"asDouble":1.5}],"isMonotonic":true,"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA"},"unit":"1","name":"late"},
        {"name":"s","summary":{"dataPoints":[{"count":"2","sum":3,"quantileValues":[{"quantile":0.5,"value":1}]}]}},
        {"name":"g","gauge":{"dataPoints":[{"flags":1}]}}
    ]}]}]}"#;
    let items = record("otlp-metrics-json", metrics).unwrap();
    let points: Vec<&MetricPoint<'_>> = items
        .iter()
        .filter_map(|item| if let Item::Metric(point) = item { Some(point) } else { None })
        .collect();
    let sum = |value| MetricValue::Sum { value, temporality: Temporality::Delta, monotonic: true };
    assert_eq!((points[0].name.as_ref(), &points[0].value, &points[1].value), ("late", &sum(3.0), &sum(1.5)));
    assert_eq!(points[2].value, MetricValue::Summary { count: 2, sum: 3.0, quantiles: vec![(0.5, 1.0)] });
    assert!(matches!(items.last(), Some(Item::Reject(_))), "a point without value is rejected alone");
}

#[test]
fn exponential_histograms_get_bounds() {
    let body = br#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"e","exponentialHistogram":{"dataPoints":[
        {"count":"10","sum":1,"scale":0,"zeroCount":"2","positive":{"offset":1,"bucketCounts":["3","4"]},"negative":{"offset":0,"bucketCounts":["1"]}}
    ]}}]}]}]}"#;
    let items = record("otlp-metrics-json", body).unwrap();
    let Some(Item::Metric(point)) = items.last() else { panic!("{items:?}") };
    let expected = Histogram {
        count: 10,
        sum: Some(1.0),
        bounds: vec![-2.0, -1.0, 0.0, 2.0, 4.0, 8.0],
        counts: vec![0, 1, 2, 0, 3, 4, 0],
        ..Histogram::default()
    };
    assert_eq!(point.value, MetricValue::Histogram(expected));
}

/// A v0.4 body of these chunks; each span is a list of entries, maps as values.
fn body(chunks: &[Vec<Attrs<'static>>]) -> Vec<u8> {
    let spans = |spans: &Vec<Attrs<'static>>| Value::List(spans.iter().cloned().map(Value::Map).collect());
    let mut out = Vec::new();
    msgpack::Writer::new(&mut out).value(&Value::List(chunks.iter().map(spans).collect()));
    out
}

fn entries(id: i64, meta: &[(&'static str, &'static str)]) -> Attrs<'static> {
    let meta = meta.iter().map(|(key, value)| ((*key).into(), Value::from(*value))).collect();
    vec![
        ("trace_id".into(), Value::Int(7)),
        ("span_id".into(), Value::Int(id)),
        ("meta".into(), Value::Map(meta)),
    ]
}

#[test]
fn a_chunks_first_span_speaks_for_it() {
    let first = entries(
        1,
        &[("_dd.p.tid", "6b00db6600000000"), ("env", "prod"), ("version", "2"), ("_dd.hostname", "h")],
    );
    let items = record(
        "v04",
        &body(&[
            vec![first.clone(), entries(2, &[("_dd.p.tid", "nonsense")])],
            vec![entries(3, &[])],
            vec![first],
        ]),
    )
    .unwrap();
    let ids: Vec<u64> = items
        .iter()
        .filter_map(|item| if let Item::Span(span) = item { Some(span.trace_id.high()) } else { None })
        .collect();
    let high = 0x6b00_db66_0000_0000;
    assert_eq!(ids, [high, high, 0, high]);
    let resources: Vec<_> = items
        .iter()
        .filter_map(|item| match item {
            Item::Resource(r) => Some((
                r.env().map(str::to_owned),
                r.version().map(str::to_owned),
                r.host().map(str::to_owned),
            )),
            _ => None,
        })
        .collect();
    let said = (Some("prod".to_owned()), Some("2".to_owned()), Some("h".to_owned()));
    assert_eq!(resources, [said.clone(), (None, None, None), said]);
}

#[test]
fn datadog_tags_become_fields() {
    let span = |meta: &[(&'static str, &'static str)], error: i64| {
        let mut entries = entries(1, meta);
        entries.push(("error".into(), Value::Int(error)));
        spans("v04", &body(&[vec![entries]])).remove(0)
    };
    assert_eq!(span(&[("span.kind", "server")], 0).kind, SpanKind::Server);
    assert_eq!(span(&[("span.kind", "server")], 0).attrs, []);
    assert_eq!(span(&[("span.kind", "odd")], 0).attrs.len(), 1, "what no field says stays");
    for (meta, error, expected) in [
        (&[("error.message", "boom")][..], 1, (Status::Error, "boom")),
        (&[("error.msg", "boom")], 1, (Status::Error, "boom")),
        (&[("error.message", "boom")], 0, (Status::Unset, "")),
        (&[("otel.status_code", "Ok")], 0, (Status::Ok, "")),
        (&[("otel.status_code", "Ok")], 1, (Status::Error, "")),
    ] {
        let span = span(meta, error);
        assert_eq!((span.status, span.status_message.as_ref()), expected, "{meta:?} {error}");
    }
    let whole = span(&[("otel.trace_id", "6b00db66000000000000000000000007")], 0);
    assert_eq!(whole.trace_id.high(), 0x6b00_db66_0000_0000);
    let other = span(&[("otel.trace_id", "6b00db66000000000000000000000008")], 0);
    assert_eq!(other.trace_id.high(), 0, "another trace's id is not believed");
    let events = span(&[("events", r#"[{"name":"e","time_unix_nano":5,"attributes":{"a":[1,true]}}]"#)], 0);
    assert_eq!((events.events.len(), events.attrs.len()), (1, 0));
    let links = span(
        &[(
            "_dd.span_links",
            r#"[{"trace_id":"0000000000000001000000000000000f","span_id":"0a","flags":1}]"#,
        )],
        0,
    );
    assert_eq!((links.links[0].trace_id, links.links[0].span_id), (TraceId(1 << 64 | 15), SpanId(10)));
    let broken = span(&[("_dd.span_links", "[{\"trace_id\":\"x\"}]"), ("events", "see below")], 0);
    assert_eq!((broken.links.len(), broken.events.len(), broken.attrs.len()), (0, 0, 2));
}

/// What an OpenTelemetry span looks like to a Datadog Agent.
#[test]
fn otlp_spans_speak_datadog() {
    let resource = Resource {
        attrs: vec![
            ("service.name".into(), Value::from("shop")),
            ("deployment.environment.name".into(), Value::from("prod")),
            ("service.version".into(), Value::from("3")),
            ("host.name".into(), Value::from("box")),
            ("team".into(), Value::from("obs")),
        ],
    };
    let span = Span {
        trace_id: TraceId(1 << 64 | 7),
        span_id: SpanId(9),
        name: "GET /".into(),
        kind: SpanKind::Client,
        status: Status::Error,
        status_message: "boom".into(),
        attrs: vec![
            ("ok".into(), Value::Bool(true)),
            ("n".into(), Value::Int(3)),
            ("team".into(), Value::from("mine")),
        ],
        ..Span::default()
    };
    let mut out = Vec::new();
    v04(&[Chunk { resource: Some(&resource), spans: &[span.clone(), span] }], &mut out);
    let read = spans("v04", &out);
    let tag = |at: usize, key: &str| read[at].attr(key).map(|value| value.to_text().into_owned());
    assert_eq!((read[0].service.as_deref(), read[0].resource.as_deref()), (Some("shop"), Some("GET /")));
    for (key, expected) in [
        ("env", "prod"),
        ("version", "3"),
        ("_dd.hostname", "box"),
        ("team", "mine"),
        ("ok", "true"),
        ("n", "3"),
        ("error.message", "boom"),
    ] {
        assert_eq!(tag(0, key).as_deref(), Some(expected), "{key}");
    }
    assert_eq!(read[1].trace_id, TraceId(1 << 64 | 7), "the first span says the high half for both");
}

#[test]
fn scopes_say_things_about_their_records() {
    let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","droppedEventsCount":2}],
        "scope":{"name":"lib","version":"1","attributes":[{"key":"a","value":{"intValue":1}}]}}]}]}"#;
    let items = record("otlp-traces-json", body).unwrap();
    assert_eq!(items[1], Item::Scope(Scope { name: "lib".into(), version: "1".into() }));
    let Item::Span(span) = &items[2] else { panic!("{items:?}") };
    let expected =
        vec![("otel.scope.a".into(), Value::Int(1)), ("otel.dropped_events_count".into(), Value::Int(2))];
    assert_eq!(span.attrs, expected);
}

#[test]
fn rejected_records_are_counted() {
    let check = |answer: &[u8], expect: u64| assert_eq!(otlp::count::rejected(answer), expect, "{answer:?}");
    check(b"", 0);
    check(b"\x0a\x00", 0);
    check(b"\x0a\x02\x08\x05", 5);
    check(b"\x12\x01x\x0a\x07\x12\x02no\x08\xac\x02", 300);
    // A warning, and what is no such answer.
    check(b"\x0a\x04\x12\x02no", 0);
    check(b"\x0a\x09\x08\x05", 0);
    check(b"{\"partialSuccess\":{\"rejectedSpans\":\"5\"}}", 0);
    check(b"OK", 0);
}

#[test]
fn exemplars_are_counted() {
    // One gauge point with two exemplars, and a value.
    let point = [0x2a, 0x00, 0x2a, 0x00, 0x21, 0, 0, 0, 0, 0, 0, 0, 0];
    let wrap = |number: u8, inner: &[u8]| [&[number << 3 | 2, inner.len() as u8][..], inner].concat();
    let body = wrap(1, &wrap(2, &wrap(2, &wrap(5, &wrap(1, &point)))));
    assert_eq!((otlp::count::points(&body), otlp::count::exemplars(&body)), (1, 2));
    assert_eq!(record("otlp-metrics", &body).unwrap().len(), 3);
}
