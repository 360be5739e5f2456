//! Network exporters against servers that answer, refuse, hang, talk nonsense or never stop.

mod agent;
pub(crate) mod anything;
mod connections;
mod ends;
mod evaluations;
mod operations;
mod outputs;
#[cfg(feature = "tls")]
mod tls;

use super::http::read;
use super::*;
use crate::testing::Collector;
use std::io::{Cursor, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};
use tracing::{info, info_span};
use tundra_record::Reject;

#[test]
fn endpoints() {
    let check = |url: &str, expect: &str| {
        let found = endpoint::Endpoint::parse(url, 4318);
        let shown = found.map(|found| format!("{} {}", found.host(), found.base));
        assert_eq!(shown.unwrap_or_else(|error| error.to_string()), expect, "{url}");
    };
    check("http://localhost", "localhost:4318 ");
    check("http://localhost:1/", "localhost:1 ");
    check("http://[::1]:80/a/b/", "[::1]:80 /a/b");
    check("http://[::1]", "[::1]:4318 ");
    check("unix:///run/x.sock", "localhost ");
    #[cfg(not(feature = "tls"))]
    check(
        "https://x",
        "`https://x` needs TLS: build with feature `tls`, or send to a local agent or collector over http",
    );
    #[cfg(feature = "tls")]
    check("https://x/otlp", "x:443 /otlp");
    let ports = ["http://h:99999", "http://h:port/x", "http://[::1]:-1", "http://http://h:1"];
    let others = ["", "x", "http://", "unix://x", "http://a b", "http://u:p@h", "http://h/\r\nX: y"];
    for bad in ports.into_iter().chain(others) {
        let error = endpoint::Endpoint::parse(bad, 1).expect_err(bad).to_string();
        assert!(error.contains("is no endpoint"), "{error}");
    }
    let hidden = |error: crate::EndpointError, shown: &str| {
        let told = format!("{error} {error:?}");
        assert!(told.contains(&format!("`{shown}`")) && !told.contains("pa55"), "{told}");
    };
    for (url, shown) in [
        ("http://user:pa55@host:1/x", "http://[user]@host:1/x"),
        ("http://user:pa55/ pa55@host", "http://[user]@host"),
        ("user:pa55@host", "[user]@host"),
        ("unix://pa55@run", "unix://[user]@run"),
        #[cfg(not(feature = "tls"))]
        ("https://pa55@host", "https://[user]@host"),
    ] {
        hidden(endpoint::Endpoint::parse(url, 1).expect_err(url), shown);
    }
    for (url, shown) in
        [("http://user:pa55@host", "http://[user]@host"), ("unix://pa55@x", "unix://[user]@x")]
    {
        hidden(DogStatsD::new(url).expect_err(url), shown);
    }
    let header = |name, value| Otlp::new("http://h").expect("fine").header(name, value).is_ok();
    assert!(header("api-key", "abc 123"));
    assert!(!header("", "x") && !header("a:b", "x") && !header("a", "x\r\ny: z"));
}

/// A stream of which each read gives one byte.
struct Dripping<'s>(&'s [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(&mut into[..1])
    }
}

// However they come, they say the same; and the last ones would take hours if what came were read again with each byte.
#[test]
fn responses() {
    let check = |bytes: &[u8], expect: Option<(u16, usize)>| {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]);
        let found = read(&mut Cursor::new(bytes), true).ok().map(|(response, _)| response);
        assert_eq!(found.as_ref().map(|found| (found.status, found.body.len())), expect, "{shown}");
        let dripped = read(&mut Dripping(bytes), true).ok().map(|(response, _)| response);
        assert!(found == dripped, "{shown}");
    };
    let ok = |head: &str, body: &[u8]| [format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes(), body].concat();
    check(&ok("Content-Length: 2\r\n", b"hi"), Some((200, 2)));
    check(&ok("Content-Length: 2\r\n", b"hi and more"), Some((200, 2)));
    check(&ok("Content-Length: 9\r\n", b"cut"), Some((200, 3)));
    check(&ok("", b"until the end"), Some((200, 13)));
    check(&ok("Transfer-Encoding: gzip\r\nContent-Length: 2\r\n", b"until the end"), Some((200, 13)));
    check(&ok("Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"), Some((200, 5)));
    check(&ok("Transfer-Encoding: chunked\r\n", b"ffffffffffffffff\r\nabc"), Some((200, 3)));
    check(&ok("Transfer-Encoding: chunked\r\n", b"2;x=\ny\r\nde\r\n0\r\nt: \nx\r\n\r\n"), Some((200, 2)));
    check(&ok("Transfer-Encoding: chunked\r\n", &b"1\r\nx\r\n".repeat(40_000)), Some((200, 40_000)));
    check(&ok("Transfer-Encoding: chunked\r\n", b"zz\r\nabc"), Some((200, 0)));
    check(&ok("Content-Length: 18446744073709551615\r\n", &vec![b'x'; 1 << 20]), Some((200, 256 * 1024)));
    check(&ok("", &vec![b'x'; 1 << 20]), Some((200, 256 * 1024)));
    check(&ok("Content-Length: -1\r\n", b""), None);
    check(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Slow\r\n\r\n", Some((429, 0)));
    check(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000), None);
    check(&[b'x'; 100_000], None);
    check(b"HTTP/1.1 abc\r\n\r\n", None);
    check(b"", None);
    check(&[0xff; 20], None);
    check(b"\r\n\r\n", None);
}

