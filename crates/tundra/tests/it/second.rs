//! A second subscriber behind ours: each gets what its own filter wants, and below the parents that it knows.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::{Event, Span, Subscriber, debug, debug_span, error, info, info_span};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;
use tundra::testing::{Memory, tree};

/// What the second saw: events with the spans around them, and the ends of spans.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn push(&self, what: String) {
        self.0.lock().expect("no panic").push(what);
    }
}

struct Fields(String);

impl tracing::field::Visit for Fields {
    fn record_error(&mut self, field: &tracing::field::Field, error: &(dyn std::error::Error + 'static)) {
        let source = error.source().map(ToString::to_string);
        self.0.push_str(&format!("{}={error} by {source:?} ", field.name()));
    }

    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Seen {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        let scope = context.event_scope(event).into_iter().flatten();
        let names: Vec<_> = scope.map(|span| span.name()).collect();
        self.push(format!("{}in {}", fields.0, names.join(" < ")));
    }

    fn on_close(&self, id: tracing::span::Id, context: Context<'_, S>) {
        self.push(format!("end of {}", context.span(&id).map_or("nothing", |span| span.name())));
    }
}

/// Wants no event that has a field `secret`.
struct Veto;

impl<S: Subscriber> Layer<S> for Veto {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        event.fields().all(|field| field.name() != "secret")
    }
}

/// Our filter and the second's; what is done; what we export, and what the second sees.
fn check(
    filter: &str,
    second: LevelFilter,
    work: impl FnOnce(&tundra::Guard),
    (spans, logs): (&str, &[&str]),
    seen: &[&str],
) {
    let (memory, sees) = (Memory::default(), Seen::default());
    let behind = tracing_subscriber::registry().with(sees.clone().with_filter(second)).with(Veto);
    let builder = tundra::builder().filter(filter).no_log_output().no_panic_hook();
    let made = builder.exporter(Box::new(memory.clone())).also(behind).build();
    let (dispatch, guard) = made.expect("it can be made");
    tracing::dispatcher::with_default(&dispatch, || work(&guard));
    guard.flush(Duration::from_secs(30)).expect("it works");
    let records = memory.0.lock().expect("no panic");
    assert_eq!(tree(&records.spans), spans);
    let name = |id| records.spans.iter().find(|span| Some(span.span_id) == id).map_or("", |span| &*span.name);
    let bodies = records.logs.iter().map(|log| format!("{} in {}", log.body.to_text(), name(log.span_id)));
    assert_eq!(bodies.collect::<Vec<_>>(), logs);
    assert_eq!(*sees.0.lock().expect("no panic"), seen);
}

#[derive(Debug)]
struct Failed(Option<Box<Self>>);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "outer" } else { "inner" })
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.0.as_deref()?)
    }
}

#[test]
fn each_gets_what_it_wants() {
    check(
        "info",
        LevelFilter::DEBUG,
        |_| {
            let a = info_span!("a").entered();
            let guest = debug_span!("guest", late = tracing::field::Empty).entered();
            guest.record("late", 1);
            info!("one");
            debug!("two");
            info_span!("child").in_scope(|| info!("three"));
            debug_span!("guest2").in_scope(|| info_span!(parent: &guest, "below").in_scope(|| info!("four")));
            drop((guest, a));
        },
        ("a\n  child\n  below\n", &["one in a", "three in child", "four in below"]),
        &[
            "message=one in guest < a",
            "message=two in guest < a",
            "message=three in child < guest < a",
            "end of child",
            "message=four in below < guest < a",
            "end of below",
            "end of guest2",
            "end of guest",
            "end of a",
        ],
    );
    check(
        "debug",
        LevelFilter::INFO,
        |_| debug_span!("ours").in_scope(|| info_span!("both").in_scope(|| info!("x"))),
        ("ours\n  both\n", &["x in both"]),
        &["message=x in both", "end of both"],
    );
}

