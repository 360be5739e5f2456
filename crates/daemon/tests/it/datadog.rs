//! Real clients of Datadog's, each in the ways it has to say the same: trace formats, LLM Observability inside and beside
//! the traces, ports and unix sockets.

use crate::clients::{
    Provider, check_call, node, old_python, root, run, script, the_call, trace_of, wait_for,
};
use crate::running::{Daemon, eventually};
use serde_json::{Value, json};
use std::process::Command;

/// Off, so that a test's client sends only what the test is about.
const QUIET: [(&str, &str); 2] =
    [("DD_INSTRUMENTATION_TELEMETRY_ENABLED", "false"), ("DD_REMOTE_CONFIGURATION_ENABLED", "false")];

/// A DogStatsD client's work has arrived.
pub(crate) fn wait_for_metrics(daemon: &Daemon) {
    eventually("every kind of metric arrives", || {
        let rows = daemon.sql("SELECT name, type, value, count FROM metrics WHERE name LIKE 'shop.%'");
        let has = |name: &str| rows.iter().any(|row| row["name"] == json!(name));
        let all = ["shop.orders", "shop.open", "shop.latency", "shop.size", "shop.users"];
        all.iter().all(|name| has(name)).then_some(())
    });
    eventually("event and check arrive", || {
        let logs = daemon.sql("SELECT body, event_name, attrs FROM logs");
        let text = serde_json::to_string(&logs).expect("JSON");
        (text.contains("Deploy é") && text.contains("shop.up")).then_some(())
    });
}

fn wait_for_evaluation(daemon: &Daemon, span: &Value, label: &str) -> Value {
    eventually("the evaluation arrives", || {
        let rows = daemon.sql("SELECT name, value, label, span_id, source FROM evaluations");
        rows.into_iter().find(|row| row["name"] == json!(label) && row["span_id"] == *span)
    })
}

fn span_of(daemon: &Daemon, trace: &str, name: &str) -> Value {
    let rows =
        daemon.sql(&format!("SELECT span_id FROM spans WHERE trace_id = '{trace}' AND name = '{name}'"));
    assert_eq!(rows.len(), 1, "{name} is stored once: {rows:?}");
    rows[0]["span_id"].clone()
}

#[test]
fn ddtrace_python() {
    let daemon = Daemon::start();
    let provider = Provider::start();
    for version in ["v0.4", "v0.5"] {
        let with_llm = version == "v0.4";
        let trace = trace_of(
            script("ddtrace_app.py")
                .arg(&provider.url)
                .env("DD_TRACE_AGENT_URL", daemon.url("datadog", ""))
                .env("DD_TRACE_API_VERSION", version)
                .env("DD_LLMOBS_ENABLED", if with_llm { "1" } else { "0" })
                .envs(QUIET),
        );
        let skeleton = wait_for(&daemon, &trace, 3);
        assert_eq!(skeleton["totals"]["errors"], json!(1), "{skeleton}");
        let rows = daemon.sql(&format!(
            "SELECT service, resource, source FROM spans WHERE trace_id = '{trace}' AND name = 'web.request'"
        ));
        assert_eq!(
            rows[0],
            json!({"service": "ddtrace-python", "resource": "GET /checkout", "source": "datadog"})
        );
        if with_llm {
            check_call(&the_call(&daemon, &trace), "datadog_llmobs");
            let judged = wait_for_evaluation(&daemon, &span_of(&daemon, &trace, "judge"), "helpfulness");
            assert_eq!((&judged["value"], &judged["source"]), (&json!(0.9), &json!("datadog")));
        }
    }
}

#[test]
fn dd_trace_js() {
    let daemon = Daemon::start();
    let trace = trace_of(
        Command::new("node")
            .arg(root().join("tests/clients/node/dd_app.js"))
            .env("NODE_PATH", node().join("node_modules"))
            .env("DD_TRACE_AGENT_URL", daemon.url("datadog", ""))
            .envs(QUIET),
    );
    let skeleton = wait_for(&daemon, &trace, 2);
    assert_eq!(skeleton["totals"]["errors"], json!(1), "{skeleton}");
}

