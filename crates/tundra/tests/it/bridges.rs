//! What other crates' interfaces record: `log`, `metrics`, `opentelemetry`.

use tundra_record::{LogRecord, value};

#[cfg(any(feature = "log", feature = "metrics", feature = "opentelemetry"))]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

fn attr(log: &LogRecord<'_>, key: &str) -> Option<String> {
    value::get(&log.attrs, key).map(|value| value.to_text().into_owned())
}

#[cfg(feature = "log")]
#[test]
fn log_records_join_the_span() {
    crate::alone("bridges::log_records_join_the_span", || {
        let memory = tundra::testing::Memory::default();
        let builder = tundra::builder().filter("info,shop::db=debug").no_log_output();
        let guard = builder.exporter(Box::new(memory.clone())).install().expect("the first one");
        let records = memory.0;
        log::info!(target: "shop", "outside");
        tracing::info_span!("request").in_scope(|| {
            log::warn!(target: "shop::cart", user = 7, rate = 0.5, new = true, name = "x\"y"; "slow {}", 3);
            log::debug!(target: "shop::db", "kept by its target");
            log::debug!(target: "shop", "not kept");
        });
        guard.set_filter("off").expect("a level");
        assert_eq!(log::max_level(), log::LevelFilter::Off);
        log::error!(target: "shop", "not kept");
        guard.set_filter("trace").expect("a level");
        assert_eq!(log::max_level(), log::LevelFilter::Trace);
        // It begins with the same 256 bytes, between two letters.
        let long = format!("x{}", "é".repeat(127));
        for end in ["", "é", "éé"] {
            log::trace!(target: &format!("{long}{end}"), "long");
        }
        for n in 0..3000 {
            log::trace!(target: &format!("target{n}"), "many");
        }
        guard.flush(PATIENCE).expect("it works");
        let records = records.lock().expect("no panic");
        let bodies: Vec<_> = records.logs.iter().map(|log| log.body.to_text().into_owned()).collect();
        assert_eq!(bodies[..3], ["outside", "slow 3", "kept by its target"]);
        assert_eq!(bodies.len(), 3006);
        let warn = &records.logs[1];
        assert_eq!((&*warn.severity_text, warn.span_id), ("WARN", Some(records.spans[0].span_id)));
        let expect =
            [("target", "shop::cart"), ("user", "7"), ("rate", "0.5"), ("new", "true"), ("name", "x\"y")];
        for (key, text) in expect {
            assert_eq!(attr(warn, key).as_deref(), Some(text), "{key}");
        }
        assert_eq!(value::get(&warn.attrs, "user"), Some(&tundra_record::Value::Int(7)));
        for at in 3..6 {
            assert_eq!(attr(&records.logs[at], "target").as_deref(), Some(&*long));
        }
        assert_eq!(attr(&records.logs[6], "target").as_deref(), Some("target0"));
        assert_eq!(attr(&records.logs[3005], "target").as_deref(), Some("log"));
    });
}

// The fields that the `tracing-log` crate gives to records it passes on.
#[test]
fn records_of_another_bridge_are_understood() {
    for collector in crate::doors() {
        collector.in_scope(|| {
            tracing::info!(
                log.target = "shop",
                log.module_path = "shop::cart",
                log.file = "a.rs",
                log.line = 3,
                "x"
            );
        });
        let log = &collector.logs()[0];
        assert_eq!((log.attrs.len(), attr(log, "target").as_deref()), (1, Some("shop")));
    }
}

