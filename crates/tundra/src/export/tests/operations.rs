//! What an Agent sees of requests and model calls, as spans and in statistics; and what our own daemon reads back.

use super::agent::{FULL, agent, collector, next, spans, warm_up};
use super::hold_content;
use crate::DatadogAgent;
use std::collections::BTreeSet;
use tracing::info_span;
use tundra_record::Value;
use tundra_wire::{Limits, msgpack};

/// Operation, resource, type and HTTP status.
type Row = [String; 4];

fn decoded(body: &[u8]) -> Value<'static> {
    msgpack::Reader::new(body).value(&Limits::default()).expect("msgpack").into_owned()
}

fn items<'v>(value: Option<&'v Value<'static>>) -> &'v [Value<'static>] {
    if let Some(Value::List(items)) = value { items } else { &[] }
}

fn row(of: &Value<'static>, keys: [&str; 3], status: Option<&Value<'static>>) -> Row {
    let [name, resource, kind] = keys.map(|key| of.get(key).map(Value::to_text).unwrap_or_default().into());
    let status = status.map(|status| status.to_text().into_owned()).filter(|status| status != "0");
    [name, resource, kind, status.unwrap_or_default()]
}

fn of_traces(body: &[u8]) -> BTreeSet<Row> {
    let row = |span: &Value<'static>| {
        let status = span.get("meta").and_then(|meta| meta.get("http.status_code"));
        row(span, ["name", "resource", "type"], status)
    };
    items(Some(&decoded(body))).iter().flat_map(|trace| items(Some(trace))).map(row).collect()
}

fn of_stats(body: &[u8]) -> BTreeSet<Row> {
    let row = |group: &Value<'static>| row(group, ["Name", "Resource", "Type"], group.get("HTTPStatusCode"));
    let stats = decoded(body);
    let groups = items(stats.get("Stats")).iter().flat_map(|bucket| items(bucket.get("Stats")));
    groups.map(row).filter(|row| row[0] != "warm_up").collect()
}

#[test]
fn spans_and_statistics_agree() {
    let _content = hold_content();
    let (url, requests) = agent(FULL, "{}");
    let collector = collector(DatadogAgent::new(&url).expect("an address"), Some(1.0));
    warm_up(&collector, &requests);
    collector.in_scope(|| {
        let request = |kind: &str, name: &str, route: Option<&str>, status: u16| {
            drop(info_span!(
                "http",
                otel.kind = kind,
                otel.name = name,
                http.request.method = "GET",
                http.route = route,
                http.response.status_code = status
            ));
        };
        request("server", "GET /tasks/{id}", Some("/tasks/{id}"), 500);
        request("server", "GET /tasks", Some("/tasks"), 200);
        request("client", "GET", None, 404);
        drop(crate::llm::chat("openai", "gpt-4o"));
        drop(crate::llm::tool("weather", "t1"));
        drop(info_span!("job", n = 1));
    });
    collector.spans();
    let (_, body) = next(&requests, "/v0.4/traces");
    let expect = [
        ["execute_tool", "execute_tool weather", "llm", ""],
        ["http.client.request", "GET", "http", "404"],
        ["http.server.request", "GET /tasks", "web", "200"],
        ["http.server.request", "GET /tasks/{id}", "web", "500"],
        ["job", "job", "custom", ""],
        ["openai.request", "chat gpt-4o", "llm", ""],
    ];
    let expect = expect.map(|row| row.map(str::to_owned)).into();
    assert_eq!(of_traces(&body), expect);
    // A reader of ours finds the names that they were given.
    let names: BTreeSet<_> =
        spans("/v0.4/traces", &body).into_iter().map(|span| span.name.into_owned()).collect();
    assert_eq!(names, expect.iter().map(|row: &Row| row[1].clone()).collect());
    drop(collector);
    let (_, body) = next(&requests, "/v0.6/stats");
    assert_eq!(of_stats(&body), expect);
}
