//! What other rooms may know of the house: the traits of `serve` and `query`, fulfilled with what the rooms below say.

use crate::banner::Addresses;
use crate::forward::Forwarding;
use async_trait::async_trait;
use intake::path::Protocol;
use intake::{Intake, Ledger};
use serve::doors::{Answered, Forwarder, HealthState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use store::{Store, Table};
use tundra_record::{Resource, Sink, Span};

/// How the daemon is.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) begun: Instant,
    pub(crate) ports_bound: Duration,
    pub(crate) ready_after: std::sync::OnceLock<Duration>,
    pub(crate) ready: AtomicBool,
    pub(crate) version: String,
    pub(crate) addresses: Addresses,
    pub(crate) data_dir: PathBuf,
    pub(crate) forwarding: Arc<Forwarding>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) requests: AtomicU64,
}

impl serve::doors::Health for View {
    fn state(&self) -> HealthState {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let ledger = query::Ledger::rows(self);
        HealthState {
            ready: self.ready.load(Ordering::Acquire),
            version: self.version.clone(),
            uptime_ms: micros(self.begun.elapsed()) / 1000,
            ports_bound_us: micros(self.ports_bound),
            ready_us: self.ready_after.get().copied().map(micros),
            addresses: self.addresses.each().map(|(name, addr)| (name, addr.map(str::to_owned))).to_vec(),
            data_dir: self.data_dir.display().to_string(),
            forwarder: Forwarder::from(&*self.forwarding),
            ledger,
            pid: std::process::id(),
        }
    }

    fn answered(&self, request: &Answered<'_>) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let status = if request.status >= 500 {
            "5xx"
        } else if request.status >= 400 {
            "4xx"
        } else {
            "2xx"
        };
        tundra::counter!("http.server.requests", 1, route = request.route, status = status);
        tundra::histogram!("http.server.request.duration_ms", request.duration_ns as f64 / 1e6);
    }
}

impl query::Ledger for View {
    fn rows(&self) -> Vec<query::LedgerRow> {
        let row = |row: intake::LedgerRow| query::LedgerRow {
            protocol: row.protocol.to_owned(),
            counter: row.counter.to_owned(),
            reason: row.reason.to_owned(),
            value: row.value,
        };
        self.ledger.rows().into_iter().map(row).chain(self.forwarding.ledger()).collect()
    }
}

/// Sample data goes the way of all data, marked.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) intake: Intake,
    pub(crate) store: Store,
}

/// Sample spans are appended in batches, as a client would send them.
const SAMPLE_BATCH: usize = 2_000;

#[async_trait]
impl serve::doors::Samples for Samples {
    async fn submit(&self, mut resource: Resource<'static>, spans: Vec<Span<'static>>) -> Result<(), String> {
        let mut rest = spans;
        while !rest.is_empty() {
            let later = rest.split_off(rest.len().min(SAMPLE_BATCH));
            let built = self.intake.build(Protocol::Own, true, |sink: &mut dyn Sink| {
                sink.resource(&mut resource);
                for span in &mut rest {
                    sink.span(span);
                }
            });
            Box::pin(self.intake.append(built)).await.map_err(|error| error.to_string())?;
            rest = later;
        }
        Ok(())
    }

    async fn remove(&self) -> Result<u64, String> {
        let removed = self.store.remove_samples().await.map_err(|error| error.to_string())?;
        Ok(removed.get(&Table::Spans).copied().unwrap_or(0))
    }
}