/// With APM tracing off, LLM spans come as events alone, and are spans all the same.
#[test]
fn ddtrace_python_events_alone() {
    let daemon = Daemon::start();
    let provider = Provider::start();
    let trace = trace_of(
        script("ddtrace_app.py")
            .arg(&provider.url)
            .env("DD_TRACE_AGENT_URL", daemon.url("datadog", ""))
            .env("DD_APM_TRACING_ENABLED", "false")
            .envs(QUIET),
    );
    wait_for(&daemon, &trace, 2);
    let call = the_call(&daemon, &trace);
    for (name, want) in [
        ("provider", json!("openai")),
        ("input_tokens", json!(1234)),
        ("output_tokens", json!(56)),
        ("cost_pusd", json!(2_365_000_000_i64)),
    ] {
        assert_eq!(call[name], want, "{name} of {call}");
    }
    let judged = wait_for_evaluation(&daemon, &span_of(&daemon, &trace, "judge"), "helpfulness");
    assert_eq!(judged["value"], json!(0.9));
    let ledger = daemon.get("/api/health")["ledger"].clone();
    assert_eq!(daemon.ledger("requests_refused"), 0, "{ledger}");
}

/// dd-trace JS tells each LLM span twice: in its trace, and as an event with the content.
#[test]
fn dd_trace_js_llm_observability() {
    let daemon = Daemon::start();
    let provider = Provider::start();
    let trace = trace_of(
        Command::new("node")
            .arg(root().join("tests/clients/node/dd_llm_app.js"))
            .arg(&provider.url)
            .env("NODE_PATH", node().join("node_modules"))
            .env("DD_TRACE_AGENT_URL", daemon.url("datadog", ""))
            .envs(QUIET),
    );
    // web.request, the workflow, its tool, the model call, and the HTTP request below it.
    wait_for(&daemon, &trace, 5);
    eventually("both tellings have come", || {
        let health = daemon.get("/api/health");
        let rows = health["ledger"].as_array()?.clone();
        let received =
            rows.iter().find(|row| row["protocol"] == "datadog" && row["counter"] == "received")?;
        // Three spans as events, two evaluations, and at least five spans of the trace.
        (received["value"].as_u64()? >= 10).then_some(())
    });
    let spans = daemon
        .sql(&format!("SELECT span_id, parent_id, name, scope_name FROM spans WHERE trace_id = '{trace}'"));
    for name in ["web.request", "answer", "find_city", "chat"] {
        let found: Vec<_> = spans.iter().filter(|span| span["name"] == json!(name)).collect();
        assert_eq!(found.len(), 1, "{name} counts once: {spans:?}");
        assert_eq!(found[0]["scope_name"], Value::Null, "the trace's telling is the span: {spans:?}");
    }
    let call = the_call(&daemon, &trace);
    for (name, want) in [
        ("provider", json!("openai")),
        ("response_model", json!("gpt-4o")),
        ("input_tokens", json!(1234)),
        ("cache_read_tokens", json!(1024)),
        ("output_tokens", json!(56)),
        ("cost_pusd", json!(2_365_000_000_i64)),
        ("finish_reason", json!("stop")),
        ("dialect", json!("datadog_llmobs")),
    ] {
        assert_eq!(call[name], want, "{name} of {call}");
    }
    let messages = daemon.sql(&format!(
        "SELECT m.direction, m.content FROM llm_messages m JOIN llm_calls c ON m.span_id = c.span_id \
         WHERE c.trace_id = '{trace}' ORDER BY m.direction"
    ));
    assert_eq!(
        messages,
        [
            json!({"direction": "input", "content": "Weather in Paris?"}),
            json!({"direction": "output", "content": "The weather in Paris is 18 C and sunny."})
        ]
    );
    let runs = daemon.sql(&format!(
        "SELECT kind, agent_name, session_id FROM agent_runs WHERE trace_id = '{trace}' ORDER BY kind"
    ));
    assert_eq!(
        runs,
        [
            json!({"kind": "tool", "agent_name": "find_city", "session_id": "session-js"}),
            json!({"kind": "workflow", "agent_name": "answer", "session_id": "session-js"})
        ]
    );
    let chat = span_of(&daemon, &trace, "chat");
    assert_eq!(wait_for_evaluation(&daemon, &chat, "helpfulness")["value"], json!(0.9));
    assert_eq!(wait_for_evaluation(&daemon, &chat, "tone")["label"], json!("friendly"));
    let detail = daemon.get(&format!("/api/traces/{trace}/spans/{}", chat.as_str().expect("an id")));
    assert_eq!(detail["evaluations"].as_array().map(Vec::len), Some(2), "{detail}");
    assert_eq!(detail["llm"]["messages"].as_array().map(Vec::len), Some(2), "{detail}");
    assert!(detail.to_string().contains("answered_by"), "the event's metadata is shown: {detail}");
    assert_eq!(daemon.ledger("requests_refused"), 0);
}

