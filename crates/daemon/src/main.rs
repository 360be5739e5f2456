//! The binary `at-daemon`: reads what was configured, binds the ports, builds the rooms, runs until it is told to stop.
//!
//! Nothing else lives in this crate: every capability belongs to a room, and `wire` puts the rooms together.

mod banner;
mod cli;
mod config;
mod forward;
mod heap;
mod own;
mod ports;
mod profiles;
mod stop;
mod usage;
mod view;
mod wire;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let begun = Instant::now();
    match run(begun) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(begun: Instant) -> anyhow::Result<()> {
    let arguments = cli::Arguments::read();
    let raw = config::Raw::read(arguments.sources()?)?;
    let config = config::Config::check(&raw)?;
    if arguments.check {
        cli::print_settings(&raw);
        return Ok(());
    }
    let bound = ports::Bound::bind(&config.listen)?;
    wire::run(config, raw.variables().clone(), bound, begun)
}
