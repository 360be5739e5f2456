//! What is recorded: fields, parents, errors, logs, times.

use std::fmt;
use tracing::{error, info, info_span, instrument, warn};
use tundra::testing::attr;
use tundra_record::{SpanKind, Status, Value};

fn check(record: impl Fn(), expect: &str) {
    for collector in crate::doors() {
        collector.in_scope(&record);
        assert_eq!(collector.tree(), expect);
    }
}

#[instrument(fields(extra = 7))]
fn instrumented(number: u32, text: &str) {
    info!("inside");
}

#[test]
fn trees() {
    check(|| info_span!("alone").in_scope(|| ()), "alone\n");
    check(|| instrumented(3, "x"), "instrumented number=3 text=\"x\" extra=7\n");
    check(
        || {
            let _a = info_span!("a").entered();
            info_span!("b", n = -1, f = 0.5, yes = true, big = u64::MAX).in_scope(|| ());
            info_span!("c", d = ?Some(1), e = %"shown").in_scope(|| info_span!("d").in_scope(|| ()));
        },
        "a\n  b n=-1 f=0.5 yes=true big=\"18446744073709551615\"\n  c d=\"Some(1)\" e=\"shown\"\n    d\n",
    );
    check(
        || {
            let a = info_span!("a");
            info_span!(parent: &a, "explicit").in_scope(|| ());
            let _inside = a.enter();
            info_span!(parent: None, "root").in_scope(|| ());
        },
        "a\n  explicit\nroot\n",
    );
    check(
        || {
            let a = info_span!("a", late = tracing::field::Empty, twice = 1);
            a.record("late", "now");
            a.record("twice", 2);
            a.record("undeclared", 3);
        },
        "a twice=2 late=\"now\"\n",
    );
    check(
        || {
            let _s =
                tundra::traced_span!("operation", service = "at-daemon", component = "llm", model = "gpt-4");
        },
        "operation component=\"llm\" model=\"gpt-4\"\n",
    );
}

#[test]
fn long_values_are_kept_whole() {
    for collector in crate::doors() {
        let long = "é".repeat(5000);
        collector.in_scope(|| {
            let span = info_span!("s", long, n = 1, shown = %long, late = tracing::field::Empty);
            for n in 0..100 {
                span.record("late", n);
            }
            info!(long, "message {long}");
        });
        let span = collector.span("s").expect("it was recorded");
        assert_eq!(attr(&span, "long").as_deref(), Some(&*long));
        assert_eq!(attr(&span, "shown").as_deref(), Some(&*long));
        assert_eq!(span.attr("late"), Some(&Value::Int(99)));
        assert_eq!(span.attr("tundra.truncated"), None);
        let logs = collector.logs();
        assert_eq!(logs[0].body.as_str(), Some(&*format!("message {long}")));
    }
}

#[test]
fn huge_values_are_cut_and_marked() {
    for collector in crate::doors() {
        let huge = "é".repeat(3 << 20);
        collector.in_scope(|| info_span!("s", huge, shown = ?huge).in_scope(|| ()));
        let span = collector.span("s").expect("it was recorded");
        assert_eq!(span.attr("tundra.truncated"), Some(&Value::Bool(true)));
        assert!(attr(&span, "huge").is_some_and(|text| text.len() <= 1 << 20));
        assert!(attr(&span, "shown").is_some_and(|text| text.len() <= 1 << 20));
    }
}

#[derive(Debug)]
struct Outer(std::num::ParseIntError);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no number")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[instrument(err)]
fn fails() -> Result<(), Outer> {
    "x".parse::<u8>().map(drop).map_err(Outer)
}

