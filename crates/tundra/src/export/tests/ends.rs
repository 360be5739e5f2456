//! The end: whoever has time left and a target that answers delivers what is held, whatever became of others.

use super::{server_by_path, text};
use crate::testing::Collector;
use crate::{Builder, DatadogAgent, Otlp};
use std::net::TcpListener;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tracing::{info, info_span};

fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The paths of all requests, one behind the other, until this one.
fn paths(requests: &Receiver<Vec<u8>>, until: &str) -> Vec<String> {
    let path = |request: Vec<u8>| text(&request).split(' ').nth(1).unwrap_or_default().to_owned();
    let mut paths = Vec::new();
    while paths.last().is_none_or(|last| last != until) {
        paths.push(path(requests.recv_timeout(Duration::from_secs(60)).expect("there are more")));
    }
    // What failed before the end began was tried again.
    paths.dedup();
    paths
}

/// A server that fails for one path, at first most likely once the end has begun.
fn failing_for(bad: &'static str) -> (String, Receiver<Vec<u8>>) {
    server_by_path(move |path| {
        std::thread::sleep(Duration::from_millis(300));
        answer(if path == bad { "500 Broken" } else { "200 OK" }, "{}")
    })
}

fn one_span_and_the_end(build: impl FnOnce(Builder) -> Builder) {
    let collector = Collector::with(|builder| build(builder).shutdown_deadline(Duration::from_secs(20)));
    collector.in_scope(|| info_span!("s").in_scope(|| info!("x")));
    assert_eq!(collector.spans().len(), 1);
}

#[test]
fn one_failure_at_the_end_is_not_everybodys() {
    let (url, requests) = failing_for("/info");
    let agent = DatadogAgent::new(&url).expect("an address");
    one_span_and_the_end(|builder| builder.exporter(Box::new(agent)));
    assert_eq!(paths(&requests, "/v0.4/traces"), ["/info", "/v0.4/traces"]);
    let (url, requests) = failing_for("/v1/traces");
    let otlp = Otlp::new(&url).expect("an address").only([true, true, false]);
    one_span_and_the_end(|builder| builder.exporter(Box::new(otlp)));
    assert_eq!(paths(&requests, "/v1/logs"), ["/v1/traces", "/v1/logs"]);
}

#[test]
fn nobody_uses_up_the_time_of_others_at_the_end() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let silent = Otlp::new(&format!("http://{}", silent.local_addr().expect("bound"))).expect("an address");
    let mut busy = true;
    let (url, requests) = server_by_path(move |_| {
        let later = "503 Busy\r\nRetry-After: 60";
        answer(if std::mem::take(&mut busy) { later } else { "200 OK" }, "")
    });
    let other = Otlp::new(&url).expect("an address").only([true, false, false]);
    let collector = Collector::with(|builder| {
        let builder = builder.exporter(Box::new(silent)).exporter(Box::new(other));
        builder.shutdown_deadline(Duration::from_secs(2))
    });
    collector.in_scope(|| info_span!("s").in_scope(|| ()));
    collector.spans();
    assert_eq!(paths(&requests, "/v1/traces"), ["/v1/traces"]);
    drop(collector);
    assert_eq!(paths(&requests, "/v1/traces"), ["/v1/traces"], "it comes again");
}
