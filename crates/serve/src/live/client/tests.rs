//! What a client of the live stream gets to see, and what it is told it missed.

use super::{Client, Filter};
use crate::limits::LIVE_TRACES;
use crate::live::{Rate, Seen, Step};
use query::TraceSummary;

fn seen(name: &str, service: &str, errors: u64) -> Seen {
    let summary = TraceSummary {
        name: name.to_owned(),
        service: service.to_owned(),
        services: vec![service.to_owned()],
        models: vec!["gpt-4o".to_owned()],
        errors,
        ..TraceSummary::default()
    };
    Seen { body: summary.clone().into(), summary }
}

fn step(traces: Vec<Seen>, told: u64, skipped: u64) -> Step {
    Step { traces, told, skipped, rate: Some(Rate { spans_per_s: 1.0, total_spans: 9 }) }
}

fn names(client: &mut Client, step: &Step) -> Vec<String> {
    let messages = client.messages(step);
    let name = |message: &serde_json::Value| message["trace"]["name"].as_str().map(str::to_owned);
    messages.iter().filter_map(name).collect()
}

fn skipped(client: &mut Client, step: &Step) -> u64 {
    client.messages(step).last().and_then(|message| message["skipped"].as_u64()).unwrap()
}

#[test]
fn filters() {
    let all = || vec![seen("GET /cart", "shop", 0), seen("charge", "pay", 2)];
    let check = |said: &str, expected: &[&str]| {
        let mut client = Client::default();
        client.hear(said);
        assert_eq!(names(&mut client, &step(all(), 2, 0)), expected, "{said}");
    };
    check("", &["charge", "GET /cart"]);
    check(r#"{"filter":{"service":"shop"}}"#, &["GET /cart"]);
    check(r#"{"filter":{"q":"CART"}}"#, &["GET /cart"]);
    check(r#"{"filter":{"q":"gpt"}}"#, &["charge", "GET /cart"]);
    check(r#"{"filter":{"q":" "}}"#, &["charge", "GET /cart"]);
    check(r#"{"filter":{"status":"error"}}"#, &["charge"]);
    check(r#"{"filter":{"service":"shop","status":"error"}}"#, &[]);
    check(r#"{"paused":true}"#, &[]);
    check(r#"{"nonsense":1}"#, &["charge", "GET /cart"]);
    check("not json", &["charge", "GET /cart"]);
}

#[test]
fn what_was_missed_is_counted() {
    let mut client = Client::new(Filter::default());
    assert_eq!(skipped(&mut client, &step(vec![seen("a", "s", 0)], 100, 7)), 0);
    // Five traces in steps that never arrived, and three that nobody looked at.
    assert_eq!(skipped(&mut client, &step(vec![seen("a", "s", 0)], 106, 10)), 8);
    // More in one step than are sent.
    let many: Vec<Seen> = (0..LIVE_TRACES + 2).map(|_| seen("a", "s", 0)).collect();
    assert_eq!(skipped(&mut client, &step(many, 106 + LIVE_TRACES as u64 + 2, 10)), 10);
    client.hear(r#"{"paused":true}"#);
    let next = 106 + LIVE_TRACES as u64 + 3;
    assert_eq!(skipped(&mut client, &step(vec![seen("a", "s", 0)], next, 10)), 11);
}
