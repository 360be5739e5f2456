//! Nothing that the rules know is in the bytes that exporters send or write, sampled or not, nor in Prometheus's text.

use crate::redaction::{MAIL, WAYS, clean, left};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tracing::info_span;
use tundra::testing::Collector;
use tundra::{DatadogAgent, DogStatsD, JsonLines, Otlp};

const PATIENCE: Duration = Duration::from_secs(60);

/// An Agent that leaves counting to us and takes all forms.
const MODERN: &str = r#"{"endpoints":["/v0.4/traces","/v0.5/traces","/v0.6/stats","/v0.7/config"],
    "client_drop_p0s":true,"span_meta_structs":true,"peer_tags":["db.name"]}"#;
/// One that wants to see everything itself.
const PLAIN: &str = r#"{"endpoints":["/v0.4/traces"],"span_meta_structs":false}"#;

/// What came in: path and body.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

/// A server that takes everything, and says this about itself.
fn server(info: &'static str) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    std::thread::spawn(move || {
        listener.incoming().map_while(Result::ok).for_each(|stream| {
            let _ = serve(stream, info, &kept);
        });
    });
    (url, seen)
}

fn serve(mut stream: TcpStream, info: &str, seen: &Seen) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.split_once("Content-Length: ").and_then(|(_, rest)| rest.split("\r\n").next());
    let mut body = vec![0; length.and_then(|text| text.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body)?;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let answer = if path == "/info" { info } else { "{}" };
    // Headers can hold secrets, too.
    let body = format!("{head}{}", String::from_utf8_lossy(&body));
    seen.lock().expect("no panic").push((path, body));
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())
}

/// All bodies for a path, one after the other.
fn bodies(seen: &Seen, path: &str) -> String {
    let seen = seen.lock().expect("no panic");
    seen.iter().filter(|(found, _)| found == path).map(|(_, body)| body.as_str()).collect()
}

/// Whether the exporter has heard what the server is: it asks, and sends one request at a time.
fn knows(seen: &Seen) -> bool {
    let seen = seen.lock().expect("no panic");
    seen.iter().position(|(path, _)| path == "/info").is_some_and(|asked| asked + 1 < seen.len())
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn datagrams(socket: &UdpSocket) -> String {
    socket.set_nonblocking(true).expect("a socket");
    let (mut all, mut packet) = (String::new(), [0; 10_000]);
    while let Ok(bytes) = socket.recv(&mut packet) {
        all.push_str(&String::from_utf8_lossy(&packet[..bytes]));
        all.push('\n');
    }
    all
}

/// Plants every secret in one program with every exporter, and looks at all that came out.
fn check(
    name: &str,
    rate: f64,
    collector: impl FnOnce(&dyn Fn(tundra::Builder) -> tundra::Builder) -> Collector,
) {
    let agents = [server(MODERN), server(MODERN), server(PLAIN)];
    let (otlp, collected) = server("{}");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let statsd = format!("udp://{}", socket.local_addr().expect("bound"));
    let file = Written::default();
    let collector = collector(&|builder| {
        let [modern, table, plain] =
            agents.each_ref().map(|(url, _)| DatadogAgent::new(url).expect("an address"));
        let builder = builder.service(format!("shop of {MAIL}")).attribute("owner", MAIL).sample_rate(rate);
        let builder = builder.exporter(Box::new(modern)).exporter(Box::new(plain));
        let builder = builder.exporter(Box::new(table.prefer_v05(true)));
        let builder = builder.exporter(Box::new(Otlp::new(&otlp).expect("an address")));
        let builder = builder.exporter(Box::new(DogStatsD::new(&statsd).expect("an address")));
        builder.exporter(Box::new(JsonLines::writer(Box::new(file.clone()))))
    });
    let until = Instant::now() + PATIENCE;
    while !agents.iter().all(|(_, seen)| knows(seen)) {
        assert!(Instant::now() < until, "{name}: an Agent is not asked");
        collector.in_scope(|| drop(tundra::llm::agent("warm_up")));
        collector.spans();
        std::thread::sleep(Duration::from_millis(5));
    }
    for (_, plant) in WAYS {
        collector.in_scope(plant);
        // A batch of its own: others would keep it from a form that has no place for them.
        collector.spans();
    }
    collector.points();
    clean(&left(&collector), name);
    let text = tundra::metrics::prometheus();
    assert!(text.contains("logins_total{who=\"[EMAIL]\"}"), "{text}");
    clean(&text, name);
    drop(collector);
    let [(_, modern), (_, table), (_, plain)] = &agents;
    let written = String::from_utf8_lossy(&file.0.lock().expect("no panic")).into_owned();
    let stats = bodies(modern, "/v0.6/stats");
    let mut out = vec![
        ("v0.4", bodies(modern, "/v0.4/traces")),
        ("v0.4 without structures", bodies(plain, "/v0.4/traces")),
        ("statistics", stats),
        ("OTLP traces", bodies(&collected, "/v1/traces")),
        ("OTLP logs", bodies(&collected, "/v1/logs")),
        ("OTLP metrics", bodies(&collected, "/v1/metrics")),
        ("file", written),
        ("datagrams", datagrams(&socket)),
    ];
    assert!(out[0].1.contains("_llmobs"), "{name}");
    if rate > 0.0 {
        out.push(("v0.5", bodies(table, "/v0.5/traces")));
    }
    for (form, text) in &out {
        // It was there, or there would be nothing to take out.
        assert!(text.contains("[EMAIL]"), "{name}, {form}: {text}");
    }
    for seen in [modern, table, plain, &collected] {
        let seen = seen.lock().expect("no panic");
        seen.iter().for_each(|(path, body)| clean(body, &format!("{name}, {path}")));
    }
    out.iter().for_each(|(form, text)| clean(text, &format!("{name}, {form}")));
}

#[test]
fn planted_secrets_are_in_no_bytes() {
    crate::alone("wires::planted_secrets_are_in_no_bytes", || {
        for rate in [1.0, 0.0] {
            check("root", rate, |set| Collector::with(set));
            #[cfg(feature = "layer")]
            check("layer", rate, |set| Collector::layered(set));
        }
    });
}

#[test]
fn equal_series_are_joined() {
    crate::alone("wires::equal_series_are_joined", || {
        let collector = Collector::new();
        for who in ["jane@mail.example.org", "joe@mail.example.org"] {
            tundra::counter!("sign.ins", 2, who = who);
            tundra::histogram!("sign.in.ms", 3.0, who = who);
        }
        let _running = info_span!("running");
        let text = tundra::metrics::prometheus();
        for line in ["sign_ins_total{who=\"[EMAIL]\"} 4\n", "sign_in_ms_sum{who=\"[EMAIL]\"} 6\n"] {
            assert_eq!(text.matches(line).count(), 1, "{text}");
        }
        drop(collector);
    });
}