#[test]
fn errors_reach_span_event_and_log() {
    for collector in crate::doors() {
        collector.in_scope(|| {
            let _s = info_span!("s").entered();
            let failure = fails().expect_err("x is no number");
            error!(error = &failure as &dyn std::error::Error, attempt = 2, "giving up");
            warn!(error = %failure, "only a warning");
        });
        let failed = collector.span("fails").expect("recorded");
        assert_eq!((failed.status, &*failed.status_message), (Status::Error, "no number"));
        let span = collector.span("s").expect("recorded");
        assert_eq!(span.status, Status::Error);
        assert_eq!(attr(&span, "error.type").as_deref(), Some("Outer"));
        assert_eq!(attr(&span, "error.message").as_deref(), Some("no number"));
        assert_eq!(span.events.len(), 1);
        assert_eq!(span.events[0].name, "exception");
        // `instrument` gives no message of its own.
        let messages: Vec<_> = collector.logs().iter().map(|log| log.body.to_text().into_owned()).collect();
        assert_eq!(messages, ["no number", "giving up", "only a warning"]);
        let log = &collector.logs()[1];
        assert_eq!(log.span_id, Some(span.span_id));
        assert_eq!(log.trace_id, Some(span.trace_id));
        let chain = tundra_record::value::get(&log.attrs, "exception.stacktrace");
        assert_eq!(
            chain.and_then(Value::as_str),
            Some("no number\ncaused by: invalid digit found in string")
        );
    }
}

// Each key once: an exception says more than a status, and no less than what was said before.
#[test]
fn an_error_is_told_once() {
    use tundra::SpanExt;
    let check = |told: &[(&'static str, &'static str)], expect: [&str; 2]| {
        for collector in crate::doors() {
            collector.in_scope(|| {
                let span = info_span!("s", error.type = tracing::field::Empty).entered();
                told.iter().for_each(|(key, text)| span.set_attribute(key, *text));
                let failure = "x".parse::<u8>().map_err(Outer).expect_err("x is no number");
                error!(error = &failure as &dyn std::error::Error, exception.type = "mine", "giving up");
            });
            let span = collector.span("s").expect("recorded");
            let keys: std::collections::HashSet<_> = span.attrs.iter().map(|(key, _)| key).collect();
            assert_eq!(keys.len(), span.attrs.len(), "{:?}", span.attrs);
            let found = ["error.type", "error.message"].map(|key| attr(&span, key).unwrap_or_default());
            assert_eq!(found, expect);
            let event = &span.events[0];
            let types = event.attrs.iter().filter(|(key, _)| key == "exception.type");
            assert_eq!(types.count(), 1, "{:?}", event.attrs);
        }
    };
    check(&[], ["Outer", "no number"]);
    check(&[("error.type", "500")], ["Outer", "no number"]);
    check(&[("error.type", "Outer"), ("error.message", "no number")], ["Outer", "no number"]);
    check(&[("error.fingerprint", "mine"), ("error.stack", "none")], ["Outer", "no number"]);
}

/// An error whose `Debug` is this text.
struct Shown(&'static str);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it broke")
    }
}

impl std::error::Error for Shown {}

// A type is what a derived `Debug` begins with, and nothing that a sentence does.
#[test]
fn errors_have_types() {
    use std::io::{Error as IoError, ErrorKind};
    let check = |error: &(dyn std::error::Error + 'static), expect: Option<&str>| {
        let collector = tundra::testing::Collector::new();
        collector.in_scope(|| info_span!("s").in_scope(|| error!(error, "x")));
        let span = collector.span("s").expect("recorded");
        assert_eq!(attr(&span, "error.type").as_deref(), expect, "{error:?}");
    };
    for (debug, expect) in [
        ("Timeout", Some("Timeout")),
        ("Timeout { after: 3 }", Some("Timeout")),
        ("Timeout {\n    after: 3,\n}", Some("Timeout")),
        ("Outer(Inner)", Some("Outer")),
        ("Connection refused by peer 17", None),
        ("Error: it broke", None),
        ("\"Connection\"", None),
        ("lower { a: 1 }", None),
        ("Überlauf", Some("Überlauf")),
        ("", None),
    ] {
        check(&Shown(debug), expect);
    }
    // Of these a `Debug` tells how they are kept, and the kind is what people ask for.
    check(&IoError::from_raw_os_error(111), Some("ConnectionRefused"));
    check(&IoError::new(ErrorKind::TimedOut, "too slow"), Some("TimedOut"));
    check(&IoError::from(ErrorKind::NotFound), Some("NotFound"));
}

