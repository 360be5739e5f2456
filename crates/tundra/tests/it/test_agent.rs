//! Datadog's own test Agent, with all its checks on, takes what we send: both trace formats and statistics.
//!
//! It is a Python program, pinned in `tests/clients/python/test_agent.lock` and installed once into the cache folder of the
//! real clients.
#![cfg(unix)]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tracing::{error, info_span};
use tundra::DatadogAgent;
use tundra::testing::Collector;
use tundra_record::Value;
use tundra_record::value::from_json;

const PATIENCE: Duration = Duration::from_secs(120);
const CHECKS: &str = "meta_tracer_version_header,trace_count_header,trace_content_length,trace_stall,\
    trace_peer_service,trace_dd_service,meta_events_is_valid_json";

fn cache() -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    folder("TUNDRA_TEST_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("tundra-tests")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/tundra-tests")))
        .expect("HOME is set")
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{err}", output.status);
}

/// The folder of programs of a virtual environment that holds the test Agent; its name changes with the lock file.
fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients/python/test_agent.lock");
        let text = std::fs::read(&lock).expect("a lock file");
        let stamp = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let home = cache().join(format!("test-agent-{stamp:016x}"));
        if !home.join("complete").exists() {
            std::fs::create_dir_all(&home).expect("a cache folder");
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home));
            let pip =
                ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"];
            run(Command::new(home.join("bin/python")).args(pip).arg(&lock));
            std::fs::write(home.join("complete"), "").expect("a stamp");
        }
        home.join("bin")
    })
}

/// A running test Agent, killed on drop.
struct Agent {
    child: Child,
    folder: PathBuf,
}

/// Ports that were free a moment ago. The test Agent insists on three different ones, and cannot choose them itself.
fn free_ports() -> [String; 3] {
    let listeners = [(); 3].map(|()| std::net::TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("bound").port().to_string())
}

impl Agent {
    fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tundra-agent-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut agent = Self { child: Self::spawn(&folder), folder };
        let until = Instant::now() + PATIENCE;
        while UnixStream::connect(agent.socket()).is_err() {
            assert!(Instant::now() < until, "the test Agent does not listen");
            // Somebody else may have taken a port in between.
            if agent.child.try_wait().expect("a child").is_some() {
                agent.child = Self::spawn(&agent.folder);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        agent
    }

    fn spawn(folder: &Path) -> Child {
        let [apm, http, grpc] = free_ports();
        Command::new(programs().join("ddapm-test-agent"))
            .args(["--port", &apm, "--otlp-http-port", &http, "--otlp-grpc-port", &grpc])
            .arg("--trace-uds-socket")
            .arg(folder.join("apm.socket"))
            .args(["--pool-trace-check-failures", "true"])
            .env("ENABLED_CHECKS", CHECKS)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the test Agent starts")
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("apm.socket")
    }

    fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// What it answers to a question, which must be JSON unless nothing is said.
    fn ask(&self, path: &str) -> Value<'static> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n");
        let answer = self.talk(request.as_bytes());
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        from_json(body).unwrap_or(Value::Bool(false)).into_owned()
    }

