//! Spans made through the `opentelemetry` API, in the same traces as those of `tracing`.
//!
//! An OpenTelemetry span is a span of ours whose parent is the innermost of both worlds: the active span of the
//! `opentelemetry` context, or the `tracing` span that was entered inside of it. The other way round, a `tracing` span,
//! an event or an outgoing header finds the active OpenTelemetry span if that one is further in. Which one is further
//! in is told by ancestry: each OpenTelemetry span remembers its parent as long as it is open.
//!
//! A context without a span stands for whatever the thread is inside of, unless an OpenTelemetry span is active: then it was
//! chosen, and a span made in it (`start_with_context`) is a root. Libraries hand `Context::current()` in, which inside of
//! `tracing` spans alone is empty and cannot be told from `Context::new()`; their spans have to join the trace.
//!
//! [`install`](super::install) makes [`TracerProvider`] and [`Propagator`] the global ones.

mod current;
mod propagator;

pub use propagator::Propagator;
pub(crate) use propagator::inject_with_baggage;

use crate::SpanExt;
use crate::engine::{
    ANY_PIPELINE, ANY_PIPELINE_HERE, FIRST, Local, SpanIdentity, UNSAMPLED, change_spill, identity,
};
use crate::health::DONE;
use crate::limits::{OTEL_DEPTH, OTEL_OPEN};
use crate::propagation::{in_scope_of, innermost};
use crate::span_ext::own_id;
use ::opentelemetry::trace::{
    self as api, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, TraceFlags, TraceState,
};
use ::opentelemetry::{Array, Context, InstrumentationScope, KeyValue, Value as Given};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tracing::info_span;
use tundra_record::{TraceId, Value};

/// Whether anybody makes spans here; without it a `tracing` span costs one load more.
static ACTIVE: AtomicBool = AtomicBool::new(false);

/// A span made here that is open.
#[derive(Clone, Copy)]
pub(crate) struct Open {
    /// The span above.
    above: u64,
    /// Its id in the engine.
    id: u64,
}

/// Open spans made here.
static OPEN: Mutex<Option<HashMap<u64, Open>>> = Mutex::new(None);

/// Open spans, held by whoever forks.
pub(crate) type OpenLock = MutexGuard<'static, Option<HashMap<u64, Open>>>;

