//! Spans of traces that were not sampled, held until their trace is over here: a failure or a model call in any of them
//! keeps them all.
//!
//! The pipeline gives every such span in and takes back what is decided: to be kept (no longer marked as unsampled) or not.
//! Bounded in bytes and in time; what is too much is decided as not kept, oldest first.
#![expect(unsafe_code, reason = "the head of a record holds raw pointers")]

use super::batch::Record;
use super::translate::is_error_name;
use crate::engine::fields::{Decoder, Raw};
use crate::engine::{self, FIRST, Head, KEPT_ERROR, KEPT_LLM, UNSAMPLED, Word};
use crate::limits::{HELD_BYTES, HELD_TRACES, KEPT_TRACES};
use crate::sampling::{Worth, is_llm_name};
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
    /// With the time when the first of these spans came.
    traces: HashMap<TraceId, (Instant, Spans)>,
    /// In the order they came first; a trace that is decided stays here until its time, and is another one if it comes again.
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
        self.bytes += size_of_val(record);
        let (_, spans) = self.traces.entry(trace).or_insert_with(|| {
            let now = Instant::now();
            self.order.push_back((now, trace));
            (now, Spans::new())
        });
        spans.push(Waiting { head, record: record.into() });
        while self.bytes > HELD_BYTES || self.order.len() > HELD_TRACES {
            let Some(oldest) = self.order.pop_front() else { break };
            self.give_up_as_of(oldest, decided);
        }
    }

    /// Decides against traces that are too old, or against all.
    pub(crate) fn release(&mut self, now: Instant, all: bool, decided: Decided<'_>) {
        while let Some(oldest) = self.order.front().copied() {
            if !all && now.duration_since(oldest.0) < PATIENCE {
                break;
            }
            self.order.pop_front();
            self.give_up_as_of(oldest, decided);
        }
    }

    /// In a forked child: what is undecided is the parent's to decide and to count. Spills go before what they hold is
    /// forgotten.
    pub(crate) fn after_fork(&mut self) {
        for waiting in self.traces.drain().flat_map(|(_, (_, spans))| spans) {
            waiting.head.drop_spill();
        }
        *self = Self::default();
    }

    /// Decides against the spans of a trace that first came then; those that came after a decision have their own time.
    fn give_up_as_of(&mut self, (since, trace): (Instant, TraceId), decided: Decided<'_>) {
        if self.traces.get(&trace).is_some_and(|(first, _)| *first == since) {
            self.give_up(trace, decided);
        }
    }

    fn give_up(&mut self, trace: TraceId, decided: Decided<'_>) {
        self.remove(trace).into_iter().for_each(|waiting| decided(waiting.head, &waiting.record));
    }

    fn remove(&mut self, trace: TraceId) -> Spans {
        let spans = self.traces.remove(&trace).map(|(_, spans)| spans).unwrap_or_default();
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
    let telling = |name: &str| is_error_name(name) || name == "otel.status_code" || is_llm_name(name);
    record.spill.is_some()
        || Decoder(record.fields).any(|(_, raw)| matches!(raw, Raw::Error(_)))
        || record.head.metadata().is_some_and(|meta| meta.fields().iter().any(|field| telling(field.name())))
}

fn kept(mut head: Head, reason: u8) -> Head {
    head.tag &= !UNSAMPLED;
    head.flags |= reason;
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::SPAN;
    use std::ptr::{null, null_mut};

    fn head(tag: u16) -> Head {
        Head {
            units: 0,
            fields: 0,
            kind: SPAN,
            flags: 0,
            tag,
            meta: null(),
            trace_high: 0,
            trace_low: 7,
            span: 1,
            parent: 0,
            start: 0,
            end: 0,
            spill: null_mut(),
        }
    }

    // One trace can be over here several times, once for each request that comes with it.
    #[test]
    fn a_trace_that_comes_again_is_waited_for_anew() {
        let moment = || {
            std::thread::sleep(Duration::from_millis(2));
            Instant::now()
        };
        let (mut held, mut decided) = (Held::default(), 0);
        for tag in [UNSAMPLED, UNSAMPLED | FIRST] {
            held.take(head(tag), &[], &mut |_| None, &mut |_, _| decided += 1);
        }
        assert_eq!(decided, 2, "the request is over");
        let between = moment();
        moment();
        held.take(head(UNSAMPLED), &[], &mut |_| None, &mut |_, _| decided += 1);
        for (now, expect) in [(between, 2), (moment(), 3)] {
            held.release(now + PATIENCE, false, &mut |_, _| decided += 1);
            assert_eq!(decided, expect);
        }
    }
}