#[test]
fn ddtrace_python_of_old() {
    let daemon = Daemon::start();
    let trace = trace_of(
        Command::new(old_python())
            .arg(root().join("tests/clients/python/ddtrace_v03_app.py"))
            .env("PYTHONWARNINGS", "ignore")
            .env("DD_TRACE_AGENT_URL", daemon.url("datadog", ""))
            .env("DD_TRACE_API_VERSION", "v0.3")
            .envs(QUIET),
    );
    let skeleton = wait_for(&daemon, &trace, 2);
    assert_eq!(skeleton["totals"]["errors"], json!(1), "{skeleton}");
    let rows = daemon
        .sql(&format!("SELECT service, resource FROM spans WHERE trace_id = '{trace}' ORDER BY start_ns"));
    assert_eq!(rows[0], json!({"service": "ddtrace-v03", "resource": "GET /checkout"}));
    assert_eq!(daemon.ledger("requests_refused"), 0);
}

#[test]
fn unix_sockets() {
    let home = tempfile::tempdir().expect("a folder");
    let (traces, statsd) = (home.path().join("run/apm.socket"), home.path().join("run/dsd.socket"));
    let (traces, statsd) = (traces.to_str().expect("UTF-8"), statsd.to_str().expect("UTF-8"));
    let sockets = [("AT_LISTEN_DATADOG_SOCKET", traces), ("DD_DOGSTATSD_SOCKET", statsd)];
    let killed = Daemon::start_with(&sockets);
    assert_eq!(killed.addresses["datadog_socket"], format!("unix://{traces}"));
    assert_eq!(killed.addresses["dogstatsd_socket"], format!("unix://{statsd}"));
    killed.kill();
    assert!(std::path::Path::new(traces).exists(), "what kill -9 leaves behind");
    let mut daemon = Daemon::start_with(&sockets);
    let provider = Provider::start();
    let trace = trace_of(
        script("ddtrace_app.py")
            .arg(&provider.url)
            .env("DD_TRACE_AGENT_URL", &daemon.addresses["datadog_socket"])
            .envs(QUIET),
    );
    wait_for(&daemon, &trace, 3);
    check_call(&the_call(&daemon, &trace), "datadog_llmobs");
    let judged = wait_for_evaluation(&daemon, &span_of(&daemon, &trace, "judge"), "helpfulness");
    assert_eq!(judged["value"], json!(0.9), "evaluations take the same way");
    run(script("statsd_app.py").arg(statsd));
    wait_for_metrics(&daemon);
    assert!(
        daemon.output().contains(&format!("Unix sockets  traces unix://{traces}")),
        "{}",
        daemon.output()
    );
    assert_eq!(daemon.stop(), 0);
    for path in [traces, statsd] {
        assert!(!std::path::Path::new(path).exists(), "{path} outlived the daemon");
    }
}
