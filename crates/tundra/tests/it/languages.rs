//! One trace across languages: real Python services, by ddtrace and by OpenTelemetry, ask a Rust service and are asked by
//! it over HTTP, and what all of them export is one tree.
//!
//! The Python clients are those of the end-to-end tests, pinned in `tests/clients/python/requirements.lock` and installed
//! once into their cache folder.
#![cfg(unix)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};
use tracing::{Dispatch, info, info_span};
use tundra::testing::Records;
use tundra::{DatadogAgent, Otlp, SpanExt, propagation};
use tundra_record::Span;
use tundra_wire::{Limits, datadog, otlp};

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(60);

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients/python")
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{text}", output.status);
}

/// The Python of a virtual environment that holds the pinned clients; its folder's name changes with the lock file.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let cache = folder("TUNDRA_TEST_CACHE")
            .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("tundra-tests")))
            .or_else(|| folder("HOME").map(|home| home.join(".cache/tundra-tests")))
            .expect("HOME is set");
        let lock = clients().join("requirements.lock");
        let stamp = std::fs::read(&lock)
            .expect("a lock file")
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let home = cache.join(format!("python-{stamp:016x}"));
        let python = home.join("bin/python");
        if !home.join("complete").exists() {
            std::fs::create_dir_all(&home).expect("a cache folder");
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home));
            let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"];
            run(Command::new(&python).args(pip).arg("-r").arg(&lock));
            std::fs::write(home.join("complete"), "").expect("a stamp");
        }
        python
    })
}

/// One HTTP request: path with query, headers by lower-case name, body.
struct Asked {
    path: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        loop {
            let mut size = String::new();
            stream.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).ok()?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                break;
            }
        }
    } else {
        body.resize(headers.get("content-length").map_or(0, |size| size.parse().unwrap_or(0)), 0);
        stream.read_exact(&mut body).ok()?;
    }
    Some(Asked { path, headers, body })
}

/// Serves each request on a free port of loopback; gives the address.
fn serve(answer: impl Fn(Asked) -> &'static str + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                while let Some(asked) = read_request(&mut stream) {
                    let body = answer(asked);
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
                    let sent = write!(stream.get_mut(), "{head}: {}\r\n\r\n{body}", body.len());
                    if sent.is_err() {
                        break;
                    }
                }
            });
        }
    });
    format!("http://{address}")
}

/// Takes what all of them export and keeps the spans.
fn back_end() -> (String, Arc<Mutex<Records>>) {
    let records = Arc::new(Mutex::new(Records::default()));
    let kept = Arc::clone(&records);
    let url = serve(move |asked| {
        let mut records = kept.lock().expect("no panic");
        let limits = Limits::default();
        let read = match asked.path.as_str() {
            "/v0.4/traces" => {
                let headers =
                    datadog::DatadogHeaders::read(|name| asked.headers.get(name).map(String::as_str));
                datadog::traces_v03_v04(&asked.body, &headers, &limits, &mut *records)
            }
            "/v1/traces" => otlp::traces(&asked.body, &limits, &mut *records),
            _ => Ok(()),
        };
        read.expect("well-formed");
        match asked.path.as_str() {
            "/info" => r#"{"endpoints": ["/v0.4/traces"]}"#,
            "/v0.4/traces" => r#"{"rate_by_service": {}}"#,
            _ => "",
        }
    });
    (url, records)
}

/// The Rust service: a span for each request, inside of the context that came with it.
fn rust_service(dispatch: Dispatch) -> String {
    serve(move |asked| {
        tracing::dispatcher::with_default(&dispatch, || {
            let remote = propagation::extract(|name| asked.headers.get(name).map(String::as_str));
            let answer = || info_span!("answer").in_scope(|| info!(path = asked.path, "asked"));
            remote.map_or_else(answer, |remote| remote.in_scope(answer));
        });
        "\"from Rust\""
    })
}

/// A Python service, killed on drop.
struct Service {
    child: Child,
    url: String,
}

