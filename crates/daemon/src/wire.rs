//! Puts the rooms together and runs them.
//!
//! ```text
//!  OTLP, Datadog, DogStatsD ─▶ intake ─▶ store ◀─ query ◀─ serve ─▶ people
//!                                ▲         │                 │
//!  gateway (tasks) ─▶ SDK ───────┘         └─▶ outlet ─▶ Datadog Agent
//!        ▲                                                   │
//!        └──────────────── tasks, profiles ◀─────────────────┘
//! ```
//!
//! Ports are bound before this begins; rules, prices, store and engine are built behind them, side by side. Stopping goes
//! the other way: doors first, then what is in work, then our own telemetry, then the store is sealed.

mod doors;
mod heartbeat;
mod listening;

use crate::banner::Banner;
use crate::cli;
use crate::config::{Config, Durability, LogFormat};
use crate::forward::Forwarding;
use crate::own::{Opening, OwnExporter};
use crate::ports::Bound;
use crate::profiles::Gateway;
use crate::stop::Stop;
use crate::view::{Samples, View};
use anyhow::Context as _;
use doors::Doors;
use intake::Intake;
use llm::{Prices, Reader};
use query::Query;
use serve::Server;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use store::{FolderObjects, RealFs, Store, Table};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tracing::Instrument as _;
use tundra_record::env::{Clock, SystemClock};
use tundra_record::redact::{HashKey, RedactConfig, Redactor};

/// How long the block at start waits for LLM profiles that are still being looked for.
const PROFILES_WAIT: Duration = Duration::from_millis(1500);
/// How long requests in work may take to finish once the daemon was told to stop.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Runs the daemon on bound ports until it is told to stop.
pub(crate) fn run(
    config: Config,
    variables: BTreeMap<String, String>,
    bound: Bound,
    begun: Instant,
) -> anyhow::Result<()> {
    let ports_bound = begun.elapsed();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let opening = Opening::default();
    let exporter = OwnExporter { opening: opening.clone(), runtime: runtime.handle().clone() };
    let guard = tundra::builder()
        .service(config.service.clone())
        .env(config.environment.clone())
        .version(config.version.clone())
        .attribute("process.pid", std::process::id().to_string())
        .attribute("host.arch", std::env::consts::ARCH)
        .filter(config.log_level.clone())
        .log_format(match config.log_format {
            LogFormat::Auto => tundra::LogFormat::Auto,
            LogFormat::Json => tundra::LogFormat::Json,
            LogFormat::Text => tundra::LogFormat::Plain,
        })
        .log_metrics(true)
        // What the exporter hands in goes through `intake`, which redacts everything by the daemon's own rules.
        .no_redaction()
        .exporter(Box::new(exporter))
        .install()?;
    runtime.block_on(async {
        let startup = tracing::info_span!("daemon.startup", process.pid = std::process::id());
        let house =
            House::build(config, variables, bound, &opening, begun, ports_bound).instrument(startup).await?;
        house.live(guard).await
    })
}

/// All rooms, built and not yet opened to the world.
struct House {
    config: Config,
    store: Store,
    server: Server,
    gateway: Gateway,
    forwarding: Arc<Forwarding>,
    view: Arc<View>,
    doors: Doors,
    begun: Instant,
}

