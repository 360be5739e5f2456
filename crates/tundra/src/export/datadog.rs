//! Datadog's Agent: spans in chunks of one trace each, statistics over all of them, and the rates that it answers with.
//! Logs and metrics go by other doors.
//!
//! The exporter encodes on the collector thread and never waits; the Agent's answers come back through `answers`.

mod alike;
mod answers;
mod chunks;
mod config;
mod evp;
mod groups;
pub(crate) mod llmobs;
mod operation;
mod sha256;
mod stats;
mod traces;
mod upstream;

use super::endpoint::{Endpoint, EndpointError};
use super::outbox::Outbox;
use super::payload::{Joins, Payload};
use super::{ExportError, Exported, Exporter, pieces};
use crate::collector::{Injection, Marked};
use crate::env::Container;
use crate::health::{DONE, Undelivered};
use crate::sampling::Sampler;
use answers::{Answers, Info};
use chunks::TraceChunk;
use llmobs::Form;
use stats::Concentrator;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;
use traces::{Body, Context, Door, Traces};
use tundra_record::Resource;
use tundra_wire::datadog::encode::{Chunk, v04, v05};
use tundra_wire::datadog::stats::{Sender, encode};

/// Sends spans to a Datadog Agent such as `http://localhost:8126`, or `unix:///var/run/datadog/apm.socket`.
///
/// It asks the Agent what it can do (`/info`) and follows: statistics are counted here and traces that are not kept stay
/// here if the Agent allows that; its rates hold for new traces unless a rule or rate was set, and a rate set by remote
/// configuration wins over both. LLM spans carry the event that Datadog's LLM product shows.
pub struct DatadogAgent {
    outbox: Outbox,
    answers: Arc<Answers>,
    container: Container,
    runtime_id: String,
    /// Known from the first batch on.
    resource: Resource<'static>,
    stats: Concentrator,
    traces: Traces,
    remote: config::Remote,
    /// What the Agent may change, known from the first batch on.
    settings: Option<(Arc<Sampler>, Arc<Injection>)>,
    /// Traces and spans that were dropped since the last payload.
    dropped: [usize; 2],
    counts: bool,
    prefers_v05: bool,
    configurable: bool,
    /// What Datadog's LLM product calls the application; `None` is the service's name.
    llm_app: Option<String>,
    sequence: u64,
}

impl std::fmt::Debug for DatadogAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatadogAgent").finish_non_exhaustive()
    }
}

const AGENT_PORT: u16 = 8126;

impl DatadogAgent {
    /// The Agent at a URL.
    pub fn new(url: &str) -> Result<Self, EndpointError> {
        let answers = Arc::new(Answers::default());
        Ok(Self {
            outbox: Outbox::new(Endpoint::parse(url, AGENT_PORT)?, Arc::clone(&answers) as _),
            answers,
            container: Container::read(),
            runtime_id: uuid(),
            resource: Resource::default(),
            stats: Concentrator::default(),
            traces: Traces::default(),
            remote: config::Remote::default(),
            settings: None,
            dropped: [0; 2],
            counts: true,
            prefers_v05: false,
            configurable: true,
            llm_app: None,
            sequence: 0,
        })
    }

    /// Whether statistics are counted here if the Agent allows it. Default: yes (`DD_TRACE_STATS_COMPUTATION_ENABLED`).
    pub fn client_stats(mut self, yes: bool) -> Self {
        self.counts = yes;
        self
    }

    /// Prefers trace API v0.5, which sends each text once, for batches that need nothing only v0.4 has (structures of LLM
    /// spans, links, events). It is smaller and takes more time to write. Default: no (`DD_TRACE_API_VERSION`).
    pub fn prefer_v05(mut self, yes: bool) -> Self {
        self.prefers_v05 = yes;
        self
    }

    /// Whether the Agent is asked for settings to change while the program runs. Default: yes
    /// (`DD_REMOTE_CONFIGURATION_ENABLED`).
    pub fn remote_config(mut self, yes: bool) -> Self {
        self.configurable = yes;
        self
    }

