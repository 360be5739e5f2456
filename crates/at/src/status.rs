//! `at status`: is it well, where does it listen, where does it forward, and does the ledger add up.

use crate::Context;
use crate::grid::Grid;
use crate::text::{clean, count, duration};
use serde::Deserialize;
use std::io;
use std::process::ExitCode;

/// What `GET /api/health` answers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Health {
    status: String,
    version: String,
    uptime_ms: i64,
    pub(crate) addresses: Addresses,
    data_dir: String,
    forwarder: Option<Forwarder>,
    ledger: Vec<LedgerLine>,
    pid: Option<u64>,
}

/// Where it listens; a missing address is switched off.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Addresses {
    pub(crate) ui: Option<String>,
    pub(crate) api: Option<String>,
    pub(crate) otlp_http: Option<String>,
    pub(crate) otlp_grpc: Option<String>,
    pub(crate) datadog: Option<String>,
    pub(crate) dogstatsd: Option<String>,
    /// Only named where there are some.
    pub(crate) datadog_socket: Option<String>,
    pub(crate) dogstatsd_socket: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Forwarder {
    state: String,
    target: Option<String>,
    detail: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LedgerLine {
    protocol: String,
    counter: String,
    reason: String,
    value: u64,
}

pub(crate) fn run(context: &mut Context<'_>) -> anyhow::Result<ExitCode> {
    let health: Health = context.api.get("/api/health", &[])?;
    let well = health.status == "ok";
    write(context, &health, well)?;
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(crate::EXIT_ANSWER) })
}

fn write(context: &mut Context<'_>, health: &Health, well: bool) -> io::Result<()> {
    let paint = context.paint;
    let status = clean(&health.status);
    let status = if well { paint.green(&status) } else { paint.red(&status) };
    let pid = health.pid.map_or(String::new(), |pid| format!(", pid {pid}"));
    let up = duration(health.uptime_ms.saturating_mul(1_000_000));
    writeln!(context.out, "at-daemon {} is {status}, up {up}{pid}", clean(&health.version))?;
    writeln!(context.out)?;
    let addresses = &health.addresses;
    let listeners = [
        ("UI", &addresses.ui),
        ("API", &addresses.api),
        ("OTLP/HTTP", &addresses.otlp_http),
        ("OTLP/gRPC", &addresses.otlp_grpc),
        ("Datadog", &addresses.datadog),
        ("DogStatsD", &addresses.dogstatsd),
    ];
    for (name, address) in listeners {
        line(context, name, address.as_deref().unwrap_or("off"))?;
    }
    for socket in [&addresses.datadog_socket, &addresses.dogstatsd_socket].into_iter().flatten() {
        line(context, "Socket", socket)?;
    }
    line(context, "Data", &health.data_dir)?;
    line(context, "Forwards", &forwards(health.forwarder.as_ref()))?;
    ledger(context, &health.ledger)?;
    writeln!(context.out, "\n{}", paint.dim(&context.api.link("/")))
}

fn line(context: &mut Context<'_>, name: &str, value: &str) -> io::Result<()> {
    let name = context.paint.dim(&format!("  {name:<10}"));
    writeln!(context.out, "{name} {}", clean(value))
}

fn forwards(forwarder: Option<&Forwarder>) -> String {
    let Some(forwarder) = forwarder else { return "nothing".to_owned() };
    let target = forwarder.target.as_ref().map(|target| format!(" to {target}"));
    let detail = forwarder.detail.as_ref().filter(|detail| !detail.is_empty() && **detail != forwarder.state);
    let detail = detail.map(|detail| format!(" ({detail})"));
    format!("{}{}{}", forwarder.state, target.unwrap_or_default(), detail.unwrap_or_default())
}

fn ledger(context: &mut Context<'_>, lines: &[LedgerLine]) -> io::Result<()> {
    let told: Vec<&LedgerLine> = lines.iter().filter(|line| line.value > 0).collect();
    if told.is_empty() {
        return writeln!(context.out, "\nnothing has come in yet: `at connect otel` shows how");
    }
    let mut grid = Grid::default().text("ledger").text("counter").number("records").long_text("reason");
    for line in &told {
        let text = |text: &str| clean(text).into_owned();
        grid.row(vec![text(&line.protocol), text(&line.counter), count(line.value), text(&line.reason)]);
    }
    writeln!(context.out)?;
    let paint = context.paint;
    let lost = |index: usize| matches!(told[index].counter.as_str(), "dropped" | "rejected");
    let mark = |index: usize, line: &str| if lost(index) { paint.red(line) } else { line.to_owned() };
    grid.write(context.out, paint, mark)
}
