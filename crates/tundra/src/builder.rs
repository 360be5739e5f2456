//! `tundra::init()` and `tundra::builder()`: from settings to an installed subscriber and the guard that ends it.
//!
//! Called once in `main` (tests may build as many as they like). Nothing here waits for the network.

mod exporters;
mod resource;

use crate::clock::Steps;
use crate::collector::{self, Console, Injection, LogFormat, Pipeline, PipelineConfig, Redaction};
use crate::engine::{ActiveFilter, Engine, Fanout, Filter, FilterError, Second};
use crate::env::{Environment, host_name, program_name};
use crate::export::{EndpointError, Exporter};
use crate::fork;
use crate::guard::Guard;
use crate::handle::Handle;
use crate::limits::{LONGEST_TIME, PIPELINES};
use crate::metrics;
use crate::sampling::{RulesError, Sampler, Settings, parse};
use resource::{Found, resource};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tracing_core::dispatcher::WeakDispatch;
use tracing_core::subscriber::NoSubscriber;
use tracing_core::{Dispatch, LevelFilter, Subscriber};
use tundra_record::Resource;

/// The SDK could not be installed.
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Cause);

/// The text itself: this is what a `main` that gives the error back shows.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(
        "another `tracing` subscriber is installed already: call `tundra::init` first and only once, or add \
         `tundra::layer()` (feature `layer`) to your `Registry`"
    )]
    AlreadyInstalled,
    #[error("the collector thread could not be started: {source}")]
    Thread { source: std::io::Error },
    #[error(transparent)]
    Filter { source: FilterError },
    #[error("more than {PIPELINES} pipelines were installed in this process: install one and keep it")]
    TooMany,
    #[error("{variables}: {source}")]
    Variable { variables: &'static str, source: EndpointError },
    #[error(transparent)]
    Rules { source: RulesError },
    #[cfg(feature = "redact")]
    #[error(transparent)]
    Redaction { source: tundra_record::redact::RuleError },
}

impl Error {
    /// Whether some subscriber was installed before.
    pub fn is_already_installed(&self) -> bool {
        matches!(self.0, Cause::AlreadyInstalled)
    }

    /// Whether the filter could not be read.
    pub fn is_filter(&self) -> bool {
        matches!(self.0, Cause::Filter { .. })
    }
}

/// Installs the SDK with everything the environment says (`DD_*`, `OTEL_*`, `RUST_LOG`): keep the guard in `main`.
pub fn init() -> Result<Guard, Error> {
    if !cfg!(feature = "enabled") {
        return Ok(Guard::inert());
    }
    builder().exporters_from_environment()?.install()
}

/// Starts from the environment; every call overrides it. There is no exporter before
/// [`exporter`](Builder::exporter) or [`exporters_from_environment`](Builder::exporters_from_environment) is called: without
/// one there are log lines and nothing else.
///
/// ```no_run
/// let _tundra = tundra::builder().service("shop").exporters_from_environment()?.install()?; // as `init`, but for the name
/// # Ok::<(), tundra::Error>(())
/// ```
pub fn builder() -> Builder {
    from_environment(if cfg!(feature = "enabled") { Environment::read() } else { Environment::default() })
}

/// Starts from these settings.
pub(crate) fn from_environment(environment: Environment) -> Builder {
    Builder {
        redaction: if environment.unredacted { Redaction::Off } else { Redaction::Standard },
        environment,
        attributes: Vec::new(),
        exporters: Vec::new(),
        logs: Some((LogFormat::Auto, None)),
        second: None,
        log_metrics: false,
        panics: true,
        steps: None,
        filter: None,
        sampling: Sampling { errors: true, llm: true, ..Sampling::default() },
        period: Duration::from_millis(500),
        deadline: Duration::from_secs(5),
    }
}

/// What the program says about sampling.
#[derive(Default)]
struct Sampling {
    rate: Option<f64>,
    rules: Option<String>,
    limit: Option<f64>,
    errors: bool,
    llm: bool,
}

type Output = Option<Box<dyn Write + Send>>;

/// The settings of one pipeline.
#[must_use = "nothing is recorded before `install`"]
pub struct Builder {
    environment: Environment,
    attributes: Vec<(String, String)>,
    exporters: Vec<Box<dyn Exporter>>,
    logs: Option<(LogFormat, Output)>,
    second: Option<Second>,
    log_metrics: bool,
    redaction: Redaction,
    panics: bool,
    steps: Option<&'static Steps>,
    filter: Option<String>,
    sampling: Sampling,
    period: Duration,
    deadline: Duration,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What it holds may be keys.
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}

