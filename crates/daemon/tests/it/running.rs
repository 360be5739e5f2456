//! A daemon that runs for one test: its own data folder, free ports, killed on drop.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take before a test gives up; never a measure of speed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running daemon.
pub(crate) struct Daemon {
    child: Child,
    data: PathBuf,
    _own: Option<TempDir>,
    pub(crate) addresses: BTreeMap<String, String>,
    http: reqwest::blocking::Client,
}

/// Variables that a test's daemon must not inherit.
fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars() {
        let foreign = ["DD_", "OTEL_", "AT_", "OPENAI_", "ANTHROPIC_", "GEMINI_", "GOOGLE_"];
        if foreign.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// The command that starts a daemon on free ports with its data in `data`.
pub(crate) fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_at-daemon"));
    clean(&mut command)
        .env("AT_DATA_DIR", data)
        .env("AT_FORWARD_DATADOG", "off")
        .env("AT_PROFILES_DISCOVER", "false");
    for listener in ["UI", "API", "OTLP_HTTP", "OTLP_GRPC", "DATADOG", "DOGSTATSD"] {
        command.env(format!("AT_LISTEN_{listener}"), "127.0.0.1:0");
    }
    command
}

impl Daemon {
    /// Starts a daemon with an empty data folder.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with more variables.
    pub(crate) fn start_with(variables: &[(&str, &str)]) -> Self {
        let own = TempDir::new().expect("a temporary folder");
        let mut daemon = Self::start_in(own.path(), variables);
        daemon._own = Some(own);
        daemon
    }

    /// Starts a daemon on the data in `data`.
    pub(crate) fn start_in(data: &Path, variables: &[(&str, &str)]) -> Self {
        let log = std::fs::File::create(data.join("test-output.log")).expect("a log file");
        let mut command = command(data);
        command.envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a handle")).stderr(log);
        let child = command.spawn().expect("the daemon starts");
        let http = reqwest::blocking::Client::builder().timeout(PATIENCE).build().expect("a client");
        let mut daemon = Self { child, data: data.to_owned(), _own: None, addresses: BTreeMap::new(), http };
        daemon.wait_until_healthy();
        daemon
    }

    fn wait_until_healthy(&mut self) {
        let pid = self.child.id();
        let listening = self.data.join("listening.json");
        eventually("the daemon is healthy", || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the daemon ended with {status}:\n{}", self.output());
            }
            let Ok(text) = std::fs::read_to_string(&listening) else { return None };
            let Ok(Value::Object(names)) = serde_json::from_str(&text) else { return None };
            if names.get("pid").and_then(Value::as_u64) != Some(u64::from(pid)) {
                return None;
            }
            self.addresses = names
                .iter()
                .filter_map(|(name, addr)| Some((name.clone(), addr.as_str()?.to_owned())))
                .collect();
            let health = self.http.get(self.url("api", "/api/health")).send().ok()?;
            health.status().is_success().then_some(())
        });
    }

    /// `http://host:port/path` of a listener.
    pub(crate) fn url(&self, listener: &str, path: &str) -> String {
        format!("http://{}{path}", self.addresses[listener])
    }

    /// GET on the API, as JSON.
    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.http.get(self.url("api", path)).send().expect("the API answers");
        let status = answer.status();
        let text = answer.text().expect("a body");
        assert!(status.is_success(), "GET {path}: {status}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("GET {path}: {error}: {text}"))
    }

    /// GET that may fail, as JSON.
    pub(crate) fn try_get(&self, path: &str) -> Option<Value> {
        let answer = self.http.get(self.url("api", path)).send().ok()?;
        if !answer.status().is_success() {
            return None;
        }
        answer.json().ok()
    }

    /// POST of JSON to the API: status and body.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.http.post(self.url("api", path)).json(body).send().expect("the API answers");
        let status = answer.status().as_u16();
        (status, answer.json().unwrap_or(Value::Null))
    }

    /// The rows of a statement.
    pub(crate) fn sql(&self, statement: &str) -> Vec<Value> {
        let body = serde_json::json!({"sql": statement, "limit": 100_000});
        let answer = self.http.post(self.url("api", "/api/sql")).json(&body).send().expect("the API answers");
        let text = answer.text().expect("a body");
        let rows: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
        if let Some(error) = rows.iter().find_map(|row| row.get("error")) {
            panic!("{statement}: {error}");
        }
        rows
    }

    /// A single number.
    pub(crate) fn count(&self, statement: &str) -> u64 {
        let rows = self.sql(statement);
        let row = rows.first().and_then(Value::as_object).expect("one row");
        row.values().next().and_then(Value::as_u64).expect("a count")
    }

    /// The client used for the API, for requests of a test's own.
    pub(crate) fn http(&self) -> &reqwest::blocking::Client {
        &self.http
    }

    /// Sum of the ledger's rows with this counter.
    pub(crate) fn ledger(&self, counter: &str) -> u64 {
        let health = self.get("/api/health");
        let rows = health["ledger"].as_array().expect("a ledger").clone();
        rows.iter().filter(|row| row["counter"] == counter).filter_map(|row| row["value"].as_u64()).sum()
    }

    /// What the daemon printed.
    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(self.data.join("test-output.log")).unwrap_or_default()
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory now, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a process");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a resident size");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be reaped");
    }

    /// SIGTERM, and the exit code.
    pub(crate) fn stop(&mut self) -> i32 {
        let pid = self.pid().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        let code = eventually("the daemon stops", || self.child.try_wait().expect("it can be waited for"));
        code.code().unwrap_or(-1)
    }
}

#[expect(clippy::print_stderr, reason = "a failed test shows what its daemon said")]
impl Drop for Daemon {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the daemon's output ---\n{}", self.output());
        }
    }
}

/// Asks until there is an answer; panics when patience ends.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "gave up waiting: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
