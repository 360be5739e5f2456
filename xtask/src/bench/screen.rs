//! From the click on a trace of 10,000 spans to its painted rows, in headless Chromium against a running daemon.

use super::process::Daemon;
use super::report::{Better, Report, p50_p95};
use anyhow::{Context as _, ensure};
use std::path::Path;
use std::process::Command;

const CLICKS: usize = 5;

pub(crate) fn measure(root: &Path, report: &mut Report) -> anyhow::Result<()> {
    let ui = root.join("ui");
    ensure!(ui.join("node_modules").exists(), "the packages of the UI are missing: run `make ui`");
    let daemon = Daemon::start(root)?;
    daemon.post("/api/sample")?;
    let mut times = Vec::new();
    for _ in 0..CLICKS {
        let output = Command::new("npm")
            .args(["run", "--silent", "e2e", "--", "--only", "keyboard", "--base", &daemon.url("ui", "")])
            .current_dir(&ui)
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "the browser journey failed:\n{said}");
        let (before, _) = said.split_once(" ms from the click").context("the journey says no time")?;
        let time = before.rsplit(' ').next().and_then(|word| word.parse::<f64>().ok());
        times.push(time.context("the journey's time is no number")?);
    }
    let what = "a trace of 10,000 spans, click to painted rows, median of 5";
    report.add(what, p50_p95(times).0, "ms", 200.0, Better::Less);
    Ok(())
}