impl Builder {
    /// The service's name. Default: `DD_SERVICE`, `OTEL_SERVICE_NAME`, `service.name` in `OTEL_RESOURCE_ATTRIBUTES`, `service`
    /// in `DD_TAGS`, else the program's.
    pub fn service(self, name: impl Into<String>) -> Self {
        self.attribute("service.name", name)
    }

    /// Where it runs (`production`, ...). Default: `DD_ENV`, `env` in `DD_TAGS`, else the OpenTelemetry resource
    /// attribute.
    pub fn env(self, name: impl Into<String>) -> Self {
        self.attribute("deployment.environment.name", name)
    }

    /// The service's version. Default: `DD_VERSION`, `version` in `DD_TAGS`, else the OpenTelemetry resource attribute.
    pub fn version(self, version: impl Into<String>) -> Self {
        self.attribute("service.version", version)
    }

    /// One more resource attribute. It wins over what the environment says and what the process finds out by itself; of two
    /// calls with the same key, [`service`](Self::service) and its like included, the last counts.
    pub fn attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push((key.into(), value.into()));
        self
    }

    /// One more exporter; all of them get every batch.
    pub fn exporter(mut self, exporter: Box<dyn Exporter>) -> Self {
        self.exporters.push(exporter);
        self
    }

    /// How log lines on standard output look. Default: `LogFormat::Auto`.
    pub fn log_format(mut self, format: LogFormat) -> Self {
        let output = self.logs.take().and_then(|(_, output)| output);
        self.logs = Some((format, output));
        self
    }

    /// Log lines go here instead of standard output; `Auto` then means JSON.
    pub fn log_output(mut self, output: Box<dyn Write + Send>) -> Self {
        let format = self.logs.take().map_or(LogFormat::Auto, |(format, _)| format);
        self.logs = Some((format, Some(output)));
        self
    }

    /// No log lines; log records still reach the exporters.
    pub fn no_log_output(mut self) -> Self {
        self.logs = None;
        self
    }

    /// A second subscriber that sees the same spans and events after ours: a `Registry` with `fmt`, `EnvFilter` and so
    /// on. It costs what it costs. Layers that look the current subscriber up by type are better served by theirs.
    pub fn also(mut self, second: impl Subscriber + Send + Sync) -> Self {
        self.second = Some(Box::new(second));
        self
    }

    /// Also write metrics as log lines: a counter when it has grown (at most once a minute each), a gauge when it is
    /// first set and on [`metrics::report_gauges`](crate::metrics::report_gauges). Default: no.
    pub fn log_metrics(mut self, yes: bool) -> Self {
        self.log_metrics = yes;
        self
    }

    /// Times come from a test's clock.
    pub(crate) fn steps(mut self, steps: &'static Steps) -> Self {
        self.steps = Some(steps);
        self
    }

    /// Leaves the panic hook alone. Default: panics become error records inside their span, and the hook that was there
    /// runs after ours.
    pub fn no_panic_hook(mut self) -> Self {
        self.panics = false;
        self
    }

    /// Leaves personal data and secrets in what is exported and logged: for a back end that redacts itself, inside the
    /// same trust. Default: they are taken out by `tundra_record`'s rules on the SDK's own thread, unless
    /// `TUNDRA_REDACT=false`.
    pub fn no_redaction(mut self) -> Self {
        self.redaction = Redaction::Off;
        self
    }

    /// Takes out what these rules say.
    #[cfg(feature = "redact")]
    pub fn redact_with(mut self, config: &tundra_record::redact::RedactConfig) -> Result<Self, Error> {
        self.redaction = Redaction::own(config).map_err(|source| Cause::Redaction { source })?;
        Ok(self)
    }

    /// Which call sites are recorded, as in `RUST_LOG`: `info,my_crate=debug`. Default: `RUST_LOG`, else
    /// `info`. `DD_LOG_LEVEL` and `OTEL_LOG_LEVEL` are levels of an SDK's own log, which this one has not.
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.filter = Some(directives.into());
        self
    }

    /// The share of traces that is kept, 0 to 1, decided at the root. Default: `DD_TRACE_SAMPLE_RATE`, else
    /// `OTEL_TRACES_SAMPLER`, else the rate that a Datadog Agent asks for, else 1.
    ///
    /// A trace that began in another process keeps the decision that it came with.
    pub fn sample_rate(mut self, rate: f64) -> Self {
        self.sampling.rate = Some(rate);
        self
    }

    /// Takes back what the program and the environment said about sampling, so that an Agent's rates hold.
    #[cfg(test)]
    pub(crate) fn agent_decides(mut self) -> Self {
        self.sampling.rate = None;
        self.environment.sampling = crate::env::Sampling::default();
        self
    }

    /// Rates for some traces, in the form of `DD_TRACE_SAMPLING_RULES`: the first rule that fits the root counts, and
    /// [`sample_rate`](Self::sample_rate) for the rest. Rules see what is known when the root begins: its name, the
    /// service, and the fields it is made with (`resource.name` is the resource).
    ///
    /// ```
    /// let builder = tundra::builder()
    ///     .sampling_rules(r#"[{"resource": "GET /health*", "sample_rate": 0}, {"tags": {"tier": "gold"}, "sample_rate": 1}]"#);
    /// # drop(builder);
    /// ```
    pub fn sampling_rules(mut self, json: impl Into<String>) -> Self {
        self.sampling.rules = Some(json.into());
        self
    }

    /// Traces a second that rules and rate may keep. Default: `DD_TRACE_RATE_LIMIT`; 100 if a rule or rate came from a
    /// `DD_TRACE_*` variable, as in Datadog's tracers; else no limit.
    pub fn sample_limit(mut self, per_second: f64) -> Self {
        self.sampling.limit = Some(per_second);
        self
    }

    /// Whether an unsampled trace is kept all the same when a span fails. It may then lack spans that ended more than ten
    /// seconds before the failure. At most 100 a second, or what [`sample_limit`](Self::sample_limit) says. Default: yes.
    pub fn keep_errors(mut self, yes: bool) -> Self {
        self.sampling.errors = yes;
        self
    }

    /// The same for traces with a model call or an agent's run. Default: yes.
    pub fn keep_llm(mut self, yes: bool) -> Self {
        self.sampling.llm = yes;
        self
    }

    /// How long records wait for more before they are exported. Default: 500 ms; live views may want less.
    pub fn export_every(mut self, period: Duration) -> Self {
        self.period = period.min(LONGEST_TIME);
        self
    }

    /// How long dropping the guard may take. Default: 5 s.
    pub fn shutdown_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.min(LONGEST_TIME);
        self
    }

    /// Installs the subscriber for the whole process.
    pub fn install(self) -> Result<Guard, Error> {
        if !cfg!(feature = "enabled") {
            return Ok(Guard::inert());
        }
        let (records_panics, rules) = (self.panics, self.redaction.clone());
        let notices = self.environment.notices.clone();
        let (dispatch, mut guard) = self.make()?;
        let is_none = dispatch.is::<NoSubscriber>();
        if !is_none && tracing_core::dispatcher::set_global_default(dispatch).is_err() {
            return Err(Cause::AlreadyInstalled.into());
        }
        if guard.is_inert() {
            crate::bridge::install_what_stays(!is_none);
        } else {
            collector::set_rules(rules);
            for notice in notices {
                tracing::warn!(name: "tundra.setting", "{notice}");
            }
            crate::bridge::install();
            if records_panics {
                crate::panic::install();
            }
            guard.installed();
        }
        Ok(guard)
    }

    /// Makes the subscriber without installing it: for `tracing::dispatcher::with_default`, tests and fan-out.
    pub fn build(self) -> Result<(Dispatch, Guard), Error> {
        let rules = self.redaction.clone();
        let made = self.make()?;
        if !made.1.is_inert() {
            collector::set_rules(rules);
        }
        Ok(made)
    }

    fn make(mut self) -> Result<(Dispatch, Guard), Error> {
        let second = self.second.take();
        let Some(started) = self.start()? else {
            // The program's own subscriber is not ours to switch off.
            return Ok((second.map_or_else(Dispatch::none, Dispatch::new), Guard::inert()));
        };
        let dispatch = match second {
            Some(second) => Dispatch::new(Fanout::new(started.engine, second)),
            None => Dispatch::new(started.engine),
        };
        let _ = started.stack.set(dispatch.downgrade());
        Ok((dispatch, started.guard))
    }

    /// Makes a layer for a `Registry` that the program has already. What [`Builder::also`] was given is not used: other
    /// layers stand beside this one.
    #[cfg(feature = "layer")]
    pub fn layer(self) -> Result<(crate::RegistryLayer, Guard), Error> {
        let (records_panics, rules) = (self.panics, self.redaction.clone());
        let Some(started) = self.start()? else {
            return Ok((crate::RegistryLayer::inert(), Guard::inert()));
        };
        collector::set_rules(rules);
        if records_panics {
            crate::panic::install();
        }
        let verdicts = crate::engine::Verdicts::new(started.filter);
        Ok((crate::RegistryLayer::new(started.engine, verdicts, started.stack), started.guard))
    }

    /// Starts the pipeline; `None` if the SDK is switched off.
    fn start(self) -> Result<Option<Started>, Error> {
        if !cfg!(feature = "enabled") || self.environment.disabled {
            return Ok(None);
        }
        crate::health::note(&self.environment.notices);
        let filter = Arc::new(ActiveFilter::new(self.read_filter()?, !self.environment.no_spans));
        let resource = self.resource();
        let sampling = self.read_sampling(&resource)?;
        let id = NEXT
            .fetch_update(Relaxed, Relaxed, |n| (usize::from(n) < PIPELINES).then_some(n + 1))
            .map_err(|_| Cause::TooMany)?;
        let sampler = Arc::new(Sampler::new(sampling, id));
        collector::start().map_err(|source| Cause::Thread { source })?;
        fork::watch();
        let injection = Arc::new(Injection::new(!self.environment.no_log_injection));
        let config = PipelineConfig {
            id,
            console: self.logs.map(|(format, output)| console(format, output, Arc::clone(&injection))),
            resource,
            exporters: self.exporters,
            sampler: Arc::clone(&sampler),
            injection: Arc::clone(&injection),
            log_metrics: self.log_metrics,
            period: self.period,
            redaction: self.redaction,
            steps: self.steps,
        };
        collector::install(Pipeline::new(config));
        metrics::set_active();
        #[cfg(feature = "tokio")]
        metrics::watch_current();
        let engine = Engine::new(id, Arc::clone(&filter), Arc::clone(&sampler));
        let stack = Arc::new(OnceLock::new());
        let handle = Handle::new(Arc::clone(&filter), sampler, injection, Arc::clone(&stack));
        let guard = Guard::new(id, self.deadline, handle);
        Ok(Some(Started { engine, guard, stack, filter }))
    }

    fn read_filter(&self) -> Result<Filter, Error> {
        match (&self.filter, &self.environment.filter) {
            (Some(text), _) => Filter::parse(text).map_err(|source| Cause::Filter { source }.into()),
            (None, Some(filter)) => Ok(filter.clone()),
            (None, None) => Ok(Filter::up_to(LevelFilter::INFO)),
        }
    }

    fn read_sampling(&self, resource: &Resource<'_>) -> Result<Settings, Error> {
        let said = &self.environment.sampling;
        let rules = match &self.sampling.rules {
            Some(json) => parse(json).map_err(|source| Cause::Rules { source })?,
            None => said.rules.clone(),
        };
        let ours = self.sampling.rate.is_some() || self.sampling.rules.is_some();
        let datadog = !ours && (!said.rules.is_empty() || said.rate.is_some());
        let limit = self.sampling.limit.or(said.limit);
        Ok(Settings {
            service: resource.service().unwrap_or_default().to_owned(),
            env: resource.env().unwrap_or_default().to_owned(),
            rules,
            rate: self.sampling.rate.or(said.rate).or(said.otel_rate),
            limit: limit.or(datadog.then_some(DATADOG_LIMIT)),
            keep_errors: self.sampling.errors,
            keep_llm: self.sampling.llm,
        })
    }

    fn resource(&self) -> Resource<'static> {
        let found = Found { program: program_name(), host: host_name(), pid: std::process::id() };
        resource(&self.attributes, &self.environment.names, found)
    }
}

/// Traces a second that Datadog's tracers keep by rule if nobody says otherwise.
const DATADOG_LIMIT: f64 = 100.0;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// How many pipelines were installed so far, closed ones included.
pub(crate) fn pipelines() -> u16 {
    NEXT.load(Relaxed)
}

/// A pipeline that runs and has no door yet.
struct Started {
    engine: Engine,
    guard: Guard,
    /// To be set to the subscriber that call sites will ask.
    stack: Arc<OnceLock<WeakDispatch>>,
    #[cfg_attr(not(feature = "layer"), expect(dead_code, reason = "only a layer asks by itself"))]
    filter: Arc<ActiveFilter>,
}

fn console(format: LogFormat, output: Output, injection: Arc<Injection>) -> Console {
    let terminal = output.is_none() && std::io::stdout().is_terminal();
    let format = match format {
        LogFormat::Auto if terminal => LogFormat::Pretty,
        LogFormat::Auto => LogFormat::Json,
        other => other,
    };
    Console::new(output.unwrap_or_else(|| Box::new(std::io::stdout())), format, injection)
}
