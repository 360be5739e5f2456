//! `cargo xtask`: the project's own automation. People and CI call it; no room depends on it.
//! It must never change what the product does: it checks, measures and packs.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to a person")]

mod bench;
mod house;
mod tidy;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tundra's own automation")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check the house rules: sizes, imports, names, words, traces of machines, links.
    Tidy {
        /// Lower the entries of `xtask/tidy.ratchet` to what is measured; never raises or adds one.
        #[arg(long)]
        shrink: bool,
    },
    /// Measure the daemon: start, idle, ingest, memory, disk, reads, a client under load, beside their goals.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let house = house::House::open()?;
    match arguments.task {
        Task::Bench(options) => bench::run(&house, &options),
        Task::Tidy { shrink } => {
            if shrink {
                tidy::shrink(&house)?;
            }
            let problems = tidy::problems(&house)?;
            for problem in &problems {
                println!("{problem}");
            }
            match problems.len() {
                0 => println!("tidy: {} files, nothing to say", house.files.len()),
                1 => println!("tidy: 1 problem"),
                more => println!("tidy: {more} problems"),
            }
            Ok(problems.is_empty())
        }
    }
}
