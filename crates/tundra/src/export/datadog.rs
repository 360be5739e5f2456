//! Datadog's Agent, trace API v0.4: spans in chunks of one trace each. Logs and metrics go by other doors.

use super::endpoint::{Endpoint, EndpointError};
use super::outbox::{Outbox, Payload};
use super::{ExportError, Exported, Exporter};
use std::collections::HashMap;
use std::time::Instant;
use tundra_record::{Span, TraceId, Value};
use tundra_wire::datadog::encode::{Chunk, v04};

/// Sends spans to a Datadog Agent such as `http://localhost:8126`, or `unix:///var/run/datadog/apm.socket`.
pub struct DatadogAgent {
    outbox: Outbox,
}

impl std::fmt::Debug for DatadogAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatadogAgent").finish_non_exhaustive()
    }
}

const AGENT_PORT: u16 = 8126;
/// The user or a rule did not speak: keep.
const AUTO_KEEP: i64 = 1;

impl DatadogAgent {
    /// The Agent at a URL.
    pub fn new(url: &str) -> Result<Self, EndpointError> {
        Ok(Self { outbox: Outbox::new(Endpoint::parse(url, AGENT_PORT)?) })
    }
}

fn headers(traces: usize) -> Vec<(String, String)> {
    let fixed = [
        ("Content-Type", "application/msgpack"),
        ("Datadog-Meta-Lang", "rust"),
        ("Datadog-Meta-Tracer-Version", env!("CARGO_PKG_VERSION")),
        ("Datadog-Client-Computed-Top-Level", "yes"),
        ("Datadog-Send-Real-Http-Status", "true"),
    ];
    let mut headers: Vec<_> =
        fixed.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    headers.push(("X-Datadog-Trace-Count".to_owned(), traces.to_string()));
    headers
}

/// Spans by trace; the first of each chunk carries what Datadog expects once.
fn chunks<'a>(spans: Vec<Span<'a>>) -> Vec<Vec<Span<'a>>> {
    let mut places: HashMap<TraceId, usize> = HashMap::new();
    let mut chunks: Vec<Vec<Span<'a>>> = Vec::new();
    for span in spans {
        let place = *places.entry(span.trace_id).or_insert(chunks.len());
        if place == chunks.len() {
            chunks.push(Vec::new());
        }
        chunks[place].push(span);
    }
    for chunk in &mut chunks {
        let root = chunk.iter().position(|span| span.parent_id.is_none()).unwrap_or_default();
        chunk.swap(0, root);
        chunk[0].attrs.push(("_sampling_priority_v1".into(), Value::Int(AUTO_KEEP)));
        chunk[0].attrs.push(("_dd.top_level".into(), Value::Int(1)));
        chunk[0].attrs.push(("language".into(), Value::from("rust")));
    }
    chunks
}

impl Exporter for DatadogAgent {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        let spans = batch.records().spans;
        if spans.is_empty() {
            return Ok(());
        }
        let count = spans.len() as u64;
        let grouped = chunks(spans);
        let resource = Some(batch.resource());
        let borrowed: Vec<_> = grouped.iter().map(|spans| Chunk { resource, spans }).collect();
        let mut body = Vec::new();
        v04(&borrowed, &mut body);
        let headers = headers(grouped.len());
        let payload = Payload { path: "/v0.4/traces", headers, body, spans: count, logs: 0 };
        if self.outbox.put(payload) {
            Ok(())
        } else {
            Err(ExportError::new("the payload is larger than the outbox"))
        }
    }

    fn after_fork(&mut self) {
        self.outbox.after_fork();
    }

    fn shutdown(&mut self, deadline: Instant) {
        self.outbox.close(deadline);
    }
}
