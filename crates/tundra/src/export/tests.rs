//! Network exporters against servers that answer, refuse, hang, talk nonsense or never stop.

mod agent;
pub(crate) mod anything;
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
use tundra_record::{Reject, Value};
use tundra_wire::Limits;
use tundra_wire::otlp::traces;

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
    check("unix:///run/x.sock", "localhost ");
    #[cfg(not(feature = "tls"))]
    check(
        "https://x",
        "`https://x` needs TLS: build with feature `tls`, or send to a local agent or collector over http",
    );
    #[cfg(feature = "tls")]
    check("https://x/otlp", "x:443 /otlp");
    for bad in ["", "x", "http://", "unix://x", "http://a b", "http://u:p@h", "http://h/\r\nX: y"] {
        let error = endpoint::Endpoint::parse(bad, 1).expect_err(bad).to_string();
        assert!(error.contains("is no endpoint"), "{error}");
    }
    let header = |name, value| Otlp::new("http://h").expect("fine").header(name, value).is_ok();
    assert!(header("api-key", "abc 123"));
    assert!(!header("", "x") && !header("a:b", "x") && !header("a", "x\r\ny: z"));
}

#[test]
fn responses() {
    let check = |bytes: &[u8], expect: Option<(u16, usize)>| {
        let found = read(&mut Cursor::new(bytes)).ok();
        let shown = found.map(|(response, _)| (response.status, response.body.len()));
        assert_eq!(shown, expect, "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(80)]));
    };
    let ok = |head: &str, body: &[u8]| [format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes(), body].concat();
    check(&ok("Content-Length: 2\r\n", b"hi"), Some((200, 2)));
    check(&ok("Content-Length: 2\r\n", b"hi and more"), Some((200, 2)));
    check(&ok("Content-Length: 9\r\n", b"cut"), Some((200, 3)));
    check(&ok("", b"until the end"), Some((200, 13)));
    check(&ok("Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"), Some((200, 5)));
    check(&ok("Transfer-Encoding: chunked\r\n", b"ffffffffffffffff\r\nabc"), Some((200, 3)));
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

#[test]
fn when_a_connection_stays_open() {
    let check = |answer: &str, expect: bool| {
        let (_, stays) = read(&mut Cursor::new(answer.as_bytes())).expect(answer);
        assert_eq!(stays, expect, "{answer}");
    };
    check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", true);
    check("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", true);
    check("HTTP/1.1 204 Empty\r\n\r\n", true);
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", true);
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n0\r\n\r\nhi\r\n0\r\nt: x\r\n\r\n", true);
    // It says so, it is too old, it ends with the connection, it was cut, or something came behind it.
    check("HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", false);
    check("HTTP/1.1 200 OK\r\nConnection: x, close\r\nContent-Length: 0\r\n\r\n", false);
    check("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false);
    check("HTTP/1.1 200 OK\r\n\r\nhi", false);
    check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", false);
    check("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nhi", false);
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n", false);
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n", false);
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n0\r\n\r\n", false);
    check(&format!("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n{}", "x".repeat(1 << 20)), false);
}

/// A server that answers so many requests on each connection and then hangs up; gives the number of the connection with each
/// request's path. A request whose head has come can be answered before its body.
fn server_of_connections(each: usize, reads_bodies: bool) -> (String, Receiver<(usize, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let (sender, requests) = sync_channel(1000);
    std::thread::spawn(move || {
        for (connection, stream) in listener.incoming().flatten().enumerate() {
            let mut stream = std::io::BufReader::new(stream);
            for _ in 0..each {
                let Some((path, length)) = read_head(&mut stream) else { break };
                let (status, taken) = if reads_bodies { ("200 OK", length) } else { ("413 Too Large", 0) };
                let _ = stream.read_exact(&mut vec![0; taken]);
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.get_mut().write_all(answer.as_bytes());
                if sender.send((connection, path)).is_err() {
                    return;
                }
            }
        }
    });
    (url, requests)
}

/// Path and length of the body.
fn read_head(stream: &mut impl std::io::BufRead) -> Option<(String, usize)> {
    let (mut path, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|read| *read > 2 || path.is_some())?;
        path = path.or_else(|| line.split(' ').nth(1).map(str::to_owned));
        if let Some(bytes) = line.to_lowercase().strip_prefix("content-length: ") {
            length = bytes.trim().parse().ok()?;
        }
        if line == "\r\n" {
            return Some((path?, length));
        }
    }
}

// Requests follow each other on one connection. Whatever the server closes is opened anew, and nothing is lost or sent twice.
#[test]
fn connections_are_used_again() {
    for (each, connections) in [(1000, 1), (1, 5), (2, 3)] {
        let (url, requests) = server_of_connections(each, true);
        let otlp = Otlp::new(&url).expect("an address").only([true, false, false]);
        let collector = Collector::with(|builder| builder.exporter(Box::new(otlp)));
        let mut seen = Vec::new();
        for _ in 0..5 {
            collector.in_scope(|| info_span!("sent").in_scope(|| ()));
            collector.spans();
            let (connection, path) = requests.recv_timeout(Duration::from_secs(60)).expect("a request");
            assert_eq!(path, "/v1/traces");
            seen.push(connection);
        }
        let expect: Vec<_> = (0..5).map(|number| number / each).collect();
        assert_eq!(seen, expect);
        assert_eq!(seen.last(), Some(&(connections - 1)));
        drop(collector);
        assert!(requests.try_recv().is_err(), "nothing was sent twice");
    }
}

// The same by OTLP, where the message behind another is one with it.
#[test]
fn requests_that_wait_are_joined() {
    let (url, requests) = server(|number| {
        std::thread::sleep(Duration::from_millis(if number == 0 { 1000 } else { 0 }));
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()
    });
    let otlp = Otlp::new(&url).expect("an address").only([true, false, false]);
    let collector = Collector::with(|builder| builder.exporter(Box::new(otlp)));
    for number in 0..10 {
        collector.in_scope(|| info_span!("joined", number).in_scope(|| ()));
        collector.spans();
    }
    let (mut bodies, mut numbers) = (0, Vec::new());
    while numbers.len() < 10 {
        let request = requests.recv_timeout(Duration::from_secs(60)).expect("a request");
        let at = request.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let mut seen = Seen::default();
        traces(&request[at..], &Limits::default(), &mut seen).expect("it decodes");
        numbers.extend(seen.0.iter().map(|span| span.attr("number").cloned()));
        bodies += 1;
    }
    assert_eq!(numbers, (0..10).map(|number| Some(Value::Int(number))).collect::<Vec<_>>());
    assert!(bodies < 10, "they came in {bodies} requests");
}

// A server that refuses a large request before it has come is understood: the payload is not offered again and again.
#[test]
fn early_refusals_are_heard() {
    let (url, requests) = server_of_connections(1, false);
    let otlp = Otlp::new(&url).expect("an address").only([true, false, false]);
    let collector = Collector::with(|builder| builder.exporter(Box::new(otlp)));
    let refused = || {
        let spans = crate::health().spans.undelivered_for;
        spans.into_iter().find(|(why, _)| *why == crate::Undelivered::Refused).map_or(0, |(_, count)| count)
    };
    let before = refused();
    let text = "x".repeat(1 << 19);
    collector.in_scope(|| (0..6).for_each(|_| info_span!("large", text).in_scope(|| ())));
    collector.spans();
    let patience = Instant::now() + Duration::from_secs(60);
    while refused() < before + 6 {
        assert!(Instant::now() < patience, "all are refused");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(requests.try_iter().count() <= 6, "none was offered again");
}
