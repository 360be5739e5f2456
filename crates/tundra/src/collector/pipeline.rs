//! One installed SDK: who it speaks for, its exporters, its console, and the batch that is filling.
//!
//! Owned by the collector thread. Every record it is given is counted as exported or as dropped with a reason.
#![expect(unsafe_code, reason = "draining a ring is the collector's right alone")]

use super::batch::Batch;
use super::clean::Redaction;
use super::console::{self, Console, Injection};
use super::exporters::{Exporters, Outcome};
use super::held::Held;
use super::translate::Translator;
use crate::clock::{Anchor, Steps};
use crate::engine::{EVENT, FIRST, FOREIGN, Head, Local, Run, SPAN, UNSAMPLED, Word};
use crate::export::{Exported, Exporter};
use crate::health::{DONE, Dropped, Kind, take_ailing};
use crate::limits::{BATCH_BYTES, HOT_BATCH_BYTES};
use crate::propagation;
use crate::sampling::Sampler;
use crate::writer::Unwritten;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tundra_record::{MetricPoint, Resource, Value};

/// What a pipeline is made of.
pub(crate) struct PipelineConfig {
    pub(crate) id: u16,
    pub(crate) resource: Resource<'static>,
    pub(crate) exporters: Vec<Box<dyn Exporter>>,
    pub(crate) console: Option<Console>,
    pub(crate) sampler: Arc<Sampler>,
    pub(crate) injection: Arc<Injection>,
    pub(crate) log_metrics: bool,
    pub(crate) period: Duration,
    pub(crate) redaction: Redaction,
    /// A test's clock.
    pub(crate) steps: Option<&'static Steps>,
}

/// A pipeline at work.
pub(crate) struct Pipeline {
    /// But for the exporters.
    config: PipelineConfig,
    exporters: Exporters,
    batch: Batch,
    /// Bytes of records that came since the rings were looked at last.
    came: usize,
    /// Records that came and are not yet in the ledger as waiting, less those that went again; by kind.
    arrived: [i64; Kind::COUNT],
    /// Whether an exporter failed since the collector last woke up.
    failed: bool,
    /// When the oldest record of the batch was drained.
    since: Option<Instant>,
    /// Events drained and not yet written to the console: tick and place.
    fresh: Vec<(u64, usize)>,
    /// Spans of unsampled traces that are not over yet.
    held: Held,
    /// Whether an exporter wants to see spans of unsampled traces.
    counts_unsampled: bool,
    ticked: Instant,
    closed: bool,
    resource_is_clean: bool,
}

/// Moves one thread's records before `mark` to the pipelines they belong to; gives how many.
pub(crate) fn drain_into(local: &Local, mark: u64, pipelines: &mut [Pipeline]) -> usize {
    let mut moved = 0;
    // SAFETY: only the collector thread comes here, and what takes a run never drains.
    while unsafe { local.ring.drain(mark, |run| moved += take_run(run, pipelines)) } {
        pipelines.iter_mut().for_each(Pipeline::export_if_full);
    }
    pipelines.iter_mut().for_each(Pipeline::enter_arrived);
    moved
}

/// Takes records until a batch is full; gives how many.
fn take_run(run: &mut Run<'_>, pipelines: &mut [Pipeline]) -> usize {
    let mut moved = 0;
    while let Some(head) = run.first() {
        let taken = match pipelines.iter_mut().find(|pipeline| pipeline.id() == head.pipeline()) {
            Some(pipeline) if pipeline.is_full() => break,
            Some(pipeline) => pipeline.take(run),
            None => run.next().map_or(0, |(head, _)| {
                discard(*head, Dropped::Shutdown);
                1
            }),
        };
        if taken == 0 {
            // No record is longer than its run; if one were, there would be no way past it.
            debug_assert!(false, "a record is longer than its run");
            run.clear();
        }
        moved += taken;
    }
    moved
}

fn kind_of(head: &Head) -> Kind {
    if head.kind == SPAN { Kind::Span } else { Kind::Log }
}