#[cfg(feature = "metrics")]
#[test]
fn metrics_of_the_metrics_crate() {
    use tundra_record::MetricValue;
    crate::alone("bridges::metrics_of_the_metrics_crate", || {
        let (records, guard) = crate::global();
        metrics::describe_histogram!("size", metrics::Unit::Bytes, "of a reply");
        let counter = metrics::counter!("jobs", "queue" => "mail", "try" => 1.to_string());
        (0..5).for_each(|_| counter.increment(2));
        let absolute = metrics::counter!("seen");
        [10, 7, 12].into_iter().for_each(|seen| absolute.absolute(seen));
        // The macros look their handle up at each call; what was told belongs to the series.
        [10, 12, 11, 15].into_iter().for_each(|seen| metrics::counter!("looked.up").absolute(seen));
        let mixed = metrics::counter!("mixed");
        mixed.increment(5);
        mixed.absolute(10);
        metrics::counter!("mixed").increment(1);
        metrics::counter!("mixed").absolute(9);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..=500).for_each(|n| metrics::counter!("racing").absolute(n)));
            }
        });
        let gauge = metrics::gauge!("open");
        gauge.increment(3.0);
        gauge.decrement(0.5);
        metrics::gauge!("level").set(4.0);
        metrics::gauge!("level").increment(1.0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|n| metrics::histogram!("size").record(f64::from(n))));
            }
        });
        guard.flush(PATIENCE).expect("it works");
        let records = records.lock().expect("no panic");
        let point = |name: &str| records.points.iter().find(|point| point.name == name).expect("told");
        let number = |name: &str| match &point(name).value {
            MetricValue::Sum { value, .. } | MetricValue::Gauge(value) => *value,
            MetricValue::Histogram(histogram) => histogram.count as f64,
            other => panic!("{other:?}"),
        };
        for (name, expect) in [("jobs", 10.0), ("seen", 12.0), ("open", 2.5), ("level", 5.0), ("size", 400.0)]
        {
            assert_eq!(number(name), expect, "{name}");
        }
        // The collector may have told a part of these before.
        for (name, expect) in [("looked.up", 15.0), ("mixed", 11.0), ("racing", 500.0)] {
            let told = records.points.iter().filter(|point| point.name == name);
            let sum: f64 = told
                .map(|point| if let MetricValue::Sum { value, .. } = point.value { value } else { 0.0 })
                .sum();
            assert_eq!(sum, expect, "{name}");
        }
        let labels: Vec<_> =
            point("jobs").attrs.iter().map(|(key, value)| (&**key, value.to_text())).collect();
        assert_eq!(labels, [("queue", "mail".into()), ("try", "1".into())]);
        assert_eq!(point("size").unit, "By");
    });
}

#[cfg(feature = "opentelemetry")]
mod otel {
    use super::PATIENCE;
    use opentelemetry::propagation::TextMapPropagator;
    use opentelemetry::trace::{
        self, FutureExt, Span as _, SpanKind, Status, TraceContextExt, Tracer as _, TracerProvider as _,
    };
    use opentelemetry::{Context, KeyValue};
    use std::collections::HashMap;
    use std::time::{Duration, UNIX_EPOCH};
    use tracing::{info, info_span};
    use tundra::bridge::opentelemetry::{Propagator, TracerProvider};

    fn tree_of(work: impl Fn(&tundra::bridge::opentelemetry::Tracer)) {
        for collector in crate::doors() {
            collector.in_scope(|| work(&TracerProvider::new().tracer("lib")));
            let names: Vec<String> = collector
                .tree()
                .lines()
                .map(|line| {
                    line.chars()
                        .take_while(|c| *c == ' ')
                        .chain(line.split_whitespace().next().unwrap_or("").chars())
                        .collect()
                })
                .collect();
            assert_eq!(names, EXPECT);
            let spans = collector.spans();
            assert!(spans.iter().all(|span| span.trace_id == spans[0].trace_id));
            let inside = collector.span("d").expect("recorded");
            assert_eq!(collector.logs()[0].span_id, Some(inside.span_id));
        }
    }

    const EXPECT: [&str; 7] = ["a", "  b", "    c", "      d", "        e", "    f", "  g"];

    // `tracing` and OpenTelemetry spans inside each other, in every order.
    #[test]
    fn both_worlds_nest() {
        tree_of(|tracer| {
            let _a = info_span!("a").entered();
            tracer.in_span("b", |_| {
                info_span!("c").in_scope(|| {
                    tracer.in_span("d", |_| {
                        info!("where am I");
                        info_span!("e").in_scope(|| ());
                    });
                });
                tracer.start("f").end();
            });
            info_span!("g").in_scope(|| ());
        });
    }

