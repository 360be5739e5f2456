//! The test kit: what its views show, its clock, and that the machine's environment is nothing to it.

use std::time::Duration;
use tracing::info_span;
use tundra::llm::{Message, chat, tool};
use tundra::testing::{Clock, Collector, attr};

#[test]
fn what_went_in_and_came_out() {
    let check = |arguments: &str, result: &str| {
        let collector = Collector::new();
        collector.in_scope(|| {
            let call = tool("search", "t1");
            call.arguments(arguments);
            call.result(result);
        });
        let calls = collector.calls();
        assert_eq!((&*calls[0].input, &*calls[0].output), (arguments, result));
    };
    check("{\"q\":1}", "found");
    check("[1,2]", "[{\"id\":1}]");
    check("[]", "[[{\"parts\":1}]]");
    check("", "null");
    let collector = Collector::new();
    collector.in_scope(|| {
        let call = chat("openai", "m");
        call.input(Message::user("Weather?"));
        call.input(Message::tool("t1", "rain"));
        call.output(Message { parts: Vec::new(), ..Message::assistant("") });
        call.output(Message::assistant("It rains."));
    });
    let calls = collector.calls();
    assert_eq!((&*calls[0].input, &*calls[0].output), ("Weather?\nrain", "It rains."));
}

#[test]
fn all_times_of_a_call_are_the_clock_s() {
    let check = |before: u64, after: u64| {
        let clock = Clock::at(1_700_000_000_000_000_000);
        let collector = Collector::with_clock(clock);
        collector.in_scope(|| {
            let call = chat("openai", "m");
            clock.advance(Duration::from_millis(before));
            call.chunk();
            clock.advance(Duration::from_millis(after));
            call.chunk();
            call.stream_ended();
        });
        let span = &collector.calls()[0].span;
        assert_eq!(span.duration, i64::try_from(before + after).expect("short") * 1_000_000);
        let waited = attr(span, "gen_ai.response.time_to_first_chunk");
        assert_eq!(waited.and_then(|text| text.parse().ok()), Some(before as f64 / 1e3), "{before} {after}");
    };
    check(2000, 3000);
    check(0, 3000);
    check(250, 0);
}

#[test]
fn the_environment_says_nothing() {
    crate::alone("kit::the_environment_says_nothing", || {
        for (name, text) in [
            ("OTEL_SDK_DISABLED", "true"),
            ("DD_TRACE_ENABLED", "false"),
            ("DD_TRACE_SAMPLING_RULES", "[{\"sample_rate\":0}]"),
            ("DD_TAGS", "team:core"),
            ("RUST_LOG", "off"),
        ] {
            // SAFETY: the test has the process to itself, and no other thread runs yet.
            #[expect(unsafe_code, reason = "setting a variable has no safe form")]
            unsafe {
                std::env::set_var(name, text);
            }
        }
        for collector in crate::doors() {
            collector.in_scope(|| info_span!("seen").in_scope(|| tracing::info!("said")));
            assert_eq!((collector.tree().as_str(), collector.logs().len()), ("seen\n", 1));
            assert!(!collector.lines().contains("core"), "{}", collector.lines());
        }
    });
}
