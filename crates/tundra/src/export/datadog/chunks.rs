//! Spans put together as Datadog wants them: in chunks of one trace each, the first span of which speaks for all.
//!
//! Pure, called by the exporter. Tags and numbers are those of Datadog's own tracers.

use super::upstream::{Upstream, Upstreams};
use super::{llmobs, operation};
use crate::collector::Marked;
use crate::sampling::{Decision, Mechanism, Sampler, Worth, is_llm};
use std::collections::HashMap;
use tundra_record::{Resource, Span, SpanId, SpanKind, TraceId, Value};

const USER_REJECT: i64 = -1;
const AUTO_REJECT: i64 = 0;
const AUTO_KEEP: i64 = 1;
const USER_KEEP: i64 = 2;
/// Who decided.
const MAKER: &str = "_dd.p.dm";
/// The decision maker `manual`: somebody wants this very trace.
const MANUAL: &str = "-4";

/// The spans of one trace, the one that speaks for them in front.
#[derive(Debug)]
pub(super) struct TraceChunk<'a> {
    pub(super) spans: Vec<Span<'a>>,
    /// Whether it is to be kept, by sampling or for its worth.
    pub(super) kept: bool,
}

/// Whether a span is the first of its service in its trace.
pub(super) fn is_top_level(span: &Span<'_>, first: bool, services: &HashMap<SpanId, String>) -> bool {
    let of_parent = span.parent_id.and_then(|parent| services.get(&parent));
    first || of_parent.is_some_and(|parent| parent != span.service.as_deref().unwrap_or_default())
}

/// The services of spans, empty for those of the resource's; nothing if that is all of them, as it mostly is.
pub(super) fn services<'s>(
    spans: impl Iterator<Item = (SpanId, Option<&'s str>)> + Clone,
) -> HashMap<SpanId, String> {
    if spans.clone().all(|(_, service)| service.is_none()) {
        return HashMap::new();
    }
    spans.map(|(id, service)| (id, service.unwrap_or_default().to_owned())).collect()
}

/// The same of spans in one piece.
pub(super) fn services_of_marked(spans: &[Marked<'_>]) -> HashMap<SpanId, String> {
    services(spans.iter().map(|marked| (marked.span.span_id, marked.span.service.as_deref())))
}

/// Datadog's type of a span, where nobody said.
pub(super) fn type_of(span: &Span<'_>) -> &'static str {
    match span.kind {
        _ if is_llm(span) => "llm",
        SpanKind::Server => "web",
        SpanKind::Client if span.attr("db.system.name").or(span.attr("db.system")).is_some() => "db",
        SpanKind::Client => "http",
        SpanKind::Producer | SpanKind::Consumer => "queue",
        SpanKind::Internal | SpanKind::Unspecified => "custom",
    }
}

/// Puts spans together by trace. Decisions are explained by the sampler, or came from above; the events of LLM spans take
/// the form that the Agent takes.
pub(super) fn build<'a>(
    marked: Vec<Marked<'a>>,
    resource: &Resource<'_>,
    (sampler, upstreams): (&Sampler, &Upstreams),
    sender: Sender<'a>,
    llm: (&str, &mut llmobs::Form),
) -> Vec<TraceChunk<'a>> {
    let services = services_of_marked(&marked);
    let mut places: HashMap<(TraceId, bool), usize> = HashMap::new();
    let mut grouped: Vec<Vec<Marked<'a>>> = Vec::new();
    for marked in marked {
        let kept = marked.sampled;
        let place = *places.entry((marked.span.trace_id, kept)).or_insert(grouped.len());
        if place == grouped.len() {
            grouped.push(Vec::new());
        }
        grouped[place].push(marked);
    }
    let finish = |mut chunk: Vec<Marked<'a>>| {
        let front = chunk.iter().position(|marked| marked.first).unwrap_or_default();
        chunk.swap(0, front);
        let kept = chunk[0].sampled;
        let first = &chunk[0];
        let speaker = Speaker {
            sampled: kept,
            first: first.first,
            decided_here: first.decided_here,
            is_root: first.span.parent_id.is_none(),
            worth: chunk.iter().find_map(|marked| marked.worth),
        };
        // A trace that left this process and came back was decided here all the same.
        let upstream = upstreams.get(first.span.trace_id).filter(|_| !speaker.begins());
        let speaker = speaker_tags(&speaker, (&sampler.explain(&first.span), upstream), sender);
        for marked in &mut chunk {
            let top = is_top_level(&marked.span, marked.first, &services);
            decorate(&mut marked.span, top, resource, (llm.0, &mut *llm.1));
        }
        chunk[0].span.attrs.extend(speaker);
        TraceChunk { spans: chunk.into_iter().map(|marked| marked.span).collect(), kept }
    };
    grouped.into_iter().map(finish).collect()
}

