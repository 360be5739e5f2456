//! Everything that has broken other SDKs: threads, order, re-entrancy, endings, misuse.

use std::cell::RefCell;
use std::fmt;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tracing::{Dispatch, Span, error, info, info_span};
use tundra::testing::Collector;
use tundra::{ExportError, Exported, Exporter};

#[test]
fn spans_move_between_threads() {
    for collector in crate::doors() {
        let (sender, receiver) = mpsc::sync_channel::<Span>(100);
        let dispatch = collector.dispatch();
        let closer = thread::spawn(move || {
            tracing::dispatcher::with_default(&dispatch, || {
                let mut closed = 0;
                for span in receiver {
                    info_span!(parent: &span, "there").in_scope(|| ());
                    drop(span.entered());
                    closed += 1;
                }
                closed
            })
        });
        thread::scope(|scope| {
            for _ in 0..4 {
                let (sender, dispatch) = (sender.clone(), collector.dispatch());
                scope.spawn(move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        for n in 0..100 {
                            let span = info_span!("here", n);
                            sender.send(span.clone()).expect("the closer listens");
                            span.in_scope(|| info_span!("child").in_scope(|| ()));
                        }
                    });
                });
            }
        });
        drop(sender);
        assert_eq!(closer.join().expect("no panic"), 400);
        let spans = collector.spans();
        let here: std::collections::HashMap<_, _> = spans
            .iter()
            .filter(|span| span.name == "here")
            .map(|span| (span.span_id, span.trace_id))
            .collect();
        assert_eq!(here.len(), 400);
        let children = spans.iter().filter(|span| span.name != "here");
        assert_eq!(children.clone().count(), 800);
        for child in children {
            assert_eq!(here.get(&child.parent_id.expect("it has a parent")), Some(&child.trace_id));
        }
    }
}

#[test]
fn guards_dropped_out_of_order() {
    for collector in crate::doors() {
        collector.in_scope(|| {
            let (a, b, c) = (info_span!("a"), info_span!("b"), info_span!("c"));
            let (in_a, in_b, in_a_again) = (a.enter(), b.enter(), a.enter());
            drop(in_a);
            drop(in_b);
            info_span!("of_a").in_scope(|| ());
            drop(in_a_again);
            let _c = c.enter();
            info_span!("of_c").in_scope(|| ());
        });
        let parent = |name: &str| collector.span(name).and_then(|span| span.parent_id);
        let id = |name: &str| collector.span(name).map(|span| span.span_id);
        assert_eq!(parent("of_a"), id("a"));
        assert_eq!(parent("of_c"), id("c"));
    }
}

/// Records spans and events, and records on the current span, while it is being formatted.
struct Talkative(u32);

impl fmt::Debug for Talkative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = info_span!("from_debug", depth = self.0);
        let _inside = span.enter();
        Span::current().record("depth", 99);
        error!(depth = self.0, "from debug");
        if self.0 > 0 {
            info!(inner = ?Talkative(self.0 - 1), "deeper");
        }
        write!(f, "talkative {}", self.0)
    }
}

// With a scoped subscriber, `tracing` itself mutes what a `Debug` records; with a global one it does not.
#[test]
fn debug_that_records() {
    crate::alone("hazards::debug_that_records", || {
        let (records, guard) = crate::global();
        {
            let span = info_span!("s", value = ?Talkative(2), late = tracing::field::Empty);
            let _inside = span.enter();
            span.record("late", tracing::field::debug(Talkative(1)));
            info!(value = ?Talkative(2), "outer {:?}", Talkative(1));
        }
        guard.flush(Duration::from_secs(30)).expect("it works");
        let records = records.lock().expect("no panic");
        let span = records.spans.iter().find(|span| span.name == "s").expect("recorded");
        assert_eq!(tundra::testing::attr(span, "value").as_deref(), Some("talkative 2"));
        assert_eq!(tundra::testing::attr(span, "late").as_deref(), Some("talkative 1"));
        let body = |text| records.logs.iter().filter(move |log| log.body.as_str() == Some(text));
        let outer = body("outer talkative 1").next().expect("recorded");
        let value = tundra_record::value::get(&outer.attrs, "value");
        assert_eq!(value.and_then(tundra_record::Value::as_str), Some("talkative 2"));
        // Each of the four outermost values formats itself and, inside, the ones below it.
        assert_eq!(body("from debug").count(), 3 + 2 + 3 + 2);
        assert_eq!(body("deeper").count(), 2 + 1 + 2 + 1);
    });
}

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("in debug")
    }
}

