//! HTTPS to a server with a certificate of our own authority, and to servers that are not what they say.
//!
//! The key and certificates in `tests/tls` are for these tests only, and name nothing but this machine.

use super::text;
use crate::Otlp;
use crate::testing::Collector;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};
use tracing::info_span;

const PATIENCE: Duration = Duration::from_secs(60);
const AUTHORITY: &[u8] = include_bytes!("../../../tests/tls/ca.pem");

/// A server that takes requests over TLS, answers each as soon as its head has come, and hangs up.
fn server(status: &'static str) -> (String, Receiver<String>) {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("../../../tests/tls/server.pem"));
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../../tests/tls/server.key"));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.expect("a certificate")], key.expect("a key"))
        .expect("they fit");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let (sender, requests) = sync_channel(1000);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            // What waits to be sent is lost when it hangs up on somebody who has not said all.
            stream.set_nodelay(true).expect("a socket");
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut stream = StreamOwned::new(connection, stream);
            let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
            // One read is enough to see what it is; the rest of the body follows or does not.
            while !text(&request).contains("\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            let _ = stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes());
            if sender.send(text(&request)).is_err() {
                return;
            }
        }
    });
    (format!("https://localhost:{port}"), requests)
}

fn send(otlp: Otlp) -> Collector {
    let deadline = Duration::from_millis(500);
    let collector = Collector::with(|builder| builder.exporter(Box::new(otlp)).shutdown_deadline(deadline));
    collector.in_scope(|| info_span!("over_tls").in_scope(|| ()));
    collector.spans();
    collector
}

#[test]
fn a_trusted_server_gets_requests() {
    let (url, requests) = server("200 OK");
    let otlp = Otlp::new(&url).and_then(|otlp| otlp.root_certificates(AUTHORITY)).expect("an address");
    let _collector = send(otlp);
    let request = requests.recv_timeout(PATIENCE).expect("a request");
    assert!(request.starts_with("POST /v1/"), "{request}");
}

#[test]
fn an_untrusted_server_gets_nothing() {
    let (url, requests) = server("200 OK");
    let _collector = send(Otlp::new(&url).expect("an address"));
    // The handshake ends before a request.
    assert_eq!(requests.recv_timeout(PATIENCE).expect("a connection"), "");
}

#[test]
fn a_server_without_tls_costs_a_counter() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("https://localhost:{}", listener.local_addr().expect("bound").port());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = { stream }.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let errors = crate::health().export_errors;
    let _collector = send(Otlp::new(&url).expect("an address"));
    let until = Instant::now() + PATIENCE;
    while crate::health().export_errors == errors {
        assert!(Instant::now() < until, "nothing was tried");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn certificates_must_be_pem() {
    for bad in [&b""[..], b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(Otlp::new("https://h").and_then(|otlp| otlp.root_certificates(bad)).is_err());
    }
}

// A refusal is heard although the rest of the request could not be sent any more.
#[test]
fn an_early_refusal_is_heard() {
    let (url, requests) = server("413 Too Large");
    let otlp = Otlp::new(&url).and_then(|otlp| otlp.root_certificates(AUTHORITY)).expect("an address");
    let collector = Collector::with(|builder| builder.exporter(Box::new(otlp.only([true, false, false]))));
    let refused = || {
        let spans = crate::health().spans.undelivered_for;
        spans.into_iter().find(|(why, _)| *why == crate::Undelivered::Refused).map_or(0, |(_, count)| count)
    };
    let (before, text) = (refused(), "x".repeat(1 << 19));
    collector.in_scope(|| (0..6).for_each(|_| info_span!("large", text).in_scope(|| ())));
    collector.spans();
    super::connections::wait_until(|| refused() >= before + 6, "all are refused");
    assert!(requests.try_iter().count() <= 12, "each was offered twice at most, once with others");
}
