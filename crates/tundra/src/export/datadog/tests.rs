//! Bodies as `traces` writes them from what lies in a batch, against bodies made of records; and what both count.

use super::chunks::{self, Sender, TraceChunk};
use super::llmobs::Form;
use super::stats::Concentrator;
use super::traces::{Body, Context, Door, Traces};
use super::upstream;
use crate::export::tests::anything::{Dice, anything};
use crate::propagation::{carried_by, extract};
use crate::testing::{Collector, Records};
use crate::{ExportError, Exported, Exporter};
use std::sync::{Arc, Mutex};
use tundra_record::{Span, Value};
use tundra_wire::Limits;
use tundra_wire::datadog::encode::{Chunk, v04};
use tundra_wire::datadog::stats::Bucket;
use tundra_wire::datadog::{DatadogHeaders, traces_v03_v04};

#[derive(Default)]
struct Seen(Vec<Body>);

impl Door for Seen {
    fn buffer(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn put(&mut self, body: Body) {
        self.0.push(body);
    }
}

/// Decoded, in an order that does not depend on the way.
fn spans(body: &[u8]) -> Vec<String> {
    let mut records = Records::default();
    traces_v03_v04(body, &DatadogHeaders::default(), &Limits::default(), &mut records).expect("it decodes");
    let line = |mut span: Span<'static>| {
        // What the limit lets through is another share whenever it is asked.
        let share = span.attrs.iter_mut().find(|(key, _)| key == "_dd.limit_psr");
        if let Some((_, Value::Double(share))) = share {
            assert!((0.0..=1.0).contains(share));
            *share = 1.0;
        }
        span.attrs.sort_by(|a, b| a.0.cmp(&b.0));
        format!("{span:?}")
    };
    let mut spans: Vec<_> = records.spans.into_iter().map(line).collect();
    spans.sort();
    spans
}

#[derive(Clone, Default)]
struct BothWays {
    traces: Arc<Mutex<Traces>>,
    counting: bool,
    /// What the two ways counted, for the whole test: call sites remember where they are counted.
    stats: Arc<Mutex<[Concentrator; 2]>>,
    differences: Arc<Mutex<Vec<String>>>,
    /// Spans, and plain ones among them.
    seen: Arc<Mutex<[usize; 2]>>,
}

const RUN: &str = "a run";
const APP: &str = "an application";

