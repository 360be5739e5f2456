//! What each door answers: status, headers and bodies as its protocol wants them.

use crate::running::{Daemon, eventually};
use serde_json::{Value, json};

/// One OTLP/JSON span.
pub(crate) fn span_json(service: &str, name: &str, trace: &str, span: &str) -> Value {
    json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
        "scopeSpans": [{"spans": [{
            "traceId": trace, "spanId": span, "name": name, "kind": 2,
            "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000000001000000"
        }]}]
    }]})
}

fn is_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(Value::is_string))
}

#[test]
fn info_lists_only_what_answers_and_is_byte_stable() {
    let daemon = Daemon::start();
    let get = || daemon.http().get(daemon.url("datadog", "/info")).send().expect("answers");
    let (first, second) = (get(), get());
    let state = first.headers()["datadog-agent-state"].clone();
    assert_eq!(state, second.headers()["datadog-agent-state"]);
    let body = first.text().expect("a body");
    assert_eq!(body, second.text().expect("a body"));
    let info: Value = serde_json::from_str(&body).expect("JSON");
    for (field, is) in [
        ("version", info["version"].is_string()),
        ("endpoints", info["endpoints"].is_array()),
        ("client_drop_p0s", info["client_drop_p0s"].is_boolean()),
        ("span_meta_structs", info["span_meta_structs"] == json!(true)),
        ("feature_flags", info["feature_flags"].is_array()),
        ("peer_tags", info["peer_tags"].is_array()),
        ("evp_proxy_allowed_headers", is_texts(&info["evp_proxy_allowed_headers"])),
        ("config", info["config"].is_object()),
        ("config.receiver_port", info["config"]["receiver_port"].is_u64()),
    ] {
        assert!(is, "{field} of {body}");
    }
    for path in info["endpoints"].as_array().expect("a list") {
        let path = path.as_str().expect("a path");
        // Of each what holds nothing: no traces in msgpack, no events and no evaluations in JSON.
        let (msgpack, json) = ("application/msgpack", "application/json");
        let empties: Vec<(String, &str, Vec<u8>)> = if path.starts_with("/evp_proxy/") {
            let evaluations = br#"{"data":{"attributes":{"metrics":[]}}}"#.to_vec();
            vec![
                (format!("{path}api/v2/llmobs"), json, b"[]".to_vec()),
                (format!("{path}api/intake/llm-obs/v1/eval-metric"), json, evaluations.clone()),
                (format!("{path}api/intake/llm-obs/v2/eval-metric"), json, evaluations),
            ]
        } else if path.ends_with("v0.5/traces") {
            vec![(path.to_owned(), msgpack, vec![0x92, 0x91, 0xa0, 0x90])]
        } else {
            vec![(path.to_owned(), msgpack, vec![0x90])]
        };
        for (path, kind, empty) in empties {
            let request = daemon.http().post(daemon.url("datadog", &path)).header("content-type", kind);
            let status = request.body(empty).send().expect("answers").status();
            assert!(status.is_success(), "{path}: {status}");
        }
    }
}

#[test]
fn what_of_the_evp_proxy_is_not_served_is_unknown_and_counted() {
    let daemon = Daemon::start();
    let post = |path: &str, kind: &str, body: &'static [u8]| {
        let request = daemon.http().post(daemon.url("datadog", path)).header("content-type", kind);
        request.body(body).send().expect("answers").status().as_u16()
    };
    let json = "application/json";
    assert_eq!(post("/evp_proxy/v4/api/v2/citestcycle", json, b"{}"), 404);
    assert_eq!(post("/evp_proxy/v1/api/v2/llmobs", json, b"[]"), 404);
    assert_eq!(post("/evp_proxy/v2/api/v2/llmobs", "application/msgpack", &[0x90]), 415);
    assert_eq!(post("/evp_proxy/v2/api/v2/llmobs", json, b"[{"), 400);
    let status = daemon.http().get(daemon.url("datadog", "/evp_proxy/v2/api/v2/llmobs")).send();
    assert_eq!(status.expect("answers").status().as_u16(), 405);
    let ledger = daemon.get("/api/health")["ledger"].clone();
    for (reason, value) in [("unknown_path", 2), ("content_type", 1), ("malformed", 1), ("method", 1)] {
        let row =
            json!({"protocol": "datadog", "counter": "requests_refused", "reason": reason, "value": value});
        assert!(ledger.as_array().is_some_and(|rows| rows.contains(&row)), "{reason}: {ledger}");
    }
}

#[test]
fn otlp_json_is_visible_to_the_next_query() {
    let daemon = Daemon::start();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let body = span_json("checkout", "GET /", trace, "b7ad6b7169203331");
    let answer =
        daemon.http().post(daemon.url("otlp_http", "/v1/traces")).json(&body).send().expect("answers");
    assert_eq!((answer.status().as_u16(), answer.text().expect("a body").as_str()), (200, "{}"));
    let count = daemon.count(&format!("SELECT count(*) AS n FROM spans WHERE trace_id = '{trace}'"));
    assert_eq!(count, 1, "acknowledged means visible");
    let detail = daemon.get(&format!("/api/traces/{trace}/spans/b7ad6b7169203331"));
    assert_eq!((&detail["service"], &detail["duration_ns"]), (&json!("checkout"), &json!(1_000_000)));
}