impl Service {
    fn start(kind: &str, back_end: &str) -> Self {
        let mut child = Command::new(python())
            .arg(clients().join("service.py"))
            .arg(kind)
            .env("PYTHONWARNINGS", "ignore")
            .env("DD_TRACE_AGENT_URL", back_end)
            .env("DD_TRACE_API_VERSION", "v0.4")
            .env("DD_SERVICE", "python")
            .env("DD_INSTRUMENTATION_TELEMETRY_ENABLED", "false")
            .env("DD_REMOTE_CONFIGURATION_ENABLED", "false")
            .env("OTEL_SERVICE_NAME", "python")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", back_end)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let mut port = String::new();
        let output = child.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut port).expect("it prints its port");
        Self { child, url: format!("http://127.0.0.1:{}", port.trim()) }
    }

    /// Asks it for a page, with the context of the current span; gives the body of the answer.
    fn ask(&self, path: &str) -> String {
        let address = self.url.strip_prefix("http://").expect("ours");
        let mut stream = TcpStream::connect(address).expect("it listens");
        let mut request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        propagation::inject(|name, value| request.push_str(&format!("{name}: {value}\r\n")));
        stream.write_all(format!("{request}\r\n").as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains("200 OK"), "{answer}");
        body.to_owned()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The text under a key of a flat JSON object.
fn told(json: &str, key: &str) -> String {
    let (_, rest) =
        json.split_once(&format!("\"{key}\": \"")).unwrap_or_else(|| panic!("no {key} in {json}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// Waits until a trace is there as a whole: from its `answer` up to its root. Gives the names, innermost first.
fn way_up(records: &Mutex<Records>, trace: &str) -> Vec<String> {
    let until = Instant::now() + PATIENCE;
    loop {
        let spans: Vec<Span<'static>> = {
            let records = records.lock().expect("no panic");
            records.spans.iter().filter(|span| span.trace_id.to_string() == trace).cloned().collect()
        };
        let mut names = Vec::new();
        let mut at = spans.iter().find(|span| span.name == "answer");
        while let Some(span) = at {
            names.push(span.name.to_string());
            let Some(parent) = span.parent_id else { return names };
            at = spans.iter().find(|span| span.span_id == parent);
        }
        assert!(Instant::now() < until, "trace {trace} is not whole: {}", tundra::testing::tree(&spans));
        thread::sleep(Duration::from_millis(20));
    }
}

/// Both directions, through both doors. `between` are the Python service's spans on the way, innermost first.
fn check(kind: &str, between: &[&str]) {
    let (url, records) = back_end();
    let service = Service::start(kind, &url);
    let doors = crate::doors_with(|builder| {
        let builder = builder.service("rust");
        if kind == "ddtrace" {
            builder.exporter(Box::new(DatadogAgent::new(&url).expect("an address")))
        } else {
            builder.exporter(Box::new(Otlp::new(&url).expect("an address")))
        }
    });
    for collector in doors {
        let rust = rust_service(collector.dispatch());
        // From Rust to Python and back to Rust.
        let (ids, answer) = collector.in_scope(|| {
            let span = info_span!("ask").entered();
            (span.ids().expect("recorded"), service.ask(&format!("/relay?to={rust}/answer")))
        });
        let (trace, span) = (ids.0.to_string(), ids.1.to_string());
        assert_eq!((told(&answer, "trace"), told(&answer, "parent")), (trace.clone(), span), "{answer}");
        // From Python, where the trace begins, to Rust.
        let begun = service.ask(&format!("/relay?to={rust}/answer"));
        assert_eq!(told(&begun, "parent"), "0".repeat(16), "{begun}");
        let begun = told(&begun, "trace");
        assert_ne!(begun, trace);
        service.ask("/flush");
        collector.guard().flush(PATIENCE).expect("memory takes everything");
        assert_eq!(way_up(&records, &trace), [&["answer"], between, &["ask"]].concat());
        assert_eq!(way_up(&records, &begun), [&["answer"], between].concat());
    }
}

#[test]
fn ddtrace_in_python() {
    check("ddtrace", &["http.client.request", "wsgi.application", "wsgi.request"]);
}

#[test]
fn opentelemetry_in_python() {
    check("opentelemetry", &["GET", "GET /relay"]);
}
