//! How fast it starts and how little it does when nothing comes in.

use super::process::{self, Daemon};
use super::report::{Better, Report, p50_p95};
use std::path::Path;
use std::time::Duration;

const STARTS: usize = 15;
const IDLE: Duration = Duration::from_secs(20);

pub(crate) fn measure(root: &Path, report: &mut Report) -> anyhow::Result<()> {
    let mut healthy = Vec::new();
    let mut bound = Vec::new();
    for _ in 0..STARTS {
        let daemon = Daemon::start(root)?;
        healthy.push(daemon.until_healthy.as_secs_f64() * 1e3);
        let startup = daemon.get("/api/health")?["startup"].clone();
        bound.push(startup["ports_bound_us"].as_f64().unwrap_or(f64::NAN) / 1e3);
    }
    report.add("healthy after exec, median of 15", p50_p95(healthy).0, "ms", 50.0, Better::Less);
    report.add("ports bound after `main`, median of 15", p50_p95(bound).0, "ms", 3.0, Better::Less);
    let daemon = Daemon::start(root)?;
    std::thread::sleep(Duration::from_secs(5));
    let before = process::cpu_seconds(daemon.pid())?;
    std::thread::sleep(IDLE);
    let used = process::cpu_seconds(daemon.pid())? - before;
    report.add("idle CPU", used / IDLE.as_secs_f64() * 100.0, "%", 0.1, Better::Less);
    report.add("idle resident memory", process::resident_mb(daemon.pid())?, "MB", 60.0, Better::Less);
    Ok(())
}
