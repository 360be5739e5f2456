//! Real clients send to the running daemon and are found again through the API.

use crate::running::{Daemon, eventually};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

fn cache() -> PathBuf {
    let base = std::env::var_os("TUNDRA_TEST_CACHE").map(PathBuf::from).or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
        cache.map(|cache| cache.join("tundra-tests"))
    });
    base.expect("HOME is set")
}

pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
}

/// The folder's name changes with the lock file, so that a changed lock installs anew.
fn stamp(lock: &Path) -> String {
    let text = std::fs::read(lock).unwrap_or_else(|error| panic!("{}: {error}", lock.display()));
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// The Python of a virtual environment that holds the pinned clients.
pub(crate) fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| environment("requirements.lock", "python"))
}

/// The Python of an environment that holds an old ddtrace, whose packages need not agree with the clients'.
pub(crate) fn old_python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| environment("ddtrace_v03.lock", "ddtrace-v03"))
}

fn environment(lock: &str, name: &str) -> PathBuf {
    let lock = root().join("tests/clients/python").join(lock);
    let home = cache().join(format!("{name}-{}", stamp(&lock)));
    let python = home.join("bin/python");
    if !home.join("complete").exists() {
        std::fs::create_dir_all(&home).expect("a cache folder");
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home));
        let pip =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"];
        run(Command::new(&python).args(pip).arg(&lock));
        std::fs::write(home.join("complete"), "").expect("a stamp");
    }
    python
}

/// A folder with the pinned Node clients installed.
pub(crate) fn node() -> &'static Path {
    static NODE: OnceLock<PathBuf> = OnceLock::new();
    NODE.get_or_init(|| {
        let source = root().join("tests/clients/node");
        let home = cache().join(format!("node-{}", stamp(&source.join("package-lock.json"))));
        if !home.join("complete").exists() {
            std::fs::create_dir_all(&home).expect("a cache folder");
            for file in ["package.json", "package-lock.json", ".npmrc"] {
                std::fs::copy(source.join(file), home.join(file)).expect("a copy");
            }
            run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--silent"]).current_dir(&home));
            std::fs::write(home.join("complete"), "").expect("a stamp");
        }
        home
    })
}

/// The mock model provider, killed on drop.
pub(crate) struct Provider {
    child: Child,
    pub(crate) url: String,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let script = root().join("tests/clients/python/mock_provider.py");
        let mut child = Command::new("python3")
            .arg(script)
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .expect("the mock provider starts");
        let mut port = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut port).expect("the mock provider prints its port");
        Self { child, url: format!("http://127.0.0.1:{}", port.trim()) }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Runs a client to its end and returns what it printed first: its trace id.
pub(crate) fn trace_of(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the client runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    let id = out.lines().find(|line| line.len() == 32 && line.bytes().all(|b| b.is_ascii_hexdigit()));
    id.unwrap_or_else(|| panic!("no trace id in {out}\n{err}")).to_owned()
}

pub(crate) fn script(name: &str) -> Command {
    let mut command = Command::new(python());
    command.arg(root().join("tests/clients/python").join(name)).env("PYTHONWARNINGS", "ignore");
    command
}

/// The trace with at least `spans` spans.
pub(crate) fn wait_for(daemon: &Daemon, trace: &str, spans: u64) -> Value {
    eventually("the trace is complete", || {
        let found = daemon.try_get(&format!("/api/traces/{trace}"))?;
        (found["totals"]["spans"].as_u64()? >= spans).then_some(found)
    })
}

pub(crate) fn the_call(daemon: &Daemon, trace: &str) -> Value {
    eventually("the model call is found", || {
        let rows = daemon.sql(&format!(
            "SELECT provider, request_model, response_model, input_tokens, cache_read_tokens, output_tokens, \
             reasoning_tokens, cost_pusd, finish_reason, dialect FROM llm_calls WHERE trace_id = '{trace}'"
        ));
        assert!(rows.len() <= 1, "one call counts once: {rows:?}");
        rows.into_iter().next()
    })
}

/// What the mock provider's one call must come out as.
pub(crate) fn check_call(call: &Value, dialect: &str) {
    let fields = [
        ("provider", json!("openai")),
        ("request_model", json!("gpt-4o")),
        ("input_tokens", json!(1234)),
        ("cache_read_tokens", json!(1024)),
        ("output_tokens", json!(56)),
        ("cost_pusd", json!(2_365_000_000_i64)),
        ("dialect", json!(dialect)),
    ];
    for (name, want) in fields {
        assert_eq!(call[name], want, "{name} of {call}");
    }
}

#[test]
fn opentelemetry_python_http_and_grpc() {
    let daemon = Daemon::start();
    let provider = Provider::start();
    for (protocol, endpoint) in [("http", daemon.url("otlp_http", "")), ("grpc", daemon.url("otlp_grpc", ""))]
    {
        let trace = trace_of(script("otel_app.py").args([protocol, &endpoint, &provider.url]));
        let service = format!("otel-python-{protocol}");
        let skeleton = wait_for(&daemon, &trace, 3);
        assert_eq!(skeleton["totals"]["errors"], json!(1), "{skeleton}");
        check_call(&the_call(&daemon, &trace), "otel_genai");
        let rows = daemon.sql(&format!(
            "SELECT service, version, env, kind, attrs['user.mail'] AS mail, events FROM spans \
             WHERE trace_id = '{trace}' AND name = 'GET /checkout'"
        ));
        let root = &rows[0];
        assert_eq!(root["service"], json!(service));
        assert_eq!(
            (&root["version"], &root["env"], &root["kind"]),
            (&json!("1.2.3"), &json!("tests"), &json!("server"))
        );
        assert!(!root.to_string().contains("jane.doe"), "an address was stored: {root}");
        assert!(root["events"].to_string().contains("cart loaded"), "{root}");
        let logs =
            daemon.sql(&format!("SELECT body, severity, span_id FROM logs WHERE trace_id = '{trace}'"));
        assert!(logs.iter().any(|log| log["body"] == json!("payment failed for order-7")), "{logs:?}");
        eventually("metrics arrive", || {
            let rows =
                daemon.sql(&format!("SELECT name, type, value FROM metrics WHERE service = '{service}'"));
            let has = |name: &str| rows.iter().any(|row| row["name"] == json!(name));
            (has("orders") && has("latency")).then_some(())
        });
    }
}

#[test]
fn openinference_python() {
    let daemon = Daemon::start();
    let provider = Provider::start();
    let trace = trace_of(script("openinference_app.py").args([&daemon.url("otlp_http", ""), &provider.url]));
    wait_for(&daemon, &trace, 2);
    let call = the_call(&daemon, &trace);
    check_call(&call, "openinference");
    assert_eq!(call["finish_reason"], json!("tool_calls"), "{call}");
    let messages = daemon.sql(&format!(
        "SELECT direction, role, kind, content, tool_name FROM llm_messages WHERE trace_id = '{trace}'"
    ));
    assert!(messages.iter().any(|m| m["content"] == json!("Weather in Paris?")), "{messages:?}");
    assert!(messages.iter().any(|m| m["tool_name"] == json!("get_weather")), "{messages:?}");
}

#[test]
fn dogstatsd_python() {
    let daemon = Daemon::start();
    let port = daemon.addresses["dogstatsd"].rsplit(':').next().expect("a port").to_owned();
    run(script("statsd_app.py").arg(port));
    crate::datadog::wait_for_metrics(&daemon);
}
