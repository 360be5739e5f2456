//! A thousand tasks at once in a program that uses the SDK, sent to a daemon over OTLP: is every span there?

use super::process::Daemon;
use super::report::{Better, Report};
use anyhow::ensure;
use std::path::Path;
use std::time::{Duration, Instant};
use tracing::Instrument as _;

const TASKS: u64 = 1_000;
const OPERATIONS: u64 = 100;
/// What one operation waits for, as a call to somewhere would.
const WAIT: Duration = Duration::from_millis(1);

async fn task(n: u64) {
    for operation in 0..OPERATIONS {
        let span = tracing::info_span!("operation", operation, kind = "search", ok = true, tokens = 17 * n);
        async {
            tokio::time::sleep(WAIT).await;
            tundra::increment_counter!("operations", kind = "search");
        }
        .instrument(span)
        .await;
    }
}

pub(crate) fn measure(root: &Path, report: &mut Report) -> anyhow::Result<()> {
    let daemon = Daemon::start(root)?;
    let exporter = tundra::Otlp::new(&daemon.url("otlp_http", ""))?;
    let guard =
        tundra::builder().service("bench-tasks").no_log_output().exporter(Box::new(exporter)).install()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    let begun = Instant::now();
    runtime.block_on(async {
        let all: Vec<_> =
            (0..TASKS).map(|n| tokio::spawn(task(n).instrument(tracing::info_span!("task", n)))).collect();
        for one in all {
            one.await?;
        }
        anyhow::Ok(())
    })?;
    let took = begun.elapsed();
    guard.flush(Duration::from_secs(30))?;
    drop(guard);
    let (expected, health) = (TASKS * (OPERATIONS + 1), tundra::health());
    let stored =
        daemon.count("SELECT count(*) AS n FROM spans WHERE service = 'bench-tasks' AND source = 'otlp'")?;
    ensure!(
        health.spans.created == expected && stored + health.spans.dropped_total() == expected,
        "the ledger does not add up: {expected} spans, {stored} stored, {:?}",
        health.spans
    );
    let name = "1,000 tasks of 100 operations through the SDK: spans stored";
    report.add(name, stored as f64, "spans", expected as f64, Better::More);
    report.note("the tasks took", took.as_secs_f64() * 1e3, "ms");
    Ok(())
}