#[test]
fn debug_that_panics() {
    crate::alone("hazards::debug_that_panics", || {
        let check = |rules: &str, expect: u64| {
            let collector = Collector::with(|builder| builder.sampling_rules(rules));
            collector.in_scope(|| {
                for _ in 0..100 {
                    let _ = std::panic::catch_unwind(|| drop(info_span!("s", value = ?Panics)));
                    let _ = std::panic::catch_unwind(|| info!(value = ?Panics, "lost"));
                }
                info_span!("after").in_scope(|| info!("after"));
            });
            assert_eq!(collector.tree(), "after\n");
            assert_eq!(collector.logs().len(), 1);
            let health = tundra::health();
            for ledger in [health.spans, health.logs] {
                let lost = ledger.dropped_for(tundra::Dropped::Panicked);
                assert_eq!((lost, ledger.dropped_total()), (expect, expect));
                assert_eq!(ledger.created, ledger.exported + lost);
            }
        };
        check("[]", 100);
        // Who looks at a root's values meets it as well.
        check(r#"[{"tags": {"value": "x"}, "sample_rate": 1}]"#, 200);
    });
}

thread_local! {
    static LATE: RefCell<Vec<(Dispatch, Span)>> = const { RefCell::new(Vec::new()) };
    static LATER: RefCell<Option<MakesSpans>> = const { RefCell::new(None) };
}

struct MakesSpans(Dispatch);

impl Drop for MakesSpans {
    fn drop(&mut self) {
        tracing::dispatcher::with_default(&self.0, || {
            let span = info_span!("in_destructor", value = "text");
            let _inside = span.enter();
            info!("in destructor");
            tundra::increment_counter!("it.destructor");
        });
    }
}

#[test]
fn thread_local_destructors() {
    for collector in crate::doors() {
        for spans_first in [false, true] {
            let dispatch = collector.dispatch();
            let thread = thread::spawn(move || {
                if spans_first {
                    LATER.set(Some(MakesSpans(dispatch.clone())));
                }
                let span = tracing::dispatcher::with_default(&dispatch, || info_span!("held"));
                LATE.with_borrow_mut(|late| late.push((dispatch.clone(), span)));
                LATER.set(Some(MakesSpans(dispatch)));
            });
            thread.join().expect("no panic");
        }
        collector.in_scope(|| info_span!("after").in_scope(|| ()));
        assert!(collector.span("after").is_some());
    }
}

#[test]
fn ids_that_nobody_knows() {
    use tracing::span::Id;
    let collector = Collector::new();
    let dispatch = collector.dispatch();
    for id in [1, 63, 64, u64::MAX, 1 << 32, (1 << 32) | 5, 0xffff_ffff, u64::from(u32::MAX) << 32] {
        let id = Id::from_u64(id);
        dispatch.enter(&id);
        dispatch.exit(&id);
        dispatch.record_follows_from(&id, &id);
        let _ = dispatch.clone_span(&id);
        dispatch.try_close(id.clone());
        collector.in_scope(|| info_span!(parent: id.clone(), "root").in_scope(|| ()));
    }
    assert!(collector.spans().iter().all(|span| span.parent_id.is_none()));
}

#[test]
fn stale_ids() {
    let collector = Collector::new();
    collector.in_scope(|| {
        let span = info_span!("s");
        let id = span.id().expect("enabled");
        drop(span);
        let dispatch = collector.dispatch();
        assert!(!dispatch.try_close(id.clone()));
        dispatch.enter(&id);
        let _ = dispatch.current_span();
        error!("nowhere");
        dispatch.exit(&id);
    });
    assert_eq!(collector.spans().len(), 1);
    assert_eq!(collector.logs().len(), 1);
}

/// A second subscriber that counts what it is told, and that its own ids come back.
#[derive(Default)]
struct Second(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl tracing::Subscriber for Second {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.name() != "unwanted"
    }
    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let mut told = self.0.lock().expect("no panic");
        let parent = span.parent().map_or(0, tracing::span::Id::into_u64);
        told.push(format!("new {} of {parent}", span.metadata().name()));
        tracing::span::Id::from_u64(told.len() as u64 + 100)
    }
    fn record(&self, span: &tracing::span::Id, _: &tracing::span::Record<'_>) {
        self.0.lock().expect("no panic").push(format!("record {}", span.into_u64()));
    }
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.lock().expect("no panic").push("event".to_owned());
    }
    fn enter(&self, span: &tracing::span::Id) {
        self.0.lock().expect("no panic").push(format!("enter {}", span.into_u64()));
    }
    fn exit(&self, span: &tracing::span::Id) {
        self.0.lock().expect("no panic").push(format!("exit {}", span.into_u64()));
    }
    fn try_close(&self, span: tracing::span::Id) -> bool {
        self.0.lock().expect("no panic").push(format!("close {}", span.into_u64()));
        true
    }
}

