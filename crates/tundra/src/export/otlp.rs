//! OTLP over HTTP with protobuf: traces, logs and metrics to any collector, vendor or `at-daemon`.

mod requests;

use super::endpoint::{Endpoint, EndpointError, check_header};
use super::outbox::{Outbox, Payload};
use super::{ExportError, Exported, Exporter};
use crate::health::Load;
use requests::{Door, Encoder, Signal};
use std::sync::Arc;
use std::time::Instant;

/// Sends to an OTLP endpoint such as `http://localhost:4318`.
///
/// ```
/// let otlp = tundra::Otlp::new("http://collector:4318")?.header("x-tenant", "blue")?;
/// # drop(otlp);
/// # Ok::<(), tundra::EndpointError>(())
/// ```
pub struct Otlp {
    endpoint: Endpoint,
    /// Made with the first payload: until then the endpoint may change.
    outbox: Option<Outbox>,
    headers: Vec<(String, String)>,
    /// More headers for one path.
    of_path: Vec<(&'static str, String, String)>,
    gzip: bool,
    /// The header that a second copy of LLM spans goes with.
    llm_copy: Option<(&'static str, &'static str)>,
    encoder: Encoder,
}

impl std::fmt::Debug for Otlp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Otlp").finish_non_exhaustive()
    }
}

const OTLP_HTTP_PORT: u16 = 4318;
pub(crate) const TRACES: &str = "/v1/traces";
pub(crate) const LOGS: &str = "/v1/logs";
pub(crate) const METRICS: &str = "/v1/metrics";

impl Otlp {
    /// `http://host:port` or `unix:///path` (with feature `tls` also `https://host`); the signals' paths (`/v1/traces` ...)
    /// are added.
    pub fn new(url: &str) -> Result<Self, EndpointError> {
        Ok(Self {
            endpoint: Endpoint::parse(url, OTLP_HTTP_PORT)?,
            outbox: None,
            headers: vec![("Content-Type".to_owned(), "application/x-protobuf".to_owned())],
            of_path: Vec::new(),
            gzip: false,
            llm_copy: None,
            encoder: Encoder::default(),
        })
    }

    /// Adds a header to every request, for example an API key.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, EndpointError> {
        check_header(name, value)?;
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Compresses requests. Takes some processor time on the SDK's own thread. Default: no
    /// (`OTEL_EXPORTER_OTLP_COMPRESSION=gzip`).
    #[cfg(feature = "gzip")]
    pub fn gzip(mut self, yes: bool) -> Self {
        self.gzip = yes;
        self
    }

    /// Trusts these certificates (PEM) instead of the public ones, for a collector with a private authority
    /// (`OTEL_EXPORTER_OTLP_CERTIFICATE`).
    #[cfg(feature = "tls")]
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, EndpointError> {
        if let super::endpoint::Way::Tls { roots, .. } = &mut self.endpoint.way {
            *roots = super::tls::Roots::from_pem(pem)?;
        }
        Ok(self)
    }

    /// Adds a header to the requests of one signal.
    pub(crate) fn header_for(
        mut self,
        path: &'static str,
        name: &str,
        value: &str,
    ) -> Result<Self, EndpointError> {
        check_header(name, value)?;
        self.of_path.push((path, name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Where requests go and what goes with them, for tests of presets.
    #[cfg(all(test, feature = "tls"))]
    pub(super) fn target(&self) -> (&Endpoint, &[(String, String)]) {
        (&self.endpoint, &self.headers)
    }

    /// LLM spans go a second time, with this header.
    pub(super) fn copy_llm_spans(mut self, header: &'static str, value: &'static str) -> Self {
        self.llm_copy = Some((header, value));
        self
    }

    fn send(&mut self, path: &'static str, body: Vec<u8>, load: Load, more: Option<(&str, &str)>) {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut headers = self.headers.clone();
        let of_path = self.of_path.iter().filter(|(of, _, _)| *of == path);
        headers.extend(of_path.map(|(_, name, value)| (name.clone(), value.clone())));
        headers.extend(more.map(owned));
        let (body, packed) = if self.gzip { squeeze(body) } else { (body, false) };
        if packed {
            headers.push(owned(("Content-Encoding", "gzip")));
        }
        self.outbox().put(Payload::post(path, headers, body, load));
    }

    fn outbox(&mut self) -> &Outbox {
        let endpoint = &self.endpoint;
        self.outbox.get_or_insert_with(|| Outbox::new(endpoint.clone(), Arc::new(())))
    }
}

impl Door for Otlp {
    fn buffer(&mut self) -> Vec<u8> {
        self.outbox().buffer()
    }

    fn put(&mut self, signal: Signal, body: Vec<u8>, count: u64) {
        match signal {
            Signal::Spans => self.send(TRACES, body, [count, 0, 0], None),
            Signal::Calls => self.send(TRACES, body, [0; 3], self.llm_copy),
            Signal::Logs => self.send(LOGS, body, [0, count, 0], None),
            Signal::Points => self.send(METRICS, body, [0, 0, count], None),
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
        let mut encoder = std::mem::take(&mut self.encoder);
        encoder.export(batch, self.llm_copy.is_some(), self);
        self.encoder = encoder;
        Ok(())
    }

    fn after_fork(&mut self) {
        // A new one is made with the first payload.
        self.outbox = None;
    }

    fn shutdown(&mut self, deadline: Instant) {
        if let Some(outbox) = &self.outbox {
            outbox.close(deadline);
        }
    }
}

#[cfg(test)]
mod tests;
