//! A Datadog Agent as we expect it, and as we fear it: what it says is followed or costs a counter, and nothing else.

use super::{Seen, hold_content, server, text};
use crate::testing::Collector;
use crate::{DatadogAgent, LogFormat};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use tracing::{error, info_span};
use tundra_record::{Span, Value};
use tundra_wire::datadog::{DatadogHeaders, traces_v03_v04, traces_v05};
use tundra_wire::{Limits, msgpack};

const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nDatadog-Agent-State: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// An Agent that says `info` and answers traces with `rates`.
pub(super) fn agent(info: &'static str, rates: &'static str) -> (String, Receiver<Vec<u8>>) {
    super::server_by_path(move |path| if path == "/info" { ok(info) } else { ok(rates) })
}

/// Requests until one is for this path.
pub(super) fn next(requests: &Receiver<Vec<u8>>, path: &str) -> (String, Vec<u8>) {
    next_of(requests, &[path])
}

/// Requests until one is for one of these paths.
pub(super) fn next_of(requests: &Receiver<Vec<u8>>, paths: &[&str]) -> (String, Vec<u8>) {
    let until = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < until, "no request for {paths:?}");
        let request = requests.recv_timeout(PATIENCE).expect("a request");
        let at = request.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let head = text(&request[..at]);
        if head.split(' ').nth(1).is_some_and(|path| paths.contains(&path)) {
            return (head, request[at..].to_vec());
        }
    }
}

pub(super) fn spans(path: &str, body: &[u8]) -> Vec<Span<'static>> {
    let mut seen = Seen::default();
    let (headers, limits) = (DatadogHeaders::default(), Limits::default());
    let decoded = match path {
        "/v0.5/traces" => traces_v05(body, &headers, &limits, &mut seen),
        _ => traces_v03_v04(body, &headers, &limits, &mut seen),
    };
    decoded.expect("it decodes");
    seen.0
}

pub(super) fn collector(agent: DatadogAgent, rate: Option<f64>) -> Collector {
    Collector::with(|builder| {
        let builder = builder.env("test").log_format(LogFormat::Json).keep_errors(false);
        let builder = match rate {
            Some(rate) => builder.sample_rate(rate),
            None => builder.agent_decides(),
        };
        builder.exporter(Box::new(agent))
    })
}

pub(super) const FULL: &str = r#"{"endpoints":["/v0.4/traces","/v0.5/traces","/v0.6/stats"],"client_drop_p0s":true,
    "span_meta_structs":true,"peer_tags":["db.name"]}"#;

/// Works until the Agent's `/info` is known.
pub(super) fn warm_up(collector: &Collector, requests: &Receiver<Vec<u8>>) {
    collector.in_scope(|| info_span!("warm_up").in_scope(|| ()));
    assert!(!collector.spans().is_empty() || collector.points().is_empty());
    drop(next(requests, "/info"));
    // The answer is noted before the next request is made. On a slow machine it is known before the first batch.
    drop(next_of(requests, &["/v0.4/traces", "/v0.5/traces"]));
}

/// An Agent without structures that takes events, in two versions.
pub(super) const PROXY: &str = r#"{"endpoints":["/v0.4/traces","/evp_proxy/v1/","/evp_proxy/v2/","/evp_proxy/v4/"],
    "span_meta_structs":false}"#;

