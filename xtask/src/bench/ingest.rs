//! Ingest: one connection, OTLP over HTTP in protobuf, each request acknowledged before the next is sent.

use super::clients::Traffic;
use super::process::{self, Daemon};
use super::report::{Better, Report};
use anyhow::ensure;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn send(url: &str, bodies: &[Vec<u8>]) -> anyhow::Result<Duration> {
    let http = reqwest::blocking::Client::builder().timeout(Duration::from_secs(120)).build()?;
    let begun = Instant::now();
    for body in bodies {
        let request = http.post(url).header("content-type", "application/x-protobuf").body(body.clone());
        request.send()?.error_for_status()?;
    }
    Ok(begun.elapsed())
}

/// The daemon, still running, and the spans it took for a second of CPU.
pub(crate) fn measure(root: &Path, traffic: &Traffic, report: &mut Report) -> anyhow::Result<(Daemon, f64)> {
    let daemon = Daemon::start(root)?;
    let before = process::cpu_seconds(daemon.pid())?;
    let took = send(&daemon.url("otlp_http", "/v1/traces"), &traffic.bodies)?;
    process::wait_until_quiet(daemon.pid())?;
    let cpu = process::cpu_seconds(daemon.pid())? - before;
    let spans = traffic.spans as f64;
    let stored = daemon.count("SELECT count(*) AS n FROM spans WHERE source = 'otlp'")?;
    ensure!(stored == traffic.spans, "{stored} of {} spans are stored", traffic.spans);
    let name = format!("ingest, {} spans, durable, all work included", traffic.spans);
    report.add(&name, spans / cpu, "spans per CPU-second", 100_000.0, Better::More);
    report.add(
        "the same against VictoriaTraces (57,500 on this traffic)",
        spans / cpu,
        "spans per CPU-second",
        57_500.0,
        Better::More,
    );
    report.note(
        "the same, by the wall clock over one connection",
        spans / took.as_secs_f64(),
        "spans per second",
    );
    report.add("resident memory after it", process::resident_mb(daemon.pid())?, "MB", 120.0, Better::Less);
    report.add(
        "disk",
        process::disk_bytes(daemon.data()) as f64 / spans,
        "bytes per span",
        100.0,
        Better::Less,
    );
    Ok((daemon, spans / cpu))
}

/// Spans that are sent to Phoenix: it takes about 4 ms of CPU for each.
const PHOENIX_SPANS: u64 = 5_000;

/// Arize Phoenix from its package registry, in the same run: the LLM observability tool people start with.
/// `ours` is what the daemon took in this run, in spans for a second of CPU.
pub(crate) fn measure_phoenix(root: &Path, ours: f64, report: &mut Report) -> anyhow::Result<()> {
    let traffic = super::clients::traffic(root, PHOENIX_SPANS)?;
    let home = std::env::temp_dir().join("tundra-bench-phoenix");
    if !home.join("complete").exists() {
        ensure!(
            Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home).status()?.success(),
            "no venv"
        );
        let install = ["-m", "pip", "install", "--quiet", "arize-phoenix==20.26.1"];
        ensure!(
            Command::new(home.join("bin/python")).args(install).status()?.success(),
            "phoenix does not install"
        );
        std::fs::write(home.join("complete"), "")?;
    }
    let data = home.join("data");
    let _from_an_earlier_run = std::fs::remove_dir_all(&data);
    std::fs::create_dir_all(&data)?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let grpc = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut child = Command::new(home.join("bin/phoenix"))
        .arg("serve")
        .env("PHOENIX_WORKING_DIR", &data)
        .env("PHOENIX_HOST", "127.0.0.1")
        .env("PHOENIX_PORT", port.to_string())
        .env("PHOENIX_GRPC_PORT", grpc.to_string())
        .env("PHOENIX_TELEMETRY_ENABLED", "false")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let measured = measure_process(&mut child, &format!("http://127.0.0.1:{port}"), &traffic);
    let _already_gone = child.kill();
    child.wait()?;
    let (cpu, resident) = measured?;
    let theirs = PHOENIX_SPANS as f64 / cpu;
    report.note("Phoenix 20.26.1, 5,000 spans of the same traffic", theirs, "spans per CPU-second");
    report.note("the daemon takes as many times what Phoenix takes", ours / theirs, "times");
    report.note("Phoenix's resident memory after it", resident, "MB");
    Ok(())
}

fn measure_process(
    child: &mut std::process::Child,
    base: &str,
    traffic: &Traffic,
) -> anyhow::Result<(f64, f64)> {
    let begun = Instant::now();
    while reqwest::blocking::get(base).is_err() {
        ensure!(begun.elapsed() < Duration::from_secs(120), "phoenix did not start");
        std::thread::sleep(Duration::from_millis(200));
    }
    process::wait_until_quiet(child.id())?;
    let before = process::cpu_seconds(child.id())?;
    send(&format!("{base}/v1/traces"), &traffic.bodies)?;
    process::wait_until_quiet(child.id())?;
    Ok((process::cpu_seconds(child.id())? - before, process::resident_mb(child.id())?))
}
