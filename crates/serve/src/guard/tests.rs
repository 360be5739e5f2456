//! Which requests pass, by host, origin, method and content type.

use super::{Names, verdict};
use axum::body::Body;
use axum::extract::Request;

fn status(method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    match verdict(Names::new(false), &request.body(Body::empty()).unwrap()) {
        Ok(()) => 200,
        Err(error) => axum::response::IntoResponse::into_response(error).status().as_u16(),
    }
}

#[test]
fn hosts() {
    for (host, expected) in [
        ("localhost", 200),
        ("localhost:9090", 200),
        ("LOCALHOST:1", 200),
        ("127.0.0.1:3001", 200),
        ("[::1]:3001", 200),
        ("[::1]", 200),
        ("tundra.example:80", 421),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("localhost:9090:1", 421),
        ("127.0.0.1.nip.io", 421),
        ("127.0.0.2", 421),
        ("", 421),
        ("::1", 421),
        ("localhost@evil.example", 421),
        ("evil.example#localhost", 421),
    ] {
        assert_eq!(status("GET", "/api/traces", &[("host", host)]), expected, "{host}");
        assert_eq!(status("GET", "/", &[("host", host)]), expected, "{host}");
    }
    assert_eq!(status("GET", "/", &[]), 421);
    assert_eq!(status("GET", "/", &[("host", "localhost"), ("host", "evil.example")]), 421);
    assert_eq!(status("GET", "http://evil.example/", &[("host", "localhost")]), 421);
    assert_eq!(status("GET", "http://localhost/", &[("host", "localhost")]), 200);
}

#[test]
fn any_host_where_a_token_is_asked_for() {
    for (host, expected) in [("localhost", 200), ("tundra.example:80", 200), ("10.0.0.7:3001", 200)] {
        let request = Request::builder().uri("/").header("host", host).body(Body::empty()).unwrap();
        assert_eq!(verdict(Names::new(true), &request).is_ok(), expected == 200, "{host}");
    }
}

#[test]
fn origins() {
    let json = ("content-type", "application/json");
    let host = ("host", "localhost:3001");
    for (origin, expected) in [
        ("http://localhost:3001", 200),
        ("https://localhost:3001", 200),
        ("http://LOCALHOST:3001", 200),
        ("http://localhost:8000", 403),
        ("http://127.0.0.1:3001", 403),
        ("http://evil.example", 403),
        ("http://localhost:3001.evil.example", 403),
        ("null", 403),
        ("", 403),
        ("file://", 403),
    ] {
        for (method, path) in [
            ("POST", "/api/sql"),
            ("DELETE", "/api/sample"),
            ("GET", "/api/live"),
            ("GET", "/api/live/traces"),
        ] {
            assert_eq!(
                status(method, path, &[host, json, ("origin", origin)]),
                expected,
                "{method} {path} {origin}"
            );
        }
        // Reading is not changing anything, and the answer is not readable for a foreign page.
        assert_eq!(status("GET", "/api/traces", &[host, ("origin", origin)]), 200);
    }
    for (site, expected) in [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403)] {
        assert_eq!(status("POST", "/api/sql", &[host, json, ("sec-fetch-site", site)]), expected, "{site}");
    }
    assert_eq!(status("POST", "/api/sql", &[host, json]), 200);
}

#[test]
fn content_types() {
    let host = ("host", "localhost");
    for (kind, expected) in [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=application/json", 415),
        ("text/plain; application/json", 415),
        ("", 415),
    ] {
        assert_eq!(status("POST", "/api/sql", &[host, ("content-type", kind)]), expected, "{kind}");
    }
    assert_eq!(status("POST", "/api/sample", &[host]), 200);
    assert_eq!(status("POST", "/api/sample", &[host, ("content-length", "0")]), 200);
    assert_eq!(status("POST", "/api/sample", &[host, ("content-length", "3")]), 415);
    assert_eq!(status("POST", "/api/sample", &[host, ("transfer-encoding", "chunked")]), 415);
    assert_eq!(status("POST", "/", &[host]), 405);
    assert_eq!(status("BREW", "/traces", &[host]), 405);
}