#[test]
fn zero_ids_are_refused_one_by_one() {
    let daemon = Daemon::start();
    let mut body = span_json("checkout", "good", "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let bad = span_json("checkout", "bad", "00000000000000000000000000000000", "b7ad6b7169203332");
    let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array_mut().expect("spans");
    spans.push(bad["resourceSpans"][0]["scopeSpans"][0]["spans"][0].clone());
    let answer =
        daemon.http().post(daemon.url("otlp_http", "/v1/traces")).json(&body).send().expect("answers");
    let answer: Value = answer.json().expect("JSON");
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], json!("1"), "{answer}");
    assert_eq!(daemon.count("SELECT count(*) AS n FROM spans WHERE service = 'checkout'"), 1);
    assert!(daemon.ledger("rejected") >= 1);
}

#[test]
fn wrong_requests_are_told_why() {
    let daemon = Daemon::start();
    let send = |listener: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
        let mut request = daemon.http().post(daemon.url(listener, path)).body(body.to_vec());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().expect("answers");
        (answer.status().as_u16(), answer.text().unwrap_or_default())
    };
    let json = ("content-type", "application/json");
    let proto = ("content-type", "application/x-protobuf");
    let msgpack = ("content-type", "application/msgpack");
    /// Listener, path, headers, body; status and words of the answer.
    type Case<'c> = (&'c str, &'c str, &'c [(&'c str, &'c str)], &'c [u8], u16, &'c str);
    let cases: &[Case<'_>] = &[
        ("otlp_http", "/v1/traces", &[], b"", 415, "content type"),
        ("otlp_http", "/v1/traces", &[("content-type", "application/grpc")], b"", 415, "4317"),
        ("otlp_http", "/v2/traces", &[json], b"{}", 404, "/v1/traces"),
        ("otlp_http", "/v1/traces", &[json], b"{", 400, ""),
        ("otlp_http", "/v1/traces", &[proto], b"\xff\xff\xff", 400, ""),
        ("otlp_http", "/v1/traces", &[json, ("content-encoding", "br")], b"x", 415, ""),
        ("otlp_http", "/v1/traces", &[json, ("content-encoding", "gzip")], b"x", 400, "gzip"),
        ("otlp_http", "/v1/traces", &[json, ("origin", "https://evil.example")], b"{}", 403, ""),
        ("otlp_http", "/v1/traces", &[json, ("host", "evil.example")], b"{}", 421, ""),
        ("datadog", "/v0.4/traces", &[msgpack], b"\xc1", 400, ""),
        ("datadog", "/v0.4/traces", &[("content-type", "text/html")], b"x", 415, ""),
        ("datadog", "/v9/traces", &[msgpack], b"\x90", 404, "/info"),
        ("datadog", "/v0.4/traces", &[msgpack, ("host", "evil.example")], b"\x90", 421, ""),
        ("otlp_grpc", "/x", &[json], b"{}", 415, "4318"),
    ];
    for (listener, path, headers, body, status, text) in cases {
        let (got, answer) = send(listener, path, headers, body);
        assert_eq!(got, *status, "{listener} {path} {headers:?}: {answer}");
        assert!(answer.contains(text), "{listener} {path}: {answer:?} does not contain {text:?}");
    }
    assert_eq!(daemon.count("SELECT count(*) AS n FROM spans WHERE source = 'otlp'"), 0);
}

#[test]
fn ledger_adds_up() {
    let daemon = Daemon::start();
    for at in 1..=20 {
        let body = span_json("s", "n", &format!("{at:032x}"), &format!("{at:016x}"));
        let answer = daemon.http().post(daemon.url("otlp_http", "/v1/traces")).json(&body).send();
        assert!(answer.expect("answers").status().is_success());
    }
    eventually("its own records are stored and nothing is in flight", || {
        let stored =
            daemon.count("SELECT count(*) AS n FROM ledger WHERE protocol = 'own' AND counter = 'stored'");
        (stored > 0 && daemon.ledger("in_flight") == 0).then_some(())
    });
    let health = daemon.get("/api/health");
    let rows = health["ledger"].as_array().expect("rows");
    for protocol in ["otlp_http", "own"] {
        let sum = |counter: &str| -> u64 {
            let mine = rows.iter().filter(|row| row["protocol"] == protocol && row["counter"] == counter);
            mine.filter_map(|row| row["value"].as_u64()).sum()
        };
        let (received, stored) = (sum("received"), sum("stored"));
        assert_eq!(
            received,
            stored + sum("rejected") + sum("dropped") + sum("in_flight"),
            "{protocol}: {rows:?}"
        );
        assert!(stored > 0, "{protocol}: {rows:?}");
    }
    assert!(daemon.count("SELECT count(*) AS n FROM ledger") > 0);
}
