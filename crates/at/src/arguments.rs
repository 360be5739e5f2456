//! What can be typed. `--help` is made from these comments, so they speak to a person.

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Ask a running Tundra daemon: is it well, what did my programs do, what did it cost.
#[derive(Debug, Parser)]
#[command(name = "at", version, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// Address of the daemon's API, such as http://127.0.0.1:9090. Without it the running daemon is found by
    /// `listening.json` in $AT_DATA_DIR, $XDG_DATA_HOME/tundra or ~/.local/share/tundra. A token is taken from
    /// $AT_API_TOKEN.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) api: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  at status
  at traces --service checkout --status error --since 1h
  at trace 4bf92f3577b34da6a3ce929d0e0e4736
  at sql \"SELECT request_model, count(*) FROM llm_calls GROUP BY 1\" > calls.ndjson

Exit codes: 0 done, 1 the daemon refused or knows nothing of it, 2 wrong usage, 3 no daemon running.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Health, listeners, forwarder, and the ledger of every record that came in
    Status,
    /// The newest traces
    Traces(Filter),
    /// One trace as a waterfall that fits the terminal (80 columns in a pipe)
    Trace {
        /// The trace's id, 32 hex digits
        id: String,
        /// Show every span, however many there are
        #[arg(long)]
        all: bool,
        /// Print the skeleton as the API gives it
        #[arg(long)]
        json: bool,
    },
    /// Ask in SQL: a table on a terminal, NDJSON in a pipe
    Sql {
        /// The statement; `-` reads it from standard input
        statement: String,
        /// Rows at most
        #[arg(long, default_value_t = 1000)]
        limit: u32,
    },
    /// Load sample data: an agent run with tools, a failing tool, three models and a large trace
    Sample {
        /// Remove it again
        #[arg(long)]
        remove: bool,
    },
    /// Print how to connect a program, and wait for its first span
    Connect {
        /// What your program speaks
        client: Client,
        /// Print only
        #[arg(long)]
        no_wait: bool,
    },
}

/// Which traces to list.
#[derive(Debug, Default, Args)]
pub(crate) struct Filter {
    /// Only traces that begin in this service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// `error`: only traces with an error
    #[arg(long, value_name = "STATUS", value_parser = ["error"])]
    pub(crate) status: Option<String>,
    /// Only the last while: 30s, 15m, 2h, 7d
    #[arg(long, value_name = "TIME", value_parser = crate::text::parse_span_of_time)]
    pub(crate) since: Option<i64>,
    /// Traces at most
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: u32,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep printing new traces as they come in (Ctrl-C ends it)
    #[arg(long, short)]
    pub(crate) follow: bool,
}

/// What a program may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// Any OpenTelemetry SDK
    Otel,
    /// Datadog's tracers
    Ddtrace,
    /// Claude Code
    ClaudeCode,
    /// One span by curl
    Curl,
}
