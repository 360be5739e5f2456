//! The command line, and everything that is printed plainly.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the one place that talks to the terminal"
)]

use crate::banner::Banner;
use crate::config::{Raw, SETTINGS, Sources};
use anyhow::Context as _;
use clap::Parser;
use std::path::PathBuf;

/// LLM-native observability in one binary: takes Datadog, OpenTelemetry and DogStatsD traffic, understands the model calls
/// in it, stores it and shows it.
#[derive(Debug, Parser)]
#[command(
    name = "at-daemon",
    version,
    after_help = "Every setting is also a variable AT_<SECTION>_<KEY>; --check lists them all."
)]
pub(crate) struct Arguments {
    /// Which settings to start from: development (the default), staging or production. DD_ENV works too.
    environment: Option<String>,
    /// A TOML file with settings. AT_CONFIG works too.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print every setting with its value and origin, and start nothing.
    #[arg(long)]
    pub(crate) check: bool,
}

impl Arguments {
    /// Reads the command line; answers --help and errors by itself.
    pub(crate) fn read() -> Self {
        Self::parse()
    }

    /// Everything that configuration is read from.
    pub(crate) fn sources(&self) -> anyhow::Result<Sources> {
        let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let mut variables: std::collections::BTreeMap<_, _> = std::env::vars_os().filter_map(utf8).collect();
        let named = variables.remove("AT_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
        let file = match self.config.clone().or(named) {
            Some(path) => {
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("cannot read the configuration file `{}`", path.display()))?;
                Some((path, text))
            }
            None => None,
        };
        Ok(Sources { environment: self.environment.clone(), file, variables })
    }
}

/// Says why the daemon does not run.
pub(crate) fn complain(error: &anyhow::Error) {
    eprintln!("at-daemon: {error:#}");
}

/// What would run: `--check`.
pub(crate) fn print_settings(raw: &Raw) {
    println!("environment = {}\n", raw.environment);
    for setting in SETTINGS {
        println!("# {}", setting.doc);
        let value = if setting.name == "api.token" || setting.name == "redact.hash_key" {
            raw.filled(setting.name).map_or("", |_| "(set)")
        } else {
            raw.value(setting.name)
        };
        println!("{} = {value}    # from {}\n", setting.name, raw.origin(setting.name));
    }
    let unsupported = raw.unsupported();
    if !unsupported.is_empty() {
        println!("# set, and not supported here: {}", unsupported.join(", "));
    }
}

/// Prints the block a person reads first.
pub(crate) fn print_banner(banner: &Banner) {
    println!("{banner}");
}
