//! Counters, gauges and histograms: one cached handle per call site, one cell per series and thread.
//!
//! The macros `increment_counter!`, `counter!`, `gauge!` and `histogram!` end here. A counter is a load, an addition and
//! a store to memory that only this thread writes; the collector adds the threads up (`collect`). Series are bounded
//! in number and length; what is beyond counts in the metric's overflow series. Nothing here sends anything.

mod app;
mod cell;
mod collect;
mod label;
mod process;
mod prometheus;
mod registry;
mod site;
mod sketch;
#[cfg(feature = "tokio")]
mod tokio;
mod totals;

pub use app::AppMetrics;
pub(crate) use cell::Cells;
pub(crate) use collect::{Meter, MetricLine};
pub use prometheus::prometheus;
#[cfg(feature = "metrics")]
pub(crate) use registry::describe;
pub(crate) use registry::{RegistryLock, lock_registry, series_count, set_active, take_news};
pub use site::{Counter, CounterSite, Gauge, GaugeSite, Histogram, HistogramSite, Label, report_gauges};
#[cfg(feature = "tokio")]
pub(crate) use tokio::watch_current;
#[cfg(feature = "tokio")]
pub use tokio::watch_tokio;
pub(crate) use totals::forget_parent;
