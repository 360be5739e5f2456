//! `cargo xtask bench sdk`: the SDK beside its peers (`benches/sdk`, a workspace of its own), and its instruction counts.
//!
//! Instruction counts are the gate: they do not depend on who else uses the machine. Times are a report.

use super::report;
use crate::house::cargo;
use anyhow::{Context as _, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Only count instructions (needs valgrind), and fail if a count is above its ceiling.
    #[arg(long)]
    counts: bool,
    /// A fifth of the usual rounds.
    #[arg(long)]
    quick: bool,
    /// Build all of it with thin link-time optimization and one codegen unit.
    #[arg(long)]
    lto: bool,
    /// Write the figures into docs/benchmarks.md between their markers.
    #[arg(long)]
    write: bool,
}

const BEGIN: &str = "<!-- figures of the SDK: written by `cargo xtask bench sdk --write` -->";
const END: &str = "<!-- end of the SDK's figures -->";

/// Builds the benchmark, measures, prints; gives whether every count is within its ceiling.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<bool> {
    let folder = root.join("benches/sdk");
    let program = build(&folder, if options.lto { "lto" } else { "release" })?;
    // The ceilings are those of the usual build.
    let gate = options.counts || (!options.lto && has_valgrind());
    let (counts, within) = if gate { count(&folder, &program)? } else { (String::new(), true) };
    println!("{counts}");
    if options.counts {
        return Ok(within);
    }
    let mut referee = Command::new(&program);
    if options.quick {
        referee.arg("quick");
    }
    let output = referee.stderr(Stdio::inherit()).output().context("the benchmark does not start")?;
    ensure!(output.status.success(), "the benchmark failed");
    let figures = String::from_utf8(output.stdout)?;
    println!("{figures}");
    if options.write {
        let page = format!("{}\n\n{}\n{counts}", machine(&folder)?, figures.trim());
        report::replace(&root.join("docs/benchmarks.md"), (BEGIN, END), &page)?;
    }
    Ok(within)
}

fn build(folder: &Path, profile: &str) -> anyhow::Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| folder.join("target"), PathBuf::from);
    let target = target.join("bench-sdk");
    let status = Command::new(cargo())
        .args(["build", "--profile", profile, "--target-dir"])
        .arg(&target)
        .current_dir(folder)
        .status()?;
    ensure!(status.success(), "benches/sdk does not build");
    Ok(target.join(profile).join("tundra-sdk-bench"))
}

fn has_valgrind() -> bool {
    let version = Command::new("valgrind").arg("--version").output();
    let found = version.is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("valgrind not found: no instruction counts");
    }
    found
}

/// The ceilings: lines `side.row = instructions`.
fn ceilings(text: &str) -> anyhow::Result<Vec<(String, f64)>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entry = |line: &str| {
        let (name, ceiling) = line.split_once('=')?;
        Some((name.trim().to_owned(), ceiling.trim().parse().ok()?))
    };
    lines.map(|line| entry(line).with_context(|| format!("not `side.row = number`: `{line}`"))).collect()
}

fn count(folder: &Path, program: &Path) -> anyhow::Result<(String, bool)> {
    let text = std::fs::read_to_string(folder.join("counts.toml"))?;
    let mut table =
        "### Instructions per operation\n\n| row | counted | ceiling |\n|---|---|---|\n".to_owned();
    let mut within = true;
    for (name, ceiling) in ceilings(&text)? {
        let (side, row) = name.split_once('.').context("a ceiling's name is `side.row`")?;
        let counted = instructions(program, side, row)?;
        table.push_str(&format!("| {side}: {row} | {counted:.0} | {ceiling:.0} |\n"));
        if counted > ceiling {
            within = false;
            eprintln!(
                "{name}: {counted:.0} instructions, the ceiling in benches/sdk/counts.toml is {ceiling:.0}"
            );
        }
    }
    Ok((table, within))
}

/// Instructions per operation on the calling thread, in the bursts alone.
fn instructions(program: &Path, side: &str, row: &str) -> anyhow::Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*measured*"])
        .arg(program)
        .args(["count", side, row])
        .output()
        .context("valgrind does not start: install it")?;
    let operations: f64 = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .with_context(|| format!("{side} has no row {row}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    let counted = told.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse::<f64>().ok());
    match counted {
        Some(counted) => Ok(counted / operations),
        None => bail!("valgrind counted nothing: {told}"),
    }
}

/// What all of it ran on, and against.
fn machine(folder: &Path) -> anyhow::Result<String> {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("an unknown processor", |(_, name)| name.trim());
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let rustc = Command::new("rustc").arg("--version").current_dir(folder).output()?.stdout;
    let lock = std::fs::read_to_string(folder.join("Cargo.lock"))?;
    let version = |name: &str| {
        let entry = lock.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{name}\"\n")));
        let version = entry.and_then(|entry| entry.split("version = \"").nth(1)?.split('"').next());
        format!("{name} {}", version.unwrap_or("?"))
    };
    let peers = [
        "tracing",
        "tracing-subscriber",
        "fastrace",
        "opentelemetry_sdk",
        "opentelemetry-otlp",
        "tracing-opentelemetry",
        "datadog-opentelemetry",
        "metrics",
        "metrics-exporter-prometheus",
        "metrics-exporter-dogstatsd",
    ];
    let rustc = String::from_utf8_lossy(&rustc);
    let peers = peers.map(version).join(", ");
    Ok(format!("{count} processors, {model}, {}; {}. {peers}.", std::env::consts::ARCH, rustc.trim()))
}

#[cfg(test)]
mod tests {
    use super::ceilings;

    #[test]
    fn ceilings_are_lines() {
        for (text, expect) in [
            ("", Some(vec![])),
            ("# why\n\na.b = 3\nc.d=4.5", Some(vec![("a.b".to_owned(), 3.0), ("c.d".to_owned(), 4.5)])),
            ("a.b", None),
            ("a.b = much", None),
        ] {
            assert_eq!(ceilings(text).ok(), expect, "{text:?}");
        }
    }
}