#[cold]
fn discard(head: Head, why: Dropped) {
    DONE.drop_record(kind_of(&head), why, 1);
    head.drop_spill();
}

impl Pipeline {
    pub(crate) fn new(mut config: PipelineConfig) -> Self {
        let exporters = Exporters::new(std::mem::take(&mut config.exporters), config.id);
        Self {
            counts_unsampled: exporters.counts_unsampled(),
            batch: Batch::new(Anchor::new(), config.redaction.clone()),
            exporters,
            config,
            came: 0,
            arrived: [0; Kind::COUNT],
            failed: false,
            since: None,
            fresh: Vec::new(),
            held: Held::default(),
            ticked: Instant::now(),
            closed: false,
            resource_is_clean: false,
        }
    }

    pub(crate) fn id(&self) -> u16 {
        self.config.id
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The collector woke up.
    pub(crate) fn wake(&mut self) {
        self.failed = false;
    }

    /// What is taken from now on came since the rings were looked at last, and was recorded by this clock.
    pub(crate) fn begin_drain(&mut self, anchor: Anchor) {
        self.came = 0;
        self.batch.anchor = anchor.with_steps(self.config.steps);
    }

    /// Takes records of its own from the front of a run, the usual ones in one stretch, any other by itself; gives how many.
    #[inline]
    fn take(&mut self, run: &mut Run<'_>) -> usize {
        let (id, closed, has_console) = (self.id(), self.closed, self.config.console.is_some());
        let takes_spans = !self.config.sampler.is_off();
        let (mut spans, mut all) = (0, 0);
        let mut room = HOT_BATCH_BYTES;
        let stretch = run.take_while(|head| {
            let is_span = head.kind == SPAN;
            let mine = head.tag & !(FIRST | FOREIGN) == id && !closed;
            let usual = mine && head.spill.is_null() && room > 0;
            let usual = usual && if is_span { takes_spans } else { !has_console };
            room = room.saturating_sub(head.len_bytes());
            spans += usize::from(usual && is_span);
            all += usize::from(usual);
            usual
        });
        if all == 0 {
            return run.next().map_or(0, |(head, record)| {
                self.take_one(*head, record);
                1
            });
        }
        self.batch.push_run(stretch, (spans, all - spans));
        self.came += size_of_val(stretch);
        self.arrived[Kind::Span as usize] += spans as i64;
        self.arrived[Kind::Log as usize] += (all - spans) as i64;
        self.since.get_or_insert_with(Instant::now);
        all
    }

    fn take_one(&mut self, head: Head, record: &[Word]) {
        if self.closed {
            return discard(head, Dropped::Shutdown);
        }
        self.arrived[kind_of(&head) as usize] += 1;
        if head.kind == SPAN && head.tag & UNSAMPLED != 0 {
            return self.take_unsampled(head, record);
        }
        self.push(head, record);
    }

    /// Enters into the ledger what came since the last time: an atomic operation for all, not one for each.
    fn enter_arrived(&mut self) {
        for (waiting, arrived) in DONE.waiting.iter().zip(&mut self.arrived) {
            let count = std::mem::take(arrived);
            if count != 0 {
                // Modulo 2^64, so that a negative count subtracts.
                waiting.fetch_add(count as u64, Relaxed);
            }
        }
    }

    /// A span of a trace that was not sampled: looked at once more, if anybody wants that.
    fn take_unsampled(&mut self, head: Head, record: &[Word]) {
        if self.config.sampler.looks_back() {
            let mut held = std::mem::take(&mut self.held);
            let mut translator = Translator::new(self.batch.anchor);
            let sampler = Arc::clone(&self.config.sampler);
            held.take(
                head,
                record,
                &mut |record| {
                    let rejected = propagation::is_rejected(record.head.trace());
                    if rejected { None } else { sampler.worth_keeping(&translator.one(record)) }
                },
                &mut |head, record| {
                    self.push(head, record);
                },
            );
            self.held = held;
        } else {
            self.push(head, record);
        }
    }

    /// Gives up hope for unsampled traces that were held for too long, or for all.
    pub(crate) fn release(&mut self, all: bool) {
        let mut held = std::mem::take(&mut self.held);
        held.release(Instant::now(), all, &mut |head, record| self.push(head, record));
        self.held = held;
        self.enter_arrived();
        self.export_if_full();
    }

    fn push(&mut self, head: Head, record: &[Word]) {
        let is_unwanted =
            || self.config.sampler.is_off() || (head.tag & UNSAMPLED != 0 && !self.counts_unsampled);
        if head.kind == SPAN && is_unwanted() {
            self.arrived[Kind::Span as usize] -= 1;
            return discard(head, Dropped::Unsampled);
        }
        let (kind, start) = (head.kind, head.start);
        let at = self.batch.push(head, record);
        self.came += size_of_val(record);
        if kind == EVENT && self.config.console.is_some() {
            self.fresh.push((start, at));
        }
        self.since.get_or_insert_with(Instant::now);
    }

    fn is_full(&self) -> bool {
        let enough = if self.came < HOT_BATCH_BYTES { BATCH_BYTES } else { HOT_BATCH_BYTES };
        self.batch.len_bytes() >= enough
    }

    fn export_if_full(&mut self) {
        if self.is_full() {
            self.export();
        }
    }

    /// Writes the log lines of what was drained, in the order of time.
    pub(crate) fn write_lines(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        self.clean_resource();
        let Some(console) = &mut self.config.console else { return };
        self.fresh.sort_unstable();
        let mut translator = Translator::new(self.batch.anchor);
        let mut cleaner = self.config.redaction.cleaner();
        for (_, at) in self.fresh.drain(..) {
            if let Some(record) = self.batch.record(at) {
                let mut log = translator.log(&record);
                cleaner.log(&mut log);
                console.record(&log);
            }
        }
        console.flush();
    }

    /// In a forked child: what waits is the parent's to export.
    pub(crate) fn after_fork(&mut self) {
        self.batch.clear();
        self.arrived = [0; Kind::COUNT];
        self.held.after_fork();
        self.fresh.clear();
        self.since = None;
        if let Some(console) = &mut self.config.console {
            console.after_fork();
        }
        let pid = Value::Int(i64::from(std::process::id()));
        for (key, value) in &mut self.config.resource.attrs {
            if key == "process.pid" {
                *value = pid.clone();
            }
        }
        self.exporters.after_fork();
    }

    /// Takes points to be exported with the next batch.
    pub(crate) fn points(&mut self, points: &[MetricPoint<'static>]) {
        if !self.exporters.is_empty() && !points.is_empty() {
            let mut cleaner = self.config.redaction.cleaner();
            self.batch.points.extend(points.iter().cloned().map(|mut point| {
                cleaner.metric(&mut point);
                point
            }));
            self.since.get_or_insert_with(Instant::now);
        }
    }

    /// Writes lines about metrics, if this pipeline wants them.
    pub(crate) fn metric_lines(&mut self, lines: &[crate::metrics::MetricLine]) {
        if !self.config.log_metrics || lines.is_empty() {
            return;
        }
        self.clean_resource();
        let mut cleaner = self.config.redaction.cleaner();
        for line in lines {
            let mut log = console::metric_log(line);
            cleaner.log(&mut log);
            if let Some(console) = &mut self.config.console {
                console.log(&log);
            }
            self.batch.own_logs.push(log);
        }
        if let Some(console) = &mut self.config.console {
            console.flush();
        }
        self.since.get_or_insert_with(Instant::now);
    }

    /// Warns on the console of targets that do not take what they are sent.
    pub(crate) fn tell_ailing(&mut self) {
        if self.config.console.is_none() {
            return;
        }
        let ailing = take_ailing(self.config.id);
        if ailing.is_empty() {
            return;
        }
        self.clean_resource();
        let mut cleaner = self.config.redaction.cleaner();
        if let Some(console) = &mut self.config.console {
            for text in ailing {
                let mut log = console::warning(text);
                cleaner.log(&mut log);
                console.log(&log);
            }
            console.flush();
        }
    }

    /// Cleans once what all records say about who sends them.
    fn clean_resource(&mut self) {
        if !std::mem::replace(&mut self.resource_is_clean, true) {
            self.config.redaction.cleaner().resource(&mut self.config.resource);
            if let Some(console) = &mut self.config.console {
                console.speak_for(&self.config.resource);
            }
        }
    }

    /// When the batch must go.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + self.config.period)
    }

    pub(crate) fn export_if_due(&mut self) {
        let now = Instant::now();
        if self.due().is_some_and(|due| now >= due) {
            self.export();
        } else if now.duration_since(self.ticked) >= self.config.period {
            self.ticked = now;
            self.exporters.tick();
        }
    }

    /// Hands the batch to every exporter; true if none failed since the collector woke up, be it with a batch before.
    pub(crate) fn export(&mut self) -> bool {
        self.enter_arrived();
        self.write_lines();
        self.since = None;
        if self.closed || self.batch.is_empty() {
            return !self.failed;
        }
        let anchor = self.batch.anchor;
        self.clean_resource();
        let batch = std::mem::replace(&mut self.batch, Batch::new(anchor, Redaction::Off));
        let resource = self.config.resource.clone();
        let sampler = Arc::clone(&self.config.sampler);
        let injection = Arc::clone(&self.config.injection);
        let exported =
            Exported { batch: &batch, resource: &resource, sampler: &sampler, injection: &injection };
        let outcome = self.exporters.export(&exported);
        self.settle(&batch, outcome);
        self.batch = batch;
        self.batch.clear();
        self.failed |= outcome.failed;
        !self.failed
    }

    /// Enters what became of a batch.
    fn settle(&mut self, batch: &Batch, Outcome { wanted, took, .. }: Outcome) {
        DONE.waiting[Kind::Span as usize].fetch_sub(batch.unsampled as u64, Relaxed);
        DONE.drop_record(Kind::Span, Dropped::Unsampled, batch.unsampled as u64);
        for (kind, count) in [(Kind::Span, batch.spans as u64), (Kind::Log, batch.logs as u64)] {
            let took = took[kind as usize];
            // A log line on the console is an export, too, once it is written.
            if let (Kind::Log, Some(console)) = (kind, &mut self.config.console) {
                console.settle(took);
                if !took {
                    continue;
                }
            }
            DONE.waiting[kind as usize].fetch_sub(count, Relaxed);
            if took {
                DONE.exported[kind as usize].fetch_add(count, Relaxed);
            } else if count > 0 {
                let why = if wanted[kind as usize] { Dropped::ExportFailed } else { Dropped::NoExporter };
                DONE.drop_record(kind, why, count);
            }
        }
    }

    /// What was handed to streams and is not written yet.
    pub(crate) fn unwritten(&self) -> Vec<Unwritten> {
        self.exporters.unwritten().chain(self.config.console.as_ref().map(Console::unwritten)).collect()
    }

    /// Gives the exporters up, and hands back what streams have not written. What still arrives is counted as dropped.
    pub(crate) fn close(&mut self, deadline: Instant) -> Vec<Unwritten> {
        self.release(true);
        self.export();
        let mut unwritten: Vec<_> = self.exporters.unwritten().collect();
        self.exporters.close(deadline);
        self.tell_ailing();
        unwritten.extend(self.config.console.as_ref().map(Console::unwritten));
        self.config.console.take().iter().for_each(Console::end);
        self.closed = true;
        unwritten
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::ExportError;
    use crate::sampling::Settings;
    use crate::testing::Collector;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicBool;
    use tundra_record::LogRecord;

    struct FailsOnce(bool);

    impl Exporter for FailsOnce {
        fn export(&mut self, _: &Exported<'_>) -> Result<(), ExportError> {
            if std::mem::take(&mut self.0) { Err(ExportError::new("it is the first")) } else { Ok(()) }
        }
    }

    // What a flush asks for is exported as often as batches are full, and a batch that is due at that moment before the flush is
    // obeyed, which drains once more; whoever asked wants to know of all of them.
    #[test]
    fn a_failure_is_told_until_the_next_look() {
        let mut pipeline = Pipeline::new(PipelineConfig {
            id: u16::MAX,
            resource: Resource::default(),
            exporters: vec![Box::new(FailsOnce(true))],
            console: None,
            sampler: Arc::new(Sampler::new(Settings::default(), u16::MAX)),
            injection: Arc::new(Injection::new(false)),
            log_metrics: false,
            period: Duration::from_secs(1),
            redaction: Redaction::Off,
            steps: None,
        });
        let told = || crate::health().failures.iter().any(|text| text.ends_with("it is the first"));
        for (look, ails) in [([false, false, false], 2), ([true, true, true], 0)] {
            pipeline.wake();
            for (turn, expect) in look.into_iter().enumerate() {
                pipeline.begin_drain(Anchor::new());
                pipeline.batch.own_logs.extend((turn != 1).then(LogRecord::default));
                assert_eq!((pipeline.export(), told()), (expect, turn < ails), "{turn}");
            }
        }
    }

    /// Says what an Agent said, as its exporter does.
    struct Obeys(Arc<AtomicBool>);

    impl Exporter for Obeys {
        fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
            batch.sampler.set_remote(None, self.0.load(Relaxed));
            Ok(())
        }

        fn counts_unsampled(&self) -> bool {
            true
        }
    }

    // Whoever decided to keep a trace: tracing is off here.
    #[test]
    fn off_means_all_traces() {
        let off = Arc::new(AtomicBool::new(false));
        let exporter = Box::new(Obeys(Arc::clone(&off)));
        let collector = Collector::with(|builder| builder.exporter(exporter));
        let parent = "00-5af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let say = |word: bool| {
            off.store(word, Relaxed);
            collector.in_scope(|| tracing::info!("an event, so that there is a batch"));
            collector.logs()
        };
        let work = |spans: usize| {
            let header = |name: &str| (name == "traceparent").then_some(parent);
            let above = propagation::extract(header).expect("a context");
            collector.in_scope(|| {
                above.in_scope(|| tracing::info_span!("continued").in_scope(|| tracing::info!("said")));
                above.in_scope(|| drop(crate::llm::chat("openai", "gpt-4o")));
                tracing::info_span!("begun").in_scope(|| tracing::error!("said"));
            });
            assert_eq!(collector.spans().len(), spans);
        };
        work(3);
        say(true);
        work(3);
        say(false);
        work(6);
        assert_eq!(collector.logs().len(), 3 * 2 + 2, "log records go on");
    }

    /// Notes the bytes of texts in each batch.
    struct Weighs(Arc<Mutex<Vec<usize>>>);

    impl Exporter for Weighs {
        fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
            let records = batch.records();
            let attrs = records.spans.iter().flat_map(|span| &span.attrs);
            let texts = attrs.filter_map(|(_, value)| value.as_str().map(str::len));
            self.0.lock().expect("no panic").push(texts.sum());
            Ok(())
        }
    }

    // What a batch holds is written all at once: it must not be more than a target can take.
    #[test]
    fn long_texts_fill_batches() {
        const TEXT: usize = 500_000;
        let weights = Arc::new(Mutex::new(Vec::new()));
        let exporter = Box::new(Weighs(Arc::clone(&weights)));
        let collector = Collector::with(|builder| builder.exporter(exporter));
        let text = "x".repeat(TEXT);
        collector.in_scope(|| (0..20).for_each(|_| drop(tracing::info_span!("long", text))));
        assert_eq!(collector.spans().len(), 20);
        let weights = weights.lock().expect("no panic");
        assert_eq!(weights.iter().sum::<usize>(), 20 * TEXT);
        assert!(weights.iter().all(|bytes| *bytes < BATCH_BYTES + TEXT), "{weights:?}");
    }
}
