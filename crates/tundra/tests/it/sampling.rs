//! Which traces are kept: rules, limits, and what is kept although it was not sampled; nothing of it is lost uncounted.

use tracing::{error, error_span, info_span};
use tundra::testing::Collector;

/// The names of the spans that were kept, in order.
fn kept(set: impl FnOnce(tundra::Builder) -> tundra::Builder, work: impl FnOnce()) -> Vec<String> {
    let collector = Collector::with(set);
    collector.in_scope(work);
    let mut names: Vec<String> = collector.spans().iter().map(|span| span.name.to_string()).collect();
    names.sort();
    names
}

fn request(failed: bool) {
    info_span!("request", route = "/x").in_scope(|| {
        info_span!("before").in_scope(|| ());
        info_span!("query").in_scope(|| {
            if failed {
                error!(error = "it broke", "query failed");
            }
        });
        info_span!("after").in_scope(|| ());
    });
}

#[test]
fn rules_decide_at_the_root() {
    let check = |rules: &str, expect: &[&str]| {
        let found = kept(
            |builder| builder.sample_rate(1.0).sampling_rules(rules),
            || {
                info_span!("health", otel.name = "GET /health")
                    .in_scope(|| info_span!("below").in_scope(|| ()));
                info_span!("gold", tier = "gold", n = 7).in_scope(|| ());
                info_span!("other", resource.name = "SELECT 1", service.name = "db").in_scope(|| ());
            },
        );
        assert_eq!(found, expect, "{rules}");
    };
    check("[]", &["GET /health", "below", "gold", "other"]);
    check(r#"[{"name": "get /h*", "sample_rate": 0}]"#, &["gold", "other"]);
    check(r#"[{"tags": {"tier": "gold", "n": "7"}, "sample_rate": 1}, {"sample_rate": 0}]"#, &["gold"]);
    check(r#"[{"resource": "select*", "sample_rate": 0}]"#, &["GET /health", "below", "gold"]);
    check(r#"[{"service": "db", "sample_rate": 1}, {"service": "test", "sample_rate": 0}]"#, &["other"]);
}

// Names that the SDK itself gives are known to rules as any other.
#[test]
fn rules_know_what_the_sdk_names() {
    let check = |rule: &str, work: fn(), expect: &[&str]| {
        let rules = format!("[{{{rule}, \"sample_rate\": 0}}]");
        let found = kept(|builder| builder.sampling_rules(rules).keep_llm(false), work);
        assert_eq!(found, expect, "{rule}");
    };
    let calls = || {
        drop(tundra::llm::chat("openai", "gpt-4o"));
        drop(tundra::llm::tool("search", ""));
        drop(tundra::llm::agent("planner"));
        drop(tundra::llm::workflow("nightly"));
        drop(tundra::llm::retrieval("docs"));
    };
    const ALL: [&str; 5] = [
        "chat gpt-4o",
        "execute_tool search",
        "invoke_agent planner",
        "invoke_workflow nightly",
        "retrieval docs",
    ];
    check(r#""name": "x""#, calls, &ALL);
    check(r#""name": "chat *""#, calls, &ALL[1..]);
    check(r#""resource": "invoke_*""#, calls, &[ALL[0], ALL[1], ALL[4]]);
    check(r#""name": "execute_tool *""#, calls, &[ALL[0], ALL[2], ALL[3], ALL[4]]);
    check(r#""name": "retrieval docs""#, calls, &ALL[..4]);
    #[cfg(feature = "opentelemetry")]
    {
        use opentelemetry::trace::{Tracer, TracerProvider};
        let spans = || {
            let tracer = tundra::bridge::opentelemetry::TracerProvider::new().tracer("lib");
            tracer.in_span("GET /health", |_| drop(tracer.start("below")));
            drop(tracer.start("work"));
        };
        check(r#""name": "x""#, spans, &["GET /health", "below", "work"]);
        check(r#""name": "GET /health""#, spans, &["work"]);
        check(r#""tags": {"otel.kind": "internal"}"#, spans, &[]);
    }
}

#[test]
fn a_bad_rule_is_told_at_once() {
    let error = tundra::builder().sampling_rules("[{}]").build().expect_err("no rate").to_string();
    assert!(error.contains("sampling rule 0 cannot be read (no `sample_rate`)"), "{error}");
}

#[test]
fn the_limit_holds() {
    let found = kept(
        |builder| builder.sample_rate(1.0).sample_limit(3.0).keep_errors(false),
        || (0..50).for_each(|_| info_span!("root").in_scope(|| ())),
    );
    // One second's worth, and a few more if the machine is slow.
    assert!((3..50).contains(&found.len()), "{}", found.len());
}

#[test]
fn failures_are_kept_with_their_trace() {
    let check = |errors: bool, failed: bool, expect: &[&str]| {
        let found = kept(|builder| builder.sample_rate(0.0).keep_errors(errors), || request(failed));
        assert_eq!(found, expect, "{errors} {failed}");
    };
    check(true, true, &["after", "before", "query", "request"]);
    check(true, false, &[]);
    check(false, true, &[]);
}

#[test]
fn a_failed_root_keeps_what_was_below() {
    let found = kept(
        |builder| builder.sample_rate(0.0),
        || {
            let root = error_span!("root", otel.status_code = tracing::field::Empty);
            root.in_scope(|| info_span!("below").in_scope(|| ()));
            root.record("otel.status_code", "ERROR");
        },
    );
    assert_eq!(found, ["below", "root"]);
}

// Whatever makes a span a failed one keeps its trace.
#[test]
fn failures_by_every_name_keep_their_trace() {
    use std::fmt::Error as Broken;
    let check = |how: &str, failed: fn()| {
        assert_eq!(kept(|builder| builder.sample_rate(0.0), failed), ["failed"], "{how}");
    };
    check("error", || drop(info_span!("failed", error = "boom")));
    check("flag", || drop(info_span!("failed", error = true)));
    check("err", || drop(info_span!("failed", err = "boom")));
    check("exception", || drop(info_span!("failed", exception = "boom")));
    check("value", || drop(info_span!("failed", cause = &Broken as &(dyn std::error::Error + 'static))));
    check("status", || drop(info_span!("failed", otel.status_code = "error")));
    check("event", || info_span!("failed").in_scope(|| error!(err = "boom")));
}

#[test]
fn model_calls_are_kept_with_their_trace() {
    let run = || {
        let agent = tundra::llm::agent("planner");
        agent.in_scope(|| info_span!("step").in_scope(|| drop(tundra::llm::chat("openai", "gpt-4o"))));
    };
    assert_eq!(
        kept(|builder| builder.sample_rate(0.0), run),
        ["chat gpt-4o", "invoke_agent planner", "step"]
    );
    assert_eq!(kept(|builder| builder.sample_rate(0.0).keep_llm(false), run), [""; 0]);
}

// The parent said no, and no rate of ours changes that; a failure still is kept.
#[test]
fn a_remote_decision_holds() {
    let check = |flags: &str, failed: bool, expect: usize| {
        let found = kept(
            |builder| builder.sample_rate(1.0),
            || {
                let parent = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
                let remote = tundra::propagation::extract(|name| (name == "traceparent").then_some(&*parent));
                remote.expect("a fine header").in_scope(|| request(failed));
            },
        );
        assert_eq!(found.len(), expect, "{flags} {failed}");
    };
    check("01", false, 4);
    check("00", false, 0);
    check("00", true, 4);
}

/// Counts what is kept and what is not.
struct Counts(std::sync::Arc<std::sync::Mutex<(usize, usize)>>);

impl tundra::Exporter for Counts {
    fn export(&mut self, batch: &tundra::Exported<'_>) -> Result<(), tundra::ExportError> {
        let mut counts = self.0.lock().expect("no panic");
        counts.0 += batch.spans();
        counts.1 += batch.unsampled().iter().filter(|span| span.attr("route").is_some()).count();
        Ok(())
    }

    fn counts_unsampled(&self) -> bool {
        true
    }
}

#[test]
fn an_exporter_may_count_what_is_not_kept() {
    let counts = std::sync::Arc::default();
    let exporter = Counts(std::sync::Arc::clone(&counts));
    let collector = Collector::with(|builder| builder.sample_rate(0.0).exporter(Box::new(exporter)));
    collector.in_scope(|| (0..7).for_each(|_| request(false)));
    assert_eq!(collector.spans().len(), 0);
    assert_eq!(*counts.lock().expect("no panic"), (0, 7));
}

// Also spans of unsampled traces are accounted for, wherever they end.
#[test]
fn the_ledger_adds_up_without_sampling() {
    crate::alone("sampling::the_ledger_adds_up_without_sampling", || {
        let collector = Collector::with(|builder| builder.sample_rate(0.3));
        collector.in_scope(|| (0..500).for_each(|n| request(n % 50 == 0)));
        // A root that is still open when everything ends.
        let open = collector.in_scope(|| {
            let open = info_span!(parent: None, "open");
            open.in_scope(|| (0..20).for_each(|_| info_span!("below").in_scope(|| ())));
            open
        });
        let exported = collector.spans().len() as u64;
        let health = tundra::health();
        assert_eq!(health.spans.exported, exported);
        let (spans, dropped) = (&health.spans, health.spans.dropped_total());
        assert_eq!(spans.created, spans.exported + dropped + spans.waiting + health.open_spans, "{health:?}");
        assert!(dropped > 100 && exported > 100, "{health:?}");
        drop(open);
        drop(collector);
        let health = tundra::health();
        assert_eq!(health.spans.created, health.spans.exported + health.spans.dropped_total(), "{health:?}");
        assert_eq!((health.spans.waiting, health.open_spans, health.spilled_bytes), (0, 0, 0), "{health:?}");
    });
}
