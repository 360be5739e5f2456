//! The forwarder between a real store and a scripted Agent: what arrives, what is counted, where it goes on.

use super::{Forwarder, State};
use crate::agent::Agent;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::routing::{get, put};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::{Batch, FolderObjects, RealFs, Store};
use tokio::sync::watch;
use tundra_record::env::{Clock, SystemClock};
use tundra_record::redact::{Pass, RedactConfig, Redactor};
use tundra_record::{
    EVENT_SCOPE, LogRecord, MetricPoint, Reject, Resource, Scope, Sink, Source, Span, SpanId, TraceId,
};
use tundra_wire::datadog::{DatadogHeaders, traces_v03_v04};

/// An Agent that answers by its script, and 200 when that is over.
#[derive(Clone, Default)]
struct Scripted {
    script: Arc<Mutex<VecDeque<StatusCode>>>,
    /// Ids of the spans it took.
    taken: Arc<Mutex<Vec<u64>>>,
    asked: Arc<Mutex<usize>>,
}

#[derive(Default)]
struct Ids(Vec<u64>);

impl Sink for Ids {
    fn resource(&mut self, _: &mut Resource<'_>) {}
    fn scope(&mut self, _: &mut Scope<'_>) {}
    fn span(&mut self, span: &mut Span<'_>) {
        self.0.push(span.span_id.0);
    }
    fn log(&mut self, _: &mut LogRecord<'_>) {}
    fn metric(&mut self, _: &mut MetricPoint<'_>) {}
    fn reject(&mut self, reason: Reject) {
        panic!("the forwarder sent a span that is none: {reason:?}");
    }
}

async fn take(Shared(agent): Shared<Scripted>, body: axum::body::Bytes) -> StatusCode {
    *agent.asked.lock().unwrap() += 1;
    let status = agent.script.lock().unwrap().pop_front().unwrap_or(StatusCode::OK);
    if status == StatusCode::OK {
        let mut ids = Ids::default();
        traces_v03_v04(&body, &DatadogHeaders::default(), &tundra_wire::Limits::default(), &mut ids).unwrap();
        agent.taken.lock().unwrap().extend(ids.0);
    }
    status
}

async fn info() -> &'static str {
    r#"{"endpoints":["/v0.4/traces"]}"#
}

impl Scripted {
    async fn start(script: &[u16]) -> (Self, String) {
        let agent = Self::default();
        *agent.script.lock().unwrap() =
            script.iter().map(|status| StatusCode::from_u16(*status).unwrap()).collect();
        let router = axum::Router::new().route("/v0.4/traces", put(take)).route("/info", get(info));
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let served = axum::serve(socket, router.with_state(agent.clone()));
        tokio::spawn(async { served.await.unwrap() });
        (agent, url)
    }

    fn taken(&self) -> Vec<u64> {
        let mut taken = self.taken.lock().unwrap().clone();
        taken.sort_unstable();
        taken
    }
}

async fn store(folder: &std::path::Path) -> Store {
    let (fs, clock) = (Arc::new(RealFs), Arc::new(SystemClock));
    let objects = Arc::new(FolderObjects::open(fs.clone(), folder.join("objects")).unwrap());
    let mut settings = store::Config::new(folder);
    settings.background = false;
    settings.reserve_bytes = 0;
    Store::open(settings, store::Parts { fs, clock, objects }).await.unwrap()
}

async fn add(store: &Store, source: Source, sample: bool, ids: std::ops::Range<u64>) {
    add_of(store, source, sample, ids, "").await;
}

async fn add_of(store: &Store, source: Source, sample: bool, ids: std::ops::Range<u64>, scope: &'static str) {
    let redactor = Redactor::new(&RedactConfig::default()).unwrap();
    let mut pass = Pass::new(&redactor);
    let mut batch = Batch::new(SystemClock.now(), source);
    batch.sample(sample);
    batch.resource(&pass.resource(&mut Resource { attrs: vec![("service.name".into(), "shop".into())] }));
    batch.scope(&pass.scope(&mut Scope { name: scope.into(), ..Scope::default() }));
    for id in ids {
        let mut span = Span {
            trace_id: TraceId(u128::from(id / 4 + 1)),
            span_id: SpanId(id),
            name: "work".into(),
            ..Span::default()
        };
        batch.span(&pass.span(&mut span), None);
    }
    store.append(batch).await.unwrap();
}

/// Forwards until the counters say that `spans` are done with, then stops.
async fn forward(store: &Store, url: &str, spans: u64) -> Forwarder {
    let forwarder = Arc::new(Forwarder::open(store.clone(), Agent::new(url).unwrap()).await.unwrap());
    let (tell, told) = watch::channel(false);
    let running = tokio::spawn({
        let forwarder = Arc::clone(&forwarder);
        async move { forwarder.run(told).await }
    });
    let newest = store.snapshot().seq();
    tokio::time::timeout(Duration::from_secs(60), async {
        while done(&forwarder) < spans
            || store.cursor(super::CURSOR) != Some(newest)
            || forwarder.state() != State::Connected
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("everything is forwarded or refused in the end");
    tell.send(true).unwrap();
    running.await.unwrap();
    Arc::into_inner(forwarder).unwrap()
}

fn count(forwarder: &Forwarder, counter: &str, reason: &str) -> u64 {
    let counts = forwarder.counts();
    counts.iter().find(|(name, why, _)| (*name, *why) == (counter, reason)).unwrap().2
}

fn done(forwarder: &Forwarder) -> u64 {
    count(forwarder, "forwarded", "") + count(forwarder, "dropped", "refused_by_agent")
}

#[tokio::test]
async fn answers_of_the_agent() {
    for (script, sent, refused, requests) in [
        (&[][..], 10, 0, 1),
        (&[500][..], 10, 0, 2),
        (&[429, 503][..], 10, 0, 3),
        (&[404, 200][..], 10, 0, 2),
        (&[400][..], 0, 10, 1),
        (&[413][..], 0, 10, 1),
        // No Agent redirects: whoever does is not followed.
        (&[307][..], 10, 0, 2),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let (agent, url) = Scripted::start(script).await;
        // The first start begins with what comes in from then on.
        Forwarder::open(store.clone(), Agent::new(&url).unwrap()).await.unwrap();
        add(&store, Source::Otlp, false, 1..11).await;
        let forwarder = forward(&store, &url, 10).await;
        let counts = (count(&forwarder, "forwarded", ""), count(&forwarder, "dropped", "refused_by_agent"));
        assert_eq!(counts, (sent, refused), "{script:?}");
        assert_eq!(agent.taken().len() as u64, sent, "{script:?}");
        assert_eq!(*agent.asked.lock().unwrap(), requests, "{script:?}");
    }
}

#[tokio::test]
async fn goes_on_where_it_stopped_and_leaves_samples_here() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let (agent, url) = Scripted::start(&[]).await;
    add(&store, Source::Otlp, false, 900..905).await;
    Forwarder::open(store.clone(), Agent::new(&url).unwrap()).await.unwrap();
    add(&store, Source::Otlp, false, 1..6).await;
    add(&store, Source::Otlp, true, 500..510).await;
    // What events told is no trace of an Agent's: its own trace tells it.
    add_of(&store, Source::Datadog, false, 700..703, EVENT_SCOPE).await;
    add(&store, Source::Datadog, false, 6..9).await;
    let first = forward(&store, &url, 8).await;
    assert_eq!(count(&first, "not_forwarded", "llm_event"), 3);
    assert_eq!(agent.taken(), (1..9).collect::<Vec<_>>());
    add(&store, Source::Sdk, false, 9..12).await;
    let second = forward(&store, &url, 3).await;
    assert_eq!(count(&second, "forwarded", ""), 3);
    assert_eq!(
        agent.taken(),
        (1..12).collect::<Vec<_>>(),
        "each span once, none from before the first start"
    );
}

#[tokio::test]
async fn who_is_an_agent() {
    let (_agent, url) = Scripted::start(&[]).await;
    assert!(Agent::new(&url).unwrap().answers().await);
    assert!(!Agent::new("http://127.0.0.1:1").unwrap().answers().await);
    for wrong in ["localhost:8126", "https://localhost:8126", "unix:///x", "", "http://"] {
        let error = Agent::new(wrong).unwrap_err().to_string();
        assert!(error.contains("write it as http://host:8126"), "{wrong}: {error}");
    }
}
