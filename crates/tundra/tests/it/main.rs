//! The SDK from outside, through the `tracing` API: what is recorded, and that no misuse panics, hangs or loses count.

mod bridges;
#[cfg(all(feature = "async-openai", feature = "genai", feature = "client-tests"))]
mod clients;
mod console;
#[cfg(target_os = "linux")]
mod disabled;
mod endings;
mod hazards;
#[cfg(all(feature = "axum", feature = "reqwest"))]
mod http;
mod kit;
mod languages;
#[cfg(feature = "layer")]
mod layer;
mod ledger;
mod llm;
mod metrics;
#[cfg(unix)]
mod pipes;
mod records;
#[cfg(feature = "redact")]
mod redaction;
mod sampling;
#[cfg(feature = "layer")]
mod second;
mod shapes;
mod test_agent;
#[cfg(feature = "redact")]
mod wires;

use std::process::Command;
use std::sync::{Arc, Mutex};
use tundra::Builder;
use tundra::testing::{Collector, Memory, Records};

const ALONE: &str = "TUNDRA_IT_ALONE";

/// Runs a test's body in a process of its own, where it may install a global subscriber and count everything.
fn alone(test: &str, body: impl FnOnce()) {
    if std::env::var(ALONE).is_ok_and(|name| name == test) {
        return body();
    }
    let program = std::env::current_exe().expect("a test has a program");
    let output = Command::new(program).args(["--exact", test, "--nocapture"]).env(ALONE, test).output();
    let output = output.expect("the test program starts");
    let text = || {
        format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    assert!(output.status.success(), "{}", text());
    assert!(text().contains("1 passed"), "`{test}` is no test: {}", text());
}

/// Installs an in-memory pipeline for the whole process.
fn global() -> (Arc<Mutex<Records>>, tundra::Guard) {
    let memory = Memory::default();
    let builder = tundra::builder().filter("trace").no_log_output().exporter(Box::new(memory.clone()));
    (memory.0, builder.install().expect("the first one"))
}

/// One collector for each way into the SDK: what holds for one has to hold for all.
fn doors() -> Vec<Collector> {
    doors_with(|builder| builder)
}

fn doors_with(set: impl Fn(Builder) -> Builder) -> Vec<Collector> {
    vec![
        Collector::with(&set),
        #[cfg(feature = "layer")]
        Collector::layered(&set),
    ]
}
