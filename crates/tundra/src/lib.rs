//! Tundra's SDK: spans, logs and metrics through the `tracing` API everyone already uses, at a few nanoseconds each.
//!
//! ```no_run
//! #[tracing::instrument] // ordinary tracing, ordinary log and metrics crates
//! async fn answer(q: &str) {}
//!
//! # async fn run() -> Result<(), tundra::Error> {
//! let _tundra = tundra::init()?; // everything from DD_* / OTEL_*; one line in main
//! answer("What is the weather?").await;
//! let call = tundra::llm::chat("openai", "gpt-4o"); // typed LLM, agent, tool, retrieval, embedding, workflow spans
//! tundra::increment_counter!("llm.requests", model = "gpt-4o", provider = "openai", success = "true");
//! tundra::metrics::AppMetrics::api_request("GET", "/api/tasks", 200, 45.2).await;
//! let _s = tundra::traced_span!("operation", service = "at-daemon", component = "llm", model = "gpt-4");
//! # drop(call);
//! # Ok(())
//! # }
//! ```
//!
//! How it works: `engine` records on the application's threads, `collector` is the one thread of our own (log lines and
//! requests are written by one more each, while there are any), `export` the door out. Application threads never block, allocate per span, or call the system; what is lost is counted
//! ([`health`]).
#![warn(missing_docs)]

#[cfg(feature = "async-openai")]
pub mod async_openai;
pub mod bridge;
mod builder;
mod clock;
mod collector;
mod engine;
mod env;
mod exit;
mod export;
mod fork;
#[cfg(feature = "genai")]
pub mod genai;
mod guard;
mod handle;
mod health;
#[cfg(feature = "layer")]
mod layer;
mod limits;
pub mod llm;
mod macros;
#[cfg(any(feature = "reqwest", feature = "tower"))]
mod method;
pub mod metrics;
mod panic;
pub mod propagation;
#[cfg(feature = "reqwest")]
pub mod reqwest;
mod rng;
mod sampling;
mod span_ext;
pub mod testing;
#[cfg(feature = "tower")]
pub mod tower;
mod writer;

pub use builder::{Builder, Error, builder, init};
pub use collector::LogFormat;
pub use engine::FilterError;
pub use export::{
    DatadogAgent, DogStatsD, EndpointError, ExportError, Exported, Exporter, JsonLines, Otlp, Records, Signal,
};
pub use guard::{FlushError, Guard};
pub use handle::Handle;
pub use health::{Dropped, Health, Ledger, Undelivered, Unmeasured, health};
#[cfg(feature = "layer")]
pub use layer::{RegistryLayer, layer};
pub use sampling::RulesError;
pub use span_ext::SpanExt;

/// For the macros only.
#[doc(hidden)]
pub mod __private {
    pub use tracing;
}
