//! Requests as the encoder writes them from what lies in a batch, against requests made of records.

use super::requests::{Contents, Door, Encoder};
use crate::export::tests::anything::{Dice, anything};
use crate::export::tests::hold_content;
use crate::limits::PAYLOAD_BYTES;
use crate::testing::{Collector, Records};
use crate::{ExportError, Exported, Exporter};
use std::sync::{Arc, Mutex};
use tundra_record::{Attrs, LogRecord, Span};
use tundra_wire::Limits;
use tundra_wire::otlp::{encode, logs, metrics, traces};

/// Requests, decoded.
#[derive(Default)]
struct Seen {
    records: Records,
    calls: Records,
    counts: [u64; 3],
    largest: usize,
}

impl Door for Seen {
    fn takes(&self, _: Contents) -> bool {
        true
    }

    fn buffer(&mut self, _: Contents) -> Vec<u8> {
        Vec::new()
    }

    fn put(&mut self, contents: Contents, body: Vec<u8>, count: u64) {
        let limits = Limits::default();
        let decoded = match contents {
            Contents::Spans => traces(&body, &limits, &mut self.records),
            Contents::Calls => traces(&body, &limits, &mut self.calls),
            Contents::Logs => logs(&body, &limits, &mut self.records),
            Contents::Points => metrics(&body, &limits, &mut self.records),
        };
        decoded.expect("it decodes");
        self.largest = self.largest.max(body.len());
        if contents != Contents::Calls {
            self.counts[contents.signal() as usize] += count;
        }
    }
}

fn sorted(attrs: &mut Attrs<'_>) {
    attrs.sort_by(|a, b| a.0.cmp(&b.0));
}

fn spans(mut spans: Vec<Span<'static>>) -> Vec<String> {
    spans.iter_mut().for_each(|span| sorted(&mut span.attrs));
    spans.iter().map(|span| format!("{span:?}")).collect()
}

fn lines(mut logs: Vec<LogRecord<'static>>) -> Vec<String> {
    logs.iter_mut().for_each(|log| sorted(&mut log.attrs));
    logs.iter().map(|log| format!("{log:?}")).collect()
}

/// Does both and notes what differs.
#[derive(Clone, Default)]
struct BothWays {
    encoder: Arc<Mutex<Encoder>>,
    differences: Arc<Mutex<Vec<String>>>,
    seen: Arc<Mutex<usize>>,
}

impl Exporter for BothWays {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        let mut seen = Seen::default();
        self.encoder.lock().expect("no panic").export(batch, &mut seen);
        let records = batch.records();
        let (mut all, limits) = (Records::default(), Limits::default());
        let (mut of_spans, mut of_logs) = (Vec::new(), Vec::new());
        encode::traces(batch.resource(), &records.scope, &records.spans, &mut of_spans);
        encode::logs(batch.resource(), &records.scope, &records.logs, &mut of_logs);
        traces(&of_spans, &limits, &mut all).expect("it decodes");
        logs(&of_logs, &limits, &mut all).expect("it decodes");
        let counts = [records.spans.len() as u64, records.logs.len() as u64, records.points.len() as u64];
        let calls = all.spans.iter().filter(|span| crate::sampling::is_llm(span)).cloned().collect();
        let pairs = [
            (spans(seen.records.spans), spans(all.spans)),
            (lines(seen.records.logs), lines(all.logs)),
            (spans(seen.calls.spans), spans(calls)),
            (vec![format!("{:?}", seen.counts)], vec![format!("{counts:?}")]),
        ];
        let mut differences = self.differences.lock().expect("no panic");
        for (found, expect) in pairs {
            *self.seen.lock().expect("no panic") += found.len();
            if found.len() != expect.len() {
                differences.push(format!("{} instead of {}", found.len(), expect.len()));
            }
            let differ = found.into_iter().zip(expect).filter(|(found, expect)| found != expect);
            differences.extend(differ.map(|(found, expect)| format!("{found}\ninstead of\n{expect}")));
        }
        if seen.largest > PAYLOAD_BYTES {
            differences.push(format!("a request of {} bytes", seen.largest));
        }
        Ok(())
    }
}

#[test]
fn plain_records_are_written_as_all_others() {
    let check = |redacts: bool, content: bool| {
        let both = BothWays::default();
        let exporter = Box::new(both.clone());
        let collector = Collector::with(|builder| {
            let builder = builder.filter("trace").exporter(exporter);
            if redacts { builder } else { builder.no_redaction() }
        });
        let held = hold_content();
        crate::llm::capture_content(content);
        for seed in 0..40 {
            collector.in_scope(|| anything(&mut Dice(seed), 4));
        }
        assert!(!collector.spans().is_empty());
        crate::llm::capture_content(true);
        drop(held);
        let differences = both.differences.lock().expect("no panic");
        assert!(differences.is_empty(), "{} differ, such as\n{}", differences.len(), differences[0]);
        assert!(*both.seen.lock().expect("no panic") > 1000);
    };
    check(true, true);
    check(false, true);
    check(true, false);
}

/// Keeps what was decoded.
#[derive(Clone, Default)]
struct Keeps(Arc<Mutex<Vec<Span<'static>>>>);

impl Exporter for Keeps {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        let mut seen = Seen::default();
        Encoder::default().export(batch, &mut seen);
        let both = seen.records.spans.into_iter().chain(seen.calls.spans);
        self.0.lock().expect("no panic").extend(both);
        Ok(())
    }
}

// That no call is above is Datadog's affair; which one is, where it is not the parent, may be told.
#[test]
fn no_parent_is_not_told() {
    let keeps = Keeps::default();
    let exporter = Box::new(keeps.clone());
    let collector = Collector::with(|builder| builder.exporter(exporter));
    collector.in_scope(|| {
        let request = || tracing::info_span!("request");
        request().in_scope(|| drop(crate::llm::chat("openai", "alone")));
        let agent = crate::llm::agent("planner");
        agent.in_scope(|| request().in_scope(|| drop(crate::llm::chat("openai", "below"))));
    });
    assert_eq!(collector.spans().len(), 5);
    let seen = keeps.0.lock().expect("no panic");
    let told = |name: &str| {
        let spans = seen.iter().filter(|span| span.name == name);
        spans.map(|span| span.attr("tundra.llm.parent_id").is_some()).collect::<Vec<_>>()
    };
    // As a span, and as a call once more.
    assert_eq!((told("chat alone"), told("chat below")), (vec![false; 2], vec![true; 2]));
}
