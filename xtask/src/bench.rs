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
mod sdk;
mod startup;
mod tasks;

use crate::house::House;
use report::Report;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    other: Option<Other>,
    /// Spans to send in the ingest benchmark.
    #[arg(long, default_value_t = 1_000_000)]
    spans: u64,
    /// Also measure this peer in the same run, from its package registry, and compare: `phoenix`.
    #[arg(long, value_parser = ["phoenix"])]
    peer: Option<String>,
    /// Leave out start-up, reads, tasks and screens.
    #[arg(long, conflicts_with = "write")]
    only_ingest: bool,
    /// Write the figures into docs/benchmarks.md between its markers.
    #[arg(long)]
    write: bool,
}

/// What has benchmarks of its own.
#[derive(Clone, Debug, clap::Subcommand)]
enum Other {
    /// The SDK beside its peers: spans, metrics, memory, start and end, a whole service.
    Sdk(sdk::Options),
}

/// Builds the daemon, measures, prints; false if a gate did not hold.
pub(crate) fn run(house: &House, options: &Options) -> anyhow::Result<bool> {
    let root = house.root.as_path();
    if let Some(Other::Sdk(options)) = &options.other {
        return sdk::run(root, options);
    }
    process::build(root)?;
    let mut report = Report::default();
    if !options.only_ingest {
        startup::measure(root, &mut report)?;
    }
    let traffic = clients::traffic(root, options.spans)?;
    let (running, ours) = ingest::measure(root, &traffic, &mut report)?;
    if !options.only_ingest {
        reads::measure(&running, &traffic, &mut report)?;
    }
    drop(running);
    if !options.only_ingest {
        tasks::measure(root, &mut report)?;
        screen::measure(root, &mut report)?;
    }
    if options.peer.is_some() {
        ingest::measure_phoenix(root, ours, &mut report)?;
    }
    report.print();
    if options.write {
        report.write(&root.join("docs/benchmarks.md"))?;
    }
    Ok(true)
}