// However an error is told, span and log carry type (if it can be known), message and one fingerprint.
#[test]
fn errors_have_fingerprints() {
    let failure = || fails().expect_err("x is no number");
    let ways: [(&str, &dyn Fn()); 4] = [
        ("Outer", &|| error!(error = &failure() as &dyn std::error::Error, "x")),
        ("", &|| error!(error = %failure(), "x")),
        ("", &|| {
            tracing::Span::current()
                .record("error", tracing::field::display(failure()))
                .clone()
                .in_scope(|| ())
        }),
        ("Outer", &|| {
            let failure = failure();
            let value = &failure as &(dyn std::error::Error + 'static);
            tracing::Span::current().record("error", value);
        }),
    ];
    for (kind, tell) in ways {
        for collector in crate::doors() {
            collector.in_scope(|| info_span!("s", error = tracing::field::Empty).in_scope(tell));
            let span = collector.span("s").expect("recorded");
            assert_eq!((span.status, &*span.status_message), (Status::Error, "no number"));
            assert_eq!(attr(&span, "error.type").unwrap_or_default(), kind);
            assert_eq!(attr(&span, "error.message").as_deref(), Some("no number"));
            let fingerprint = attr(&span, "error.fingerprint").expect("every error has one");
            assert_eq!(fingerprint.len(), 16);
            // The first log is that of `fails` itself.
            for log in collector.logs().iter().skip(1) {
                let own = tundra_record::value::get(&log.attrs, "error.fingerprint").and_then(Value::as_str);
                assert_eq!(own, Some(&*fingerprint));
            }
        }
    }
}

// A record has one error, and no text is lost for it; what says that nothing failed is no error.
#[test]
fn one_error_and_what_else_is_told() {
    let failure = || fails().expect_err("x is no number");
    let told = |attrs: &tundra_record::Attrs<'_>, key: &str| {
        tundra_record::value::get(attrs, key).map(|value| value.to_text().into_owned()).unwrap_or_default()
    };
    for collector in crate::doors() {
        let log = |tell: &dyn Fn()| {
            collector.in_scope(tell);
            collector.logs().pop().expect("recorded").attrs
        };
        let (one, other) = (failure(), "other".parse::<u8>().expect_err("no number"));
        let attrs = log(&|| {
            warn!(one = &one as &dyn std::error::Error, other = &other as &dyn std::error::Error, "both");
        });
        let found = ["exception.message", "one", "other"].map(|key| told(&attrs, key));
        assert_eq!(found, ["no number", "", "invalid digit found in string"]);
        let attrs = log(&|| error!(error = "first", cause = &other as &dyn std::error::Error, "both"));
        let found = ["exception.message", "cause"].map(|key| told(&attrs, key));
        assert_eq!(found, ["first", "invalid digit found in string"]);
        let status = |make: &dyn Fn() -> tracing::Span| {
            collector.in_scope(|| drop(make()));
            let span = collector.spans().pop().expect("recorded");
            (span.status, told(&span.attrs, "error"))
        };
        assert_eq!(status(&|| info_span!("s", error = "")), (Status::Unset, String::new()));
        assert_eq!(status(&|| info_span!("s", error = "false")), (Status::Unset, "false".to_owned()));
        assert_eq!(status(&|| info_span!("s", error = "lost")).0, Status::Error);
        assert_eq!(status(&|| info_span!("s", error = "lost", otel.status_code = "OK")).0, Status::Ok);
    }
}

// Only the name that `tracing` makes up is none.
#[test]
fn names_of_events() {
    let collector = tundra::testing::Collector::new();
    collector.in_scope(|| {
        info!(name: "event created", "a");
        info!(name: "log rotated", "b");
        info!("c");
    });
    let names: Vec<_> = collector.logs().iter().map(|log| log.event_name.to_string()).collect();
    assert_eq!(names, ["event created", "log rotated", ""]);
}

