//! Bombs, depth, lengths, truncation, wrong types: every case is refused or survived, memory stays where it was, and the
//! daemon goes on serving.

use crate::doors::span_json;
use crate::running::Daemon;
use std::io::Write;

const MIB: u64 = 1 << 20;

struct Case {
    name: String,
    listener: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).expect("writes to memory");
    encoder.finish().expect("writes to memory")
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// `n` empty spans: two bytes each on the wire, hundreds once decoded.
fn empty_spans(n: usize) -> Vec<u8> {
    field(1, &field(2, &[0x12, 0].repeat(n)))
}

fn nested_any_value(depth: usize) -> Vec<u8> {
    let mut value = field(1, b"deep");
    for _ in 0..depth {
        value = field(5, &field(1, &value));
    }
    let attribute = [field(1, b"k"), field(2, &value)].concat();
    let span = [field(1, &[1; 16]), field(2, &[1; 8]), field(9, &attribute)].concat();
    field(1, &field(2, &field(2, &span)))
}

fn good_protobuf() -> Vec<u8> {
    let span =
        [field(1, &[7; 16]), field(2, &[7; 8]), field(5, b"name"), vec![0x39], 1_u64.to_le_bytes().to_vec()];
    field(1, &field(2, &field(2, &span.concat())))
}

fn good_msgpack() -> Vec<u8> {
    let text = |t: &str| [vec![0xa0 | t.len() as u8], t.as_bytes().to_vec()].concat();
    let number = |n: u64| [vec![0xcf], n.to_be_bytes().to_vec()].concat();
    let pairs =
        [("trace_id", number(7)), ("span_id", number(8)), ("start", number(9)), ("duration", number(1))];
    let mut span = vec![0x80 | (pairs.len() + 1) as u8];
    for (key, value) in pairs {
        span.extend(text(key));
        span.extend(value);
    }
    span.extend(text("name"));
    span.extend(text("n"));
    [vec![0x91, 0x91], span].concat()
}

