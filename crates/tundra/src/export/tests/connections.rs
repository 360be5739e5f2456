//! Connections that stay open, payloads that go together, and servers that take neither as we would like.

use super::{Seen, server, text};
use crate::Otlp;
use crate::export::http::read;
use crate::testing::Collector;
use std::io::{Cursor, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};
use tracing::{info, info_span};
use tundra_record::Value;
use tundra_wire::Limits;
use tundra_wire::otlp::traces;

#[test]
fn when_a_connection_stays_open() {
    let check = |answer: &str, expect: bool| {
        let (_, stays) = read(&mut Cursor::new(answer.as_bytes()), true).expect(answer);
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

/// A server that answers with a head that does not say where the body ends, and leaves the connection open. Gives the number
/// of each request's connection.
fn server_that_does_not_end() -> (String, Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let (sender, requests) = sync_channel(1000);
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for (connection, stream) in listener.incoming().flatten().enumerate() {
            let mut stream = std::io::BufReader::new(stream);
            let Some((_, length)) = read_head(&mut stream) else { continue };
            let _ = stream.read_exact(&mut vec![0; length]);
            let _ = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            open.push(stream);
            if sender.send(connection).is_err() {
                return;
            }
        }
    });
    (url, requests)
}

// Nobody reads what such a server says, so nobody waits for it.
#[test]
fn answers_without_an_end_are_not_waited_for() {
    let (url, requests) = server_that_does_not_end();
    let otlp = Otlp::new(&url).expect("an address").only([true, false, false]);
    let otlp = otlp.timeout(Duration::from_secs(3600));
    let collector = Collector::with(|builder| builder.exporter(Box::new(otlp)));
    for number in 0..3 {
        collector.in_scope(|| info_span!("sent").in_scope(|| ()));
        collector.spans();
        assert_eq!(requests.recv_timeout(Duration::from_secs(60)), Ok(number), "not used again");
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
    let before = refused();
    let text = "x".repeat(1 << 19);
    collector.in_scope(|| (0..6).for_each(|_| info_span!("large", text).in_scope(|| ())));
    collector.spans();
    wait_until(|| refused() >= before + 6, "all are refused");
    assert!(requests.try_iter().count() <= 12, "each was offered twice at most, once with others");
}

// What a collector rejects of a request that it took is lost, and not sent again. Of logs: no other test has any refused.
#[test]
fn partial_successes_are_counted() {
    // `partial_success { rejected_log_records: 2, error_message: "no" }`
    const REJECTED: &[u8] = b"\x0a\x06\x08\x02\x12\x02no";
    let (url, requests) = server(|_| [b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n", REJECTED].concat());
    let otlp = Otlp::new(&url).expect("an address").only([false, true, false]);
    let collector = Collector::with(|builder| builder.exporter(Box::new(otlp)));
    let refused = || refused_of(crate::health().logs);
    let before = refused();
    collector.in_scope(|| (0..3).for_each(|_| info!("x")));
    collector.logs();
    requests.recv_timeout(Duration::from_secs(60)).expect("a request");
    wait_until(|| refused() == before + 2, "what was rejected is counted");
    drop(collector);
    assert!(requests.try_recv().is_err(), "nothing was sent twice");
}

/// A server that does not take more than a megabyte at once: refuses it, or says nothing. The first request waits for
/// `go`, and the others behind it. Gives the length of each body, and whether it was taken.
fn small_server(refuses: bool, go: Receiver<()>) -> (String, Receiver<(usize, bool)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let (sender, requests) = sync_channel(1000);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let mut stream = std::io::BufReader::new(stream);
            let Some((_, length)) = read_head(&mut stream) else { continue };
            let _ = stream.read_exact(&mut vec![0; length]);
            if number == 0 {
                let _ = go.recv();
            }
            let takes = length <= 1_000_000;
            let status = if takes { "200 OK" } else { "413 Too Large" };
            if takes || refuses {
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.get_mut().write_all(answer.as_bytes());
            }
            if sender.send((length, takes)).is_err() {
                return;
            }
        }
    });
    (url, requests)
}