pub(crate) fn open() -> OpenLock {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn install() {
    ::opentelemetry::global::set_tracer_provider(TracerProvider::new());
    install_propagator();
}

pub(super) fn install_propagator() {
    ::opentelemetry::global::set_text_map_propagator(Propagator::new());
}

fn identity_of(context: &SpanContext) -> SpanIdentity {
    let trace = TraceId(u128::from_be_bytes(context.trace_id().to_bytes()));
    SpanIdentity {
        trace_high: trace.high(),
        trace_low: trace.low(),
        span: u64::from_be_bytes(context.span_id().to_bytes()),
        tag: if context.is_remote() { ANY_PIPELINE } else { ANY_PIPELINE_HERE }
            | if context.is_sampled() { 0 } else { UNSAMPLED },
    }
}

/// Whether a span made here, or one above it, was made directly inside `outer`.
fn is_inside(span: u64, outer: u64) -> bool {
    let guard = open();
    let Some(open) = guard.as_ref() else { return false };
    let mut at = span;
    for _ in 0..OTEL_DEPTH {
        match open.get(&at) {
            Some(open) if open.above == outer => return true,
            Some(open) => at = open.above,
            None => return false,
        }
    }
    false
}

/// The engine's id of an open span made here; zero if there is none.
pub(crate) fn id_of(span: u64) -> u64 {
    if !ACTIVE.load(Relaxed) {
        return 0;
    }
    open().as_ref().and_then(|open| open.get(&span)).map_or(0, |open| open.id)
}

fn context_of(who: SpanIdentity) -> SpanContext {
    let trace = u128::from(who.trace_high) << 64 | u128::from(who.trace_low);
    let flags = if who.tag & UNSAMPLED == 0 { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace, span) = (api::TraceId::from(trace), api::SpanId::from(who.span));
    // Of identities only those of other processes carry this bit.
    SpanContext::new(trace, span, flags, who.tag & FIRST != 0, TraceState::NONE)
}

/// The active OpenTelemetry span, if it is further in than the thread's innermost `tracing` span.
#[inline]
pub(crate) fn further_in(top: Option<SpanIdentity>) -> Option<SpanIdentity> {
    if !ACTIVE.load(Relaxed) {
        return None;
    }
    current::ask(|context| active(context, top)).flatten()
}

fn active(context: &Context, top: Option<SpanIdentity>) -> Option<SpanIdentity> {
    if !context.has_active_span() {
        return None;
    }
    let span = context.span();
    let told = span.span_context();
    if !told.is_valid() {
        return None;
    }
    let who = identity_of(told);
    top.is_none_or(|top| is_inside(who.span, top.span)).then_some(who)
}

/// Makes tracers whose spans are ours.
#[derive(Clone, Debug, Default)]
pub struct TracerProvider(());

impl TracerProvider {
    /// From now on `tracing` spans look for active OpenTelemetry spans.
    pub fn new() -> Self {
        ACTIVE.store(true, Relaxed);
        Self(())
    }
}

impl api::TracerProvider for TracerProvider {
    type Tracer = Tracer;

    fn tracer_with_scope(&self, scope: InstrumentationScope) -> Tracer {
        Tracer { scope: scope.name().to_owned() }
    }
}

/// Makes spans for one library.
#[derive(Clone, Debug)]
pub struct Tracer {
    scope: String,
}

impl api::Tracer for Tracer {
    type Span = Span;

    fn build_with_context(&self, builder: SpanBuilder, context: &Context) -> Span {
        let parent = parent_in(context);
        let above = match &parent {
            Parent::Span(who) => Some(*who),
            Parent::Ambient => innermost(),
            Parent::Root => None,
        };
        // What sampling rules shall know is there from the beginning.
        let (name, kind) = (&*builder.name, kind(builder.span_kind.as_ref()));
        let make = || info_span!(target: "opentelemetry", "span", otel.name = name, otel.kind = kind);
        let span = match &parent {
            Parent::Root => {
                info_span!(target: "opentelemetry", parent: None, "span", otel.name = name, otel.kind = kind)
            }
            Parent::Ambient => make(),
            Parent::Span(who) => in_scope_of(*who, make),
        };
        let mut span = Span::new(span, above);
        span.fill(builder, &self.scope);
        span
    }
}

enum Parent {
    Root,
    /// Whatever the thread is inside of.
    Ambient,
    Span(SpanIdentity),
}

fn parent_in(context: &Context) -> Parent {
    let given = context.span().span_context().clone();
    let current = current::ask(|current| current.span().span_context().clone()).unwrap_or(SpanContext::NONE);
    match (given.is_valid(), given == current) {
        // The caller's own choice.
        (true, false) => Parent::Span(identity_of(&given)),
        (true, true) => {
            let top = Local::get().and_then(|local| Some(local.contexts.innermost()?.who));
            active(context, top).map_or(Parent::Ambient, Parent::Span)
        }
        (false, _) if current.is_valid() => Parent::Root,
        (false, _) => Parent::Ambient,
    }
}

/// A span of ours behind OpenTelemetry's interface.
#[derive(Debug)]
pub struct Span {
    /// `None` once it has ended.
    span: Option<tracing::Span>,
    /// Its own or, if it is not recorded, its parent's.
    context: SpanContext,
    recorded: bool,
    /// Whether its start was told: then its end is told in the same clock.
    begun: bool,
    /// Whether its status was set to be good: that is final.
    good: bool,
}

impl Span {
    fn new(span: tracing::Span, above: Option<SpanIdentity>) -> Self {
        let own = own_id(&span).and_then(|id| Some((id, identity(id)?)));
        if let Some((id, who)) = own {
            let mut guard = open();
            let open = guard.get_or_insert_default();
            if open.len() < OTEL_OPEN {
                open.insert(who.span, Open { above: above.map_or(0, |who| who.span), id });
            } else {
                DONE.unplaced_spans.fetch_add(1, Relaxed);
            }
        }
        let context = own.map(|(_, who)| who).or(above).map_or(SpanContext::NONE, context_of);
        Self { span: Some(span), context, recorded: own.is_some(), begun: false, good: false }
    }

    fn fill(&mut self, builder: SpanBuilder, scope: &str) {
        let SpanBuilder { start_time, attributes, events, links, .. } = builder;
        let Some(span) = &self.span else { return };
        if !scope.is_empty() {
            span.set_attribute("otel.scope.name", scope.to_owned());
        }
        self.begun = start_time.is_some();
        if let Some(start) = start_time {
            self.change(|spill| {
                spill.start = Some(nanos(start));
                true
            });
        }
        api::Span::set_attributes(self, attributes.unwrap_or_default());
        for link in links.unwrap_or_default() {
            api::Span::add_link(self, link.span_context, link.attributes);
        }
        for event in events.unwrap_or_default() {
            api::Span::add_event_with_timestamp(self, event.name, event.timestamp, event.attributes);
        }
    }

    fn change(&self, change: impl FnOnce(&mut crate::engine::Spill) -> bool) {
        if let Some(id) = self.span.as_ref().and_then(own_id) {
            change_spill(id, change);
        }
    }
}

fn kind(kind: Option<&SpanKind>) -> &'static str {
    match kind {
        Some(SpanKind::Client) => "client",
        Some(SpanKind::Server) => "server",
        Some(SpanKind::Producer) => "producer",
        Some(SpanKind::Consumer) => "consumer",
        Some(SpanKind::Internal) | None => "internal",
    }
}

