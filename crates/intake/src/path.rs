//! The way in, whole: from bytes at a door to an acknowledgement that survives a crash.
//!
//! ```text
//! Received ── inflate ──▶ wire walks the bytes ──▶ Normalized records (borrowed, one at a time)
//!                                                        │ redact        (only `record::redact` makes a `Redacted`)
//!                                                        ▼
//!                                                  Redacted records ── understand (`llm`) ──▶ store::Batch
//!                                                                                                │ append
//!                                                            Ack ◀── after the WAL is on disk ───┘
//! ```
//!
//! Every stage is a borrowed view, so a span costs no allocation on its way into the columns. A request that cannot be
//! decoded is refused whole and nothing of it is kept; a record that cannot be kept is counted and its neighbours live.

mod walk;

use crate::admit::{Gate, Permit};
use crate::inflate::{InflateError, inflate};
use crate::ledger::Ledger;
use crate::limits::Limits;
use bytes::Bytes;
use http::HeaderMap;
use std::sync::Arc;
use store::{AppendError, Batch, Store};
use tundra_record::env::Clock;
use tundra_record::redact::Redactor;
use tundra_record::{Sink, Source};
use tundra_wire::datadog::DatadogHeaders;
use tundra_wire::{DecodeError, datadog, dogstatsd, otlp};
use walk::Walk;

/// The door a request came in by, as the ledger names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// OTLP over HTTP.
    OtlpHttp,
    /// OTLP over gRPC.
    OtlpGrpc,
    /// A Datadog tracer.
    Datadog,
    /// DogStatsD datagrams.
    DogStatsd,
    /// The daemon's own telemetry, through its SDK.
    Own,
}

impl Protocol {
    /// The name in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OtlpHttp => "otlp_http",
            Self::OtlpGrpc => "otlp_grpc",
            Self::Datadog => "datadog",
            Self::DogStatsd => "dogstatsd",
            Self::Own => "own",
        }
    }

    fn source(self) -> Source {
        match self {
            Self::OtlpHttp | Self::OtlpGrpc => Source::Otlp,
            Self::Datadog | Self::DogStatsd => Source::Datadog,
            Self::Own => Source::Sdk,
        }
    }
}

/// What the bytes of a request are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `ExportTraceServiceRequest`.
    OtlpTraces(Text),
    /// `ExportLogsServiceRequest`.
    OtlpLogs(Text),
    /// `ExportMetricsServiceRequest`.
    OtlpMetrics(Text),
    /// Datadog v0.3 and v0.4 traces in msgpack.
    DatadogV04,
    /// The same in JSON.
    DatadogJson,
    /// Datadog v0.5 traces.
    DatadogV05,
    /// Span events of Datadog's LLM Observability.
    DatadogLlmSpans,
    /// Evaluations of Datadog's LLM Observability.
    DatadogEvaluations,
    /// DogStatsD lines.
    DogStatsd,
}

/// How an OTLP message is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// Protobuf.
    Protobuf,
    /// JSON.
    Json,
}

/// Stage 1: bytes and the name of their protocol.
#[derive(Debug)]
pub struct Received {
    /// The door.
    pub protocol: Protocol,
    /// What the bytes are.
    pub form: Form,
    /// The content encoding the client named.
    pub encoding: Option<String>,
    /// The bytes as they traveled.
    pub body: Bytes,
    /// The request's headers, in which Datadog tracers say who they are; empty for others.
    pub headers: HeaderMap,
}

/// The last stage: what was taken is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ack {
    /// Records that were stored.
    pub stored: u64,
    /// Records that were refused one by one.
    pub rejected: u64,
}

/// Why a request was refused whole.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The bytes do not decode; sending them again will not help.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The bytes do not inflate.
    #[error(transparent)]
    Inflate(#[from] InflateError),
    /// Too much is in work; the same request may succeed later.
    #[error("too many bytes in work: retry in {} s", retry_after.as_secs().max(1))]
    Overloaded {
        /// When to try again.
        retry_after: std::time::Duration,
    },
    /// The store did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl TakeError {
    /// The reason as the ledger names it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Decode(_) => "malformed",
            Self::Inflate(InflateError::TooLarge { .. }) => "too_large",
            Self::Inflate(InflateError::Unsupported { .. }) => "unsupported_encoding",
            Self::Inflate(InflateError::Damaged { .. }) => "malformed",
            Self::Overloaded { .. } => "overloaded",
            Self::Append(error) => append_reason(error),
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Overloaded { .. } => true,
            Self::Append(error) => error.is_retryable(),
            Self::Decode(_) | Self::Inflate(_) => false,
        }
    }
}

/// What the way in is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where batches go.
    pub store: Store,
    /// The redaction rules.
    pub redactor: Arc<Redactor>,
    /// What understands model calls.
    pub reader: Arc<llm::Reader>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
}

/// The way in. Cheap to clone; every door holds one.
#[derive(Clone, Debug)]
pub struct Intake {
    pub(crate) limits: Arc<Limits>,
    parts: Arc<Parts>,
    ledger: Arc<Ledger>,
    gate: Gate,
}

/// A batch that was built and counted, and is not yet appended.
#[derive(Debug)]
pub struct Built {
    protocol: Protocol,
    /// Boxed: dozens of column builders are too much for a future's frame.
    batch: Box<Batch>,
    records: u64,
    rejected: Vec<(&'static str, u64)>,
}

impl Intake {
    /// The way into `parts.store`.
    pub fn new(limits: Limits, parts: Parts) -> Self {
        let gate = Gate::new(limits.in_flight_bytes);
        Self { limits: Arc::new(limits), parts: Arc::new(parts), ledger: Arc::default(), gate }
    }