#[test]
fn guests_have_references_and_are_current() {
    check(
        "info",
        LevelFilter::DEBUG,
        |_| {
            let guest = debug_span!("guest");
            let (again, entered) = (guest.clone(), guest.entered());
            let current = Span::current();
            assert_eq!((current.id(), current.metadata().map(|m| m.name())), (again.id(), Some("guest")));
            info_span!("ours").in_scope(|| {
                assert_eq!(Span::current().metadata().map(tracing::Metadata::name), Some("ours"));
            });
            drop((entered, again));
            info!("open");
            current.in_scope(|| info!("inside"));
            drop(current);
            info!("over");
            // A root for us, whoever its parent is for the second.
            let root = debug_span!(parent: None, "alone");
            info_span!(parent: &root, "ours").follows_from(&root);
        },
        ("ours\nours\n", &["open in ", "inside in ", "over in "]),
        &[
            "end of ours",
            "message=open in ",
            "message=inside in guest",
            "end of guest",
            "message=over in ",
            "end of ours",
            "end of alone",
        ],
    );
}

#[test]
fn guests_beyond_their_limit_are_counted() {
    crate::alone("second::guests_beyond_their_limit_are_counted", || {
        let refused = || tundra::health().refused_guests;
        let ends = [vec!["end of guest"; 10], vec!["end of ours"], vec!["end of guest"; 65_537]].concat();
        check(
            "info",
            LevelFilter::DEBUG,
            |_| {
                let open: Vec<_> = (0..65_546).map(|_| debug_span!("guest")).collect();
                assert_eq!(refused(), 10);
                info_span!("ours").in_scope(|| ());
                drop(open);
                drop(debug_span!("guest"));
                assert_eq!(refused(), 10);
            },
            ("ours\n", &[]),
            &ends,
        );
        let spans = tundra::health().spans;
        assert_eq!((spans.created, spans.exported, spans.dropped_total()), (1, 1, 0));
    });
}

#[test]
fn a_filter_that_changes_is_ours() {
    check(
        "info",
        LevelFilter::TRACE,
        |guard| {
            info_span!("before").in_scope(|| ());
            guard.set_filter("off").expect("a level");
            info_span!("off").in_scope(|| info!("off"));
            guard.set_filter("info").expect("a level");
            info_span!("after").in_scope(|| ());
        },
        ("before\nafter\n", &[]),
        &["end of before", "message=off in off", "end of off", "end of after"],
    );
}

#[test]
fn explicit_parents_and_vetoes() {
    check(
        "info",
        LevelFilter::DEBUG,
        |_| {
            // So that the second's ids are not ours by chance.
            let _fillers: Vec<_> = (0..3).map(|_| debug_span!("filler")).collect();
            let a = info_span!("a");
            let guest = debug_span!(parent: &a, "guest");
            info_span!("b").in_scope(|| {
                info!(parent: &a, n = 1, rate = 0.5, yes = true, word = "w", shown = %"s", seen = ?[1], "one");
                info!(parent: &guest, "two");
                info!(parent: None, "three");
                let failed = Failed(Some(Box::new(Failed(None))));
                error!(parent: &a, error = &failed as &dyn std::error::Error);
                info!(parent: &a, secret = 1, "four");
                info!(secret = 1, "five");
            });
        },
        (
            "a ! error.type=\"Failed\" error.message=\"outer\" error.stack=\"outer\\ncaused by: inner\" \
             error.fingerprint=\"c2f3e204487636d9\" [exception]\nb\n",
            &["one in a", "two in a", "three in ", "outer in a", "four in a", "five in b"],
        ),
        &[
            "message=one n=1 rate=0.5 yes=true word=\"w\" shown=s seen=[1] in a",
            "message=two in guest < a",
            "message=three in ",
            "error=outer by Some(\"inner\") in a",
            "end of b",
            "end of guest",
            "end of a",
            "end of filler",
            "end of filler",
            "end of filler",
        ],
    );
}

/// Runs a test's body in a process of its own, where this variable is set.
fn alone_with(test: &str, (name, text): (&str, &str), body: impl FnOnce()) {
    crate::alone(test, || {
        // SAFETY: the test has the process to itself, and no other thread runs yet.
        #[expect(unsafe_code, reason = "setting a variable has no safe form")]
        unsafe {
            std::env::set_var(name, text);
        }
        body();
    });
}