fn cases() -> Vec<Case> {
    let proto = ("content-type", "application/x-protobuf");
    let json = ("content-type", "application/json");
    let msgpack = ("content-type", "application/msgpack");
    let zipped = ("content-encoding", "gzip");
    let mut cases = Vec::new();
    let mut add = |name: String, listener, path, headers: Vec<_>, body: Vec<u8>| {
        cases.push(Case { name, listener, path, headers, body });
    };
    let otlp = ["/v1/traces", "/v1/logs", "/v1/metrics"];
    for path in otlp {
        for size in [1_000_000, 2_100_000, 8_000_000] {
            let bomb = gzip(&empty_spans(size));
            add(format!("{size} empty messages"), "otlp_http", path, vec![proto, zipped], bomb);
        }
        add("200 MiB of zeros".into(), "otlp_http", path, vec![proto, zipped], gzip(&vec![0; 200 << 20]));
        add(
            "200 MiB of zeros as JSON".into(),
            "otlp_http",
            path,
            vec![json, zipped],
            gzip(&vec![b' '; 200 << 20]),
        );
        for depth in [33, 60, 1_000, 100_000] {
            add(format!("depth {depth}"), "otlp_http", path, vec![proto], nested_any_value(depth));
            let brackets = "[".repeat(depth) + &"]".repeat(depth);
            add(format!("JSON depth {depth}"), "otlp_http", path, vec![json], brackets.into_bytes());
            let open = "{\"a\":".repeat(depth);
            add(format!("open JSON depth {depth}"), "otlp_http", path, vec![json], open.into_bytes());
        }
        for length in [u64::from(u32::MAX), u64::MAX, 1 << 40] {
            let lie = [vec![0x0a], varint(length), vec![1, 2, 3]].concat();
            add(format!("length {length}"), "otlp_http", path, vec![proto], lie);
        }
        add("endless varint".into(), "otlp_http", path, vec![proto], vec![0xff; 4096]);
        add("groups".into(), "otlp_http", path, vec![proto], vec![0x0b; 4096]);
        add("not UTF-8".into(), "otlp_http", path, vec![json], vec![0xff; 64]);
        add("null".into(), "otlp_http", path, vec![json], b"null".to_vec());
        add(
            "wrong types".into(),
            "otlp_http",
            path,
            vec![json],
            br#"{"resourceSpans":7,"resourceLogs":"x"}"#.to_vec(),
        );
        add(
            "truncated gzip".into(),
            "otlp_http",
            path,
            vec![proto, zipped],
            gzip(&good_protobuf())[..12].to_vec(),
        );
        add("msgpack as protobuf".into(), "otlp_http", path, vec![proto], good_msgpack());
    }
    let good = good_protobuf();
    for cut in 1..good.len() {
        add(format!("OTLP cut at {cut}"), "otlp_http", "/v1/traces", vec![proto], good[..cut].to_vec());
    }
    for path in ["/v0.3/traces", "/v0.4/traces", "/v0.5/traces"] {
        for (name, head) in
            [("array", [0xdd, 0xff]), ("map", [0xdf, 0xff]), ("text", [0xdb, 0xff]), ("bytes", [0xc6, 0xff])]
        {
            let lie = [&head[..1], &[0xff; 4], &[0x91; 16]].concat();
            add(format!("4 billion in a {name}"), "datadog", path, vec![msgpack], lie);
            let inner = [&[0x91, 0x91][..], &head[..1], &[0xff; 4]].concat();
            add(format!("4 billion in an inner {name}"), "datadog", path, vec![msgpack], inner);
        }
        for depth in [100, 10_000, 1_000_000] {
            add(format!("depth {depth}"), "datadog", path, vec![msgpack], vec![0x91; depth]);
        }
        add("a million empty traces".into(), "datadog", path, vec![msgpack, zipped], {
            gzip(&[&[0xdd, 0, 0x0f, 0x42, 0x40][..], &vec![0x90; 1_000_000]].concat())
        });
        add("a million empty spans".into(), "datadog", path, vec![msgpack, zipped], {
            gzip(&[&[0x91, 0xdd, 0, 0x0f, 0x42, 0x40][..], &vec![0x80; 1_000_000]].concat())
        });
        add("reserved byte".into(), "datadog", path, vec![msgpack], vec![0xc1]);
        add("HTML".into(), "datadog", path, vec![("content-type", "text/html")], b"<html>".to_vec());
        add("deep JSON".into(), "datadog", path, vec![json], "[".repeat(100_000).into_bytes());
    }
    let good = good_msgpack();
    for cut in 1..good.len() {
        add(format!("v0.4 cut at {cut}"), "datadog", "/v0.4/traces", vec![msgpack], good[..cut].to_vec());
    }
    cases
}

