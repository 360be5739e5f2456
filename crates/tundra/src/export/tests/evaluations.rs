//! Evaluations of a script that is over before its Agent said what it takes, and those that no Agent takes.

use super::agent::{PROXY, agent, collector, next_of, ok};
use super::connections::{refused_of, wait_until};
use super::{hold_content, text};
use crate::DatadogAgent;
use crate::llm::{Evaluation, chat};

const PATHS: [&str; 2] =
    ["/evp_proxy/v2/api/intake/llm-obs/v2/eval-metric", "/evp_proxy/v4/api/intake/llm-obs/v2/eval-metric"];

fn judge() {
    let label = "warm".to_owned();
    chat("openai", "gpt-4o").evaluated(&Evaluation { name: "tone".into(), label, ..Evaluation::default() });
}

#[test]
fn a_short_script_loses_none() {
    let _content = hold_content();
    let (url, requests) = agent(PROXY, "{}");
    let script = collector(DatadogAgent::new(&url).expect("an address"), Some(1.0));
    script.in_scope(judge);
    drop(script);
    let (_, body) = next_of(&requests, &PATHS);
    let body = text(&body);
    assert!(body.contains(r#""label":"tone","metric_type":"categorical""#), "{body}");
}

fn refused_logs() -> u64 {
    refused_of(crate::health().logs)
}

#[test]
fn what_no_agent_takes_is_counted() {
    let check = |info: &'static str, asks_first: bool| {
        let (url, requests) = super::server_by_path(move |path| match path {
            "/info" => ok(info),
            path if path.starts_with("/evp_proxy") => {
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()
            }
            _ => ok("{}"),
        });
        let collector = collector(DatadogAgent::new(&url).expect("an address"), Some(1.0));
        if asks_first {
            super::agent::warm_up(&collector, &requests);
        }
        let before = refused_logs();
        collector.in_scope(judge);
        collector.spans();
        wait_until(|| refused_logs() > before, "it is counted");
    };
    let without_proxy = r#"{"endpoints":["/v0.4/traces"]}"#;
    check(without_proxy, false);
    check(without_proxy, true);
    check(PROXY, true);
}