#[test]
fn panics_are_recorded_inside_their_span() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static BEFORE: AtomicU32 = AtomicU32::new(0);
    crate::alone("records::panics_are_recorded_inside_their_span", || {
        std::panic::set_hook(Box::new(|_| {
            BEFORE.fetch_add(1, Ordering::Relaxed);
        }));
        let (records, guard) = crate::global();
        for n in 0..200 {
            let work =
                move || info_span!("work").in_scope(|| panic!("number {n} of jane.roe@mail.example.org"));
            assert!(
                std::thread::Builder::new()
                    .name("worker".to_owned())
                    .spawn(work)
                    .expect("it starts")
                    .join()
                    .is_err()
            );
        }
        guard.flush(std::time::Duration::from_secs(30)).expect("it works");
        assert_eq!(BEFORE.load(Ordering::Relaxed), 200);
        let records = records.lock().expect("no panic");
        assert_eq!((records.spans.len(), records.logs.len()), (200, 200));
        let mut prints = std::collections::HashSet::new();
        for span in &records.spans {
            assert_eq!((span.status, attr(span, "error.type").as_deref()), (Status::Error, Some("panic")));
            assert_eq!(span.events[0].name, "exception");
            prints.insert(attr(span, "error.fingerprint"));
        }
        assert_eq!(prints.len(), 1);
        // Stacks are kept for the latest ones; all others have everything but the stack.
        let last = records.spans.last().expect("many");
        let stack = attr(last, "error.stack").expect("kept");
        assert!(stack.contains("panics_are_recorded_inside_their_span"), "{stack}");
        // Neither how the panic was handled nor how the thread began.
        assert!(!stack.contains("tundra::panic::") && !stack.contains("short_backtrace"), "{stack}");
        let log = records.logs.last().expect("many");
        let field =
            |key| tundra_record::value::get(&log.attrs, key).map(|value| value.to_text().into_owned());
        assert_eq!(field("thread.name").as_deref(), Some("worker"));
        assert!(field("code.file.path").is_some_and(|path| path.ends_with("records.rs")));
        #[cfg(feature = "redact")]
        assert!(!format!("{records:?}").contains("jane.roe"));
    });
}

#[test]
fn fields_with_a_meaning() {
    for collector in crate::doors() {
        collector.in_scope(|| {
            info_span!(
                "s",
                otel.name = "GET /",
                otel.kind = "server",
                service.name = "shop",
                resource.name = "r",
                otel.status_code = "ERROR",
                otel.status_description = "why"
            )
            .in_scope(|| ());
        });
        let span = collector.span("GET /").expect("renamed");
        assert_eq!(span.kind, SpanKind::Server);
        assert_eq!(span.service.as_deref(), Some("shop"));
        assert_eq!(span.resource.as_deref(), Some("r"));
        assert_eq!((span.status, &*span.status_message), (Status::Error, "why"));
        assert!(span.attrs.is_empty());
    }
}

#[test]
fn links_follow_from() {
    for collector in crate::doors() {
        collector.in_scope(|| {
            let cause = info_span!("cause");
            info_span!("effect").follows_from(&cause);
        });
        let (cause, effect) =
            (collector.span("cause").expect("made"), collector.span("effect").expect("made"));
        assert_eq!(effect.links.len(), 1);
        assert_eq!((effect.links[0].trace_id, effect.links[0].span_id), (cause.trace_id, cause.span_id));
        assert_ne!(cause.trace_id, effect.trace_id);
    }
}

