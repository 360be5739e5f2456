//! A program of plain threads: `cargo run -p tundra-sdk --example plain`.
//!
//! Spans and logs go to `http://localhost:4318` (or where `OTEL_EXPORTER_OTLP_ENDPOINT` or `DD_TRACE_AGENT_URL` say);
//! log lines go to standard output, readable on a terminal:
//!
//! ```text
//! 2026-11-21T02:55:01.123456Z  INFO plain: working n=3 trace_id=0af7651916cd43dd8448eb211c80319c
//! ```

use std::thread;
use tracing::{info, info_span};

fn main() -> Result<(), tundra::Error> {
    let _tundra = tundra::init()?;
    thread::scope(|scope| {
        for n in 0..4 {
            scope.spawn(move || {
                let _work = info_span!("work", n).entered();
                info!(n, "working");
                tundra::increment_counter!("work.done", kind = "plain");
                tundra::histogram!("work.size", n);
            });
        }
    });
    Ok(())
}
