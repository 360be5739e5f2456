//! OTLP over HTTP with protobuf: traces, logs and metrics to any collector, vendor or `at-daemon`.

use super::endpoint::{Endpoint, EndpointError, check_header};
use super::outbox::{Outbox, Payload};
use super::{ExportError, Exported, Exporter, pieces};
use crate::health::Load;
use crate::sampling::is_llm;
use std::sync::Arc;
use std::time::Instant;
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
    endpoint: Endpoint,
    /// Made with the first payload: until then the endpoint may change.
    outbox: Option<Outbox>,
    headers: Vec<(String, String)>,
    /// More headers for one path.
    of_path: Vec<(&'static str, String, String)>,
    gzip: bool,
    /// The header that a second copy of LLM spans goes with.
    llm_copy: Option<(&'static str, &'static str)>,
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

    fn put(&mut self, path: &'static str, body: Vec<u8>, load: Load, more: Option<(&str, &str)>) {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut headers = self.headers.clone();
        let of_path = self.of_path.iter().filter(|(of, _, _)| *of == path);
        headers.extend(of_path.map(|(_, name, value)| (name.clone(), value.clone())));
        headers.extend(more.map(owned));
        let (body, packed) = if self.gzip { squeeze(body) } else { (body, false) };
        if packed {
            headers.push(owned(("Content-Encoding", "gzip")));
        }
        let endpoint = &self.endpoint;
        let outbox = self.outbox.get_or_insert_with(|| Outbox::new(endpoint.clone(), Arc::new(())));
        outbox.put(Payload::post(path, headers, body, load));
    }

    fn traces(&mut self, resource: &Resource<'_>, scope: &Scope<'_>, spans: &[Span<'_>]) {
        for spans in pieces::cut(spans, pieces::span) {
            let mut body = Vec::new();
            encode::traces(resource, scope, spans, &mut body);
            self.put(TRACES, body, [spans.len() as u64, 0, 0], None);
            let Some(header) = self.llm_copy else { continue };
            let calls: Vec<_> = spans.iter().filter(|span| is_llm(span)).collect();
            if !calls.is_empty() {
                let mut body = Vec::new();
                encode::traces(resource, scope, calls, &mut body);
                self.put(TRACES, body, [0; 3], Some(header));
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
        self.traces(resource, &scope, &records.spans);
        for logs in pieces::cut(&records.logs, pieces::log) {
            let mut body = Vec::new();
            encode::logs(resource, &scope, logs, &mut body);
            self.put(LOGS, body, [0, logs.len() as u64, 0], None);
        }
        for points in pieces::cut(records.points, pieces::point) {
            let mut body = Vec::new();
            encode::metrics(resource, &scope, points, &mut body);
            self.put(METRICS, body, [0, 0, points.len() as u64], None);
        }
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
