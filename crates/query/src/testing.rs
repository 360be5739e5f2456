//! A store with known spans in it, for this room's tests.

use crate::{Config, Ledger, LedgerRow, Query};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use store::{Batch, FolderObjects, RealFs, Store};
use tundra_record::env::SystemClock;
use tundra_record::llm::{Cost, Direction, LlmCall, LlmMessage, Provenance, Understood, Usage};
use tundra_record::redact::{Pass, RedactConfig, Redactor};
use tundra_record::{
    EVENT_SCOPE, LogRecord, PicoUsd, Resource, Scope, Source, Span, SpanId, Status, TraceId, UnixNanos,
};

/// The time of the first span.
pub(crate) const ZERO: i64 = 1_790_000_000_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000_000;

#[derive(Debug)]
struct TestLedger;

impl Ledger for TestLedger {
    fn rows(&self) -> Vec<LedgerRow> {
        let row = |counter: &str, reason: &str, value| LedgerRow {
            protocol: "otlp".to_owned(),
            counter: counter.to_owned(),
            reason: reason.to_owned(),
            value,
        };
        vec![row("received", "", 7), row("rejected", "invalid_id", 2)]
    }
}

/// A store in a folder that goes away, and an engine over it.
pub(crate) struct House {
    pub(crate) query: Query,
    pub(crate) store: Store,
    redactor: Redactor,
    _folder: tempfile::TempDir,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(Config { partitions: 2, ..Config::default() }).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fs = Arc::new(RealFs);
        let objects = Arc::new(FolderObjects::open(fs.clone(), folder.path().join("objects")).unwrap());
        let parts = store::Parts { fs, clock: Arc::new(SystemClock), objects };
        let mut settings = store::Config::new(folder.path());
        settings.background = false;
        settings.reserve_bytes = 0;
        settings.flush_interval = None;
        let store = Store::open(settings, parts).await.unwrap();
        let query = Query::new(store.clone(), Arc::new(TestLedger), config).unwrap();
        let redactor = Redactor::new(&RedactConfig::default()).unwrap();
        Self { query, store, redactor, _folder: folder }
    }

    /// Stores spans of a service as one batch.
    pub(crate) async fn add(&self, service: &'static str, spans: Vec<(Span<'static>, Option<Understood>)>) {
        self.add_as(service, spans, false).await;
    }

    pub(crate) async fn add_as(
        &self,
        service: &'static str,
        spans: Vec<(Span<'static>, Option<Understood>)>,
        sample: bool,
    ) {
        self.add_from(service, spans, sample, "").await;
    }

    /// The same, told by events beside the trace.
    pub(crate) async fn add_told(
        &self,
        service: &'static str,
        spans: Vec<(Span<'static>, Option<Understood>)>,
    ) {
        self.add_from(service, spans, false, EVENT_SCOPE).await;
    }

    async fn add_from(
        &self,
        service: &'static str,
        spans: Vec<(Span<'static>, Option<Understood>)>,
        sample: bool,
        scope: &'static str,
    ) {
        // A later batch is received later, so that of two tellings of a call the second is the latest.
        static BATCHES: AtomicI64 = AtomicI64::new(0);
        let received = ZERO + BATCHES.fetch_add(1, Ordering::Relaxed);
        let mut batch = Batch::new(UnixNanos(received), Source::Otlp);
        batch.sample(sample);
        let mut pass = Pass::new(&self.redactor);
        let mut resource = Resource { attrs: vec![("service.name".into(), service.into())] };
        batch.resource(&pass.resource(&mut resource));
        batch.scope(&pass.scope(&mut Scope { name: scope.into(), ..Scope::default() }));
        for (mut span, understood) in spans {
            let span = pass.span(&mut span);
            let understood = understood.map(|known| span.derive(|_| known));
            batch.span(&span, understood.as_ref());
        }
        self.store.append(batch).await.unwrap();
    }

    /// Stores one log record.
    pub(crate) async fn log(&self, mut log: LogRecord<'static>) {
        let mut batch = Batch::new(UnixNanos(ZERO), Source::Otlp);
        let mut pass = Pass::new(&self.redactor);
        let mut resource = Resource { attrs: vec![("service.name".into(), "shop".into())] };
        batch.resource(&pass.resource(&mut resource));
        batch.log(&pass.log(&mut log), None);
        self.store.append(batch).await.unwrap();
    }
}

/// A span that begins `start` nanoseconds after [`ZERO`].
pub(crate) fn span(
    trace: u128,
    id: u64,
    parent: Option<u64>,
    name: &'static str,
    start: i64,
    duration: i64,
) -> Span<'static> {
    Span {
        trace_id: TraceId(trace),
        span_id: SpanId(id),
        parent_id: parent.map(SpanId),
        name: name.into(),
        start: UnixNanos(ZERO + start),
        duration,
        ..Span::default()
    }
}

/// The same span, failed.
pub(crate) fn failed(mut span: Span<'static>) -> Span<'static> {
    span.status = Status::Error;
    span
}

/// What is understood of a span that is a model call.
pub(crate) fn call(span: &Span<'_>, model: &str, tokens: (u64, u64), cost: Option<i64>) -> Understood {
    let call = LlmCall {
        trace_id: span.trace_id,
        span_id: span.span_id,
        start: span.start,
        duration: span.duration,
        operation: "chat".to_owned(),
        dialect: "otel_genai",
        provider: Some("openai".to_owned()),
        request_model: Some(model.to_owned()),
        usage: Usage {
            input: Some(tokens.0),
            output: Some(tokens.1),
            provenance: Provenance::Reported,
            ..Usage::default()
        },
        cost: Cost { computed: cost.map(PicoUsd), ..Cost::default() },
        ttft: Some(5),
        ..LlmCall::default()
    };
    let message = |direction, role: &str, content: &str| LlmMessage {
        direction,
        role: role.to_owned(),
        kind: "text".to_owned(),
        content: content.to_owned(),
        ..LlmMessage::default()
    };
    Understood {
        call: Some(call),
        messages: vec![
            message(Direction::Output, "assistant", "four"),
            message(Direction::Input, "user", "two and two?"),
        ],
        ..Understood::default()
    }
}

/// Two traces of a shop: an order with a failing payment and a model call, and a plain one ten seconds later.
pub(crate) async fn shop() -> House {
    let house = House::new().await;
    let mut root = span(1, 10, None, "GET /order", 0, 900);
    root.attrs = vec![("http.route".into(), "/order".into()), ("cart.items".into(), 3_i64.into())];
    let mut chat = span(1, 12, Some(10), "chat", 300, 400);
    chat.attrs = vec![("prompt.note".into(), "x".repeat(600).into()), ("user.id".into(), "u-1".into())];
    let known = call(&chat, "gpt-4o", (100, 20), Some(5_000));
    house
        .add(
            "shop",
            vec![(root, None), (chat, Some(known)), (span(2, 20, None, "GET /", 10 * SECOND, 50), None)],
        )
        .await;
    house.add("pay", vec![(failed(span(1, 11, Some(10), "charge card", 100, 200)), None)]).await;
    house
}
