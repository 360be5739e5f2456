//! `cargo xtask bench`: the figures of docs/benchmarks.md, measured on a release build of the daemon as a whole process.
//!
//! CPU time is user plus system time of the daemon's process, the work done after the last answer included. Nothing here
//! asserts: figures stand beside their goals, and a person reads them.

mod clients;
mod ingest;
mod process;
mod reads;
mod report;
mod screen;
mod startup;
mod tasks;

use crate::house::House;
use report::Report;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Spans to send in the ingest benchmark.
    #[arg(long, default_value_t = 1_000_000)]
    spans: u64,
    /// Also measure this peer in the same run, from its package registry: `phoenix`.
    #[arg(long)]
    peer: Option<String>,
    /// Write the figures into docs/benchmarks.md between its markers.
    #[arg(long)]
    write: bool,
}

/// Builds the daemon, measures, prints.
pub(crate) fn run(house: &House, options: &Options) -> anyhow::Result<()> {
    let root = house.root.as_path();
    process::build(root)?;
    let mut report = Report::default();
    startup::measure(root, &mut report)?;
    let traffic = clients::traffic(root, options.spans)?;
    let running = ingest::measure(root, &traffic, &mut report)?;
    reads::measure(&running, &traffic, &mut report)?;
    drop(running);
    tasks::measure(root, &mut report)?;
    screen::measure(root, &mut report)?;
    if options.peer.as_deref() == Some("phoenix") {
        ingest::measure_phoenix(root, &mut report)?;
    }
    report.print();
    if options.write {
        report.write(&root.join("docs/benchmarks.md"))?;
    }
    Ok(())
}
