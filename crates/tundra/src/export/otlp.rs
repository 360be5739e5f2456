//! OTLP over HTTP with protobuf: traces, logs and metrics to any collector, vendor or `at-daemon`.

use super::endpoint::{Endpoint, EndpointError, check_header};
use super::outbox::{Outbox, Payload};
use super::{ExportError, Exported, Exporter};
use std::time::Instant;
use tundra_wire::otlp::encode;

/// Sends to an OTLP endpoint such as `http://localhost:4318`.
pub struct Otlp {
    outbox: Outbox,
    headers: Vec<(String, String)>,
}

impl std::fmt::Debug for Otlp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Otlp").finish_non_exhaustive()
    }
}

const OTLP_HTTP_PORT: u16 = 4318;

impl Otlp {
    /// `http://host:port` or `unix:///path`; the signals' paths (`/v1/traces` ...) are added.
    pub fn new(url: &str) -> Result<Self, EndpointError> {
        let outbox = Outbox::new(Endpoint::parse(url, OTLP_HTTP_PORT)?);
        Ok(Self { outbox, headers: vec![("Content-Type".to_owned(), "application/x-protobuf".to_owned())] })
    }

    /// Adds a header to every request, for example an API key.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, EndpointError> {
        check_header(name, value)?;
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    fn put(&self, path: &'static str, body: Vec<u8>, spans: u64, logs: u64) -> bool {
        body.is_empty() || self.outbox.put(Payload { path, headers: self.headers.clone(), body, spans, logs })
    }
}

impl Exporter for Otlp {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        let records = batch.records();
        let (resource, scope) = (batch.resource(), records.scope);
        let (mut traces, mut logs, mut metrics) = (Vec::new(), Vec::new(), Vec::new());
        if !records.spans.is_empty() {
            encode::traces(resource, &scope, &records.spans, &mut traces);
        }
        if !records.logs.is_empty() {
            encode::logs(resource, &scope, &records.logs, &mut logs);
        }
        if !records.points.is_empty() {
            encode::metrics(resource, &scope, records.points, &mut metrics);
        }
        let took = self.put("/v1/traces", traces, records.spans.len() as u64, 0)
            & self.put("/v1/logs", logs, 0, records.logs.len() as u64)
            & self.put("/v1/metrics", metrics, 0, 0);
        if took { Ok(()) } else { Err(ExportError::new("a payload is larger than the outbox")) }
    }

    fn after_fork(&mut self) {
        self.outbox.after_fork();
    }

    fn shutdown(&mut self, deadline: Instant) {
        self.outbox.close(deadline);
    }
}