    // The same with the OpenTelemetry context carried to another thread by hand.
    #[test]
    fn contexts_move_between_threads() {
        for collector in crate::doors() {
            let dispatch = collector.dispatch();
            collector.in_scope(|| {
                let tracer = TracerProvider::new().tracer("lib");
                let _a = info_span!("a").entered();
                tracer.in_span("b", |context| {
                    let dispatch = dispatch.clone();
                    std::thread::spawn(move || {
                        let work = || {
                            let _active = context.attach();
                            info_span!("c").in_scope(|| ());
                        };
                        tracing::dispatcher::with_default(&dispatch, work);
                    })
                    .join()
                    .expect("no panic");
                });
                let root = tracer.start_with_context("root", &Context::new());
                drop(root);
            });
            let name =
                |id| collector.spans().iter().find(|s| Some(s.span_id) == id).map(|s| s.name.to_string());
            let parent = |of: &str| name(collector.span(of).and_then(|span| span.parent_id));
            assert_eq!((parent("c").as_deref(), parent("b").as_deref()), (Some("b"), Some("a")));
        }
    }

    #[test]
    fn futures_carry_contexts() {
        let collector = tundra::testing::Collector::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        collector.in_scope(|| {
            runtime.block_on(async {
                let tracer = TracerProvider::new().tracer("lib");
                let one = Context::current_with_span(tracer.start("one"));
                let two = Context::current_with_span(tracer.start("two"));
                let work = |name: &'static str| async move {
                    tokio::task::yield_now().await;
                    info_span!("below", name).in_scope(|| ());
                };
                tokio::join!(work("one").with_context(one), work("two").with_context(two));
            });
        });
        let spans = collector.spans();
        let name = |id| spans.iter().find(|span| Some(span.span_id) == id).map(|span| span.name.to_string());
        for span in spans.iter().filter(|span| span.name == "below") {
            assert_eq!(name(span.parent_id), tundra::testing::attr(span, "name"));
        }
    }

    // What is made inside of such a span may stand elsewhere; the span itself is a record like any other.
    #[test]
    fn spans_beyond_their_limit_are_recorded_and_counted() {
        crate::alone("bridges::otel::spans_beyond_their_limit_are_recorded_and_counted", || {
            let (records, guard) = crate::global();
            let tracer = TracerProvider::new().tracer("lib");
            for expect in [10, 20] {
                let open: Vec<_> = (0..65_546).map(|_| tracer.start("many")).collect();
                assert_eq!((tundra::health().unplaced_spans, open.len()), (expect, 65_546));
            }
            drop(tracer.start("one more"));
            guard.flush(PATIENCE).expect("it works");
            let health = tundra::health();
            assert_eq!((health.unplaced_spans, health.open_spans), (20, 0));
            let (made, spans) = (2 * 65_546 + 1, health.spans);
            assert_eq!((spans.created, spans.exported + spans.dropped_total()), (made, made));
            assert_eq!(records.lock().expect("no panic").spans.len() as u64, spans.exported);
        });
    }

    #[test]
    fn everything_a_span_can_say() {
        let collector = tundra::testing::Collector::new();
        collector.in_scope(|| {
            let tracer = TracerProvider::new().tracer("lib");
            let other = tracer.start("other");
            let begun = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
            let builder = tracer.span_builder("named").with_kind(SpanKind::Client).with_start_time(begun);
            let mut span = builder.with_attributes([KeyValue::new("n", 1)]).start(&tracer);
            assert!(
                span.is_recording() && span.span_context().is_valid() && span.span_context().is_sampled()
            );
            span.set_attribute(KeyValue::new("list", opentelemetry::Value::Array(vec![1_i64, 2].into())));
            span.add_event_with_timestamp(
                "moment",
                begun + Duration::from_secs(1),
                vec![KeyValue::new("k", "v")],
            );
            span.add_link(other.span_context().clone(), Vec::new());
            span.set_status(Status::error("why"));
            span.update_name("renamed");
            span.end_with_timestamp(begun + Duration::from_secs(2));
            span.set_attribute(KeyValue::new("late", true));
            assert!(!span.is_recording());
            trace::get_active_span(|span| assert!(!span.span_context().is_valid()));
        });
        let (span, other) =
            (collector.span("renamed").expect("made"), collector.span("other").expect("made"));
        assert_eq!((span.start.0, span.duration), (1_700_000_000_000_000_000, 2_000_000_000));
        assert_eq!(
            (span.kind.as_str(), span.status.as_str(), &*span.status_message),
            ("client", "error", "why")
        );
        let attrs: Vec<_> =
            span.attrs.iter().map(|(key, value)| format!("{key}={}", value.to_text())).collect();
        assert_eq!(attrs, ["otel.scope.name=lib", "n=1", "list=[1,2]"]);
        assert_eq!((&*span.events[0].name, span.events[0].time.0), ("moment", 1_700_000_001_000_000_000));
        assert_eq!(span.links[0].span_id, other.span_id);
    }

    #[test]
    fn headers_by_the_global_propagator() {
        let collector = tundra::testing::Collector::new();
        let propagator = Propagator::new();
        let mut headers = HashMap::new();
        collector.in_scope(|| {
            let tracer = TracerProvider::new().tracer("lib");
            let incoming = HashMap::from([
                (
                    "traceparent".to_owned(),
                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
                ),
                ("baggage".to_owned(), "user=7".to_owned()),
            ]);
            let _remote = propagator.extract(&incoming).attach();
            let _server = info_span!("server").entered();
            let client = tracer.start("client");
            propagator.inject_context(&Context::current_with_span(client), &mut headers);
            let mut ambient = HashMap::new();
            propagator.inject(&mut ambient);
            assert_ne!(ambient["traceparent"], headers["traceparent"]);
            // Our own door sees OpenTelemetry's active span as well.
            tracer.in_span("active", |context| {
                let mut own = HashMap::new();
                tundra::propagation::inject(|name, value| drop(own.insert(name, value.to_owned())));
                assert!(own["traceparent"].contains(&context.span().span_context().span_id().to_string()));
            });
        });
        let (server, client) =
            (collector.span("server").expect("made"), collector.span("client").expect("made"));
        assert_eq!(server.parent_id.map(|id| id.to_string()).as_deref(), Some("b7ad6b7169203331"));
        assert_eq!(client.parent_id, Some(server.span_id));
        assert_eq!(headers["traceparent"], format!("00-{}-{}-01", client.trace_id, client.span_id));
        assert_eq!(headers["baggage"], "user=7");
    }

    #[test]
    fn installed_for_everybody() {
        crate::alone("bridges::otel::installed_for_everybody", || {
            let (records, guard) = crate::global();
            let tracer = opentelemetry::global::tracer("lib");
            info_span!("a").in_scope(|| tracer.in_span("b", |_| info_span!("c").in_scope(|| ())));
            guard.flush(PATIENCE).expect("it works");
            let tree = tundra::testing::tree(&records.lock().expect("no panic").spans);
            assert_eq!(tree, "a\n  b otel.scope.name=\"lib\"\n    c\n");
        });
    }

    thread_local! {
        static LATE: std::cell::Cell<Option<Late>> = const { std::cell::Cell::new(None) };
    }

    /// Records when it is dropped: with its thread, or with a context.
    struct Late;

    impl Drop for Late {
        fn drop(&mut self) {
            info!("late");
            info_span!("late").in_scope(|| ());
            opentelemetry::global::tracer("lib").start_with_context("late", &Context::new()).end();
        }
    }

    // Where OpenTelemetry cannot tell its current context, nothing panics, and with that nothing aborts.
    #[test]
    fn contexts_out_of_reach() {
        crate::alone("bridges::otel::contexts_out_of_reach", || {
            let (records, guard) = crate::global();
            let late = || LATE.set(Some(Late));
            let check = |what: &str, work: &(dyn Fn() + Sync)| {
                let done = std::thread::scope(|scope| scope.spawn(work).join());
                assert!(done.is_ok(), "{what}");
            };
            check("first of all", &|| {
                late();
                info!("a");
            });
            check("after a record", &|| {
                info!("a");
                late();
            });
            check("after a context", &|| {
                drop(Context::current());
                late();
                info!("a");
            });
            check("between a record and a context", &|| {
                tundra::increment_counter!("a");
                late();
                drop(Context::current());
            });
            check("nothing was recorded before", &|| {
                late();
                drop(Context::current());
            });
            check("inside a span", &|| {
                let span = info_span!("left").entered();
                late();
                info!("a");
                std::mem::forget(span);
            });
            check("a context's value", &|| drop(Context::current().with_value(Late).attach()));
            check("a context's value, again", &|| {
                info!("a");
                drop(Context::current().with_value(Late).attach());
                info_span!("after").in_scope(|| ());
            });
            guard.flush(PATIENCE).expect("it works");
            let records = records.lock().expect("no panic");
            assert!(records.logs.iter().all(|log| log.body.as_str() != Some("panicked")));
            assert!(records.spans.iter().any(|span| span.name == "after"));
        });
    }

    fn remote() -> trace::SpanContext {
        let (trace, span) = (trace::TraceId::from(5_u128), trace::SpanId::from(7_u64));
        trace::SpanContext::new(trace, span, trace::TraceFlags::SAMPLED, true, trace::TraceState::NONE)
    }

    #[test]
    fn statuses_links_and_times() {
        use tundra_record::Status as Is;
        let begun = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let check = |work: &dyn Fn(&mut tundra::bridge::opentelemetry::Span), expect: (Is, &str)| {
            let collector = tundra::testing::Collector::new();
            collector.in_scope(|| work(&mut TracerProvider::new().tracer("lib").start("s")));
            let span = collector.span("s").expect("made");
            assert_eq!((span.status, &*span.status_message), expect);
        };
        check(&|span| span.set_status(Status::Ok), (Is::Ok, ""));
        check(&|span| span.set_status(Status::error("why")), (Is::Error, "why"));
        check(
            &|span| {
                [Status::error("why"), Status::Unset].into_iter().for_each(|status| span.set_status(status))
            },
            (Is::Error, "why"),
        );
        check(
            &|span| [Status::error("why"), Status::Ok].into_iter().for_each(|status| span.set_status(status)),
            (Is::Ok, ""),
        );
        check(
            &|span| {
                [Status::Ok, Status::error("late")].into_iter().for_each(|status| span.set_status(status))
            },
            (Is::Ok, ""),
        );

        let collector = tundra::testing::Collector::new();
        collector.in_scope(|| {
            let tracer = TracerProvider::new().tracer("lib");
            let now = std::time::SystemTime::now();
            let mut span = tracer.span_builder("short").with_start_time(now).start(&tracer);
            span.add_link(remote(), vec![KeyValue::new("k", "v")]);
            span.end_with_timestamp(now + Duration::from_micros(100));
            let mut span = tracer.span_builder("long").with_start_time(begun).start(&tracer);
            span.end_with_timestamp(begun + Duration::from_secs(1));
        });
        let (short, long) = (collector.span("short").expect("made"), collector.span("long").expect("made"));
        assert_eq!((short.duration, long.duration), (100_000, 1_000_000_000));
        assert_eq!(
            tundra_record::value::get(&short.links[0].attrs, "k"),
            Some(&tundra_record::Value::from("v"))
        );
    }

    // A context without a span is what the thread is inside of; where a span is active, it was chosen, and makes a root.
    #[test]
    fn chosen_contexts() {
        for collector in crate::doors() {
            collector.in_scope(|| {
                let tracer = TracerProvider::new().tracer("lib");
                info_span!("outer").in_scope(|| {
                    drop(tracer.start_with_context("joins", &Context::current()));
                    drop(tracer.span_builder("joins2").start_with_context(&tracer, &Context::new()));
                    drop(tracer.start("below"));
                    drop(tracer.span_builder("below2").start(&tracer));
                    tracer.in_span("below3", |context| {
                        drop(tracer.start_with_context("deep", &context));
                        drop(tracer.start_with_context("root", &Context::new()));
                    });
                });
            });
            let name =
                |id| collector.spans().iter().find(|s| Some(s.span_id) == id).map(|s| s.name.to_string());
            let above = |of: &str| name(collector.span(of).expect("made").parent_id).unwrap_or_default();
            let found = ["joins", "joins2", "below", "below2", "below3", "deep", "root"].map(above);
            assert_eq!(found, ["outer", "outer", "outer", "outer", "outer", "below3", ""]);
        }
    }

    // As if it were not there: what is below, and what goes out, goes on from the span above.
    #[test]
    fn a_span_that_is_filtered_out() {
        for collector in crate::doors_with(|builder| builder.filter("info,opentelemetry=off")) {
            collector.in_scope(|| {
                let tracer = TracerProvider::new().tracer("lib");
                let above = Context::new().with_remote_span_context(remote());
                let span = tracer.start_with_context("out", &above);
                assert!(!span.is_recording());
                assert_eq!(span.span_context(), &remote());
                let context = above.with_span(span);
                let mut headers = HashMap::new();
                Propagator::new().inject_context(&context, &mut headers);
                assert!(headers["traceparent"].contains("-0000000000000007-01"), "{headers:?}");
                let _active = context.attach();
                info_span!("below").in_scope(|| ());
            });
            let below = collector.span("below").expect("recorded");
            assert_eq!((below.trace_id.0, below.parent_id.map(|id| id.0)), (5, Some(7)));
        }
    }

    #[test]
    fn failures_inside() {
        crate::alone("bridges::otel::failures_inside", || {
            let (records, guard) = crate::global();
            let tracer = opentelemetry::global::tracer("lib");
            let panics = || tracer.in_span("panics", |_| panic!("boom"));
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
            tracer.in_span("logs", |_| tracing::error!(error = "bad", "said"));
            tracer
                .in_span("outer", |_| info_span!("inner").in_scope(|| tracing::error!(error = "in", "said")));
            guard.flush(PATIENCE).expect("it works");
            let records = records.lock().expect("no panic");
            let found: Vec<_> = records
                .spans
                .iter()
                .map(|span| format!("{} {} {}", span.name, span.status.as_str(), span.status_message))
                .collect();
            assert_eq!(found, ["panics error boom", "logs error bad", "inner error in", "outer unset "]);
        });
    }

    #[test]
    fn baggage_of_both_worlds() {
        use opentelemetry::baggage::BaggageExt;
        let propagator = Propagator::new();
        let headers = |baggage: &str, trace: bool| {
            let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned();
            let mut headers = HashMap::from([("baggage".to_owned(), baggage.to_owned())]);
            headers.extend(trace.then(|| ("traceparent".to_owned(), traceparent)));
            headers
        };
        let check = |incoming: &HashMap<String, String>, own: &[(&str, &str)], expect: &[&str]| {
            let came = propagator.extract_with_context(&Context::new(), incoming);
            let pairs = came.baggage().iter().map(|(key, (value, _))| (key.to_string(), value.to_string()));
            let mut all: HashMap<String, String> = pairs.collect();
            all.extend(own.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
            // Only with its own pairs: what came with the trace is the SDK's to add.
            let pairs = own.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), (*value).to_owned()));
            let mut out = HashMap::new();
            propagator.inject_context(&came.with_baggage(pairs.collect::<Vec<_>>()), &mut out);
            let text = out.remove("baggage").unwrap_or_default();
            let mut members: Vec<_> = text.split(',').filter(|member| !member.is_empty()).collect();
            members.sort_unstable();
            assert_eq!(members, expect);
            assert!(out.keys().all(|name| propagator.fields().any(|field| field == name)), "{out:?}");
            all
        };
        let collector = tundra::testing::Collector::new();
        collector.in_scope(|| {
            let all = check(&headers("user=a%20b;p=1,k=v", true), &[], &["k=v", "user=a%20b;p=1"]);
            assert_eq!((all["user"].as_str(), all["k"].as_str()), ("a b", "v"));
            check(
                &headers("user=a,k=v", true),
                &[("user", "mine"), ("n", "ä")],
                &["k=v", "n=%C3%A4", "user=mine"],
            );
            // Without a trace.
            let all = check(&headers("k=v", false), &[("n", "1")], &["n=1"]);
            assert_eq!(all["k"], "v");
            check(&HashMap::new(), &[("n", "1")], &["n=1"]);
            check(&HashMap::new(), &[], &[]);
        });
        // Whoever writes headers without asking OpenTelemetry sends the same.
        let pairs = [KeyValue::new("user", "mine"), KeyValue::new("n", "1")];
        let with = Context::new().with_baggage(pairs);
        let remote = tundra::propagation::extract(|name| match name {
            "traceparent" => Some("00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-01"),
            "baggage" => Some("user=a,k=v"),
            _ => None,
        });
        let sent = || {
            let mut text = String::new();
            tundra::propagation::inject(|name, value| {
                if name == "baggage" {
                    assert!(text.is_empty(), "it is written once");
                    value.clone_into(&mut text);
                }
            });
            let mut members: Vec<_> = text.split(',').map(str::to_owned).collect();
            members.sort_unstable();
            members.join(",")
        };
        collector.in_scope(|| {
            remote.expect("well-formed").in_scope(|| {
                let _inside = info_span!("inside").entered();
                assert_eq!(sent(), "k=v,user=a");
                let _active = with.attach();
                assert_eq!(sent(), "k=v,n=1,user=mine");
            });
        });
        let fields: Vec<_> = propagator.fields().collect();
        assert!(fields.contains(&"baggage") && fields.contains(&"x-datadog-sampling-priority"), "{fields:?}");
    }
}
