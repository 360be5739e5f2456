//! Context across processes: W3C `traceparent`/`tracestate`/`baggage`, Datadog's headers and B3, both ways, several at
//! once.
//!
//! Servers call [`extract`] and make their span inside [`Remote::in_scope`]; clients call [`inject`]. Which headers are
//! read, in which order, and written is told by `DD_TRACE_PROPAGATION_STYLE` (`_EXTRACT`, `_INJECT`) or
//! `OTEL_PROPAGATORS`; default: W3C, Datadog, baggage. With `DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT=restart` traces from above are
//! not continued and their baggage is, with `ignore` neither. Features `http`, `reqwest`, `tower`, `axum` and `tonic` do it in
//! one line. Headers are hostile input: what is too long or malformed is ignored as if it were absent.

mod carried;
mod header;
#[cfg(feature = "http")]
pub mod http;
mod style;
#[cfg(feature = "tonic")]
pub mod tonic;

#[cfg(feature = "opentelemetry")]
pub(crate) use carried::keep as keep_carried;
pub(crate) use carried::{CarriedLock, is_rejected, lock as lock_carried, of as carried_by};
pub(crate) use header::CALL;
#[cfg(feature = "opentelemetry")]
pub(crate) use header::is_header_text;

use crate::engine::{ANY_PIPELINE, Entry, FOREIGN, Local, NUMBER, SpanIdentity, UNDECIDED, UNSAMPLED};
use crate::llm::enclosing_call;
use crate::{rng, sampling};
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use style::{Style, Styles};
use tundra_record::{SpanId, TraceId};

/// A span in another process, as its headers told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remote {
    /// Its trace; a new one if the headers brought baggage alone.
    pub trace_id: TraceId,
    /// The span itself; zero if there is none.
    pub span_id: SpanId,
    /// Whether the trace is kept; true where nobody above decided, for then it is decided here.
    pub sampled: bool,
    /// Datadog's sampling priority, if it was told.
    pub priority: Option<i32>,
    /// Datadog's origin (`rum`, `synthetics`, ...); empty if none.
    pub origin: String,
    /// Datadog's tags that travel with a trace (`_dd.p.dm=-4,...`), without the trace id's; empty if none.
    pub datadog_tags: String,
    /// `tracestate` as it came; empty if none.
    pub trace_state: String,
    /// `baggage` as it came; empty if none.
    pub baggage: String,
    /// Whether it is to be decided here if the trace is kept, unless the wish came that it is not: nobody above did. Without a
    /// span the trace begins here, with baggage or that wish.
    undecided: bool,
}

/// Reads the context out of a request's headers: the first style that is there and well-formed wins. Baggage without any of
/// them begins a trace, which is sampled as any other.
///
/// `get` looks a lower-case header name up.
pub fn extract<'h>(get: impl Fn(&str) -> Option<&'h str>) -> Option<Remote> {
    extract_styles(&Styles::get().extract, get)
}

fn extract_styles<'h>(styles: &[Style], get: impl Fn(&str) -> Option<&'h str>) -> Option<Remote> {
    let remote = styles.iter().find_map(|style| match style {
        Style::TraceContext => trace_context(styles, &get),
        Style::Datadog => datadog(styles, &get),
        Style::B3 => get("b3").and_then(header::parse_b3),
        Style::B3Multi => header::parse_b3_multi(&get),
        Style::Baggage => None,
    });
    let baggage = get("baggage").filter(|text| styles.contains(&Style::Baggage) && header::is_baggage(text));
    match (remote, baggage) {
        (Some(remote), baggage) => Some(Remote { baggage: baggage.unwrap_or_default().to_owned(), ..remote }),
        (None, Some(baggage)) => Some(Remote { baggage: baggage.to_owned(), ..Remote::beginning() }),
        (None, None) => None,
    }
}

fn trace_context<'h>(styles: &[Style], get: impl Fn(&str) -> Option<&'h str>) -> Option<Remote> {
    let mut remote = header::parse_traceparent(get("traceparent")?)?;
    if let Some(state) = get("tracestate") {
        header::read_tracestate(state, &mut remote);
    }
    let mut priorities = [remote.priority, None];
    if styles.contains(&Style::Datadog) && header::is_same_trace(&get, remote.trace_id) {
        header::read_datadog_extras(&get, &mut remote);
        priorities[1] = header::datadog_priority(&get);
    }
    header::settle_priority(priorities, &mut remote);
    Some(remote)
}