impl House {
    async fn build(
        config: Config,
        variables: BTreeMap<String, String>,
        bound: Bound,
        opening: &Opening,
        begun: Instant,
        ports_bound: Duration,
    ) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let addresses = listening::addresses(&bound);
        std::fs::create_dir_all(&config.data_dir).with_context(|| {
            format!("cannot make the data folder `{}` (AT_DATA_DIR names another)", config.data_dir.display())
        })?;
        let rules = redaction(&config)?;
        let redactor = spawn_blocking(move || Redactor::new(&rules));
        let store = open_store(&config, &clock).instrument(tracing::info_span!("store.open")).await?;
        let redactor = Arc::new(redactor.await??);
        let reader = Arc::new(Reader::new(Prices::bundled()));
        let parts = intake::Parts {
            store: store.clone(),
            redactor: Arc::clone(&redactor),
            reader: Arc::clone(&reader),
            clock: Arc::clone(&clock),
        };
        let intake = Intake::new(intake::Limits::default(), parts);
        opening.open(intake.clone());
        let forwarding = Arc::new(Forwarding::plan(&config, &bound, store.clone()).await);
        let view = Arc::new(View {
            begun,
            ports_bound,
            ready_after: OnceLock::new(),
            ready: false.into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            addresses,
            data_dir: config.data_dir.clone(),
            forwarding: Arc::clone(&forwarding),
            ledger: Arc::clone(intake.ledger()),
            requests: 0.into(),
        });
        let query = {
            let _span = tracing::info_span!("query.open").entered();
            let ledger: Arc<dyn query::Ledger> = Arc::clone(&view) as _;
            Arc::new(Query::new(store.clone(), ledger, query::Config::default())?)
        };
        let gateway = Gateway::build(&config, variables, &clock, &redactor).await?;
        let server = Server::new(serve::Parts {
            query,
            health: Arc::clone(&view) as _,
            tasks: gateway.tasks(),
            profiles: gateway.profiles(),
            samples: Arc::new(Samples { intake: intake.clone(), store: store.clone() }),
            clock,
            token: config.token.clone(),
        });
        // Price tables take tens of milliseconds to unpack: before the first call needs them, off the way of the start.
        spawn_blocking(move || reader.prices().warm());
        let doors = Doors::new(bound, intake);
        Ok(Self { config, store, server, gateway, forwarding, view, doors, begun })
    }

    /// Opens the doors and lives until the end.
    async fn live(self, guard: tundra::Guard) -> anyhow::Result<()> {
        let Self { config, store, server, gateway, forwarding, view, doors, begun } = self;
        let mut stop = Stop::new().context("cannot listen for signals")?;
        let (tell, told) = watch::channel(false);
        let moved = doors.moved.clone();
        let open = Arc::clone(&doors.open);
        let serving = doors.serve(&server, told.clone());
        view.ready.store(true, std::sync::atomic::Ordering::Release);
        let _only_once = view.ready_after.set(begun.elapsed());
        let file = listening::write(&config.data_dir, &view.addresses)?;
        let ready = begun.elapsed();
        started(&config, ready);
        let background = [
            tokio::spawn({
                let (server, mut told) = (server.clone(), told.clone());
                async move {
                    tokio::select! {
                        () = server.run() => {}
                        _ = told.wait_for(|stop| *stop) => {}
                    }
                }
            }),
            tokio::spawn(Arc::clone(&forwarding).run(told.clone())),
            tokio::spawn(gateway.clone().run(told.clone())),
            tokio::spawn(heartbeat::run(Arc::clone(&view), open, begun, told)),
        ];
        let found = tokio::time::timeout(PROFILES_WAIT, gateway.found()).await;
        cli::print_banner(&Banner {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            environment: config.environment.clone(),
            startup: ready,
            addresses: view.addresses.clone(),
            data_dir: config.data_dir.clone(),
            forwarding: forwarding.sentence(),
            profiles: if found.is_ok() {
                gateway.sentence()
            } else {
                "still looking: see /api/profiles".to_owned()
            },
            moved,
            unsupported: config.unsupported.clone(),
        });
        let signal = stop.wait().await;
        tracing::info!(signal, uptime_ms = begun.elapsed().as_millis() as u64, "daemon stopping");
        let _everyone_listens = tell.send(true);
        let drained = tokio::time::timeout(DRAIN_MAX, async {
            serving.await;
            for task in background {
                let _ended = task.await;
            }
        });
        tokio::select! {
            drained = drained => if drained.is_err() {
                tracing::warn!(seconds = DRAIN_MAX.as_secs(), "some requests did not finish in time");
            },
            signal = stop.wait() => tracing::warn!(signal, "told again: not waiting for requests in work"),
        }
        tracing::info!(uptime_ms = begun.elapsed().as_millis() as u64, "daemon stopped");
        // Our own last words go into the store before it is sealed.
        tokio::task::spawn_blocking(move || drop(guard)).await?;
        store
            .close()
            .await
            .context("the store could not be sealed; its log is replayed at the next start")?;
        drop(file);
        Ok(())
    }
}

fn started(config: &Config, ready: Duration) {
    tundra::increment_counter!("daemon.startup");
    let micros = u64::try_from(ready.as_micros()).unwrap_or(u64::MAX);
    tracing::info!(
        startup_ms = micros / 1000,
        startup_us = micros,
        process.pid = std::process::id(),
        host.arch = std::env::consts::ARCH,
        environment = config.environment,
        data_dir = %config.data_dir.display(),
        "daemon started"
    );
    if !config.unsupported.is_empty() {
        tracing::warn!(
            variables = config.unsupported.join(","),
            "these variables are set and not supported here"
        );
    }
}

fn redaction(config: &Config) -> anyhow::Result<RedactConfig> {
    let secret = match &config.hash_key {
        Some(key) => key.clone().into_bytes(),
        None => listening::hash_key(&config.data_dir)?,
    };
    Ok(RedactConfig { hash_key: Some(HashKey { id: "local".to_owned(), secret }), ..RedactConfig::default() })
}

async fn open_store(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Store> {
    let folder = match config.store_url.as_deref() {
        None => config.data_dir.join("files"),
        Some(url) => match url.strip_prefix("file://") {
            Some(path) => path.into(),
            None => anyhow::bail!("AT_STORE_URL is `{url}`: only file:// folders are supported so far"),
        },
    };
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let mut settings = store::Config::new(&config.data_dir);
    settings.durability = match config.durability {
        Durability::Group => store::Durability::Group,
        Durability::Relaxed => store::Durability::Relaxed,
    };
    settings.retention = Table::ALL.into_iter().map(|table| (table, config.retention)).collect();
    let fs = Arc::new(RealFs);
    let objects = Arc::new(FolderObjects::open(fs.clone(), &folder)?);
    let parts = store::Parts { fs, clock: Arc::clone(clock), objects };
    Store::open(settings, parts).await.map_err(|error| match error {
        store::OpenError::Locked { .. } => anyhow::anyhow!("{error} with AT_DATA_DIR"),
        other => other.into(),
    })
}