/// What Datadog wants to know of each span; `llm` is the application's name and the form that events of LLM spans take.
pub(super) fn decorate(
    span: &mut Span<'_>,
    top: bool,
    resource: &Resource<'_>,
    (app, form): (&str, &mut llmobs::Form),
) {
    if top {
        span.attrs.push(("_dd.top_level".into(), Value::Int(1)));
    }
    if span.attr("span.type").is_none() {
        span.attrs.push(("span.type".into(), Value::from(type_of(span))));
    }
    operation::add(span);
    if is_llm(span) {
        llmobs::add(span, resource, app, form);
    }
}

/// The process that sends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender<'s> {
    pub(super) runtime_id: &'s str,
    pub(super) process_id: i64,
}

impl<'s> Sender<'s> {
    /// This process, in a run that is called so.
    pub(super) fn here(runtime_id: &'s str) -> Self {
        Self { runtime_id, process_id: i64::from(std::process::id()) }
    }
}

/// The span that speaks for its chunk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Speaker {
    pub(super) sampled: bool,
    /// Whether its parent, if it has one, is in another process.
    pub(super) first: bool,
    /// Whether its trace was decided here: it began here, or nobody above had decided.
    pub(super) decided_here: bool,
    pub(super) is_root: bool,
    /// What the chunk is kept for.
    pub(super) worth: Option<Worth>,
}

impl Speaker {
    /// Whether its trace begins with it.
    pub(super) fn begins(&self) -> bool {
        self.first && self.is_root
    }
}

/// What speakers say, and every span's kind and type: a field that is called so is not plain.
pub(super) const SAID: [&str; 6] =
    ["_sampling_priority_v1", "language", "runtime-id", "process_id", "span.kind", "span.type"];

/// Numbers of a decision, in the order in which they are said.
pub(super) const DECIDED: [&str; 3] = ["_dd.agent_psr", "_dd.rule_psr", "_dd.limit_psr"];

/// What the first span says for its chunk: who decided, how, and who sends it.
pub(super) fn speaker_tags<'a>(
    speaker: &Speaker,
    (decision, upstream): (&Decision, Option<&Upstream>),
    sender: Sender<'a>,
) -> tundra_record::Attrs<'a> {
    let worth = speaker.worth;
    let mut tags: tundra_record::Attrs<'a> = vec![
        ("_sampling_priority_v1".into(), Value::Int(priority(speaker, (decision, upstream)))),
        ("language".into(), Value::from("rust")),
        ("runtime-id".into(), Value::from(sender.runtime_id)),
        ("process_id".into(), Value::Int(sender.process_id)),
    ];
    let decided_here = |key: &str| key == MAKER && worth.is_some();
    let passed_on = upstream.map_or(&[][..], |upstream| &upstream.tags);
    let is_explained = passed_on.iter().any(|(key, _)| key == MAKER);
    tags.extend(passed_on.iter().filter(|(key, _)| !decided_here(key)).cloned());
    if worth == Some(Worth::Llm) {
        tags.push((MAKER.into(), Value::from(MANUAL)));
    } else if speaker.first && speaker.decided_here {
        let maker = format!("-{}", decision.mechanism as u8);
        if speaker.sampled && worth.is_none() && !is_explained {
            tags.push((MAKER.into(), Value::from(maker)));
        }
        let rate = match decision.mechanism {
            Mechanism::Default => None,
            Mechanism::Agent => Some("_dd.agent_psr"),
            Mechanism::Rule | Mechanism::Remote => Some("_dd.rule_psr"),
        };
        tags.extend(rate.map(|key| (key.into(), Value::Double(decision.rate))));
        tags.extend(decision.limited.map(|part| ("_dd.limit_psr".into(), Value::Double(part))));
    }
    tags
}

fn priority(speaker: &Speaker, (decision, upstream): (&Decision, Option<&Upstream>)) -> i64 {
    let sampled = speaker.sampled;
    // A priority that contradicts the flag beside it is older than the flag.
    let told = upstream.and_then(|upstream| upstream.priority).filter(|told| (*told > 0) == sampled);
    let ruled = decision.mechanism.is_of_user();
    match (speaker.worth, told) {
        (Some(Worth::Llm), _) => USER_KEEP,
        // The Agent picks among failures that were not sampled, but never among those that a user rejected.
        (Some(Worth::Error), _) => AUTO_REJECT,
        // The decision is another service's.
        (None, Some(told)) => told,
        (None, None) if !speaker.decided_here => i64::from(sampled),
        (None, None) if sampled => {
            if ruled {
                USER_KEEP
            } else {
                AUTO_KEEP
            }
        }
        (None, None) => {
            if ruled {
                USER_REJECT
            } else {
                AUTO_REJECT
            }
        }
    }
}