impl BothWays {
    fn of_records(&self, batch: &Exported<'_>, stats: &mut Concentrator) -> (Body, [usize; 2]) {
        let resource = batch.resource();
        let mut marked = batch.batch.marked();
        let upstreams = upstream::look_up(&mut marked, batch.batch);
        let mut dropped = [0; 2];
        if self.counting {
            stats.add(&marked, resource, &[]);
            for one in &marked {
                dropped[0] += usize::from(one.first && !one.sampled);
                dropped[1] += usize::from(!one.sampled);
            }
            marked.retain(|one| one.sampled);
        }
        let (decided, llm) = ((&**batch.sampler, &upstreams), (APP, &mut Form::Inside));
        let chunks = chunks::build(marked, resource, decided, Sender::here(RUN), llm);
        let chunk = |spans| Chunk { resource: Some(resource), spans };
        let borrowed: Vec<_> = chunks.iter().map(|one: &TraceChunk<'_>| chunk(&one.spans)).collect();
        let mut bytes = Vec::new();
        v04(&borrowed, &mut bytes);
        let kept = chunks.iter().filter(|chunk| chunk.kept).map(|chunk| chunk.spans.len() as u64).sum();
        (Body { bytes, chunks: chunks.len(), kept }, dropped)
    }
}

impl Exporter for BothWays {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        let mut both_stats = self.stats.lock().expect("no panic");
        let [stats, stats_of_records] = &mut *both_stats;
        let mut seen = Seen::default();
        let mut traces = self.traces.lock().expect("no panic");
        let context = Context {
            batch: batch.batch,
            resource: batch.resource(),
            sampler: batch.sampler,
            sender: Sender::here(RUN),
            app: APP,
            form: &mut Form::Inside,
            stats: self.counting.then_some((&mut *stats, &[][..])),
        };
        let traces_above = || -> Vec<bool> {
            let marked = batch.batch.marked().into_iter();
            marked.map(|marked| carried_by(marked.span.trace_id).is_some()).collect()
        };
        let above = traces_above();
        let dropped = traces.export(context, &mut seen);
        let (expect, dropped_of_records) = self.of_records(batch, stats_of_records);
        if traces_above() != above {
            // Other tests bring so many traces that those of this one are forgotten meanwhile.
            stats.take(0, true);
            stats_of_records.take(0, true);
            return Ok(());
        }
        let mut found: Vec<String> = seen.0.iter().flat_map(|body| spans(&body.bytes)).collect();
        found.sort();
        let sums = |bodies: &[Body]| {
            bodies.iter().fold((0, 0), |(chunks, kept), body| (chunks + body.chunks, kept + body.kept))
        };
        let mut differences = self.differences.lock().expect("no panic");
        let mut compare = |found: String, expect: String| {
            if found != expect {
                differences.push(format!("{found}\ninstead of\n{expect}"));
            }
        };
        let mut of_records = spans(&expect.bytes);
        of_records.sort();
        compare(found.len().to_string(), of_records.len().to_string());
        compare(
            format!("{:?} {dropped:?}", sums(&seen.0)),
            format!("{:?} {dropped_of_records:?}", sums(&[expect])),
        );
        let [one, other] =
            [stats, stats_of_records].map(|stats: &mut Concentrator| -> Vec<Bucket> { stats.take(0, true) });
        compare(format!("{one:?}"), format!("{other:?}"));
        let [all, plain] = &mut *self.seen.lock().expect("no panic");
        *all += found.len();
        *plain += traces.plain_spans();
        found.into_iter().zip(of_records).for_each(|(found, expect)| compare(found, expect));
        Ok(())
    }

    fn counts_unsampled(&self) -> bool {
        true
    }
}

