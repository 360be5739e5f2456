//! `at`: the command line. A client of the daemon's HTTP API, for people and for scripts; it knows no room but the
//! shared words, and must never read the store by itself.

mod api;
mod arguments;
mod connect;
mod follow;
mod grid;
mod home;
mod limits;
mod paint;
mod sample;
mod sql;
mod status;
mod text;
mod traces;
mod waterfall;

use api::{Api, AskError};
use arguments::{Arguments, Command};
use clap::Parser;
use paint::Paint;
use std::io::{self, Write};
use std::process::ExitCode;
use tundra_record::env::{Clock, SystemClock};

/// The daemon answered, but not with what was asked for.
const EXIT_ANSWER: u8 = 1;
/// No daemon answered.
const EXIT_NO_DAEMON: u8 = 3;

/// What every command needs: somebody to ask, somewhere to write, and the time.
struct Context<'o> {
    api: Api,
    out: &'o mut dyn Write,
    paint: Paint,
    clock: &'o dyn Clock,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = run(arguments, &mut out, Paint::of_stdout(), &SystemClock);
    let done = done.and_then(|code| out.flush().map(|()| code).map_err(Into::into));
    match done {
        Ok(code) => code,
        // The reader of the pipe has seen enough (`at traces | head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{} {error:#}", Paint::of_stderr().red("error:"));
            ExitCode::from(exit_code(&error))
        }
    }
}

fn run(
    arguments: Arguments,
    out: &mut dyn Write,
    paint: Paint,
    clock: &dyn Clock,
) -> anyhow::Result<ExitCode> {
    let api = Api::find(arguments.api.as_deref())?;
    let mut context = Context { api, out, paint, clock };
    match arguments.command {
        Command::Status => return status::run(&mut context),
        Command::Traces(filter) => traces::run(&mut context, &filter)?,
        Command::Trace { id, all, json } => waterfall::run(&mut context, &id, all, json)?,
        Command::Sql { statement, limit } => sql::run(&mut context, &statement, limit)?,
        Command::Sample { remove } => sample::run(&mut context, remove)?,
        Command::Connect { client, no_wait } => connect::run(&mut context, client, !no_wait)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<AskError>() {
        Some(AskError::NoDaemon { .. } | AskError::NotRunning) => EXIT_NO_DAEMON,
        _ => EXIT_ANSWER,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests;
