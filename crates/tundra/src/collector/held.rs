//! Spans of traces that were not sampled, held until their trace is over here: a failure or a model call in any of them
//! keeps them all.
//!
//! The pipeline gives every such span in and takes back what is decided: to be kept (no longer marked as unsampled) or not.
//! Bounded in bytes and in time; what is too much is decided as not kept, oldest first.
#![expect(unsafe_code, reason = "the head of a record holds raw pointers")]

use super::batch::Record;
use crate::engine::fields::{Decoder, Raw};
use crate::engine::{self, FIRST, Head, KEPT_ERROR, KEPT_LLM, UNSAMPLED, Word};
use crate::limits::{HELD_BYTES, HELD_TRACES, KEPT_TRACES};
use crate::sampling::Worth;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};
use tundra_record::TraceId;

/// How long a trace may still turn out to be worth it.
const PATIENCE: Duration = Duration::from_secs(10);

/// One undecided span. Its spill belongs to it until it is decided, which `release` does for all at the end.
struct Waiting {
    head: Head,
    record: Box<[Word]>,
}

// SAFETY: the metadata is a `&'static Metadata`, and the spill a `Box<Spill>` in all but type; both are `Send`.
unsafe impl Send for Waiting {}

type Spans = Vec<Waiting>;

/// Asked of each record: what the trace is kept for.
pub(crate) type Worthy<'w> = &'w mut dyn FnMut(&Record<'_>) -> Option<Worth>;
/// Takes a decided record back.
pub(crate) type Decided<'d> = &'d mut dyn FnMut(Head, &[Word]);

/// All that is undecided.
#[derive(Default)]
pub(crate) struct Held {
    traces: HashMap<TraceId, Spans>,
    /// In the order they came first; a trace that is decided stays here until its time.
    order: VecDeque<(Instant, TraceId)>,
    bytes: usize,
    /// Traces that are kept, for their spans that come later.
    kept: HashSet<(TraceId, u8)>,
    kept_order: VecDeque<(TraceId, u8)>,
}

impl Held {
    /// Takes one span in.
    pub(crate) fn take(&mut self, head: Head, record: &[Word], worthy: Worthy<'_>, decided: Decided<'_>) {
        let trace = head.trace();
        if let Some(reason) = self.reason(trace) {
            return decided(kept(head, reason), record);
        }
        // SAFETY: the caller gives a whole record.
        let fields = unsafe { engine::record(record) }.map_or(&[][..], |(_, fields)| fields);
        let record_of = Record { head: &head, fields, spill: head.spill() };
        let found = if may_matter(&record_of) { worthy(&record_of) } else { None };
        if let Some(worth) = found {
            let reason = if worth == Worth::Llm { KEPT_LLM } else { KEPT_ERROR };
            self.remember(trace, reason);
            for waiting in self.remove(trace) {
                decided(kept(waiting.head, reason), &waiting.record);
            }
            return decided(kept(head, reason), record);
        }
        if head.tag & FIRST != 0 {
            // Whatever is still open below it is on its own.
            self.give_up(trace, decided);
            return decided(head, record);
        }
        if !self.traces.contains_key(&trace) {
            self.order.push_back((Instant::now(), trace));
        }
        self.bytes += size_of_val(record);
        self.traces.entry(trace).or_default().push(Waiting { head, record: record.into() });
        while self.bytes > HELD_BYTES || self.order.len() > HELD_TRACES {
            let Some((_, oldest)) = self.order.pop_front() else { break };
            self.give_up(oldest, decided);
        }
    }

    /// Decides against traces that are too old, or against all.
    pub(crate) fn release(&mut self, now: Instant, all: bool, decided: Decided<'_>) {
        while let Some((since, trace)) = self.order.front().copied() {
            if !all && now.duration_since(since) < PATIENCE {
                break;
            }
            self.order.pop_front();
            self.give_up(trace, decided);
        }
    }

    /// In a forked child: what is undecided is the parent's to decide and to count. Spills go before what they hold is
    /// forgotten.
    pub(crate) fn after_fork(&mut self) {
        for waiting in self.traces.drain().flat_map(|(_, spans)| spans) {
            waiting.head.drop_spill();
        }
        *self = Self::default();
    }

    fn give_up(&mut self, trace: TraceId, decided: Decided<'_>) {
        self.remove(trace).into_iter().for_each(|waiting| decided(waiting.head, &waiting.record));
    }

    fn remove(&mut self, trace: TraceId) -> Spans {
        let spans = self.traces.remove(&trace).unwrap_or_default();
        self.bytes -= spans.iter().map(|waiting| size_of_val(&*waiting.record)).sum::<usize>();
        spans
    }

    fn reason(&self, trace: TraceId) -> Option<u8> {
        [KEPT_LLM, KEPT_ERROR].into_iter().find(|reason| self.kept.contains(&(trace, *reason)))
    }

    fn remember(&mut self, trace: TraceId, reason: u8) {
        if self.kept_order.len() >= KEPT_TRACES
            && let Some(oldest) = self.kept_order.pop_front()
        {
            self.kept.remove(&oldest);
        }
        self.kept_order.push_back((trace, reason));
        self.kept.insert((trace, reason));
    }
}

/// Whether a look at the span itself can find anything: most have neither a field that could say so nor anything on the
/// heap, and need not be translated to be passed over.
fn may_matter(record: &Record<'_>) -> bool {
    let telling = |name: &str| {
        matches!(name, "otel.status_code" | "error" | "openinference.span.kind")
            || name.starts_with("gen_ai.")
    };
    record.spill.is_some()
        || Decoder(record.fields).any(|(_, raw)| matches!(raw, Raw::Error(_)))
        || record.head.metadata().is_some_and(|meta| meta.fields().iter().any(|field| telling(field.name())))
}

fn kept(mut head: Head, reason: u8) -> Head {
    head.tag &= !UNSAMPLED;
    head.flags |= reason;
    head
}