    /// The name of the application in Datadog's LLM product. Default: the service's (`DD_LLMOBS_ML_APP`).
    pub fn llm_app(mut self, name: impl Into<String>) -> Self {
        self.llm_app = Some(name.into());
        self
    }

    fn headers(&self, more: &[(&str, String)]) -> Vec<(String, String)> {
        let fixed = [
            ("Content-Type", "application/msgpack"),
            ("Datadog-Meta-Lang", "rust"),
            ("Datadog-Meta-Tracer-Version", env!("CARGO_PKG_VERSION")),
            ("Datadog-Send-Real-Http-Status", "true"),
            ("Datadog-Container-ID", &self.container.id),
            ("Datadog-Entity-ID", &self.container.entity),
            ("Datadog-External-Env", &self.container.external),
        ];
        let fixed = fixed.into_iter().filter(|(_, value)| !value.is_empty());
        let more = more.iter().map(|(name, value)| (*name, value.as_str()));
        fixed.chain(more).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Does what the Agent said since the last time.
    fn obey(&mut self) {
        let Some((sampler, injection)) = &self.settings else { return };
        if let Some(rates) = self.answers.take_rates() {
            sampler.set_agent_rates(rates);
        }
        let config = self.answers.take_config();
        if let Some(wish) = config.and_then(|body| self.remote.apply(&body, &self.resource)) {
            sampler.set_remote(wish.rate, wish.tracing == Some(false));
            injection.set_remote(wish.log_injection);
        }
    }

    fn ask(&self) {
        if self.answers.should_ask() {
            let headers = self.headers(&[]);
            self.outbox.put(Payload::ask(("GET", "/info"), headers, Vec::new()));
        }
    }

    /// Asks for configuration, if the Agent offers that and it is time.
    fn ask_config(&mut self, info: &Info) {
        if info.remote_config
            && self.configurable
            && let Some(body) = self.remote.question(&self.runtime_id, &self.resource)
        {
            let mut headers = self.headers(&[]);
            headers.retain(|(name, _)| name != "Content-Type");
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
            self.outbox.put(Payload::ask(("POST", "/v0.7/config"), headers, body));
        }
    }

    /// Whether the Agent leaves it to us to count, and takes what was counted.
    fn is_counting(&self, info: &Info) -> bool {
        self.counts && info.stats && info.drops
    }

    /// Counted, they can go; the next payload tells how many.
    fn drop_unsampled(&mut self, marked: &mut Vec<Marked<'_>>) {
        marked.retain(|marked| {
            if !marked.sampled {
                self.dropped[0] += usize::from(marked.first);
                self.dropped[1] += 1;
            }
            marked.sampled
        });
    }

    /// Sends spans in the format that has each text once, if it has a place for all of it.
    fn export_v05(&mut self, batch: &Exported<'_>, info: &Info, form: &mut Form) {
        let mut marked = batch.batch.marked();
        let upstreams = upstream::look_up(&mut marked, batch.batch);
        if self.is_counting(info) {
            self.stats.add(&marked, &self.resource, &info.peer_tags);
            self.drop_unsampled(&mut marked);
        }
        let (decided, sender) = ((&**batch.sampler, &upstreams), chunks::Sender::here(&self.runtime_id));
        let chunks = chunks::build(marked, &self.resource, decided, sender, (self.app(), form));
        let weigh = |chunk: &TraceChunk<'_>| chunk.spans.iter().map(pieces::span).sum();
        let counting = self.is_counting(info);
        for piece in pieces::cut(&chunks, weigh) {
            let chunk = |spans| Chunk { resource: Some(&self.resource), spans };
            let borrowed: Vec<_> = piece.iter().map(|of_trace| chunk(&of_trace.spans)).collect();
            let flat = piece.iter().all(|chunk| chunk.spans.iter().all(is_flat));
            let (path, mut bytes) = (if flat || !info.v04 { V05 } else { V04 }, self.outbox.buffer());
            if path == V05 {
                v05(&borrowed, &mut bytes)
            } else {
                v04(&borrowed, &mut bytes)
            }
            let kept = piece.iter().filter(|chunk| chunk.kept).map(|chunk| chunk.spans.len() as u64).sum();
            let dropped = counting.then(|| std::mem::take(&mut self.dropped));
            self.send(path, Body { bytes, chunks: piece.len(), kept }, dropped);
        }
    }

    /// Sends spans in the usual format.
    fn export_v04(&mut self, batch: &Exported<'_>, info: &Info, form: &mut Form) {
        let counting = self.is_counting(info);
        let mut traces = std::mem::take(&mut self.traces);
        let mut bodies = Bodies { outbox: &self.outbox, made: Vec::new() };
        let context = Context {
            batch: batch.batch,
            resource: &self.resource,
            sampler: batch.sampler,
            sender: chunks::Sender::here(&self.runtime_id),
            app: app_of(self.llm_app.as_deref(), &self.resource),
            form,
            stats: counting.then_some((&mut self.stats, &info.peer_tags)),
        };
        let dropped = traces.export(context, &mut bodies);
        let made = bodies.made;
        self.dropped = [0, 1].map(|at| self.dropped[at] + dropped[at]);
        for body in made {
            let dropped = counting.then(|| std::mem::take(&mut self.dropped));
            self.send(V04, body, dropped);
        }
        self.traces = traces;
    }

    fn send(&self, path: &'static str, body: Body, dropped: Option<[usize; 2]>) {
        let mut more = vec![("Datadog-Client-Computed-Top-Level", "yes".to_owned())];
        let mut counts = vec![("X-Datadog-Trace-Count", body.chunks as u64)];
        if let Some([traces, spans]) = dropped {
            more.push(("Datadog-Client-Computed-Stats", "yes".to_owned()));
            if spans > 0 {
                counts.push(("Datadog-Client-Dropped-P0-Traces", traces as u64));
                counts.push(("Datadog-Client-Dropped-P0-Spans", spans as u64));
            }
        }
        let joins = if path == V04 { Joins::Arrays } else { Joins::Never };
        let payload = Payload::post(path, self.headers(&more), body.bytes, [body.kept, 0, 0]);
        self.outbox.put(Payload { counts, joins, ..payload });
    }

    fn app(&self) -> &str {
        app_of(self.llm_app.as_deref(), &self.resource)
    }

    /// Headers for the Agent's event proxy.
    fn event_headers(&self, subdomain: &str) -> Vec<(String, String)> {
        let mut headers = self.headers(&[(evp::SUBDOMAIN, subdomain.to_owned())]);
        headers.retain(|(name, _)| name != "Content-Type");
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        headers
    }

    /// The events of LLM spans. The spans themselves are counted with their traces.
    fn send_events(&self, events: &[String], proxy: evp::Proxy) {
        for piece in pieces::cut(events, String::len) {
            let headers = self.event_headers(evp::SPANS_SUBDOMAIN);
            self.outbox.put(Payload::post(proxy.spans, headers, evp::span_body(piece), [0; 3]));
        }
    }

    /// Sends evaluations, or counts them as lost if the Agent has no way for them. They wait in line behind the first
    /// question: before it is answered they go where most Agents take them.
    fn send_evaluations(&self, batch: &Exported<'_>, proxy: Option<evp::Proxy>) {
        let logs = batch.batch.logs_named(crate::llm::EVALUATION);
        let metrics = logs.iter().map(|log| evp::evaluations(log, &self.resource, self.app()).join(","));
        let metrics: Vec<_> = metrics.filter(|metrics| !metrics.is_empty()).collect();
        let Some(proxy) = proxy else {
            return DONE.lose([0, metrics.len() as u64, 0], Undelivered::Refused);
        };
        for piece in pieces::cut(&metrics, String::len) {
            let (headers, body) =
                (self.event_headers(evp::EVALUATIONS_SUBDOMAIN), evp::evaluation_body(piece));
            let load = [0, piece.len() as u64, 0];
            self.outbox.put(Payload::post(proxy.evaluations, headers, body, load));
        }
    }

    fn send_stats(&mut self, all: bool) {
        let now = u64::try_from(crate::clock::wall_now()).unwrap_or_default();
        let buckets = self.stats.take(now, all);
        if buckets.is_empty() {
            return;
        }
        self.sequence += 1;
        let sender = Sender {
            host: self.resource.host().unwrap_or_default(),
            env: self.resource.env().unwrap_or_default(),
            version: self.resource.version().unwrap_or_default(),
            service: self.resource.service().unwrap_or_default(),
            tracer_version: env!("CARGO_PKG_VERSION"),
            runtime_id: &self.runtime_id,
            container_id: &self.container.id,
            sequence: self.sequence,
        };
        let mut body = Vec::new();
        encode(&sender, &buckets, &mut body);
        self.outbox.put(Payload::post("/v0.6/stats", self.headers(&[]), body, [0; 3]));
    }
}

const V04: &str = "/v0.4/traces";
const V05: &str = "/v0.5/traces";

/// Bodies of one batch.
struct Bodies<'o> {
    outbox: &'o Outbox,
    made: Vec<Body>,
}