    /// The counters of this room.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Bytes of requests in work now.
    pub fn bytes_in_flight(&self) -> usize {
        self.gate.used()
    }

    /// Room for a body of so many bytes, before any of it is read.
    pub fn permit(&self, bytes: usize) -> Result<Permit, TakeError> {
        self.gate.admit(bytes).ok_or(TakeError::Overloaded { retry_after: self.limits.retry_after })
    }

    pub(crate) fn extend(&self, permit: &mut Permit, bytes: usize) -> bool {
        self.gate.extend(permit, bytes)
    }

    /// Takes what arrived and returns once it is durable.
    pub async fn take(&self, received: Received, permit: Permit) -> Result<Ack, TakeError> {
        let protocol = received.protocol;
        self.ledger.add(protocol, "requests", "", 1);
        let built = self.decode(received, permit);
        let taken = match built {
            Ok((built, _permit)) => self.append(built).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &taken {
            self.ledger.add(protocol, "requests_refused", error.reason(), 1);
            tracing::debug!(protocol = protocol.as_str(), reason = error.reason(), %error, "request refused");
        }
        taken
    }

    /// Inflates, decodes, redacts and understands one request. CPU work only.
    fn decode(&self, received: Received, mut permit: Permit) -> Result<(Built, Permit), TakeError> {
        let Received { protocol, form, encoding, body, headers } = received;
        let traveled = body.len();
        let body = inflate(body, encoding.as_deref(), self.limits.inflated_bytes)?;
        if !self.gate.extend(&mut permit, body.len().saturating_sub(traveled)) {
            return Err(TakeError::Overloaded { retry_after: self.limits.retry_after });
        }
        let now = self.parts.clock.now();
        let limits = &self.limits.wire;
        let client = DatadogHeaders::read(|name| headers.get(name)?.to_str().ok());
        let mut decoded: Result<(), DecodeError> = Ok(());
        let built = self.walk(protocol, false, |sink| {
            decoded = match form {
                Form::OtlpTraces(Text::Protobuf) => otlp::traces(&body, limits, sink),
                Form::OtlpLogs(Text::Protobuf) => otlp::logs(&body, limits, sink),
                Form::OtlpMetrics(Text::Protobuf) => otlp::metrics(&body, limits, sink),
                Form::OtlpTraces(Text::Json) => otlp::json::traces(&body, limits, sink),
                Form::OtlpLogs(Text::Json) => otlp::json::logs(&body, limits, sink),
                Form::OtlpMetrics(Text::Json) => otlp::json::metrics(&body, limits, sink),
                Form::DatadogV04 => datadog::traces_v03_v04(&body, &client, limits, sink),
                Form::DatadogJson => datadog::traces_json(&body, &client, limits, sink),
                Form::DatadogV05 => datadog::traces_v05(&body, &client, limits, sink),
                Form::DatadogLlmSpans => datadog::llmobs_spans(&body, &client, limits, sink),
                Form::DatadogEvaluations => datadog::llmobs_evaluations(&body, &client, now, limits, sink),
                Form::DogStatsd => {
                    dogstatsd::lines(&body, now, limits, sink);
                    Ok(())
                }
            };
        });
        decoded?;
        Ok((built, permit))
    }

    /// Redacts and understands the records that `drive` puts into the sink, for callers inside the process. Nothing is
    /// kept until the result is appended.
    pub fn build(&self, protocol: Protocol, sample: bool, drive: impl FnOnce(&mut dyn Sink)) -> Built {
        self.walk(protocol, sample, |walk| drive(walk))
    }

    fn walk(&self, protocol: Protocol, sample: bool, drive: impl FnOnce(&mut Walk<'_>)) -> Built {
        let mut batch = Box::new(self.parts.store.batch(self.parts.clock.now(), protocol.source()));
        batch.sample(sample);
        let mut walk = Walk::new(&self.parts.redactor, &self.parts.reader, batch);
        drive(&mut walk);
        let done = walk.finish();
        Built { protocol, batch: done.batch, records: done.records, rejected: done.rejected }
    }

    /// Appends a built batch; returns once it is durable.
    pub async fn append(&self, built: Built) -> Result<Ack, TakeError> {
        let Built { protocol, batch, records, rejected: refused } = built;
        // Counted here and not while decoding: a request that turns out malformed counts as a request, not as records.
        for (reason, n) in &refused {
            self.ledger.add(protocol, "received", "", *n);
            self.ledger.add(protocol, "rejected", reason, *n);
        }
        let rejected = refused.iter().map(|(_, n)| n).sum();
        if records == 0 {
            return Ok(Ack { stored: 0, rejected });
        }
        self.ledger.enter(protocol, records);
        match Box::pin(self.parts.store.append(*batch)).await {
            Ok(_) => {
                self.ledger.leave(protocol, "stored", "", records);
                Ok(Ack { stored: records, rejected })
            }
            Err(error) => {
                self.ledger.leave(protocol, "dropped", append_reason(&error), records);
                Err(error.into())
            }
        }
    }
}

fn append_reason(error: &AppendError) -> &'static str {
    match error {
        AppendError::Overloaded { .. } => "store_overloaded",
        AppendError::DiskFull { .. } => "disk_full",
        AppendError::TooLarge { .. } => "too_large",
        AppendError::Log { .. } => "log_failed",
        AppendError::Closed => "closed",
    }
}

impl Built {
    /// How many records it holds.
    pub fn records(&self) -> u64 {
        self.records
    }
}