    /// Asks until the answer is as it should be.
    fn eventually(&self, path: &str, fits: impl Fn(&[Value<'static>]) -> bool) -> Vec<Value<'static>> {
        let until = Instant::now() + PATIENCE;
        loop {
            let Value::List(items) = self.ask(path) else { panic!("{path}: no list") };
            if fits(&items) {
                return items;
            }
            assert!(Instant::now() < until, "{path}: {items:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn talk(&self, request: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.socket()).expect("it listens");
        stream.write_all(request).expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        String::from_utf8(answer).expect("text")
    }

    /// Which checks have failed since it started.
    fn failures(&self) -> Option<String> {
        let request = "GET /test/trace_check/failures HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n";
        let answer = self.talk(request.as_bytes());
        (!answer.starts_with("HTTP/1.1 200")).then_some(answer)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A request with everything in it.
fn request() {
    let root = info_span!(
        "request",
        otel.kind = "server",
        http.request.method = "GET",
        http.route = "/users",
        http.response.status_code = 200,
        ratio = 0.5
    );
    root.in_scope(|| {
        info_span!("query", otel.kind = "client", db.system = "postgresql", rows = 3_u64).in_scope(|| ());
        let failed = info_span!("failed", ok = false);
        failed.follows_from(&root);
        failed.in_scope(|| error!(error = "no such user", attempt = 2, "lookup failed"));
    });
}

fn names(traces: &[Value<'static>]) -> Vec<String> {
    let spans = traces.iter().flat_map(|trace| match trace {
        Value::List(spans) => spans.as_slice(),
        _ => &[],
    });
    let mut names: Vec<_> = spans.filter_map(|span| Some(span.get("name")?.as_str()?.to_owned())).collect();
    names.sort();
    names
}

/// The first span with this name.
fn span<'v>(traces: &'v [Value<'static>], name: &str) -> &'v Value<'static> {
    let spans =
        traces.iter().filter_map(|trace| if let Value::List(spans) = trace { Some(spans) } else { None });
    let named = |span: &&Value<'_>| span.get("name").and_then(Value::as_str) == Some(name);
    spans.flatten().find(named).expect(name)
}

fn collector(agent: &Agent, set: impl FnOnce(DatadogAgent) -> DatadogAgent) -> Collector {
    let exporter = set(DatadogAgent::new(&agent.url()).expect("an address"));
    Collector::with(|builder| builder.service("shop").env("test").version("1.2").exporter(Box::new(exporter)))
}

const REQUEST: [&str; 3] = ["failed", "http.server.request", "postgresql.query"];

#[test]
fn v04_and_statistics_are_accepted() {
    let agent = Agent::start("v04");
    let collector = collector(&agent, |agent| agent);
    // The first batch goes before the Agent has said what it can do.
    collector.in_scope(request);
    collector.spans();
    agent.eventually("/test/session/traces", |traces| names(traces) == REQUEST);
    collector.in_scope(|| {
        request();
        let call = tundra::llm::chat("openai", "gpt-4o");
        call.input(tundra::llm::Message::user("Hi"));
        call.usage(tundra::llm::Usage { input: Some(3), output: Some(1), ..tundra::llm::Usage::default() });
    });
    collector.guard().set_sample_rate(0.0);
    collector.in_scope(|| (0..5).for_each(|_| info_span!("dropped").in_scope(|| ())));
    collector.spans();
    let mut expect = [&REQUEST[..], &REQUEST, &["openai.request"]].concat();
    expect.sort_unstable();
    let traces = agent.eventually("/test/session/traces", |traces| names(traces) == expect);
    let root = span(&traces, "http.server.request");
    let meta = root.get("meta").expect("tags");
    assert_eq!(root.get("resource").and_then(Value::as_str), Some("request"));
    assert_eq!(meta.get("http.status_code").and_then(Value::as_str), Some("200"));
    assert_eq!(meta.get("env").and_then(Value::as_str), Some("test"));
    assert_eq!(meta.get("_dd.p.tid").and_then(Value::as_str).map(str::len), Some(16));
    assert!(
        span(&traces, "failed").get("span_links").is_some()
            && span(&traces, "failed").get("span_events").is_some()
    );
    assert!(span(&traces, "openai.request").get("meta_struct").and_then(|all| all.get("_llmobs")).is_some());
    drop(collector);
    let stats = agent.eventually("/test/session/stats", |stats| !stats.is_empty());
    let mut json = String::new();
    tundra_record::value::write_json_text(&Value::List(stats), &mut json);
    // Also what was not sent has been counted.
    assert!(json.contains("\"Resource\":\"dropped\""), "{json}");
    assert!(json.contains("\"Hits\":5"), "{json}");
    assert!(json.contains("\"Name\":\"http.server.request\""), "{json}");
    assert_eq!(agent.failures(), None);
}

#[test]
fn v05_is_accepted() {
    let agent = Agent::start("v05");
    let collector = collector(&agent, |agent| agent.prefer_v05(true));
    collector.in_scope(|| info_span!("warm_up").in_scope(|| ()));
    collector.spans();
    agent.eventually("/test/session/traces", |traces| names(traces) == ["warm_up"]);
    collector.in_scope(|| {
        info_span!("plain", n = 1, ratio = 0.5, text = "é", big = u64::MAX).in_scope(|| {
            info_span!("inner", otel.kind = "client").in_scope(|| ());
        });
    });
    collector.spans();
    let traces =
        agent.eventually("/test/session/traces", |traces| names(traces) == ["inner", "plain", "warm_up"]);
    assert_eq!(
        span(&traces, "plain").get("metrics").and_then(|all| all.get("ratio")),
        Some(&Value::Double(0.5))
    );
    let Value::List(requests) = agent.ask("/test/session/requests") else { panic!("no list") };
    let is_v05 =
        |request: &Value<'_>| request.get("url").is_some_and(|url| url.to_text().ends_with("/v0.5/traces"));
    assert!(requests.iter().any(is_v05), "{requests:?}");
    assert_eq!(agent.failures(), None);
    // And it would have said so.
    let wrong =
        b"POST /v0.4/traces HTTP/1.1\r\nHost: agent\r\nConnection: close\r\nX-Datadog-Trace-Count: 5\r\n\
        Content-Type: application/msgpack\r\nContent-Length: 1\r\n\r\n\x90";
    agent.talk(wrong);
    assert!(agent.failures().is_some_and(|failures| failures.contains("trace_count_header")));
}

#[test]
fn remote_configuration_is_applied() {
    let agent = Agent::start("config");
    let content = r#"{"path":"datadog/2/APM_TRACING/rate/config",
        "msg":{"action":"enable","service_target":{"service":"shop","env":"test"},
        "lib_config":{"tracing_sampling_rate":0,"log_injection_enabled":false}}}"#;
    let head = "POST /test/session/responses/config/path HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n";
    let said = agent.talk(format!("{head}Content-Length: {}\r\n\r\n{content}", content.len()).as_bytes());
    assert!(said.starts_with("HTTP/1.1 2"), "{said}");
    let collector = collector(&agent, |agent| agent);
    let until = Instant::now() + PATIENCE;
    // Each span is a batch, and with each batch what was heard before is applied.
    let mut kept = 0;
    loop {
        assert!(Instant::now() < until, "the rate is never applied");
        collector.in_scope(|| info_span!("probe").in_scope(|| ()));
        let now = collector.spans().len();
        if now == kept {
            break;
        }
        kept = now;
        std::thread::sleep(Duration::from_millis(20));
    }
    collector.in_scope(|| info_span!("probe").in_scope(|| tracing::info!("without ids")));
    let lines = collector.lines();
    assert!(lines.contains("without ids") && !lines.contains("trace_id"), "{lines}");
    assert_eq!(agent.failures(), None);
}
