//! Context across processes: W3C `traceparent`/`tracestate`/`baggage` and Datadog's headers, both ways, both at once.
//!
//! Servers call [`extract`] and make their span inside [`Remote::in_scope`]; clients call [`inject`]. Headers are
//! hostile input: what is too long or malformed is ignored as if it were absent.

mod header;

use crate::engine::{ANY_PIPELINE, Entry, Local, SpanIdentity, UNSAMPLED};
use crate::limits::{BAGGAGE_BYTES, REMOTE_STATES, TRACE_STATE_BYTES};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use tundra_record::{SpanId, TraceId};

/// A span in another process, as its headers told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its trace.
    pub trace_id: TraceId,
    /// The span itself.
    pub span_id: SpanId,
    /// Whether the trace is kept.
    pub sampled: bool,
    /// `tracestate` as it came; empty if none.
    pub trace_state: String,
    /// `baggage` as it came; empty if none.
    pub baggage: String,
}

/// What travels with a trace and is passed on unchanged.
#[derive(Debug, Default)]
struct Carried {
    trace_state: String,
    baggage: String,
}

/// The latest traces that brought something to pass on; the oldest make room.
static CARRIED: Mutex<VecDeque<(TraceId, Arc<Carried>)>> = Mutex::new(VecDeque::new());

/// Reads the context out of a request's headers. W3C wins; Datadog's headers are read if there is no `traceparent`.
///
/// `get` looks a lower-case header name up.
pub fn extract<'h>(get: impl Fn(&str) -> Option<&'h str>) -> Option<Remote> {
    let mut remote = get("traceparent")
        .and_then(header::parse_traceparent)
        .map(|remote| {
            let state = get("tracestate").filter(|state| state.len() <= TRACE_STATE_BYTES);
            Remote { trace_state: state.unwrap_or_default().to_owned(), ..remote }
        })
        .or_else(|| header::parse_datadog(&get))?;
    remote.baggage = get("baggage").filter(|text| text.len() <= BAGGAGE_BYTES).unwrap_or_default().to_owned();
    Some(remote)
}

/// Writes the current span's context as headers, in both styles; false if the thread is inside no span.
///
/// `set` gets lower-case names.
pub fn inject(mut set: impl FnMut(&'static str, &str)) -> bool {
    let Some(who) = current() else { return false };
    let trace = TraceId(u128::from(who.trace_high) << 64 | u128::from(who.trace_low));
    let sampled = who.tag & UNSAMPLED == 0;
    set("traceparent", &header::traceparent(trace, SpanId(who.span), sampled));
    set("x-datadog-trace-id", &trace.low().to_string());
    set("x-datadog-parent-id", &who.span.to_string());
    set("x-datadog-sampling-priority", if sampled { "1" } else { "0" });
    if trace.high() != 0 {
        set("x-datadog-tags", &format!("_dd.p.tid={:016x}", trace.high()));
    }
    let carried = {
        let kept = CARRIED.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(id, _)| *id == trace).map(|(_, carried)| Arc::clone(carried))
    };
    if let Some(carried) = carried {
        if !carried.trace_state.is_empty() {
            set("tracestate", &carried.trace_state);
        }
        if !carried.baggage.is_empty() {
            set("baggage", &carried.baggage);
        }
    }
    true
}

/// The innermost context of this thread, whichever pipeline it belongs to.
fn current() -> Option<SpanIdentity> {
    Some(Local::get()?.innermost()?.who)
}

impl Remote {
    /// Runs `work` as if inside the remote span: spans that it makes become its children. Not to be held across an
    /// `.await`; make the request's span inside and instrument the future with it.
    pub fn in_scope<R>(&self, work: impl FnOnce() -> R) -> R {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let Some(local) = Local::get() else { return work() };
        self.carry();
        // Generation zero: an id that no span ever has.
        let id = u64::from(NEXT.fetch_add(1, Relaxed));
        let tag = if self.sampled { ANY_PIPELINE } else { ANY_PIPELINE | UNSAMPLED };
        let (trace_high, trace_low) = (self.trace_id.high(), self.trace_id.low());
        local.push(Entry { id, who: SpanIdentity { trace_high, trace_low, span: self.span_id.0, tag } });
        let _leave = Leave(local, id);
        work()
    }

    fn carry(&self) {
        if self.trace_state.is_empty() && self.baggage.is_empty() {
            return;
        }
        let carried = Carried { trace_state: self.trace_state.clone(), baggage: self.baggage.clone() };
        let mut kept = CARRIED.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= REMOTE_STATES {
            kept.pop_front();
        }
        kept.push_back((self.trace_id, Arc::new(carried)));
    }
}

struct Leave(&'static Local, u64);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.pop(self.1);
    }
}

#[cfg(test)]
mod tests;
