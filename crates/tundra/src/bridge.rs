//! Ways in for programs and libraries that do not speak `tracing`: the `log` and `metrics` crates, the `opentelemetry`
//! API.
//!
//! `init` and [`Builder::install`](crate::Builder::install) put every bridge that was built in where it belongs, unless
//! somebody was there before. Programs with a `Registry` call [`install`] themselves.

#[cfg(feature = "log")]
pub(crate) mod log;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "opentelemetry")]
pub mod opentelemetry;

/// Puts every bridge in that this build has (features `log`, `metrics`, `opentelemetry`). A bridge whose place is taken
/// stays out: the `log` and `metrics` crates allow one logger and one recorder for each process.
pub fn install() {
    #[cfg(feature = "log")]
    log::install();
    #[cfg(feature = "metrics")]
    metrics::install();
    #[cfg(feature = "opentelemetry")]
    opentelemetry::install();
}
