//! What `OTEL_EXPORTER_OTLP_*` and `OTEL_*_EXPORTER` say, signal by signal: a signal's own variable wins over the general
//! one, and nothing of both is mixed.
//!
//! Read by `Environment`; only looks names up, and never fails: what cannot be understood counts as unset.

use super::{Lookup, pairs, percent_decoded};
use std::time::Duration;

/// The specification's time for one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Everything about OTLP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Otlp {
    /// For all signals; their paths are added.
    pub(crate) endpoint: Option<String>,
    /// Traces, logs and metrics.
    pub(crate) signals: [Signal; 3],
}

/// One signal.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Signal {
    /// Where it goes, to the letter.
    pub(crate) endpoint: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) gzip: bool,
    /// A file of root certificates.
    pub(crate) certificate: Option<String>,
    pub(crate) timeout: Duration,
    /// Whether it goes by OTLP; `None` if nothing was said.
    pub(crate) otlp: Option<bool>,
    /// Whether it is written to standard output.
    pub(crate) console: bool,
}

/// Headers hold keys.
impl std::fmt::Debug for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signal").finish_non_exhaustive()
    }
}

impl Otlp {
    pub(super) fn read(lookup: &Lookup<'_>) -> Self {
        let signals = ["TRACES", "LOGS", "METRICS"].map(|name| Signal::read(lookup, name));
        Self { endpoint: lookup("OTEL_EXPORTER_OTLP_ENDPOINT"), signals }
    }

    /// Whether any address was named.
    pub(crate) fn has_endpoint(&self) -> bool {
        self.endpoint.is_some() || self.signals.iter().any(|signal| signal.endpoint.is_some())
    }

    /// Which signals go by OTLP; beside an Agent only those that somebody wants to go there.
    pub(crate) fn wanted(&self, beside_agent: bool) -> [bool; 3] {
        let said = |signal: &Signal| self.endpoint.is_some() || signal.endpoint.is_some();
        [0, 1, 2].map(|at| {
            let signal = &self.signals[at];
            signal.otlp.unwrap_or(!beside_agent || said(signal))
        })
    }

    /// Which signals are written to standard output; log lines go there anyway.
    pub(crate) fn console(&self) -> [bool; 3] {
        [self.signals[0].console, false, self.signals[2].console]
    }
}

impl Signal {
    fn read(lookup: &Lookup<'_>, name: &str) -> Self {
        let own = |what: &str| lookup(&format!("OTEL_EXPORTER_OTLP_{name}_{what}"));
        let either = |what: &str| own(what).or_else(|| lookup(&format!("OTEL_EXPORTER_OTLP_{what}")));
        let timeout = either("TIMEOUT").and_then(|text| text.parse().ok()).filter(|ms| *ms > 0);
        let exporters = lookup(&format!("OTEL_{name}_EXPORTER"));
        let names = |wanted: &str| {
            exporters
                .as_deref()
                .map(|list| list.split(',').any(|name| name.trim().eq_ignore_ascii_case(wanted)))
        };
        let headers = either("HEADERS").unwrap_or_default();
        let decoded = |(name, value): (String, String)| (name, percent_decoded(&value));
        Self {
            endpoint: own("ENDPOINT"),
            headers: pairs(&headers).into_iter().map(decoded).collect(),
            gzip: either("COMPRESSION").is_some_and(|text| text.eq_ignore_ascii_case("gzip")),
            certificate: either("CERTIFICATE"),
            timeout: timeout.map_or(TIMEOUT, Duration::from_millis),
            otlp: names("otlp"),
            console: names("console").unwrap_or_default(),
        }
    }
}