/// Bodies for LLM Observability's doors: events and evaluations in JSON.
fn llm_cases() -> Vec<Case> {
    let json = ("content-type", "application/json");
    let zipped = ("content-encoding", "gzip");
    let ids = r#""span_id":"9","_dd":{"apm_trace_id":"07070707070707070707070707070707"}"#;
    let mut cases = Vec::new();
    let spans = ("/evp_proxy/v2/api/v2/llmobs", r#"[{"spans":["#, "]}]");
    let metrics =
        ("/evp_proxy/v4/api/intake/llm-obs/v2/eval-metric", r#"{"data":{"attributes":{"metrics":["#, "]}}}");
    for (path, head, tail) in [spans, metrics] {
        let mut add = |name: &str, headers: Vec<_>, body: Vec<u8>| {
            cases.push(Case { name: name.to_owned(), listener: "datadog", path, headers, body });
        };
        let around = |inner: &str| [head, inner, tail].concat().into_bytes();
        let packed = |inner: &str| gzip(&around(inner));
        add("a million empty records", vec![json, zipped], packed(&vec!["{}"; 1_000_000].join(",")));
        add("ten million nulls", vec![json, zipped], packed(&vec!["null"; 10_000_000].join(",")));
        let list = format!("{{{ids},\"tags\":[{}1]}}", "1,".repeat(10_000_000));
        add("ten million numbers in one record", vec![json, zipped], packed(&list));
        let keys: String = (0..1_000_000).map(|n| format!(",\"k{n}\":1")).collect();
        add("a million fields in one record", vec![json, zipped], packed(&format!("{{{ids}{keys}}}")));
        let text = format!("{{{ids},\"name\":\"{}\"}}", "x".repeat(60 << 20));
        add("a name of 60 MiB", vec![json, zipped], packed(&text));
        let escaped = format!("{{{ids},\"name\":\"{}\"}}", "\\u0041".repeat(5 << 20));
        add("five million escapes", vec![json, zipped], packed(&escaped));
        add("200 MiB of spaces", vec![json, zipped], gzip(&vec![b' '; 200 << 20]));
        for depth in [33, 600, 100_000, 5_000_000] {
            let (open, close) = (r#"{"a":["#.repeat(depth), "]}".repeat(depth));
            add("deep objects", vec![json, zipped], packed(&format!("{{{ids},\"meta\":{open}1{close}}}")));
            add("brackets that stay open", vec![json, zipped], gzip("[".repeat(depth).as_bytes()));
        }
        for (name, inner) in [
            ("a number", "7"),
            ("a text", "\"x\""),
            ("a list", "[[]]"),
            ("no ids", "{}"),
            ("ids of the wrong type", r#"{"span_id":{"a":1},"trace_id":[1]}"#),
            (
                "numbers past 64 bits",
                r#"{"span_id":99999999999999999999,"trace_id":1e400,"start_ns":-1e400}"#,
            ),
            ("half an escape", r#"{"span_id":"\u12"#),
            ("half a surrogate", r#"{"span_id":"1","trace_id":"1","name":"\ud800"}"#),
            ("a key twice", r#"{"span_id":"1","span_id":"0","trace_id":"1","trace_id":"x"}"#),
            ("a null in each field", r#"{"span_id":null,"_dd":null,"meta":null,"tags":null,"join_on":null}"#),
        ] {
            add(name, vec![json], around(inner));
        }
        for body in
            [&b""[..], b" ", b"null", b"7", b"[", b"{}", b"[[]]", b"{\"data\":7}", b"\xff\xfe", b"\0\0\0"]
        {
            add("a body that is none", vec![json], body.to_vec());
        }
        add("msgpack", vec![("content-type", "application/msgpack")], good_msgpack());
        add("msgpack that says JSON", vec![json], good_msgpack());
        add("gzip that is none", vec![json, zipped], b"{}".to_vec());
        add("half a gzip", vec![json, zipped], packed("{}")[..12].to_vec());
        add("an unknown encoding", vec![json, ("content-encoding", "br")], around("{}"));
    }
    cases
}

#[test]
fn bombs_cost_nothing() {
    let daemon = Daemon::start();
    let mut cases = cases();
    cases.extend(llm_cases());
    assert!(cases.len() >= 200, "{} cases", cases.len());
    let before = daemon.resident();
    let mut refused = 0;
    for case in &cases {
        let mut request = daemon.http().post(daemon.url(case.listener, case.path)).body(case.body.clone());
        for (name, value) in &case.headers {
            request = request.header(*name, *value);
        }
        // A door may close on a body it has refused already; that is an answer too.
        let Ok(answer) = request.send() else { continue };
        let status = answer.status().as_u16();
        assert!((200..500).contains(&status) || status == 503, "{} on {}: {status}", case.name, case.path);
        refused += u32::from(status >= 400);
    }
    let after = daemon.resident();
    assert!(refused >= 150, "only {refused} of {} were refused", cases.len());
    assert!(after < before + 64 * MIB, "grew from {} to {} MiB", before / MIB, after / MIB);
    let body = span_json("alive", "still", "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let answer = daemon.http().post(daemon.url("otlp_http", "/v1/traces")).json(&body).send();
    assert!(answer.expect("answers").status().is_success());
    assert_eq!(daemon.count("SELECT count(*) AS n FROM spans WHERE service = 'alive'"), 1);
}

#[test]
fn slow_and_broken_connections_do_no_harm() {
    let daemon = Daemon::start();
    let mut open = Vec::new();
    for listener in ["otlp_http", "datadog", "ui", "api"] {
        for start in [
            "",
            "P",
            "POST /v1/traces HTTP/1.1\r\n",
            "POST /v1/traces HTTP/1.1\r\ncontent-length: 99\r\n\r\n",
        ] {
            let mut stream = std::net::TcpStream::connect(&daemon.addresses[listener]).expect("connects");
            stream.write_all(start.as_bytes()).expect("sends");
            open.push(stream);
        }
    }
    let mut garbage = std::net::TcpStream::connect(&daemon.addresses["otlp_grpc"]).expect("connects");
    garbage.write_all(&[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]).expect("sends");
    assert_eq!(daemon.get("/api/health")["status"], "ok");
}