/// A server that says this and leaves the connection open: nothing comes any more.
struct Silent<'s>(&'s [u8]);

impl Read for Silent<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        assert!(!self.0.is_empty(), "somebody waits");
        self.0.read(into)
    }
}

// What nobody looks at and only the end of the connection ends, nobody waits for.
#[test]
fn only_what_is_wanted_is_waited_for() {
    let check = |head: &str, wants_body: bool, waits: bool| {
        let answer = format!("HTTP/1.1 {head}\r\n\r\n");
        let read = || read(&mut Silent(answer.as_bytes()), wants_body).expect("a head").1;
        let stays = std::panic::catch_unwind(read).ok();
        assert_eq!(stays, (!waits).then_some(false), "{head}");
    };
    check("200 OK", false, false);
    check("200 OK\r\nConnection: close", false, false);
    check("200 OK\r\nTransfer-Encoding: gzip", false, false);
    check("200 OK", true, true);
    check("503 Busy", true, false);
    check("404 Not Found", false, false);
    check("200 OK\r\nContent-Length: 3", false, true);
    check("200 OK\r\nTransfer-Encoding: chunked", false, true);
}

/// Whether content is captured holds for the whole process: whoever changes it, or needs it, holds this.
pub(crate) fn hold_content() -> std::sync::MutexGuard<'static, ()> {
    static HELD: std::sync::Mutex<()> = std::sync::Mutex::new(());
    HELD.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A server on a free port; it answers each request with what `answer` makes of its number.
fn server(mut answer: impl FnMut(usize) -> Vec<u8> + Send + 'static) -> (String, Receiver<Vec<u8>>) {
    serve(move |number, _| answer(number))
}

/// The same by path.
fn server_by_path(mut answer: impl FnMut(&str) -> Vec<u8> + Send + 'static) -> (String, Receiver<Vec<u8>>) {
    serve(move |_, path| answer(path))
}

fn serve(mut answer: impl FnMut(usize, &str) -> Vec<u8> + Send + 'static) -> (String, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let (sender, requests) = sync_channel(1000);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                request.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&request).to_lowercase();
            let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.split("\r\n").next());
            let mut body = vec![0; length.and_then(|text| text.parse().ok()).unwrap_or(0)];
            let _ = stream.read_exact(&mut body);
            request.extend_from_slice(&body);
            let path = head.split(' ').nth(1).unwrap_or_default();
            let _ = stream.write_all(&answer(number, path));
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    (url, requests)
}

/// Spans that were decoded.
#[derive(Default)]
struct Seen(Vec<Span<'static>>);

impl Sink for Seen {
    fn resource(&mut self, _: &mut Resource<'_>) {}
    fn scope(&mut self, _: &mut Scope<'_>) {}
    fn span(&mut self, span: &mut Span<'_>) {
        self.0.push(span.clone().into_owned());
    }
    fn log(&mut self, _: &mut LogRecord<'_>) {}
    fn metric(&mut self, _: &mut MetricPoint<'_>) {}
    fn reject(&mut self, _: Reject) {}
}

fn text(request: &[u8]) -> String {
    String::from_utf8_lossy(request).into_owned()
}

#[test]
fn otlp_reaches_a_collector_and_retries() {
    // The first request is refused for now, so it must come twice.
    let (url, requests) = server(|number| match number {
        0 => b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_vec(),
        _ => b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
    });
    let otlp = Otlp::new(&url).and_then(|otlp| otlp.header("api-key", "secret")).expect("a fine endpoint");
    let collector = Collector::with(|builder| builder.exporter(Box::new(otlp)));
    collector.in_scope(|| info_span!("sent_span", n = 1).in_scope(|| info!("sent log")));
    assert_eq!(collector.spans().len(), 1);
    let mut seen = String::new();
    let patience = Instant::now() + Duration::from_secs(60);
    while !(seen.matches("sent_span").count() == 2
        && seen.contains("sent log")
        && seen.contains("/v1/metrics"))
    {
        assert!(Instant::now() < patience, "{seen}");
        seen.push_str(&text(&requests.recv_timeout(Duration::from_secs(60)).expect("a request")));
    }
    assert!(seen.contains("POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1:"), "{seen}");
    assert!(seen.contains("api-key: secret\r\n"), "{seen}");
}

// Whatever the target does, the guard is gone soon after its deadline and the application saw nothing of it.
#[test]
fn the_end_comes_in_time() {
    let refusing = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        format!("http://{}", listener.local_addr().expect("bound"))
    };
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let silent_url = format!("http://{}", silent.local_addr().expect("bound"));
    let (endless, _requests) = server(|_| b"HTTP/1.1 200 OK\r\n".repeat(100_000));
    for url in [refusing, silent_url, endless, "unix:///nowhere/at.sock".to_owned()] {
        let otlp = Otlp::new(&url).expect("a fine endpoint");
        let deadline = Duration::from_millis(300);
        let collector =
            Collector::with(|builder| builder.exporter(Box::new(otlp)).shutdown_deadline(deadline));
        collector.in_scope(|| info_span!("s").in_scope(|| info!("x")));
        assert_eq!(collector.spans().len(), 1, "{url}");
        drop(collector);
    }
    drop(silent);
}
