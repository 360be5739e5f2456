//! OpenTelemetry's global propagator: the SDK's headers, and the baggage of both worlds in one of them.

use super::{ACTIVE, Parent, TraceFlags, TraceState, api, current, innermost, parent_in};
use crate::engine::SpanIdentity;
use crate::env::percent_decoded;
use crate::limits::BAGGAGE_BYTES;
use crate::propagation::{extract, inject_identity, injected_headers, is_header_text, keep_carried};
use ::opentelemetry::Context;
use ::opentelemetry::baggage::{Baggage, BaggageExt};
use ::opentelemetry::propagation::text_map_propagator::FieldIter;
use ::opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use ::opentelemetry::trace::{SpanContext, TraceContextExt};
use std::sync::atomic::Ordering::Relaxed;

/// Context in and out of headers for programs that ask OpenTelemetry's global propagator, in the SDK's styles.
#[derive(Clone, Debug)]
pub struct Propagator {
    fields: Vec<String>,
}

impl Default for Propagator {
    fn default() -> Self {
        Self::new()
    }
}

const BAGGAGE: &str = "baggage";

impl Propagator {
    /// There is nothing to set.
    pub fn new() -> Self {
        ACTIVE.store(true, Relaxed);
        Self { fields: injected_headers().map(str::to_owned).collect() }
    }
}

/// The context's own baggage, then what the trace brought under other names, as far as there is room.
fn merged(own: &Baggage, carried: &str) -> String {
    let own_members = own.to_string();
    let brought = carried.split(',').map(str::trim).filter(|member| own.get(name(member)).is_none());
    let mut text = String::new();
    for member in own_members.split(',').chain(brought) {
        let fits = text.len() + 1 + member.len() <= BAGGAGE_BYTES;
        if !member.is_empty() && fits && is_header_text(member) {
            text.push_str(if text.is_empty() { "" } else { "," });
            text.push_str(member);
        }
    }
    text
}

/// The name of a member: `name=value;property`.
fn name(member: &str) -> &str {
    member.split(['=', ';']).next().unwrap_or_default().trim()
}

fn parsed(header: &str) -> Baggage {
    let mut baggage = Baggage::new();
    for member in header.split(',') {
        let (pair, properties) = member.split_once(';').unwrap_or((member, ""));
        if let Some((name, value)) = pair.split_once('=') {
            let value = percent_decoded(value.trim());
            baggage.insert_with_metadata(name.trim().to_owned(), value, properties.trim());
        }
    }
    baggage
}

fn write(who: Option<SpanIdentity>, own: &Baggage, mut set: impl FnMut(&'static str, &str)) {
    let mut carried = String::new();
    if let Some(who) = who {
        inject_identity(who, |name, value| match name {
            BAGGAGE => value.clone_into(&mut carried),
            _ => set(name, value),
        });
    }
    let baggage = merged(own, &carried);
    if !baggage.is_empty() && injected_headers().any(|name| name == BAGGAGE) {
        set(BAGGAGE, &baggage);
    }
}

/// Writes a context with the baggage of this thread's OpenTelemetry context, if anybody uses those.
pub(crate) fn inject_with_baggage(who: SpanIdentity, set: impl FnMut(&'static str, &str)) {
    let current = ACTIVE.load(Relaxed).then(|| current::ask(Context::clone)).flatten();
    match current.filter(|context| !context.baggage().is_empty()) {
        Some(context) => write(Some(who), context.baggage(), set),
        None => inject_identity(who, set),
    }
}

impl TextMapPropagator for Propagator {
    fn inject_context(&self, context: &Context, injector: &mut dyn Injector) {
        let who = match parent_in(context) {
            Parent::Span(who) => Some(who),
            Parent::Ambient => innermost(),
            Parent::Root => None,
        };
        write(who, context.baggage(), |name, value| injector.set(name, value.to_owned()));
    }

    fn extract_with_context(&self, context: &Context, extractor: &dyn Extractor) -> Context {
        let Some(remote) = extract(|name| extractor.get(name)) else { return context.clone() };
        let baggage = parsed(&remote.baggage);
        let context = if baggage.is_empty() { context.clone() } else { context.with_baggage(baggage) };
        if !remote.span_id.is_valid() {
            return context;
        }
        keep_carried(&remote);
        let flags = if remote.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let (trace, span) = (api::TraceId::from(remote.trace_id.0), api::SpanId::from(remote.span_id.0));
        context.with_remote_span_context(SpanContext::new(trace, span, flags, true, TraceState::NONE))
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}