// Whoever switches us off wants to see what is said all the more.
#[test]
fn the_second_stays_when_we_are_off() {
    alone_with("second::the_second_stays_when_we_are_off", ("OTEL_SDK_DISABLED", "true"), || {
        let seen = Seen::default();
        let second = tracing_subscriber::registry().with(seen.clone());
        let guard = tundra::builder().also(second).install().expect("the first one");
        info_span!("outer").in_scope(|| {
            info!("said");
            #[cfg(feature = "log")]
            log::info!("logged");
        });
        drop(guard);
        let logged = cfg!(feature = "log").then_some("message=logged in outer");
        let expect = ["message=said in outer"].into_iter().chain(logged).chain(["end of outer"]);
        assert_eq!(*seen.0.lock().expect("no panic"), expect.collect::<Vec<_>>());
        assert_eq!(tundra::health().spans.created, 0);
        drop(tundra::init().expect("there is nothing to install"));
    });
}

// As in Datadog's tracers: spans alone are off.
#[test]
fn without_spans_there_still_are_logs_and_metrics() {
    alone_with(
        "second::without_spans_there_still_are_logs_and_metrics",
        ("DD_TRACE_ENABLED", "false"),
        || {
            let (memory, seen) = (Memory::default(), Seen::default());
            let second = tracing_subscriber::registry().with(seen.clone());
            let builder = tundra::builder().no_log_output().exporter(Box::new(memory.clone()));
            let guard = builder.also(second).install().expect("the first one");
            let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            let remote = tundra::propagation::extract(|name| (name == "traceparent").then_some(parent));
            let mut sent = String::new();
            let work = || {
                info_span!("outer").in_scope(|| {
                    error!("said");
                    tundra::increment_counter!("without.spans");
                    drop(tundra::llm::chat("openai", "m"));
                    tundra::propagation::inject(|name, value| {
                        if name == "traceparent" {
                            value.clone_into(&mut sent);
                        }
                    });
                });
            };
            guard.handle().set_filter("trace").expect("a level");
            remote.expect("well-formed").in_scope(work);
            guard.flush(Duration::from_secs(10)).expect("memory takes everything");
            let records = memory.0.lock().expect("no panic");
            assert_eq!((records.spans.len(), records.logs.len(), &*sent), (0, 1, parent));
            assert!(records.points.iter().any(|point| point.name == "without.spans"));
            assert_eq!(seen.0.lock().expect("no panic")[0], "message=said in outer");
        },
    );
}

// The specification: the switch has no effect on propagators.
#[cfg(feature = "opentelemetry")]
#[test]
fn headers_go_through_when_we_are_off() {
    use opentelemetry::Context;
    use opentelemetry::trace::{TraceContextExt, Tracer};
    use std::collections::HashMap;
    alone_with("second::headers_go_through_when_we_are_off", ("OTEL_SDK_DISABLED", "true"), || {
        let _guard = tundra::init().expect("nothing can fail");
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned();
        let came = [("traceparent".to_owned(), parent.clone()), ("baggage".to_owned(), "user=7".to_owned())];
        let came = HashMap::from(came);
        let (mut sent, mut ours) = (HashMap::new(), HashMap::new());
        opentelemetry::global::get_text_map_propagator(|propagator| {
            let context = propagator.extract_with_context(&Context::new(), &came);
            let span = opentelemetry::global::tracer("lib").start_with_context("nobody", &context);
            let _active = context.with_span(span).attach();
            propagator.inject_context(&Context::current(), &mut sent);
            tundra::propagation::inject(|name, value| drop(ours.insert(name.to_owned(), value.to_owned())));
        });
        for headers in [sent, ours] {
            assert_eq!((&headers["traceparent"], &*headers["baggage"]), (&parent, "user=7"));
        }
        assert_eq!(tundra::health().spans.created, 0);
    });
}