#[test]
fn llm_events_beside_the_traces() {
    use crate::llm::{Evaluation, Message, Usage, chat};
    let _content = hold_content();
    let (url, requests) = agent(PROXY, "{}");
    let agent = DatadogAgent::new(&url).expect("an address").llm_app("bot");
    let collector = collector(agent, Some(1.0));
    warm_up(&collector, &requests);
    collector.in_scope(|| {
        let call = chat("openai", "gpt-4o");
        call.input(Message::user("Weather?"));
        call.output(Message::assistant("It rains."));
        call.usage(Usage { input: Some(12), output: Some(3), ..Usage::default() });
        let judged = |name: &str, value: Option<f64>, label: &str| {
            let (name, label) = (name.to_owned(), label.to_owned());
            call.evaluated(&Evaluation {
                name,
                value,
                label,
                explanation: "so it is".into(),
                ..Evaluation::default()
            });
        };
        judged("a.b", Some(0.5), "pass");
        judged("tone", None, "warm");
        judged("both", Some(0.25), "cold");
        judged("odd", Some(f64::NAN), "none");
        call.failed("Timeout", "too slow");
    });
    let sent = collector.span("chat gpt-4o").expect("recorded");
    let mut seen = std::collections::HashMap::new();
    let paths =
        ["/v0.4/traces", "/evp_proxy/v4/api/v2/llmobs", "/evp_proxy/v4/api/intake/llm-obs/v2/eval-metric"];
    while seen.len() < paths.len() {
        let (head, body) = next_of(&requests, &paths);
        if head.contains("/v0.4/") && !spans("/v0.4/traces", &body).iter().any(|span| span.name == sent.name)
        {
            continue;
        }
        seen.insert(head.split(' ').nth(1).unwrap_or_default().to_owned(), (head, body));
    }
    let (_, body) = &seen[paths[0]];
    let span = &spans("/v0.4/traces", body)[0];
    let told = |key: &str| span.attr(key).map(|value| value.to_text().into_owned());
    assert_eq!(told("_dd.llmobs.submitted").as_deref(), Some("1"));
    assert_eq!(told("gen_ai.request.model").as_deref(), Some("gpt-4o"));
    assert_eq!((told("gen_ai.input.messages"), told("meta_struct._llmobs")), (None, None));

    let (head, body) = &seen[paths[1]];
    assert!(head.contains("X-Datadog-EVP-Subdomain: llmobs-intake\r\n"), "{head}");
    assert!(head.contains("Content-Type: application/json\r\n"), "{head}");
    let (trace, id) = (sent.trace_id, sent.span_id.0);
    let body = text(body);
    for part in [
        r#"[{"_dd.stage":"raw","_dd.tracer_version":""#.to_owned(),
        r#""event_type":"span","spans":[{"name":"chat gpt-4o","trace_id":""#.to_owned() + &trace.to_string(),
        format!(
            r#""span_id":"{id}","start_ns":{},"duration":{},"status":"error""#,
            sent.start.0, sent.duration
        ),
        r#""status_message":"too slow","service":"test","tags":["ml_app:bot","service:test","env:test""#
            .to_owned(),
        r#""input":{"messages":[{"role":"user","content":"Weather?"}]}"#.to_owned(),
        r#""metrics":{"input_tokens":12,"output_tokens":3,"total_tokens":15}"#.to_owned(),
        r#""parent_id":"undefined""#.to_owned(),
        format!(r#""_dd":{{"span_id":"{id}","trace_id":"{trace}","apm_trace_id":"{trace}"}}"#),
    ] {
        assert!(body.contains(&part), "{part} in {body}");
    }

    let (head, body) = &seen[paths[2]];
    assert!(head.contains("X-Datadog-EVP-Subdomain: api\r\n"), "{head}");
    let body = text(body);
    let start =
        r#"{"data":{"type":"evaluation_metric","attributes":{"metrics":[{"join_on":{"span":{"span_id":""#;
    assert!(body.starts_with(&format!(r#"{start}{id}","trace_id":"{trace}"}}}}"#)), "{body}");
    for part in [
        r#""label":"a_b","metric_type":"score","score_value":0.5,"tags":["ml_app:bot","env:test"],"assessment":"pass""#,
        r#""label":"tone","metric_type":"categorical","categorical_value":"warm""#,
        r#""label":"both","metric_type":"score","score_value":0.25"#,
        r#""label":"both_label","metric_type":"categorical","categorical_value":"cold""#,
        r#""label":"odd","metric_type":"categorical","categorical_value":"none""#,
        r#""reasoning":"so it is""#,
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    assert_eq!(body.matches("\"label\"").count(), 5, "{body}");
}

#[test]
fn an_event_too_large_loses_its_content() {
    let _content = hold_content();
    let (url, requests) = agent(PROXY, "{}");
    let collector = collector(DatadogAgent::new(&url).expect("an address"), Some(1.0));
    warm_up(&collector, &requests);
    collector.in_scope(|| {
        // A value has at most a mebibyte, and six times that as JSON.
        crate::llm::tool("dump", "").result("\u{1}".repeat(1_000_000));
    });
    assert_eq!(collector.spans().len(), 2);
    let (_, body) = next(&requests, "/evp_proxy/v4/api/v2/llmobs");
    let body = text(&body);
    assert!(body.contains(r#""collection_errors":["dropped_io"]"#), "{}", &body[..body.len().min(2000)]);
    assert!(body.len() < 10_000, "{}", body.len());
}

#[test]
fn chunks_by_trace() {
    let (url, requests) = agent("{}", "{}");
    let collector = collector(DatadogAgent::new(&url).expect("an address"), Some(1.0));
    collector.in_scope(|| {
        for _ in 0..2 {
            info_span!("parent").in_scope(|| info_span!("child", model = "m").in_scope(|| ()));
        }
    });
    let sent = collector.spans();
    let (head, body) = next(&requests, "/v0.4/traces");
    assert!(head.contains("X-Datadog-Trace-Count: 2"), "{head}");
    let key = |span: &Span<'_>| (span.name.to_string(), span.trace_id.0, span.parent_id.map(|id| id.0));
    let found = spans("/v0.4/traces", &body);
    let (mut seen, mut expect): (Vec<_>, Vec<_>) =
        (found.iter().map(key).collect(), sent.iter().map(key).collect());
    seen.sort();
    expect.sort();
    assert_eq!(seen, expect);
    // The root speaks for its chunk, and only it.
    for span in &found {
        let root = span.parent_id.is_none();
        assert_eq!(span.attr("_sampling_priority_v1").is_some(), root, "{span:?}");
        assert_eq!(span.attr("_dd.top_level").is_some(), root, "{span:?}");
        assert_eq!(span.attr("_dd.p.dm"), root.then_some(&Value::from("-3")), "{span:?}");
    }
}

// An Agent that takes its time gets what came meanwhile in one request, with one count of its traces.
#[test]
fn what_waits_goes_together() {
    const SLOW: Duration = Duration::from_secs(1);
    let (url, requests) = super::server_by_path(|path| {
        if path == "/v0.4/traces" {
            std::thread::sleep(SLOW);
        }
        ok(if path == "/info" { FULL } else { "{}" })
    });
    let collector = collector(DatadogAgent::new(&url).expect("an address"), None);
    warm_up(&collector, &requests);
    for _ in 0..10 {
        collector.in_scope(|| info_span!("root").in_scope(|| info_span!("inner").in_scope(|| ())));
        collector.spans();
    }
    let (mut bodies, mut seen) = (0, Vec::new());
    while seen.len() < 20 {
        let (head, body) = next(&requests, "/v0.4/traces");
        let chunks = msgpack::Reader::new(&body).array().expect("an array");
        assert!(head.contains(&format!("X-Datadog-Trace-Count: {chunks}\r\n")), "{head}");
        seen.extend(spans("/v0.4/traces", &body));
        bodies += 1;
    }
    let mut ids: Vec<_> = seen.iter().map(|span| span.span_id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 20, "each came once");
    assert!(bodies < 10, "they came in {bodies} requests");
}

// The same for v0.4 bodies of an exporter that prefers v0.5: they are written in another way.
#[test]
fn what_has_no_place_in_a_table_goes_together() {
    let (url, requests) = super::server_by_path(|path| {
        std::thread::sleep(Duration::from_millis(if path == "/v0.4/traces" { 1000 } else { 0 }));
        ok(if path == "/info" { FULL } else { "{}" })
    });
    let exporter = DatadogAgent::new(&url).expect("an address").prefer_v05(true);
    let collector = collector(exporter, Some(1.0));
    warm_up(&collector, &requests);
    for _ in 0..5 {
        collector.in_scope(|| info_span!("failed").in_scope(|| error!(error = "no", "it broke")));
        collector.spans();
    }
    let (mut bodies, mut seen) = (0, 0);
    while seen < 5 {
        seen += spans("/v0.4/traces", &next(&requests, "/v0.4/traces").1).len();
        bodies += 1;
    }
    assert_eq!(seen, 5);
    assert!(bodies < 5, "they came in {bodies} requests");
}

#[test]
fn a_table_of_texts_if_asked_for() {
    let check = |work: &dyn Fn(), expect: &str| {
        let (url, requests) = agent(FULL, "{}");
        let exporter = DatadogAgent::new(&url).expect("an address").prefer_v05(true);
        let collector = collector(exporter, Some(1.0));
        warm_up(&collector, &requests);
        collector.in_scope(work);
        let sent = collector.spans();
        let (_, body) = next(&requests, expect);
        let mut found: Vec<_> = spans(expect, &body).iter().map(|span| span.span_id).collect();
        let mut expect: Vec<_> = sent[1..].iter().map(|span| span.span_id).collect();
        found.sort();
        expect.sort();
        assert_eq!(found, expect);
    };
    check(&|| info_span!("plain", n = 1).in_scope(|| ()), "/v0.5/traces");
    // Only v0.4 has a place for these.
    check(&|| info_span!("failed").in_scope(|| error!(error = "no", "broke")), "/v0.4/traces");
    check(&|| drop(crate::llm::chat("openai", "gpt-4o")), "/v0.4/traces");
}

#[test]
fn rates_hold_for_new_roots() {
    let (url, requests) = agent(
        "{}",
        r#"{"rate_by_service":{"service:,env:":1,"service:test,env:test":0,"service:x,env:y":1}}"#,
    );
    let collector = collector(DatadogAgent::new(&url).expect("an address"), None);
    collector.in_scope(|| info_span!("before").in_scope(|| ()));
    assert_eq!(collector.spans().len(), 1);
    let until = Instant::now() + PATIENCE;
    // The rate is applied with the first batch after its answer.
    loop {
        assert!(Instant::now() < until, "the rate is never applied");
        collector.in_scope(|| info_span!("probe").in_scope(|| ()));
        let (_, body) = next(&requests, "/v0.4/traces");
        let found = spans("/v0.4/traces", &body);
        collector.spans();
        let dropped = |span: &Span<'_>| span.attr("_sampling_priority_v1") == Some(&Value::Int(0));
        if let Some(span) = found.iter().find(|span| dropped(span)) {
            assert_eq!(span.attr("_dd.agent_psr"), Some(&Value::Double(0.0)), "{span:?}");
            break;
        }
    }
}

/// The groups of a stats payload: resource, hits, errors, top level hits.
fn groups(body: &[u8]) -> Vec<(String, i64, i64, i64)> {
    let value = msgpack::Reader::new(body).value(&Limits::default()).expect("msgpack").into_owned();
    let list = |value: &Value<'static>, key: &str| match value.get(key) {
        Some(Value::List(items)) => items.clone(),
        other => panic!("{key} is {other:?}"),
    };
    let groups = list(&value, "Stats").iter().flat_map(|bucket| list(bucket, "Stats")).collect::<Vec<_>>();
    let number = |group: &Value<'_>, key: &str| group.get(key).and_then(Value::as_int).expect("a number");
    let of = |group: &Value<'static>| {
        let resource = group.get("Resource").and_then(Value::as_str).unwrap_or_default().to_owned();
        (resource, number(group, "Hits"), number(group, "Errors"), number(group, "TopLevelHits"))
    };
    groups.iter().map(of).collect()
}

#[test]
fn unsampled_traces_are_counted_and_stay_here() {
    let (url, requests) = agent(FULL, "{}");
    let collector = collector(DatadogAgent::new(&url).expect("an address"), Some(1.0));
    warm_up(&collector, &requests);
    collector.guard().set_sample_rate(0.0);
    collector.in_scope(|| {
        for n in 0..10 {
            info_span!("dropped", resource.name = "GET /").in_scope(|| {
                if n == 0 {
                    error!(error = "no", "broke");
                }
                info_span!("inner").in_scope(|| ());
            });
        }
    });
    assert_eq!(collector.spans().len(), 1);
    collector.guard().set_sample_rate(1.0);
    collector.in_scope(|| info_span!("kept").in_scope(|| ()));
    collector.spans();
    let (head, body) = next(&requests, "/v0.4/traces");
    for said in ["Computed-Stats: yes", "Dropped-P0-Traces: 10\r", "Dropped-P0-Spans: 20\r"] {
        assert!(head.contains(said), "{head}");
    }
    let found = spans("/v0.4/traces", &body);
    assert_eq!(found.iter().map(|span| &*span.name).collect::<Vec<_>>(), ["kept"]);
    drop(collector);
    let (_, body) = next(&requests, "/v0.6/stats");
    let mut found = groups(&body);
    found.retain(|(resource, ..)| resource != "warm_up");
    found.sort();
    // Failures count as such only where the span says so, and it does.
    assert_eq!(found, [("GET /".to_owned(), 10, 1, 10), ("kept".to_owned(), 1, 0, 1)]);
}

#[test]
fn without_leave_everything_is_sent() {
    let (url, requests) =
        agent(r#"{"endpoints":["/v0.4/traces","/v0.6/stats"],"client_drop_p0s":false}"#, "{}");
    let collector = collector(DatadogAgent::new(&url).expect("an address"), Some(0.0));
    collector.in_scope(|| info_span!("rejected").in_scope(|| ()));
    assert_eq!(collector.spans().len(), 0);
    let (head, body) = next(&requests, "/v0.4/traces");
    assert!(!head.contains("Computed-Stats"), "{head}");
    let found = spans("/v0.4/traces", &body);
    assert_eq!(found[0].attr("_sampling_priority_v1"), Some(&Value::Int(-1)), "{found:?}");
}

#[test]
fn llm_spans_carry_their_event() {
    let _content = hold_content();
    let (url, requests) = agent(FULL, "{}");
    let collector = collector(DatadogAgent::new(&url).expect("an address"), Some(0.0));
    collector.in_scope(|| {
        let call = crate::llm::chat("openai", "gpt-4o");
        call.input(crate::llm::Message::user("Hi"));
    });
    collector.spans();
    let (_, body) = next(&requests, "/v0.4/traces");
    let found = spans("/v0.4/traces", &body);
    let event = found[0].attr("meta_struct._llmobs").expect("an event");
    let kind = event.get("meta").and_then(|meta| meta.get("span")?.get("kind")?.as_str());
    assert_eq!(kind, Some("llm"));
    // Not sampled, and kept all the same.
    assert_eq!(found[0].attr("_sampling_priority_v1"), Some(&Value::Int(2)));
    assert_eq!(found[0].attr("_dd.p.dm"), Some(&Value::from("-4")));
    let tags = [("span.type", "llm"), ("_dd.llmobs.artificial_gen_ai_tags", "true")];
    tags.iter().for_each(|(key, text)| assert_eq!(found[0].attr(key), Some(&Value::from(*text))));
}

// The service above has decided: how is passed on, and what it rejected stays rejected.
#[test]
fn decisions_from_above_are_passed_on() {
    let check = |trace: u64, told: &str, expect: i64, kept: usize, maker: Option<&str>| {
        let (url, requests) = agent("{}", "{}");
        let collector = collector(DatadogAgent::new(&url).expect("an address"), Some(0.5));
        let id = trace.to_string();
        let headers = |name: &str| match name {
            "x-datadog-trace-id" | "x-datadog-parent-id" => Some(id.as_str()),
            "x-datadog-sampling-priority" => Some(told),
            "x-datadog-origin" => Some("synthetics"),
            "x-datadog-tags" => Some("_dd.p.tid=0000000000000000,_dd.p.dm=-9,_dd.p.team=blue,other=1"),
            _ => None,
        };
        let remote = crate::propagation::extract(headers).expect("it is well-formed");
        collector.in_scope(|| remote.in_scope(|| drop(crate::llm::chat("openai", "gpt-4o"))));
        assert_eq!(collector.spans().len(), kept, "{told}");
        let (_, body) = next(&requests, "/v0.4/traces");
        let found = spans("/v0.4/traces", &body);
        assert_eq!(found[0].attr("_sampling_priority_v1"), Some(&Value::Int(expect)), "{found:?}");
        let texts = [
            ("_dd.p.dm", maker),
            ("_dd.p.team", Some("blue")),
            ("_dd.origin", Some("synthetics")),
            ("other", None),
        ];
        for (key, text) in texts {
            assert_eq!(found[0].attr(key).and_then(Value::as_str), text, "{told} {key}");
        }
    };
    check(9001, "2", 2, 1, Some("-9"));
    check(9002, "1", 1, 1, Some("-9"));
    // A model call is kept all the same, and then it is we who decided; unless somebody rejected this very trace.
    check(9003, "0", 2, 1, Some("-4"));
    check(9004, "-1", -1, 0, Some("-9"));
}

// Nobody above decided: what the Agent hears of our decision is what the next service hears.
#[test]
fn decisions_made_here_are_told_to_all() {
    let check = |trace: u64, rate: Option<f64>, (priority, maker): (i64, Option<&str>)| {
        let (url, requests) = agent("{}", "{}");
        let collector = collector(DatadogAgent::new(&url).expect("an address"), rate);
        let id = trace.to_string();
        let headers = |name: &str| match name {
            "x-datadog-trace-id" | "x-datadog-parent-id" => Some(id.as_str()),
            "x-datadog-tags" => Some("_dd.p.team=blue"),
            _ => None,
        };
        let remote = crate::propagation::extract(headers).expect("it is well-formed");
        let mut sent = std::collections::HashMap::new();
        collector.in_scope(|| {
            let server = remote.in_scope(|| info_span!("server"));
            let send = || crate::propagation::inject(|name, value| drop(sent.insert(name, value.to_owned())));
            assert!(server.in_scope(send));
        });
        collector.spans();
        let (_, body) = next(&requests, "/v0.4/traces");
        let found = &spans("/v0.4/traces", &body)[0];
        let text = |key: &str| found.attr(key).and_then(Value::as_str);
        assert_eq!(found.attr("_sampling_priority_v1"), Some(&Value::Int(priority)), "{found:?}");
        assert_eq!((text("_dd.p.dm"), text("_dd.p.team")), (maker, Some("blue")), "{found:?}");
        assert_eq!(sent["x-datadog-sampling-priority"], priority.to_string());
        let tags = &sent["x-datadog-tags"];
        assert_eq!(tags.split(',').find_map(|tag| tag.strip_prefix("_dd.p.dm=")), maker, "{tags}");
    };
    check(9011, Some(1.0), (2, Some("-3")));
    check(9012, Some(0.0), (-1, None));
    check(9013, None, (1, Some("-0")));
}

#[cfg(feature = "opentelemetry")]
#[test]
fn one_span_is_the_first_of_its_service() {
    use opentelemetry::trace::{Tracer, TracerProvider};
    let (url, requests) = agent("{}", "{}");
    let collector = collector(DatadogAgent::new(&url).expect("an address"), Some(1.0));
    collector.in_scope(|| {
        let tracer = crate::bridge::opentelemetry::TracerProvider::new().tracer("test");
        let native = || info_span!("native").in_scope(|| ());
        tracer.in_span("outer", |_| tracer.in_span("inner", |_| native()));
    });
    collector.spans();
    let (_, body) = next(&requests, "/v0.4/traces");
    let found = spans("/v0.4/traces", &body);
    let mut tops: Vec<_> =
        found.iter().map(|span| (&*span.name, span.attr("_dd.top_level").is_some())).collect();
    tops.sort_unstable();
    assert_eq!(tops, [("inner", false), ("native", false), ("outer", true)]);
}

// Each of these Agents says something else that is wrong. The service sees nothing of it, spans are delivered if the
// status said so, and the end comes in time.
#[test]
fn hostile_answers_cost_a_counter() {
    let nested = || format!("{}{}", "[".repeat(60_000), "]".repeat(60_000));
    let answers: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("garbage", vec![0xff; 10_000]),
        ("no text", [ok("").as_slice(), &[0xff; 100]].concat()),
        ("nested", ok(&nested())),
        ("types", ok(r#"{"endpoints":7,"rate_by_service":"no"}"#)),
        ("cut", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"rate".to_vec()),
        ("lies", b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n{}".to_vec()),
        (
            "many rates",
            ok(&format!(
                "{{\"rate_by_service\":{{{}\"service:,env:\":0.1}}}}",
                "\"service:a,env:b\":1,".repeat(10_000)
            )),
        ),
        ("forever", [ok("").as_slice(), &vec![b'x'; 64 << 20]].concat()),
        ("heads", b"HTTP/1.1 200 OK\r\nx: y\r\n".repeat(100_000)),
        ("chunks", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff0\r\n".to_vec()),
        (
            "redirect",
            b"HTTP/1.1 307 Temporary\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_vec(),
        ),
        ("far away", b"HTTP/1.1 429 Slow\r\nRetry-After: 99999999999\r\nContent-Length: 0\r\n\r\n".to_vec()),
        ("nonsense", b"HTTP/1.1 429 Slow\r\nRetry-After: never\r\nContent-Length: 0\r\n\r\n".to_vec()),
    ];
    let before = crate::health().bad_answers;
    for (name, answer) in answers {
        let (url, requests) = server(move |_| answer.clone());
        let deadline = Duration::from_millis(500);
        let agent = DatadogAgent::new(&url).expect("an address");
        let collector =
            Collector::with(|builder| builder.exporter(Box::new(agent)).shutdown_deadline(deadline));
        collector.in_scope(|| info_span!("s").in_scope(|| ()));
        assert_eq!(collector.spans().len(), 1, "{name}");
        drop(requests.recv_timeout(PATIENCE).expect("a request"));
        drop(collector);
    }
    assert!(crate::health().bad_answers > before);
}

/// A server that does `work` with each connection, and never reads.
fn rude(work: impl Fn(std::net::TcpStream) + Send + 'static) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || listener.incoming().flatten().for_each(work));
    url
}

// Agents that never come to an end: nothing is waited for beyond the deadline, nothing is kept of what they say.
#[test]
fn endless_answers_end() {
    use std::io::Write;
    let held = std::sync::Mutex::new(Vec::new());
    let hang = rude(move |stream| held.lock().expect("no panic").push(stream));
    let flood = rude(|mut stream| {
        // More than anybody can take: it ends when the other side goes away.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n");
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    let drip = rude(|mut stream| {
        while stream.write_all(b"H").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let reset = rude(drop);
    for url in [hang, flood, drip, reset] {
        let agent = DatadogAgent::new(&url).expect("an address");
        let deadline = Duration::from_millis(300);
        let collector =
            Collector::with(|builder| builder.exporter(Box::new(agent)).shutdown_deadline(deadline));
        collector.in_scope(|| info_span!("s").in_scope(|| ()));
        assert_eq!(collector.spans().len(), 1, "{url}");
        drop(collector);
    }
}

#[test]
fn answers_that_make_no_sense_change_nothing() {
    let (url, requests) = agent("[]", r#"{"rate_by_service":{"service:test,env:test":"0"}}"#);
    let collector = collector(DatadogAgent::new(&url).expect("an address"), None);
    for _ in 0..3 {
        collector.in_scope(|| info_span!("kept").in_scope(|| ()));
        collector.spans();
        let (_, body) = next(&requests, "/v0.4/traces");
        let found = spans("/v0.4/traces", &body);
        assert_eq!(found[0].attr("_sampling_priority_v1"), Some(&Value::Int(1)), "{found:?}");
        assert_eq!(found[0].attr("_dd.p.dm"), Some(&Value::from("-0")), "{found:?}");
    }
}