#[test]
fn lines_are_json_with_both_ids() {
    for collector in crate::doors_with(|builder| builder.service("shop").env("test").version("1.2")) {
        collector.in_scope(|| {
            let _s = info_span!("s").entered();
            info!(n = 1, text = "a\"b\u{1b}", "hello {}", "world");
        });
        let (line, span) = (collector.lines(), collector.span("s").expect("made"));
        let (trace, id) = (span.trace_id, span.span_id);
        let tail = format!(
            "\"level\":\"INFO\",\"message\":\"hello world\",\"n\":1,\"text\":\"a\\\"b\\u001b\",\"target\":\"it::records\",\
         \"trace_id\":\"{trace}\",\"span_id\":\"{id}\",\"dd.trace_id\":\"{}\",\"dd.span_id\":\"{}\",\
         \"service\":\"shop\",\"env\":\"test\",\"version\":\"1.2\"}}\n",
            trace.low(),
            id.0
        );
        assert!(line.starts_with("{\"timestamp\":\"20"), "{line}");
        assert!(line.ends_with(&tail), "{line}\n{tail}");
        collector.guard().handle().set_log_injection(false);
        collector.in_scope(|| info_span!("s").in_scope(|| info!("no ids")));
        let line = collector.lines().lines().last().unwrap_or_default().to_owned();
        assert!(line.contains("no ids") && !line.contains("trace_id"), "{line}");
    }
}

#[test]
fn filters_hold_per_call_site() {
    for collector in crate::doors_with(|builder| builder.filter("warn,it::records=info,other=trace")) {
        collector.in_scope(|| {
            info!("kept");
            tracing::debug!("not kept");
            info!(target: "elsewhere", "not kept");
            tracing::trace!(target: "other::deep", "kept");
            tracing::trace!(target: "otherwise", "not kept");
        });
        let bodies: Vec<_> = collector.logs().iter().map(|log| log.body.to_text().into_owned()).collect();
        assert_eq!(bodies, ["kept", "kept"]);
        collector.guard().set_filter("off").expect("a known word");
        collector.in_scope(|| info!("not kept"));
        assert_eq!(collector.logs().len(), 2);
    }
}

// Who asks for their own crate did not mean to lose model calls and requests, whose targets are ours.
#[test]
fn a_filter_for_one_crate_keeps_what_the_sdk_tells() {
    for (filter, kept) in [
        ("shop=debug", true),
        ("shop=debug,tundra=off", false),
        ("shop=debug,tundra::llm=off", false),
        ("warn,shop=debug", false),
        ("error", false),
    ] {
        for collector in crate::doors_with(|builder| builder.filter(filter)) {
            collector.in_scope(|| {
                drop(tundra::llm::chat("openai", "gpt-4o"));
                info!("of another crate");
            });
            assert_eq!((collector.calls().len() == 1, collector.logs().len()), (kept, 0), "{filter}");
        }
    }
}

// From any thread, also one without a subscriber, and for call sites that were asked before.
#[test]
fn changes_at_run_time() {
    crate::alone("records::changes_at_run_time", || {
        let (records, guard) = crate::global();
        let handle = guard.handle();
        let change = |change: &(dyn Fn(&tundra::Handle) + Sync)| {
            std::thread::scope(|scope| scope.spawn(|| change(&handle)).join()).expect("no panic");
        };
        let talk = || {
            tracing::debug!("debug");
            info_span!("span").in_scope(|| info!("info"));
        };
        let mut told = Vec::new();
        let mut step = |set: &(dyn Fn(&tundra::Handle) + Sync)| {
            change(set);
            talk();
            guard.flush(std::time::Duration::from_secs(30)).expect("it works");
            let records = records.lock().expect("no panic");
            told.push((records.spans.len(), records.logs.len()));
        };
        step(&|_| ());
        step(&|handle| handle.set_filter("info").expect("a level"));
        step(&|handle| handle.set_filter("off").expect("a level"));
        step(&|handle| handle.set_filter("records=off,it=debug").expect("a target"));
        step(&|handle| assert!(handle.set_filter("loud").is_err()));
        step(&|handle| handle.set_sample_rate(0.0));
        step(&|handle| handle.set_sample_rate(1.0));
        assert_eq!(told, [(1, 2), (2, 3), (2, 3), (3, 5), (4, 7), (4, 9), (5, 11)]);
    });
}