#[test]
fn plain_spans_are_written_as_all_others() {
    let check = |redacts: bool, counting: bool, rate: f64, rules: &str, from_above: bool| {
        let both = BothWays { counting, ..BothWays::default() };
        let exporter = Box::new(both.clone());
        let collector = Collector::with(|builder| {
            let builder = builder.env("test").version("1").attribute("team", "blue").exporter(exporter);
            let builder =
                if rules.is_empty() { builder.sample_rate(rate) } else { builder.sampling_rules(rules) };
            if redacts { builder } else { builder.no_redaction() }
        });
        for seed in 0..30_u64 {
            let trace = (seed + 1).to_string();
            let header = |name: &str| match name {
                "x-datadog-trace-id" => Some(&*trace),
                "x-datadog-parent-id" => Some("7"),
                "x-datadog-sampling-priority" => Some("1"),
                "x-datadog-origin" => (seed % 3 == 0).then_some("synthetics"),
                "x-datadog-tags" => Some("_dd.p.dm=-4,_dd.p.mail=jane.doe@example.com"),
                _ => None,
            };
            let work = || collector.in_scope(|| anything(&mut Dice(seed), 4));
            match extract(header).filter(|_| from_above) {
                Some(remote) => remote.in_scope(work),
                None => work(),
            }
        }
        assert!(!collector.logs().is_empty());
        let differences = both.differences.lock().expect("no panic");
        assert!(differences.is_empty(), "{} differ, such as\n{}", differences.len(), differences[0]);
        let [all, plain] = *both.seen.lock().expect("no panic");
        assert!(all > 300 && plain > 100, "{all} {plain}");
    };
    check(true, false, 1.0, "", false);
    check(false, false, 1.0, "", false);
    check(false, true, 1.0, "", false);
    check(false, true, 0.5, "", false);
    check(false, false, 0.5, "", false);
    check(true, true, 0.5, "", true);
    check(false, true, 1.0, r#"[{"name":"plain","sample_rate":0.9}]"#, false);
}

/// Both ways over what `work` records, with nothing else around.
fn differences(
    build: impl FnOnce(crate::Builder) -> crate::Builder,
    work: impl FnOnce(&Collector),
) -> Vec<String> {
    let both = BothWays::default();
    let exporter = Box::new(both.clone());
    let collector = Collector::with(|builder| build(builder.env("test").exporter(exporter)));
    work(&collector);
    assert!(collector.logs().is_empty(), "it waits until all is exported");
    let differences = both.differences.lock().expect("no panic").clone();
    let [all, _] = *both.seen.lock().expect("no panic");
    assert!(all > 0);
    differences
}

#[test]
fn trace_ids_of_both_widths_share_call_sites() {
    let parents = [
        "00-00000000000000008448eb211c80319d-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ];
    for order in [[0, 1], [1, 0]] {
        let found = differences(
            |builder| builder,
            |collector| {
                for at in order {
                    let header = |name: &str| (name == "traceparent").then_some(parents[at]);
                    let remote = extract(header).expect("a context");
                    remote.in_scope(|| {
                        collector.in_scope(|| drop(tracing::info_span!("plain", number = 1).entered()));
                    });
                }
            },
        );
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

#[test]
fn fields_and_resources_that_are_called_as_what_is_said() {
    let spans = || {
        drop(tracing::info_span!("plain", language = "de", process_id = 7).entered());
        drop(tracing::info_span!("plain", "runtime-id" = "mine", _sampling_priority_v1 = -1).entered());
        let root = tracing::info_span!("root", number = 1).entered();
        drop(tracing::info_span!("plain", "span.kind" = "odd", "telemetry.sdk.name" = "mine").entered());
        drop(root);
    };
    let found = differences(|builder| builder, |collector| collector.in_scope(spans));
    assert!(found.is_empty(), "{}", found.join("\n"));
    let attributes = [("language", "de"), ("span.kind", "odd"), ("span.type", "web")];
    let build = |builder: crate::Builder| {
        attributes.iter().fold(builder, |builder, (key, text)| builder.attribute(*key, *text))
    };
    let found = differences(build, |collector| collector.in_scope(spans));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

// More forms than are kept, roles that change from trace to trace, and decisions whose numbers do.
#[test]
fn forms_come_and_go() {
    use tracing::field::Empty;
    let work = || {
        for n in 0..3000_u32 {
            let root = tracing::info_span!("root", number = n).entered();
            let child = tracing::info_span!("child", a = Empty, b = Empty, c = Empty, d = Empty, e = Empty);
            for (bit, name) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
                if n >> bit & 1 == 1 {
                    child.record(name, n);
                }
            }
            drop((child.entered(), root));
        }
    };
    let check = |build: fn(crate::Builder) -> crate::Builder| {
        let found = differences(build, |collector| collector.in_scope(work));
        assert!(found.is_empty(), "{} differ, such as\n{}", found.len(), found[0]);
    };
    check(|builder| builder);
    check(|builder| builder.sample_rate(0.5));
    check(|builder| builder.sampling_rules(r#"[{"name":"root","sample_rate":0.9}]"#).sample_limit(1000.0));
}

// Where tracing is off no batch comes by whose exporter would hear that it is on again.
#[test]
fn an_agent_is_obeyed_without_a_batch() {
    use super::answers::Answers;
    use crate::collector::Injection;
    use crate::export::http::Response;
    use crate::export::outbox::Watch;
    use crate::sampling::{Sampler, Settings};
    let sampler = Arc::new(Sampler::new(Settings::default(), u16::MAX));
    let mut agent = crate::DatadogAgent::new("http://127.0.0.1:1").expect("an address");
    agent.settings = Some((Arc::clone(&sampler), Arc::new(Injection::new(false))));
    for enabled in [false, true, false] {
        let content = format!(r#"{{"lib_config":{{"tracing_enabled":{enabled}}}}}"#);
        let body = super::config::tests::answer(&content, None).into_bytes();
        let told = Response { status: 200, headers: Vec::new(), body };
        Answers::answered(&agent.answers, "/v0.7/config", Some(&told));
        agent.tick();
        assert_eq!(sampler.is_off(), !enabled);
    }
}
