//! Which traces are kept: rules, a rate, the Agent's rates, a limit per second, and what is kept all the same.
//!
//! The engine asks once for each trace that begins here, with one load if nothing or only a rate is set; a trace that
//! began elsewhere keeps the decision it came with. Exporters ask afterwards why (`explain`), and the collector keeps
//! what turned out to be worth it (`worth_keeping`). Numbers and names are those of Datadog's tracers.

mod limiter;
mod rules;

pub(crate) use limiter::Limiter;
pub use rules::RulesError;
pub(crate) use rules::{Facts, Rule, parse, parse_each};

use crate::limits::PIPELINES;
use std::collections::HashMap;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};
use tracing_core::field::{Field, Visit};
use tracing_core::span::Attributes;
use tundra_record::{Span, Status};

/// Datadog's sampling factor: every service that sees the same trace id decides alike.
const KNUTH: u64 = 1_111_111_111_111_111_111;
/// The word that says that nothing is dropped.
pub(crate) const KEEP_ALL: u64 = u64::MAX;
/// The word that says that a number alone does not decide. As a threshold it would mean the same as 0.
const ASK: u64 = 1;

/// Why a trace was kept or not. Numbers are those of `_dd.p.dm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// Nobody said anything.
    Default = 0,
    /// The Agent gave a rate.
    Agent = 1,
    /// A rule or rate of this process.
    Rule = 3,
    /// A rate that was set while the process ran.
    Remote = 12,
}

impl Mechanism {
    /// Whether a user decided: then the decision is final for everybody who comes later.
    pub(crate) fn is_of_user(self) -> bool {
        matches!(self, Self::Rule | Self::Remote)
    }
}

/// Who decides about the traces that begin in each pipeline: the number of a `Mechanism`, or any other where that depends on
/// the trace. For those who pass a decision on and know nothing but the pipeline's number.
static MAKERS: [AtomicU8; PIPELINES] = [const { AtomicU8::new(u8::MAX) }; PIPELINES];

/// Who decided about a trace that began in a pipeline, if all its traces are decided alike.
pub(crate) fn maker(pipeline: u16) -> Option<Mechanism> {
    let number = MAKERS.get(usize::from(pipeline))?.load(Relaxed);
    let all = [Mechanism::Default, Mechanism::Agent, Mechanism::Rule, Mechanism::Remote];
    all.into_iter().find(|mechanism| *mechanism as u8 == number)
}

/// In place of a mechanism's number: no trace begins there any more.
const OFF: u8 = u8::MAX - 1;

/// Whether tracing is switched off in a pipeline: what begins there is nobody's trace, and nobody is to hear of it.
pub(crate) fn is_off(pipeline: u16) -> bool {
    MAKERS.get(usize::from(pipeline)).is_some_and(|maker| maker.load(Relaxed) == OFF)
}

/// A decision, explained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Decision {
    pub(crate) mechanism: Mechanism,
    /// The share of traces like this one that is kept.
    pub(crate) rate: f64,
    /// The share that the limit per second let through, if the limit was asked.
    pub(crate) limited: Option<f64>,
}

/// What a trace that was not sampled is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    Error,
    Llm,
}

/// What a sampler is made of.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) service: String,
    pub(crate) env: String,
    pub(crate) rules: Vec<Rule>,
    pub(crate) rate: Option<f64>,
    /// Traces a second that rules and rate may keep; `None` for any number.
    pub(crate) limit: Option<f64>,
    pub(crate) keep_errors: bool,
    pub(crate) keep_llm: bool,
}

#[derive(Debug, Default)]
struct Current {
    settings: Settings,
    /// Set while the process runs; wins over rules and rate.
    remote: Option<f64>,
    /// By service and environment; both empty is the default.
    agent: HashMap<(String, String), f64>,
}

/// Decides for one pipeline.
#[derive(Debug)]
pub(crate) struct Sampler {
    pipeline: u16,
    /// A trace is kept if the low half of its id, mixed, is not above this; or `ASK`.
    word: AtomicU64,
    current: RwLock<Current>,
    limiter: Limiter,
    /// For traces that are kept for their worth.
    second_chances: Limiter,
    keep_errors: AtomicBool,
    keep_llm: AtomicBool,
    disabled: AtomicBool,
}

/// Held, together with others, by whoever is at the settings of any sampler; alone by whoever forks.
static GATE: RwLock<()> = RwLock::new(());

