//! Snippets carry the daemon's own addresses.

use super::snippet;
use crate::arguments::Client;
use crate::status::Addresses;

#[test]
fn snippets_name_the_door() {
    let addresses = Addresses {
        otlp_http: Some("127.0.0.1:14318".to_owned()),
        datadog: Some("http://127.0.0.1:18126".to_owned()),
        ..Addresses::default()
    };
    let check = |client: Client, part: &str| {
        let snippet = snippet(client, &addresses, 5_000_000_000).expect("listens");
        assert!(snippet.contains(part), "{snippet}");
    };
    check(Client::Otel, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14318\n");
    check(Client::Ddtrace, "DD_TRACE_AGENT_URL=http://127.0.0.1:18126\n");
    check(Client::ClaudeCode, "CLAUDE_CODE_ENABLE_TELEMETRY=1");
    check(Client::Curl, "http://127.0.0.1:14318/v1/traces");
    let curl = snippet(Client::Curl, &addresses, 5_000_000_000).expect("listens");
    let body = curl.split('\'').nth(3).expect("a body");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["endTimeUnixNano"], "5000000000");
    assert!(snippet(Client::Otel, &Addresses::default(), 0).is_err());
}
