//! A program that has a `Registry` already: `cargo run -p tundra-sdk --features layer --example registry_stack`.
//!
//! The layer stands beside another one (here one that prints; in life `fmt`, `tracing-error` ...), and each has its own
//! filter. The first three lines are the neighbor's, the tree is ours:
//!
//! ```text
//! neighbor: enter import
//! neighbor: event
//! neighbor: event
//! import file="a.csv"
//!   row n=0
//!   row n=1
//! ```

use std::io::Write;
use tracing::{Event, Subscriber, debug, info, info_span, span};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

struct Neighbor;

fn say(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "neighbor: {text}");
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Neighbor {
    fn on_enter(&self, id: &span::Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id).filter(|span| span.name() != "row") {
            say(format_args!("enter {}", span.name()));
        }
    }

    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        say(format_args!("event"));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = tundra::testing::Memory::default();
    let builder = tundra::builder().service("importer").no_log_output().exporter(Box::new(memory.clone()));
    let (layer, guard) = builder.layer()?;
    tracing_subscriber::registry().with(layer).with(Neighbor.with_filter(LevelFilter::INFO)).try_init()?;

    info_span!("import", file = "a.csv").in_scope(|| {
        for n in 0..2 {
            info_span!("row", n).in_scope(|| info!("read"));
            debug!("nobody asked for this");
        }
    });
    drop(guard);
    let spans = std::mem::take(&mut memory.0.lock().map_err(|_| "poisoned")?.spans);
    write!(std::io::stdout(), "{}", tundra::testing::tree(&spans))?;
    Ok(())
}
