//! A worker on tokio: tasks move between tasks and keep their trace. `cargo run -p tundra-sdk --example tokio_worker`.
//!
//! Each task carries the span it came from; the worker's spans become its children, on whatever thread they run. An
//! exporter in memory shows what would have been sent (the tasks end in any order, the tree is sorted by their begin):
//!
//! ```text
//! submit task=0
//!   work task=0
//!     fetch
//! submit task=1
//!   work task=1
//!     fetch
//! submit task=2
//!   work task=2
//!     fetch
//! ```

use std::io::Write;
use std::time::Duration;
use tokio::sync::mpsc;
use tracing::{Instrument, Span, info, info_span};

struct Task {
    number: u32,
    cause: Span,
}

#[tracing::instrument]
async fn fetch() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

async fn work(task: u32) {
    fetch().await;
    info!(task, "done");
    tundra::increment_counter!("tasks.done", kind = "example");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = tundra::testing::Memory::default();
    let builder = tundra::builder().service("worker").no_log_output().exporter(Box::new(memory.clone()));
    let guard = builder.install()?;

    let (sender, mut tasks) = mpsc::channel::<Task>(8);
    let worker = tokio::spawn(async move {
        let mut running = tokio::task::JoinSet::new();
        while let Some(Task { number, cause }) = tasks.recv().await {
            running.spawn(work(number).instrument(info_span!(parent: &cause, "work", task = number)));
        }
        running.join_all().await;
    });
    for number in 0..3 {
        let cause = info_span!("submit", task = number);
        sender.send(Task { number, cause }).await?;
    }
    drop(sender);
    worker.await?;
    drop(guard);
    let spans = std::mem::take(&mut memory.0.lock().map_err(|_| "poisoned")?.spans);
    write!(std::io::stdout(), "{}", tundra::testing::tree(&spans))?;
    Ok(())
}
