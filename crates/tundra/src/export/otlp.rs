//! OTLP over HTTP with protobuf: traces, logs and metrics to any collector, vendor or `at-daemon`.

mod alike;
mod requests;
mod target;

pub use target::Signal;

use super::endpoint::EndpointError;
use super::payload::{Joins, Payload};
use super::{ExportError, Exported, Exporter};
use requests::{Contents, Door, Encoder};
use std::time::{Duration, Instant};
use target::{Target, Ways};

/// Sends to an OTLP endpoint such as `http://localhost:4318`.
///
/// ```
/// let otlp = tundra::Otlp::new("http://collector:4318")?.header("x-tenant", "blue")?;
/// # drop(otlp);
/// # Ok::<(), tundra::EndpointError>(())
/// ```
pub struct Otlp {
    /// Traces, logs and metrics.
    targets: [Target; 3],
    ways: Ways,
    /// The header that a second copy of LLM spans goes with.
    llm_copy: Option<(&'static str, &'static str)>,
    encoder: Encoder,
}

impl std::fmt::Debug for Otlp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Otlp").finish_non_exhaustive()
    }
}

impl Otlp {
    /// `http://host:port` or `unix:///path` (with feature `tls` also `https://host`); the signals' paths (`/v1/traces` ...)
    /// are added.
    pub fn new(url: &str) -> Result<Self, EndpointError> {
        let [traces, logs, metrics] = Signal::ALL.map(|signal| Target::new(url, signal));
        let targets = [traces?, logs?, metrics?];
        Ok(Self { targets, ways: Ways::default(), llm_copy: None, encoder: Encoder::default() })
    }

    /// Another endpoint for one signal, used to the letter: no path is added
    /// (`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `_LOGS_`, `_METRICS_`).
    pub fn endpoint_for(mut self, signal: Signal, url: &str) -> Result<Self, EndpointError> {
        self.targets[signal as usize].aim(url)?;
        Ok(self)
    }

    /// Adds a header to every request, for example an API key (`OTEL_EXPORTER_OTLP_HEADERS`).
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, EndpointError> {
        self.targets.iter_mut().try_for_each(|target| target.header(name, value))?;
        Ok(self)
    }

    /// Adds a header to the requests of one signal (`OTEL_EXPORTER_OTLP_TRACES_HEADERS` ...).
    pub fn header_for(mut self, signal: Signal, name: &str, value: &str) -> Result<Self, EndpointError> {
        self.targets[signal as usize].header(name, value)?;
        Ok(self)
    }

    /// Compresses requests. Takes some processor time on the sender's thread. Default: no
    /// (`OTEL_EXPORTER_OTLP_COMPRESSION=gzip`).
    #[cfg(feature = "gzip")]
    pub fn gzip(mut self, yes: bool) -> Self {
        self.targets.iter_mut().for_each(|target| target.gzip = yes);
        self
    }

    /// How long one request may take, from connecting to the last byte of the answer. Default: 10 s
    /// (`OTEL_EXPORTER_OTLP_TIMEOUT`, in milliseconds).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.targets.iter_mut().for_each(|target| target.timeout = timeout);
        self
    }

    /// Compression and time of one signal, as the environment says.
    pub(crate) fn tune(mut self, signal: Signal, gzip: bool, timeout: Duration) -> Self {
        let target = &mut self.targets[signal as usize];
        (target.gzip, target.timeout) = (gzip, timeout);
        self
    }

    /// Sends only some of traces, logs and metrics.
    pub(crate) fn only(mut self, signals: [bool; 3]) -> Self {
        self.targets.iter_mut().zip(signals).for_each(|(target, on)| target.on = on);
        self
    }

    /// Trusts these certificates (PEM) instead of the public ones, for a collector with a private authority
    /// (`OTEL_EXPORTER_OTLP_CERTIFICATE`).
    #[cfg(feature = "tls")]
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, EndpointError> {
        let roots = super::tls::Roots::from_pem(pem)?;
        self.targets.iter_mut().for_each(|target| target.trust(&roots));
        Ok(self)
    }

    /// The same for one signal.
    #[cfg(feature = "tls")]
    pub(crate) fn root_certificates_for(mut self, signal: Signal, pem: &[u8]) -> Result<Self, EndpointError> {
        self.targets[signal as usize].trust(&super::tls::Roots::from_pem(pem)?);
        Ok(self)
    }

    /// Where requests go and what goes with them, for tests of presets.
    #[cfg(all(test, feature = "tls"))]
    pub(super) fn target(&self) -> (&super::endpoint::Endpoint, &[(String, String)]) {
        (&self.targets[0].endpoint, &self.targets[0].headers)
    }

    /// LLM spans go a second time, with this header.
    pub(super) fn copy_llm_spans(mut self, header: &'static str, value: &'static str) -> Self {
        self.llm_copy = Some((header, value));
        self
    }
}

impl Door for Otlp {
    fn takes(&self, contents: Contents) -> bool {
        self.targets[contents.signal() as usize].on
            && (contents != Contents::Calls || self.llm_copy.is_some())
    }

    fn buffer(&mut self, contents: Contents) -> Vec<u8> {
        self.ways.of(&self.targets[contents.signal() as usize]).buffer()
    }

    fn put(&mut self, contents: Contents, body: Vec<u8>, count: u64) {
        let target = &self.targets[contents.signal() as usize];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut headers = target.headers.clone();
        headers.extend(self.llm_copy.filter(|_| contents == Contents::Calls).map(owned));
        let load = match contents {
            Contents::Spans => [count, 0, 0],
            // They are counted where they go the first time.
            Contents::Calls => [0; 3],
            Contents::Logs => [0, count, 0],
            Contents::Points => [0, 0, count],
        };
        let payload = Payload::post(target.path, headers, body, load);
        self.ways.of(target).put(Payload { joins: Joins::Messages, gzip: target.gzip, ..payload });
    }
}

impl Exporter for Otlp {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        let mut encoder = std::mem::take(&mut self.encoder);
        encoder.export(batch, self);
        self.encoder = encoder;
        Ok(())
    }

    fn takes(&self) -> [bool; 2] {
        [Signal::Traces, Signal::Logs].map(|signal| self.targets[signal as usize].on)
    }

    fn after_fork(&mut self) {
        // A new one is made with the first payload.
        self.ways = Ways::default();
    }

    fn end(&mut self, deadline: Instant) {
        self.ways.iter().for_each(|outbox| outbox.end(deadline));
    }

    fn shutdown(&mut self, deadline: Instant) {
        self.end(deadline);
        self.ways.iter().for_each(|outbox| outbox.close(deadline));
    }
}

#[cfg(test)]
mod tests;
