//! Reads over the data of the ingest benchmark: traces by id, the trace list, SQL.

use super::clients::Traffic;
use super::process::{self, Daemon};
use super::report::{Better, Report, p50_p95};
use anyhow::ensure;
use std::time::Instant;

const SAMPLED: usize = 100;
const WARM_UP: usize = 5;

pub(crate) fn measure(daemon: &Daemon, traffic: &Traffic, report: &mut Report) -> anyhow::Result<()> {
    let step = (traffic.traces.len() / SAMPLED).max(1);
    let before = process::cpu_seconds(daemon.pid())?;
    let mut times = Vec::new();
    for trace in traffic.traces.iter().step_by(step).take(SAMPLED) {
        let begun = Instant::now();
        let found = daemon.get(&format!("/api/traces/{trace}"))?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        ensure!(found["totals"]["spans"] == 8, "trace {trace} is not whole: {found}");
    }
    let cpu = (process::cpu_seconds(daemon.pid())? - before) * 1e3 / times.len() as f64;
    let (p50, p95) = p50_p95(times);
    report.add("trace by id over HTTP, p50", p50, "ms", 10.0, Better::Less);
    report.note("trace by id over HTTP, p95", p95, "ms");
    report.note("CPU per trace by id", cpu, "ms");
    // The traffic's own time: the generator starts at a fixed moment.
    let list = "/api/traces?from_ns=1690000000000000000&to_ns=1900000000000000000&limit=50";
    let mut times = Vec::new();
    for _ in 0..WARM_UP + 20 {
        let begun = Instant::now();
        let found = daemon.get(list)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        ensure!(found["traces"].as_array().is_some_and(|traces| traces.len() == 50), "the list is not full");
    }
    let (p50, p95) = p50_p95(times.split_off(WARM_UP));
    report.add("trace list, first page, p50", p50, "ms", 100.0, Better::Less);
    report.note("trace list, first page, p95", p95, "ms");
    for (name, sql) in [
        (
            "SQL: errors by service",
            "SELECT service, count(*) AS n FROM spans WHERE status = 'error' GROUP BY 1",
        ),
        (
            "SQL: tokens and cost by model",
            "SELECT request_model, sum(input_tokens) AS n, sum(cost_pusd) AS c FROM llm_calls GROUP BY 1",
        ),
    ] {
        let begun = Instant::now();
        daemon.count(&format!("SELECT count(*) AS n FROM ({sql})"))?;
        report.note(name, begun.elapsed().as_secs_f64() * 1e3, "ms");
    }
    Ok(())
}