fn nanos(time: SystemTime) -> i64 {
    i64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}

fn value(given: Given) -> Value<'static> {
    match given {
        Given::Bool(truth) => Value::Bool(truth),
        Given::I64(number) => Value::Int(number),
        Given::F64(number) => Value::Double(number),
        Given::String(text) => Value::from(String::from(text)),
        Given::Array(Array::Bool(list)) => Value::List(list.into_iter().map(Value::Bool).collect()),
        Given::Array(Array::I64(list)) => Value::List(list.into_iter().map(Value::Int).collect()),
        Given::Array(Array::F64(list)) => Value::List(list.into_iter().map(Value::Double).collect()),
        Given::Array(Array::String(list)) => {
            Value::List(list.into_iter().map(|text| Value::from(String::from(text))).collect())
        }
        other => Value::from(other.to_string()),
    }
}

fn key(key: ::opentelemetry::Key) -> Cow<'static, str> {
    Cow::Owned(String::from(key))
}

/// A span that ends at about this moment has no end of its own choice.
const ABOUT: Duration = Duration::from_millis(1);

impl api::Span for Span {
    fn add_event_with_timestamp<T>(&mut self, name: T, time: SystemTime, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        let attrs = attributes.into_iter().map(|pair| (key(pair.key), value(pair.value))).collect();
        let name = name.into();
        self.change(|spill| spill.moment(nanos(time), name, attrs));
    }

    fn span_context(&self) -> &SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        self.recorded && self.span.is_some() && self.context.is_sampled()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.change(|spill| spill.add(key(attribute.key), value(attribute.value)));
    }

    fn set_status(&mut self, status: Status) {
        let Some(span) = &self.span else { return };
        match status {
            _ if self.good => {}
            Status::Unset => {}
            Status::Ok => {
                span.set_attribute("otel.status_code", "OK");
                span.set_attribute("otel.status_description", "");
                self.good = true;
            }
            Status::Error { description } => {
                span.set_attribute("otel.status_code", "ERROR");
                span.set_attribute("otel.status_description", description.into_owned());
            }
        }
    }

    fn update_name<T>(&mut self, name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        if let Some(span) = &self.span {
            span.set_name(name);
        }
    }

    fn add_link(&mut self, other: SpanContext, attributes: Vec<KeyValue>) {
        let attrs = attributes.into_iter().map(|pair| (key(pair.key), value(pair.value))).collect();
        let other = identity_of(&other);
        let trace = u128::from(other.trace_high) << 64 | u128::from(other.trace_low);
        self.change(|spill| spill.link(trace, other.span, attrs));
    }

    fn end_with_timestamp(&mut self, time: SystemTime) {
        let now = SystemTime::now();
        let apart = now.duration_since(time).or_else(|_| time.duration_since(now)).unwrap_or_default();
        if self.begun || apart > ABOUT {
            self.change(|spill| {
                spill.end = Some(nanos(time));
                true
            });
        }
        self.finish();
    }
}

impl Span {
    fn finish(&mut self) {
        if self.span.take().is_some()
            && self.recorded
            && let Some(open) = open().as_mut()
        {
            open.remove(&u64::from_be_bytes(self.context.span_id().to_bytes()));
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.finish();
    }
}
