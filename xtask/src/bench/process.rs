//! A daemon under measurement: started on free ports, asked through its API, weighed through /proc.

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Builds what is measured: the same profile as `make run`.
pub(crate) fn build(root: &Path) -> anyhow::Result<()> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--bin", "at-daemon"])
        .current_dir(root)
        .status()?;
    ensure!(status.success(), "the daemon does not build");
    Ok(())
}

/// A running daemon, killed on drop; its data goes with it.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    data: PathBuf,
    http: reqwest::blocking::Client,
    addresses: Value,
    pub(crate) until_healthy: Duration,
}

impl Daemon {
    pub(crate) fn start(root: &Path) -> anyhow::Result<Self> {
        let data = std::env::temp_dir().join(format!("tundra-bench-{}", std::process::id()));
        let _from_an_earlier_run = std::fs::remove_dir_all(&data);
        std::fs::create_dir_all(&data)?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let mut command = Command::new(target.join("release/at-daemon"));
        for listener in ["UI", "API", "OTLP_HTTP", "OTLP_GRPC", "DATADOG", "DOGSTATSD"] {
            command.env(format!("AT_LISTEN_{listener}"), "127.0.0.1:0");
        }
        command
            .env("AT_DATA_DIR", &data)
            .env("AT_FORWARD_DATADOG", "off")
            .env("AT_PROFILES_DISCOVER", "false");
        let http = reqwest::blocking::Client::builder().timeout(Duration::from_secs(60)).build()?;
        let begun = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut daemon = Self { child, data, http, addresses: Value::Null, until_healthy: Duration::ZERO };
        let listening = daemon.data.join("listening.json");
        while begun.elapsed() < Duration::from_secs(30) {
            if let Ok(text) = std::fs::read_to_string(&listening) {
                daemon.addresses = serde_json::from_str(&text).unwrap_or(Value::Null);
                if daemon.addresses.is_object() && daemon.get("/api/health").is_ok() {
                    daemon.until_healthy = begun.elapsed();
                    return Ok(daemon);
                }
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        bail!("the daemon did not become healthy")
    }

    pub(crate) fn url(&self, listener: &str, path: &str) -> String {
        format!("http://{}{path}", self.addresses[listener].as_str().unwrap_or(""))
    }

    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.http.get(self.url("api", path)).send()?.error_for_status()?;
        answer.json().context("not JSON")
    }

    pub(crate) fn post(&self, path: &str) -> anyhow::Result<()> {
        let body = serde_json::json!({});
        self.http.post(self.url("api", path)).json(&body).send()?.error_for_status()?;
        Ok(())
    }

    /// One number.
    pub(crate) fn count(&self, statement: &str) -> anyhow::Result<u64> {
        let body = serde_json::json!({ "sql": statement });
        let text =
            self.http.post(self.url("api", "/api/sql")).json(&body).send()?.error_for_status()?.text()?;
        let row: Value = serde_json::from_str(text.lines().next().context("no row")?)?;
        row.as_object().and_then(|row| row.values().next()?.as_u64()).context("not a number")
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
        let _best_effort = std::fs::remove_dir_all(&self.data);
    }
}

/// User plus system time of a process, in seconds.
pub(crate) fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, after) = stat.rsplit_once(')').context("no command name")?;
    Ok(after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() / 100.0)
}

/// Resident memory of a process, in MB.
pub(crate) fn resident_mb(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no resident size")?;
    let kib: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kib * 1024.0 / 1e6)
}

/// Waits until a process has used less than 0.03 s of CPU in 2 s: what was deferred is done.
pub(crate) fn wait_until_quiet(pid: u32) -> anyhow::Result<()> {
    let mut before = cpu_seconds(pid)?;
    for _ in 0..60 {
        std::thread::sleep(Duration::from_secs(2));
        let now = cpu_seconds(pid)?;
        if now - before < 0.03 {
            return Ok(());
        }
        before = now;
    }
    bail!("the process did not come to rest in two minutes")
}

/// Bytes of all files below a folder.
pub(crate) fn disk_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk_bytes(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