fn datadog<'h>(styles: &[Style], get: impl Fn(&str) -> Option<&'h str>) -> Option<Remote> {
    let mut remote = header::parse_datadog(&get)?;
    // The high half of the id is a tag, and tags may have had no room.
    let (high, low) = (remote.trace_id.high(), remote.trace_id.low());
    let same =
        |parent: &Remote| parent.trace_id.low() == low && (high == 0 || parent.trace_id.high() == high);
    if styles.contains(&Style::TraceContext)
        && let Some(parent) = get("traceparent").and_then(header::parse_traceparent).filter(same)
    {
        // Who speaks W3C alone leaves Datadog's headers as they came, and is the one that asks us.
        (remote.trace_id, remote.span_id) = (parent.trace_id, parent.span_id);
        // What other vendors say travels on; Datadog's own headers tell what its member would.
        remote.trace_state = get("tracestate").map(header::passed_on).unwrap_or_default();
    }
    Some(remote)
}

/// Writes the current span's context as headers, in every style that is on; false if the thread is inside no span and no
/// remote context.
///
/// `set` gets lower-case names.
pub fn inject(set: impl FnMut(&'static str, &str)) -> bool {
    let Some(who) = innermost() else { return false };
    #[cfg(feature = "opentelemetry")]
    crate::bridge::opentelemetry::inject_with_baggage(who, set);
    #[cfg(not(feature = "opentelemetry"))]
    inject_identity(who, set);
    true
}

/// The same for a given span.
pub(crate) fn inject_identity(who: SpanIdentity, set: impl FnMut(&'static str, &str)) {
    inject_styles(&Styles::get().inject, who, set);
}

fn inject_styles(styles: &[Style], who: SpanIdentity, mut set: impl FnMut(&'static str, &str)) {
    let trace = TraceId(u128::from(who.trace_high) << 64 | u128::from(who.trace_low));
    let (span, sampled) = (SpanId(who.span), who.tag & UNSAMPLED == 0);
    let carried = carried::of(trace);
    let carried = carried.as_deref();
    let told = carried.and_then(|carried| carried.priority).filter(|priority| (*priority > 0) == sampled);
    // The decision about a trace that began here is this process's to explain.
    let maker = sampling::maker(who.tag & NUMBER).filter(|_| who.tag & FOREIGN == 0);
    let priority = told.unwrap_or_else(|| header::priority(sampled, maker));
    let tags = header::tags(carried, maker.filter(|_| sampled), enclosing_call(trace));
    // What nobody decided, not even here, for no span of it is recorded: the next service may.
    let decision = match told {
        _ if who.tag == UNDECIDED => None,
        Some(priority) if priority > 1 => Some(header::DEBUG),
        _ => Some(if sampled { "1" } else { "0" }),
    };
    let is_off = who.tag & FOREIGN == 0 && sampling::is_off(who.tag & NUMBER);
    for style in styles {
        match style {
            Style::TraceContext | Style::Datadog | Style::B3 | Style::B3Multi if is_off => {}
            // A trace without a span yet is nothing to go on from.
            Style::TraceContext | Style::B3 | Style::B3Multi if !span.is_valid() => {}
            Style::Datadog if who.tag & !UNSAMPLED == UNDECIDED && !span.is_valid() => {}
            Style::TraceContext => {
                set("traceparent", &header::traceparent(trace, span, sampled));
                let datadog = styles.contains(&Style::Datadog).then_some((priority, &*tags));
                let state = header::tracestate(carried, span, datadog);
                if !state.is_empty() {
                    set("tracestate", &state);
                }
            }
            Style::Datadog => {
                set("x-datadog-trace-id", &trace.low().to_string());
                set("x-datadog-parent-id", &who.span.to_string());
                if decision.is_some() {
                    set("x-datadog-sampling-priority", &priority.to_string());
                }
                let tags = header::datadog_tags(trace, &tags);
                if !tags.is_empty() {
                    set("x-datadog-tags", &tags);
                }
                if let Some(carried) = carried.filter(|carried| !carried.origin.is_empty()) {
                    set("x-datadog-origin", &carried.origin);
                }
            }
            Style::B3 => match decision {
                Some(decision) => set("b3", &format!("{trace}-{span}-{decision}")),
                None => set("b3", &format!("{trace}-{span}")),
            },
            Style::B3Multi => {
                set("x-b3-traceid", &trace.to_string());
                set("x-b3-spanid", &span.to_string());
                match decision {
                    Some(header::DEBUG) => set("x-b3-flags", "1"),
                    Some(decision) => set("x-b3-sampled", decision),
                    None => {}
                }
            }
            Style::Baggage => {
                if let Some(carried) = carried.filter(|carried| !carried.baggage.is_empty()) {
                    set("baggage", &carried.baggage);
                }
            }
        }
    }
}

/// The headers that are written.
#[cfg(feature = "opentelemetry")]
pub(crate) fn injected_headers() -> impl Iterator<Item = &'static str> {
    Styles::get().inject.iter().flat_map(|style| style.headers()).copied()
}

/// The id of the tree of model calls that a trace belongs to: that of the services above, or its own.
pub(crate) fn call_tree(trace: TraceId) -> TraceId {
    carried::of(trace).and_then(|remote| header::call_tree(&remote.datadog_tags)).unwrap_or(trace)
}

/// The innermost context of this thread, whichever pipeline it belongs to.
pub(crate) fn innermost() -> Option<SpanIdentity> {
    let top = Local::get().and_then(|local| Some(local.contexts.innermost()?.who));
    #[cfg(feature = "opentelemetry")]
    if let Some(who) = crate::bridge::opentelemetry::further_in(top) {
        return Some(who);
    }
    top
}

impl Remote {
    /// A context of which nothing else is known.
    pub fn new(trace_id: TraceId, span_id: SpanId, sampled: bool) -> Self {
        let none = String::new;
        Self {
            trace_id,
            span_id,
            sampled,
            priority: None,
            origin: none(),
            datadog_tags: none(),
            trace_state: none(),
            baggage: none(),
            undecided: false,
        }
    }

    /// A context that says nothing about sampling.
    fn undecided(trace_id: TraceId, span_id: SpanId) -> Self {
        Self { undecided: true, ..Self::new(trace_id, span_id, true) }
    }

    /// A trace that is to begin here, and not to be sampled.
    fn denied() -> Self {
        Self { sampled: false, ..Self::beginning() }
    }

    /// A trace that is to begin here.
    fn beginning() -> Self {
        let dice = Cell::new(rng::seed());
        let trace = u128::from(rng::next(&dice)) << 64 | u128::from(rng::next(&dice));
        Self::undecided(TraceId(trace), SpanId(0))
    }

    /// Runs `work` as if inside the remote span: spans that it makes become its children. Not to be held across an
    /// `.await`; make the request's span inside and instrument the future with it.
    pub fn in_scope<R>(&self, work: impl FnOnce() -> R) -> R {
        if Local::get().is_none() {
            return work();
        }
        carried::keep(self);
        in_scope_of(self.identity(), work)
    }

    /// The span above, as contexts know it.
    pub(crate) fn identity(&self) -> SpanIdentity {
        let tag = match (self.undecided, self.sampled) {
            (true, true) => UNDECIDED,
            (true, false) => UNDECIDED | UNSAMPLED,
            (false, true) => ANY_PIPELINE,
            (false, false) => ANY_PIPELINE | UNSAMPLED,
        };
        let (trace_high, trace_low) = (self.trace_id.high(), self.trace_id.low());
        SpanIdentity { trace_high, trace_low, span: self.span_id.0, tag }
    }
}

/// Runs `work` as if inside a span that no slot holds.
pub(crate) fn in_scope_of<R>(who: SpanIdentity, work: impl FnOnce() -> R) -> R {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let Some(local) = Local::get() else { return work() };
    // Generation zero: an id that no span ever has.
    let id = u64::from(NEXT.fetch_add(1, Relaxed).max(1));
    local.push(Entry::remote(id, who));
    let _leave = Leave(local, id);
    work()
}

struct Leave(&'static Local, u64);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.contexts.leave(self.1);
    }
}

#[cfg(test)]
mod tests;