#[test]
fn a_second_subscriber_sees_its_own_ids() {
    let second = Second::default();
    let told = std::sync::Arc::clone(&second.0);
    let collector = Collector::with(|builder| builder.also(second));
    collector.in_scope(|| {
        let a = info_span!("a", late = tracing::field::Empty);
        let also_a = a.clone();
        a.record("late", 1);
        let b = info_span!(parent: &a, "b");
        b.in_scope(|| info!("x"));
        info_span!("unwanted").in_scope(|| ());
        drop((a, b));
        drop(also_a);
    });
    let expect = [
        "new a of 0",
        "record 101",
        "new b of 101",
        "enter 103",
        "event",
        "exit 103",
        "close 103",
        "close 101",
    ];
    assert_eq!(*told.lock().expect("no panic"), expect);
    assert_eq!(collector.spans().len(), 3);
}

/// Forks; `child` tells whether all is well. Gives whether it was.
#[cfg(unix)]
#[expect(unsafe_code, reason = "forking has no safe form")]
pub(crate) fn fork(child: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child only records, checks and leaves by `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let ok = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(false);
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(i32::from(!ok)) };
    }
    let mut status = 0;
    // SAFETY: `status` is ours.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    status == 0
}

// The child records, exports and counts its own spans only; the one it was forked inside of is their parent. (That it
// can take over from an exporter at rest is shown by the two tests after this.)
#[cfg(unix)]
#[test]
fn a_forked_child_begins_anew() {
    crate::alone("hazards::a_forked_child_begins_anew", || {
        let (records, guard) = crate::global();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let stopped = || stop.load(std::sync::atomic::Ordering::Relaxed);
        let count = |name: &str| {
            let records = records.lock().expect("no panic");
            records.spans.iter().filter(|span| span.name == name).count()
        };
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stopped() {
                        let _busy = info_span!("busy", text = "x".repeat(500)).entered();
                        tundra::counter!("it.fork", 1, n = 1);
                        // An exporter that is always at work could not be taken over.
                        thread::sleep(Duration::from_millis(1));
                    }
                });
            }
            let rounds: Vec<bool> = (0..20)
                .map(|round| {
                    let outer = info_span!("outer", round).entered();
                    let ids = tundra::SpanExt::ids(&*outer);
                    let held = info_span!("held");
                    let ok = fork(|| {
                        if let Ok(mut records) = records.try_lock() {
                            records.spans.clear();
                        }
                        info_span!("child").in_scope(|| info!("child"));
                        thread::spawn(|| info_span!("thread").in_scope(|| ())).join().expect("no panic");
                        drop((held.clone(), outer));
                        info_span!("alone").in_scope(|| ());
                        let flushed = guard.flush(Duration::from_secs(30));
                        let spans = tundra::health().spans;
                        if flushed == Err(tundra::FlushError::Forked) {
                            // The exporter was at work for too long, as on a machine under load: silence, counted.
                            return spans.dropped_for(tundra::Dropped::Forked) >= 3;
                        }
                        let records = records.lock().expect("no panic");
                        let names: Vec<_> = records.spans.iter().map(|span| &*span.name).collect();
                        let child = &records.spans[0];
                        let inside = (child.trace_id, child.parent_id)
                            == ids.map(|(t, s)| (t, Some(s))).expect("recorded");
                        let ok = names.len() == 3
                            && ["child", "alone", "thread"].iter().all(|name| names.contains(name))
                            && inside
                            && records
                                .spans
                                .iter()
                                .any(|span| span.name == "alone" && span.parent_id.is_none())
                            && (spans.created, spans.exported, spans.waiting) == (3, 3, 0);
                        if !ok {
                            std::println!("{flushed:?} {names:?} {spans:?} {inside}");
                        }
                        ok && flushed.is_ok()
                    });
                    drop(held);
                    ok
                })
                .collect();
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(rounds.iter().all(|ok| *ok), "{rounds:?}");
        });
        guard.flush(Duration::from_secs(30)).expect("the parent goes on");
        assert_eq!((count("outer"), count("held"), count("child")), (20, 20, 0));
        let spans = tundra::health().spans;
        assert_eq!(spans.created, spans.exported + spans.dropped_total());
    });
}

// What its parent had counted, and told, is not the child's.
#[cfg(unix)]
#[test]
fn a_forked_child_counts_anew() {
    crate::alone("hazards::a_forked_child_counts_anew", || {
        use tundra_record::MetricValue;
        let (records, guard) = crate::global();
        let measure = || {
            tundra::increment_counter!("it.forked.number");
            tundra::histogram!("it.forked.value", 1.0);
        };
        let flush = || guard.flush(Duration::from_secs(30));
        let told = || -> Vec<f64> {
            let records = records.lock().expect("no panic");
            let mine = records.points.iter().filter(|point| point.name.starts_with("it.forked"));
            let number = |value: &MetricValue| match value {
                MetricValue::Sum { value, .. } => *value,
                MetricValue::Histogram(found) => found.count as f64,
                other => panic!("{other:?}"),
            };
            mine.map(|point| number(&point.value)).collect()
        };
        (0..3).for_each(|_| measure());
        flush().expect("it works");
        assert!(fork(|| {
            records.lock().expect("no panic").points.clear();
            measure();
            match flush() {
                Err(tundra::FlushError::Forked) => true,
                flushed => {
                    let text = tundra::metrics::prometheus();
                    flushed.is_ok() && told() == [1.0, 1.0] && text.contains("\nit_forked_value_count 1\n")
                }
            }
        }));
        measure();
        flush().expect("the parent goes on");
        assert_eq!(told().iter().sum::<f64>(), 8.0);
    });
}

// Forks of forks, and a child that forks while it has recorded nothing.
#[cfg(unix)]
#[test]
fn forks_of_forks() {
    crate::alone("hazards::forks_of_forks", || {
        let (records, guard) = crate::global();
        info_span!("first").in_scope(|| ());
        let check = |name: &'static str| {
            records.lock().expect("no panic").spans.clear();
            info_span!("own", name).in_scope(|| ());
            guard.flush(Duration::from_secs(30)).is_ok() && records.lock().expect("no panic").spans.len() == 1
        };
        assert!(fork(|| fork(|| check("grandchild")) && check("child") && fork(|| check("second"))));
        assert!(fork(|| true));
        guard.flush(Duration::from_secs(30)).expect("the parent goes on");
        assert_eq!(records.lock().expect("no panic").spans.len(), 1);
    });
}

// Spans of an unsampled trace that wait for a reason to be kept are the parent's, with all they hold.
#[cfg(unix)]
#[test]
fn a_forked_child_forgets_held_traces() {
    crate::alone("hazards::a_forked_child_forgets_held_traces", || {
        let memory = tundra::testing::Memory::default();
        let nobody = "http://127.0.0.1:1";
        let guard = tundra::builder()
            .filter("trace")
            .no_log_output()
            .sample_rate(0.0)
            .exporter(Box::new(memory.clone()))
            .exporter(Box::new(tundra::DatadogAgent::new(nobody).expect("an address")))
            .exporter(Box::new(tundra::Otlp::new(nobody).expect("an address")))
            .exporter(Box::new(tundra::DogStatsD::new("udp://127.0.0.1:1").expect("an address")))
            .exporter(Box::new(tundra::JsonLines::writer(Box::new(std::io::sink()))))
            .shutdown_deadline(Duration::from_secs(1))
            .install()
            .expect("the first one");
        let flush = || guard.flush(Duration::from_secs(30)).is_ok();
        let root = info_span!("root", otel.status_code = tracing::field::Empty);
        root.in_scope(|| {
            (0..50).for_each(|_| drop(info_span!("below", text = "x".repeat(2000))));
        });
        assert!(flush());
        let health = tundra::health();
        assert!(health.spans.waiting == 50 && health.spilled_bytes >= 100_000, "{health:?}");
        let child = || {
            // A reason to keep the whole trace, for whoever still has it.
            let call = tundra::llm::chat("openai", "gpt-4o");
            call.attribute("text", "y".repeat(5000));
            drop(call);
            let flushed = flush();
            let health = tundra::health();
            let spans = &memory.0.lock().expect("no panic").spans;
            let whole = |span: &tundra_record::Span<'_>| {
                span.attr("text").is_some_and(|text| text.to_text().len() == 5000)
            };
            let counted = (health.spans.created, health.spans.exported, health.spans.waiting) == (1, 1, 0);
            flushed && spans.len() == 1 && whole(&spans[0]) && counted && health.spilled_bytes == 0
        };
        // On a machine under load an exporter may be at work for too long, and then the child is silent.
        assert!(root.in_scope(|| (0..10).any(|_| fork(child))));
        root.record("otel.status_code", "ERROR");
        drop(root);
        assert!(flush());
        assert_eq!(memory.0.lock().expect("no panic").spans.len(), 51);
    });
}

#[test]
fn nested_subscribers() {
    let (outer, inner) = (Collector::new(), Collector::new());
    outer.in_scope(|| {
        let _a = info_span!("outer").entered();
        inner.in_scope(|| {
            let _b = info_span!("inner").entered();
            outer.in_scope(|| info_span!("outer_again").in_scope(|| ()));
            info_span!("inner_again").in_scope(|| ());
        });
    });
    assert_eq!(outer.tree(), "outer\n  outer_again\n");
    assert_eq!(inner.tree(), "inner\n  inner_again\n");
}

struct Bad(&'static str);

impl Exporter for Bad {
    fn export(&mut self, _: &Exported<'_>) -> Result<(), ExportError> {
        match self.0 {
            "panics" => panic!("exporter"),
            "hangs" => thread::sleep(Duration::from_millis(200)),
            "records" => info_span!("by_exporter").in_scope(|| info!("by exporter")),
            _ => {}
        }
        Err(ExportError::new("never works"))
    }
}

#[test]
fn bad_exporters_do_no_harm() {
    for how in ["fails", "panics", "hangs", "records"] {
        let collector = Collector::with(|builder| builder.exporter(Box::new(Bad(how))));
        for _ in 0..3 {
            collector.in_scope(|| info_span!("s").in_scope(|| info!("x")));
            let _ = collector.guard().flush(Duration::from_secs(30));
        }
        assert_eq!(collector.spans().len(), 3, "{how}");
        assert_eq!(collector.logs().len(), 3, "{how}");
    }
}

/// Holds the collector until its sender is dropped; takes everything and keeps nothing.
struct Slow(mpsc::Receiver<()>);

impl Exporter for Slow {
    fn export(&mut self, _: &Exported<'_>) -> Result<(), ExportError> {
        let _ = self.0.recv();
        Ok(())
    }
}

#[test]
fn full_rings_drop_and_count() {
    crate::alone("hazards::full_rings_drop_and_count", || {
        let (release, held) = mpsc::sync_channel(1);
        let builder = tundra::builder().no_log_output().exporter(Box::new(Slow(held)));
        let guard = builder.export_every(Duration::ZERO).install().expect("the first one");
        let lost = || tundra::health().spans.dropped_for(tundra::Dropped::RingFull);
        // The exporter holds the collector, so at some point neither ring nor larger rings have room.
        let mut made = 0;
        while lost() == 0 && made < 5_000_000 {
            (0..1000)
                .for_each(|n| info_span!("s", n, text = "more bytes, to get there sooner").in_scope(|| ()));
            made += 1000;
        }
        assert!(lost() > 0);
        drop(release);
        guard.flush(Duration::from_secs(300)).expect("the exporter takes everything now");
        let spans = tundra::health().spans;
        assert_eq!((spans.created, spans.waiting), (made, 0));
        assert_eq!(spans.created, spans.exported + spans.dropped_total());
    });
}