// What is too much together is sent in smaller parts; nothing is lost because of what it went with.
#[test]
fn together_only_as_much_as_is_taken() {
    const SPANS: usize = 9;
    const TEXT: usize = 400_000;
    for refuses in [true, false] {
        let (let_go, go) = sync_channel(1);
        let (url, requests) = small_server(refuses, go);
        let otlp = Otlp::new(&url).expect("an address").only([true, false, false]);
        let collector = Collector::with(|builder| builder.exporter(Box::new(otlp)));
        let text = "x".repeat(TEXT);
        for _ in 0..SPANS {
            collector.in_scope(|| info_span!("large", text).in_scope(|| ()));
            collector.spans();
        }
        let_go.send(()).expect("it waits");
        let (mut came, mut turned_away) = (0, 0);
        while came < SPANS {
            let (length, taken) = requests.recv_timeout(Duration::from_secs(60)).expect("a request");
            came += if taken { length / TEXT } else { 0 };
            turned_away += usize::from(!taken);
        }
        assert!(turned_away > 0, "at first too much went together");
        drop(collector);
        assert!(requests.try_iter().all(|(_, taken)| !taken), "nothing was sent twice");
    }
}

// An answer that nobody asked for is not taken for that of the next request.
#[test]
fn stray_answers_mean_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let (sender, requests) = sync_channel(1000);
    std::thread::spawn(move || {
        let answer = |status: &str| format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        for (connection, stream) in listener.incoming().flatten().enumerate() {
            let mut stream = std::io::BufReader::new(stream);
            while let Some((_, length)) = read_head(&mut stream) {
                let _ = stream.read_exact(&mut vec![0; length]);
                let status = if connection == 0 { "200 OK" } else { "400 Bad" };
                let _ = stream.get_mut().write_all(answer(status).as_bytes());
                if connection == 0 {
                    // A moment later, so that nobody sees the two together.
                    std::thread::sleep(Duration::from_millis(100));
                    let _ = stream.get_mut().write_all(answer("200 OK").as_bytes());
                    let _ = sender.send(());
                    break;
                }
                let _ = sender.send(());
            }
        }
    });
    let otlp = Otlp::new(&url).expect("an address").only([true, false, false]);
    let collector = Collector::with(|builder| builder.exporter(Box::new(otlp)));
    let before = refused();
    for _ in 0..2 {
        collector.in_scope(|| info_span!("s").in_scope(|| ()));
        collector.spans();
        requests.recv_timeout(Duration::from_secs(60)).expect("a request");
    }
    wait_until(|| refused() > before, "the second request was refused");
}

// Spans and logs go to one server and wait in one queue; each goes with its like.
#[test]
fn signals_in_turns_are_joined() {
    let (url, requests) = server(|number| {
        std::thread::sleep(Duration::from_millis(if number == 0 { 1000 } else { 0 }));
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()
    });
    let otlp = Otlp::new(&url).expect("an address").only([true, true, false]);
    let collector = Collector::with(|builder| builder.exporter(Box::new(otlp)));
    for _ in 0..10 {
        collector.in_scope(|| info_span!("a_span").in_scope(|| info!("a log")));
        collector.spans();
    }
    let (mut bodies, mut seen) = (0, String::new());
    while seen.matches("a_span").count() < 10 || seen.matches("a log").count() < 10 {
        seen.push_str(&text(&requests.recv_timeout(Duration::from_secs(60)).expect("a request")));
        bodies += 1;
    }
    assert!(bodies < 10, "they came in {bodies} requests");
}

pub(super) fn refused() -> u64 {
    refused_of(crate::health().spans)
}

pub(super) fn refused_of(ledger: crate::Ledger) -> u64 {
    let lost = ledger.undelivered_for;
    lost.into_iter().find(|(why, _)| *why == crate::Undelivered::Refused).map_or(0, |(_, count)| count)
}

pub(super) fn wait_until(done: impl Fn() -> bool, what: &str) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < patience, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
