//! Forwarding to a Datadog Agent: what came in by other doors arrives there, once; without one nothing else changes.

use crate::doors::span_json;
use crate::running::{Daemon, eventually};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A stand-in for a Datadog Agent: answers `/info` and keeps what is posted to the trace endpoint.
struct Agent {
    url: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Agent {
    fn start(listener: TcpListener) -> Self {
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bodies);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream, &kept));
            }
        });
        Self { url, bodies }
    }

    /// How often a span of this name arrived (a span's name also stands in its resource).
    fn received(&self, name: &str) -> usize {
        let short = u8::try_from(name.len()).expect("a short name");
        let needle = [b"\xa4name", &[0xa0 | short][..], name.as_bytes()].concat();
        let bodies = self.bodies.lock().expect("not poisoned");
        let count =
            |body: &Vec<u8>| body.windows(needle.len()).filter(|window| *window == needle.as_slice()).count();
        bodies.iter().map(count).sum()
    }
}

fn serve(stream: std::net::TcpStream, kept: &Mutex<Vec<Vec<u8>>>) {
    let mut write = stream.try_clone().expect("a handle");
    let mut read = BufReader::new(stream);
    loop {
        let mut request = String::new();
        if read.read_line(&mut request).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0;
        let mut chunked = false;
        loop {
            let mut line = String::new();
            if read.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                break;
            }
            let line = line.to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            chunked |= line.starts_with("transfer-encoding:");
        }
        assert!(!chunked, "the forwarder tells its length");
        let mut body = vec![0; length];
        read.read_exact(&mut body).expect("a whole body");
        let answer = if request.contains("/info") {
            r#"{"version":"7.83.3","endpoints":["/v0.4/traces"],"span_meta_structs":true,"config":{}}"#
        } else {
            kept.lock().expect("not poisoned").push(body);
            r#"{"rate_by_service":{"service:,env:":1}}"#
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        if write.write_all(head.as_bytes()).and_then(|()| write.write_all(answer.as_bytes())).is_err() {
            return;
        }
    }
}

fn send(daemon: &Daemon, name: &str, at: u64) {
    let body = span_json("forwarded", name, &format!("{at:032x}"), &format!("{at:016x}"));
    let answer = daemon.http().post(daemon.url("otlp_http", "/v1/traces")).json(&body).send();
    assert!(answer.expect("answers").status().is_success());
}

#[test]
fn forwards_once_and_resumes_after_a_restart() {
    let agent = Agent::start(TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let data = tempfile::tempdir().expect("a temporary folder");
    let variables = [("AT_FORWARD_DATADOG", agent.url.as_str())];
    let mut daemon = Daemon::start_in(data.path(), &variables);
    send(&daemon, "first-span", 1);
    eventually("the span reaches the Agent", || (agent.received("first-span") > 0).then_some(()));
    assert_eq!(daemon.stop(), 0, "{}", daemon.output());
    let daemon = Daemon::start_in(data.path(), &variables);
    send(&daemon, "second-span", 2);
    eventually("the next span reaches the Agent", || (agent.received("second-span") > 0).then_some(()));
    assert_eq!((agent.received("first-span"), agent.received("second-span")), (1, 1), "each once");
}

#[test]
fn an_agent_that_is_gone_changes_nothing() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", gone.local_addr().expect("bound"));
    drop(gone);
    let daemon = Daemon::start_with(&[("AT_FORWARD_DATADOG", &url)]);
    send(&daemon, "kept", 3);
    assert_eq!(daemon.count("SELECT count(*) AS n FROM spans WHERE service = 'forwarded'"), 1);
}

#[test]
fn works_beside_an_agent_that_holds_the_port() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let held = listener.local_addr().expect("bound").to_string();
    let agent = Agent::start(listener);
    let daemon = Daemon::start_with(&[("AT_LISTEN_DATADOG", &held), ("AT_FORWARD_DATADOG", "auto")]);
    assert_ne!(daemon.addresses["datadog"], held);
    assert!(daemon.output().contains(&daemon.addresses["datadog"]), "{}", daemon.output());
    send(&daemon, "beside", 4);
    eventually("the span reaches that Agent", || (agent.received("beside") > 0).then_some(()));
}
