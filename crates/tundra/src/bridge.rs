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

/// Those that are left when the SDK is switched off: contexts in headers, and `log` records for a subscriber that the program
/// brought itself.
pub(crate) fn install_what_stays(has_subscriber: bool) {
    #[cfg(feature = "log")]
    if has_subscriber {
        log::install();
    }
    #[cfg(not(feature = "log"))]
    let _ = has_subscriber;
    #[cfg(feature = "opentelemetry")]
    opentelemetry::install_propagator();
}