impl Door for Bodies<'_> {
    fn buffer(&mut self) -> Vec<u8> {
        self.outbox.buffer()
    }

    fn put(&mut self, body: Body) {
        self.made.push(body);
    }
}

/// What Datadog's LLM product calls the application.
fn app_of<'a>(given: Option<&'a str>, resource: &'a Resource<'static>) -> &'a str {
    given.or_else(|| resource.service()).unwrap_or("unknown_service")
}

/// Whether v0.5 has a place for all of it.
fn is_flat(span: &tundra_record::Span<'_>) -> bool {
    let structured = |(key, _): &(tundra_record::Text<'_>, _)| key.starts_with("meta_struct.");
    span.links.is_empty() && span.events.is_empty() && !span.attrs.iter().any(structured)
}

/// A random (version 4) UUID, the form that Datadog has for the id of a process's run.
fn uuid() -> String {
    let dice = Cell::new(crate::rng::seed());
    let (high, low) = (crate::rng::next(&dice), crate::rng::next(&dice));
    let (high, low) = (high & !0xf000 | 0x4000, low >> 2 | 1 << 63);
    let hex = format!("{high:016x}{low:016x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

impl Exporter for DatadogAgent {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        if self.resource.attrs.is_empty() {
            self.resource = batch.resource().clone();
        }
        self.settings.get_or_insert_with(|| (Arc::clone(batch.sampler), Arc::clone(batch.injection)));
        self.obey();
        self.ask();
        let info = self.answers.info();
        self.ask_config(&info);
        if batch.logs() > 0 {
            self.send_evaluations(batch, self.answers.proxy());
        }
        if batch.batch.spans + batch.batch.unsampled == 0 {
            return Ok(());
        }
        let mut form = match info.proxy {
            _ if info.structs => Form::Inside,
            Some(_) => Form::Beside(Vec::new()),
            None => Form::Absent,
        };
        if info.v05 && (!info.v04 || self.prefers_v05) {
            self.export_v05(batch, &info, &mut form);
        } else {
            self.export_v04(batch, &info, &mut form);
        }
        if let (Form::Beside(events), Some(proxy)) = (form, info.proxy) {
            self.send_events(&events, proxy);
        }
        self.send_stats(false);
        Ok(())
    }

    fn counts_unsampled(&self) -> bool {
        true
    }

    fn takes(&self) -> [bool; 2] {
        // Of logs evaluations alone, and those are events of their own.
        [true, false]
    }

    fn tick(&mut self) {
        // Where tracing is off there may be no batch that brings it back.
        self.obey();
        self.ask();
        self.ask_config(&self.answers.info());
        self.send_stats(false);
    }

    fn after_fork(&mut self) {
        // The sender thread, which may have been noting an answer, stayed in the parent; so did what was counted.
        self.answers = Arc::default();
        self.outbox.after_fork(Arc::clone(&self.answers) as _);
        self.runtime_id = uuid();
        self.resource = Resource::default();
        self.stats = Concentrator::default();
        self.traces.after_fork();
        self.remote.after_fork();
        (self.dropped, self.sequence) = ([0; 2], 0);
    }

    fn end(&mut self, deadline: Instant) {
        self.send_stats(true);
        self.outbox.end(deadline);
    }

    fn shutdown(&mut self, deadline: Instant) {
        self.end(deadline);
        self.outbox.close(deadline);
    }
}

#[cfg(test)]
mod tests;