/// All samplers' settings, held by whoever forks.
pub(crate) type SamplersLock = RwLockWriteGuard<'static, ()>;

/// For whoever forks.
pub(crate) fn lock_samplers() -> SamplersLock {
    GATE.write().unwrap_or_else(PoisonError::into_inner)
}

/// Traces a second that are kept for their worth, if no other limit is set.
const SECOND_CHANCES: f64 = 100.0;

impl Sampler {
    pub(crate) fn new(settings: Settings, pipeline: u16) -> Self {
        let sampler = Self {
            pipeline,
            word: AtomicU64::new(KEEP_ALL),
            limiter: Limiter::new(settings.limit),
            second_chances: Limiter::new(settings.limit.or(Some(SECOND_CHANCES))),
            keep_errors: AtomicBool::new(settings.keep_errors),
            keep_llm: AtomicBool::new(settings.keep_llm),
            disabled: AtomicBool::new(false),
            current: RwLock::new(Current { settings, ..Current::default() }),
        };
        sampler.change(|_| ());
        sampler
    }

    /// Looks at the settings. `look` must neither call user code nor come here again.
    fn look<R>(&self, look: impl FnOnce(&Current) -> R) -> R {
        let _open = GATE.read().unwrap_or_else(PoisonError::into_inner);
        look(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Current)) {
        let _open = GATE.read().unwrap_or_else(PoisonError::into_inner);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut current);
        self.word.store(current.word(), Release);
        if let Some(maker) = MAKERS.get(usize::from(self.pipeline)) {
            let number = current.maker().map_or(u8::MAX, |mechanism| mechanism as u8);
            maker.store(if self.disabled.load(Relaxed) { OFF } else { number }, Relaxed);
        }
    }

    /// Whether a new trace is dropped. `load` first: everything else is for traces that may be.
    #[inline(always)]
    pub(crate) fn word(&self) -> u64 {
        self.word.load(Relaxed)
    }

    /// The same when the word is not `KEEP_ALL`. May run user code: values are formatted if rules look at them.
    #[cold]
    pub(crate) fn drops(&self, word: u64, trace_low: u64, attributes: &Attributes<'_>) -> bool {
        if word != ASK {
            return !below(trace_low, word);
        }
        let plain = |current: &Current| {
            let ruled = !current.settings.rules.is_empty() && current.remote.is_none();
            (!ruled).then(|| current.rate(None))
        };
        let (rate, mechanism) = self.look(plain).unwrap_or_else(|| {
            let found = Found::of(attributes);
            self.look(|current| {
                let facts = found.facts(attributes.metadata().name(), &current.settings.service);
                current.rate(Some(&facts))
            })
        });
        let kept = below(trace_low, threshold(rate));
        let limited = mechanism.is_of_user();
        !kept || (limited && !self.limiter.allow())
    }

    /// Why a trace with this root was kept or not.
    pub(crate) fn explain(&self, root: &Span<'_>) -> Decision {
        self.decision(self.look(|current| {
            let ruled = !current.settings.rules.is_empty();
            let facts = ruled.then(|| Facts::of_span(root, &current.settings.service));
            current.rate(facts.as_ref())
        }))
    }

    /// The same of any root, if all are alike.
    pub(crate) fn explain_any(&self) -> Option<Decision> {
        let alike = |current: &Current| current.settings.rules.is_empty().then(|| current.rate(None));
        Some(self.decision(self.look(alike)?))
    }

    fn decision(&self, (rate, mechanism): (f64, Mechanism)) -> Decision {
        let limited = mechanism.is_of_user();
        Decision { mechanism, rate, limited: self.limiter.effective().filter(|_| limited) }
    }

    /// The Agent's rates by service and environment.
    pub(crate) fn set_agent_rates(&self, rates: HashMap<(String, String), f64>) {
        self.change(|current| current.agent = rates);
    }

    /// A rate that wins over every other, `None` takes it back; or nothing is kept at all, for whatever reason.
    pub(crate) fn set_remote(&self, rate: Option<f64>, disabled: bool) {
        self.disabled.store(disabled, Relaxed);
        self.change(|current| current.remote = if disabled { Some(0.0) } else { rate });
    }

    /// Whether nothing is kept at all, not even of traces that began elsewhere.
    #[inline]
    pub(crate) fn is_off(&self) -> bool {
        self.disabled.load(Relaxed)
    }

    /// The process's own rate.
    pub(crate) fn set_rate(&self, rate: f64) {
        self.change(|current| {
            current.settings.rate = Some(rate);
            current.settings.rules.clear();
        });
    }

    /// Whether spans of traces that were not sampled are looked at at all.
    pub(crate) fn looks_back(&self) -> bool {
        let wanted = self.keep_errors.load(Relaxed) || self.keep_llm.load(Relaxed);
        wanted && !self.is_off()
    }

    /// What makes this span of an unsampled trace worth keeping the trace; limited per second.
    pub(crate) fn worth_keeping(&self, span: &Span<'_>) -> Option<Worth> {
        let worth = if self.keep_llm.load(Relaxed) && is_llm(span) {
            Worth::Llm
        } else if self.keep_errors.load(Acquire) && span.status == Status::Error {
            Worth::Error
        } else {
            return None;
        };
        self.second_chances.allow().then_some(worth)
    }
}

