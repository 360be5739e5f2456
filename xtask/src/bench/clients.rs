//! The traffic of the benchmarks: made by `tests/bench/gen.py`, which peers were measured with too, so it stays as it is.

use anyhow::{Context as _, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Requests and the trace ids in them.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) spans: u64,
    pub(crate) bodies: Vec<Vec<u8>>,
    pub(crate) traces: Vec<String>,
}

/// Makes `spans` spans in requests of 512.
pub(crate) fn traffic(root: &Path, spans: u64) -> anyhow::Result<Traffic> {
    let folder = std::env::temp_dir();
    let bodies = folder.join(format!("tundra-traffic-{spans}.bin"));
    let ids = folder.join(format!("tundra-traffic-{spans}.ids"));
    if !bodies.exists() || !ids.exists() {
        let script = root.join("tests/bench/gen.py");
        let status =
            Command::new(python(root)?).arg(script).arg(spans.to_string()).arg(&bodies).arg(&ids).status()?;
        ensure!(status.success(), "the generator failed");
    }
    let all = std::fs::read(&bodies)?;
    let mut rest = all.as_slice();
    let mut requests = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (body, after) =
            after.split_at_checked(u32::from_be_bytes(*length) as usize).context("cut traffic file")?;
        requests.push(body.to_vec());
        rest = after;
    }
    let traces = std::fs::read_to_string(&ids)?.lines().map(str::to_owned).collect();
    Ok(Traffic { spans, bodies: requests, traces })
}

/// A Python that knows OpenTelemetry's protobuf, in a folder of its own.
fn python(_root: &Path) -> anyhow::Result<PathBuf> {
    let home = std::env::temp_dir().join("tundra-bench-python");
    let python = home.join("bin/python");
    if !home.join("complete").exists() {
        ensure!(
            Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home).status()?.success(),
            "no venv"
        );
        let packages = ["-m", "pip", "install", "--quiet", "opentelemetry-proto==1.44.0"];
        ensure!(
            Command::new(&python).args(packages).status()?.success(),
            "opentelemetry-proto does not install"
        );
        std::fs::write(home.join("complete"), "")?;
    }
    Ok(python)
}
