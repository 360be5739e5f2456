//! OTLP over HTTP with protobuf: traces, logs and metrics to any collector, vendor or `at-daemon`.

mod target;

pub use target::Signal;

use super::endpoint::EndpointError;
use super::outbox::Payload;
use super::{ExportError, Exported, Exporter, pieces};
use crate::health::Load;
use crate::sampling::is_llm;
use std::time::{Duration, Instant};
use target::{Target, Ways};
use tundra_record::{Resource, Scope, Span};
use tundra_wire::otlp::encode;

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
        Ok(Self { targets: [traces?, logs?, metrics?], ways: Ways::default(), llm_copy: None })
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

    /// Compresses requests. Takes some processor time on the SDK's own thread. Default: no
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

    fn sends(&self, signal: Signal) -> bool {
        self.targets[signal as usize].on
    }

    fn put(&mut self, signal: Signal, body: Vec<u8>, load: Load, more: Option<(&str, &str)>) {
        let target = &self.targets[signal as usize];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut headers = target.headers.clone();
        headers.extend(more.map(owned));
        let (body, packed) = if target.gzip { squeeze(body) } else { (body, false) };
        if packed {
            headers.push(owned(("Content-Encoding", "gzip")));
        }
        self.ways.of(target).put(Payload::post(target.path, headers, body, load));
    }

    fn traces(&mut self, resource: &Resource<'_>, scope: &Scope<'_>, spans: &[Span<'_>]) {
        for spans in pieces::cut(spans, pieces::span) {
            let mut body = Vec::new();
            encode::traces(resource, scope, spans, &mut body);
            self.put(Signal::Traces, body, [spans.len() as u64, 0, 0], None);
            let Some(header) = self.llm_copy else { continue };
            let calls: Vec<_> = spans.iter().filter(|span| is_llm(span)).collect();
            if !calls.is_empty() {
                let mut body = Vec::new();
                encode::traces(resource, scope, calls, &mut body);
                self.put(Signal::Traces, body, [0; 3], Some(header));
            }
        }
    }
}

#[cfg(feature = "gzip")]
fn squeeze(body: Vec<u8>) -> (Vec<u8>, bool) {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    match encoder.write_all(&body).and_then(|()| encoder.finish()) {
        Ok(packed) => (packed, true),
        Err(_) => (body, false),
    }
}

#[cfg(not(feature = "gzip"))]
fn squeeze(body: Vec<u8>) -> (Vec<u8>, bool) {
    (body, false)
}

impl Exporter for Otlp {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        let records = batch.records();
        let (resource, scope) = (batch.resource(), records.scope);
        if self.sends(Signal::Traces) {
            self.traces(resource, &scope, &records.spans);
        }
        for logs in pieces::cut(&records.logs, pieces::log) {
            if !self.sends(Signal::Logs) {
                break;
            }
            let mut body = Vec::new();
            encode::logs(resource, &scope, logs, &mut body);
            self.put(Signal::Logs, body, [0, logs.len() as u64, 0], None);
        }
        for points in pieces::cut(records.points, pieces::point) {
            if !self.sends(Signal::Metrics) {
                break;
            }
            let mut body = Vec::new();
            encode::metrics(resource, &scope, points, &mut body);
            self.put(Signal::Metrics, body, [0, 0, points.len() as u64], None);
        }
        Ok(())
    }

    fn after_fork(&mut self) {
        // A new one is made with the first payload.
        self.ways = Ways::default();
    }

    fn shutdown(&mut self, deadline: Instant) {
        self.ways.iter().for_each(|outbox| outbox.close(deadline));
    }
}