impl Current {
    fn word(&self) -> u64 {
        let rules = self.remote.is_none() && !self.settings.rules.is_empty();
        let (rate, mechanism) = self.rate(None);
        let limited = self.settings.limit.is_some() && rate > 0.0;
        if rules || (limited && mechanism.is_of_user()) {
            return ASK;
        }
        match threshold(rate) {
            ASK => 0,
            word => word,
        }
    }

    /// Who decides about every trace; `None` if that depends on its root.
    fn maker(&self) -> Option<Mechanism> {
        let Self { settings, remote, .. } = self;
        match settings.rules.first() {
            Some(rule) if remote.is_none() => rule.is_of_all().then_some(Mechanism::Rule),
            _ => Some(self.rate(None).1),
        }
    }

    /// The rate that holds for a root; without facts, for one that no rule knows.
    fn rate(&self, facts: Option<&Facts<'_>>) -> (f64, Mechanism) {
        if let Some(rate) = self.remote {
            return (rate, Mechanism::Remote);
        }
        let rule = facts.and_then(|facts| self.settings.rules.iter().find(|rule| rule.matches(facts)));
        if let Some(rate) = rule.map(|rule| rule.rate).or(self.settings.rate) {
            return (rate, Mechanism::Rule);
        }
        let service = &self.settings.service;
        let own = self.agent.get(&(service.clone(), self.settings.env.clone()));
        match own.or_else(|| self.agent.get(&(String::new(), String::new()))) {
            Some(rate) => (*rate, Mechanism::Agent),
            None => (1.0, Mechanism::Default),
        }
    }
}

/// Whether a span is an operation of a model or agent, in the words of the conventions in use.
pub(crate) fn is_llm(span: &Span<'_>) -> bool {
    span.attrs.iter().any(|(key, _)| is_llm_name(key))
}

/// Whether an attribute of this name makes it one.
pub(crate) fn is_llm_name(name: &str) -> bool {
    name.starts_with("gen_ai.") || name == "openinference.span.kind"
}

fn below(trace_low: u64, threshold: u64) -> bool {
    // Nothing is below zero, not even the id that is mixed to zero.
    threshold > 0 && trace_low.wrapping_mul(KNUTH) <= threshold
}

/// The threshold that keeps this share of all ids.
fn threshold(rate: f64) -> u64 {
    if rate >= 1.0 || rate.is_nan() { KEEP_ALL } else { (rate.max(0.0) * u64::MAX as f64) as u64 }
}

/// What rules may look at, collected from the fields of a new span.
#[derive(Default)]
struct Found(Vec<(&'static str, String)>);

impl Found {
    fn of(attributes: &Attributes<'_>) -> Self {
        let mut found = Self::default();
        attributes.record(&mut found);
        found
    }

    fn facts<'f>(&'f self, name: &'f str, service: &'f str) -> Facts<'f> {
        let said = |key: &str| self.0.iter().find(|(name, _)| *name == key).map(|(_, text)| text.as_str());
        let name = said("otel.name").unwrap_or(name);
        Facts {
            name,
            service: said("service.name").unwrap_or(service),
            resource: said("resource.name").unwrap_or(name),
            tags: self.0.iter().map(|(key, text)| (*key, text.as_str().into())).collect(),
        }
    }
}

impl Visit for Found {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests;
