//! Tundra's SDK: spans, logs and metrics through the `tracing` API everyone already uses, at a few nanoseconds each.
//!
//! ```no_run
//! fn main() -> Result<(), tundra::Error> {
//!     let _tundra = tundra::init()?; // everything from DD_* / OTEL_*
//!     tracing::info!(answer = 42, "hello");
//!     tundra::increment_counter!("llm.requests", model = "gpt-4o", provider = "openai", success = "true");
//!     let _s = tundra::traced_span!("operation", service = "at-daemon", component = "llm", model = "gpt-4");
//!     Ok(())
//! }
//! ```
//!
//! How it works: `engine` records on the application's threads, `collector` is the one thread of our own, `export` the
//! door out. Application threads never block, allocate per span, or call the system; what is lost is counted
//! ([`health`]).
#![warn(missing_docs)]

pub mod bridge;
mod builder;
mod clock;
mod collector;
mod engine;
mod env;
mod export;
mod fork;
mod guard;
mod handle;
mod health;
#[cfg(feature = "layer")]
mod layer;
mod limits;
pub mod llm;
mod macros;
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

pub use builder::{Builder, Error, builder, init};
pub use collector::LogFormat;
pub use engine::FilterError;
pub use export::{
    DatadogAgent, DogStatsD, EndpointError, ExportError, Exported, Exporter, JsonLines, Otlp, Records,
};
pub use guard::{FlushError, Guard};
pub use handle::Handle;
pub use health::{Dropped, Health, Ledger, Undelivered, health};
#[cfg(feature = "layer")]
pub use layer::{RegistryLayer, layer};
pub use sampling::RulesError;
pub use span_ext::SpanExt;

/// For the macros only.
#[doc(hidden)]
pub mod __private {
    pub use tracing;
}
