//! Headers in and out.

use super::*;
use crate::limits::{BAGGAGE_BYTES, REMOTE_STATE_BYTES, REMOTE_STATES, TRACE_STATE_BYTES};

fn from(headers: &[(&str, &str)]) -> Option<(String, String, bool)> {
    let get = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    extract(get).map(|remote| (remote.trace_id.to_string(), remote.span_id.to_string(), remote.sampled))
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

#[test]
fn headers_in() {
    let ok = |sampled| Some((TRACE.to_owned(), SPAN.to_owned(), sampled));
    let w3c = |text: &str| from(&[("traceparent", text)]);
    assert_eq!(w3c(&format!("00-{TRACE}-{SPAN}-01")), ok(true));
    assert_eq!(w3c(&format!("00-{TRACE}-{SPAN}-00")), ok(false));
    assert_eq!(w3c(&format!("cc-{TRACE}-{SPAN}-01-more")), ok(true));
    for bad in [
        "",
        "00",
        "00-",
        &format!("00-{TRACE}-{SPAN}-01-more"),
        &format!("ff-{TRACE}-{SPAN}-01"),
        &format!("00-{}-{SPAN}-01", "0".repeat(32)),
        &format!("00-{TRACE}-{}-01", "0".repeat(16)),
        &format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        &format!("00-{TRACE}-{SPAN}-0"),
        &format!("00_{TRACE}-{SPAN}-01"),
        &"é".repeat(60),
    ] {
        assert_eq!(w3c(bad), None, "{bad}");
    }
    let datadog = [
        ("x-datadog-trace-id", "9532127138774266268"),
        ("x-datadog-parent-id", "13235353014750950193"),
        ("x-datadog-sampling-priority", "2"),
        ("x-datadog-tags", "_dd.p.dm=-4,_dd.p.tid=0af7651916cd43dd"),
    ];
    assert_eq!(from(&datadog), ok(true));
    assert_eq!(from(&[("x-datadog-trace-id", "0")]), None);
    assert_eq!(from(&[("x-datadog-trace-id", "-1")]), None);
    let dropped = from(&[("x-datadog-trace-id", "1"), ("x-datadog-sampling-priority", "-1")]);
    assert_eq!(dropped.map(|(_, _, sampled)| sampled), Some(false));
}

#[test]
fn there_and_back() {
    let collector = crate::testing::Collector::new();
    let traceparent = format!("00-{TRACE}-{SPAN}-01");
    let get = |name: &str| match name {
        "traceparent" => Some(&*traceparent),
        "tracestate" => Some("vendor=1"),
        "baggage" => Some("user=7"),
        _ => None,
    };
    let remote = extract(get).expect("well-formed");
    let mut headers = std::collections::HashMap::new();
    collector.in_scope(|| {
        assert!(!inject(|_, _| unreachable!("inside nothing")));
        let span = remote.in_scope(|| tracing::info_span!("server"));
        span.in_scope(|| assert!(inject(|name, value| drop(headers.insert(name, value.to_owned())))));
        assert!(!inject(|_, _| unreachable!("inside nothing")));
    });
    let span = collector.span("server").expect("recorded");
    assert_eq!(span.trace_id.to_string(), TRACE);
    assert_eq!(span.parent_id.map(|id| id.to_string()).as_deref(), Some(SPAN));
    assert_eq!(headers["traceparent"], format!("00-{TRACE}-{}-01", span.span_id));
    let state = format!("dd=s:1;p:{},vendor=1", span.span_id);
    assert_eq!((&*headers["tracestate"], &*headers["baggage"]), (&*state, "user=7"));
    assert_eq!(headers["x-datadog-trace-id"], "9532127138774266268");
    let again = extract(|name| headers.get(name).map(String::as_str)).expect("ours");
    assert_eq!((again.trace_id, again.span_id), (span.trace_id, span.span_id));
}

/// What a service with these styles sends on when it was called with these headers.
fn passed_on(
    styles: (&str, &str),
    headers: &[(&str, &str)],
) -> Option<std::collections::BTreeMap<&'static str, String>> {
    let styles = Styles::parse(Some(styles.0), Some(styles.1));
    let get = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let remote = extract_styles(&styles.extract, get)?;
    let mut out = std::collections::BTreeMap::new();
    // The store is shared with other tests, so each case has a trace of its own.
    remote.in_scope(|| {
        let who = innermost().expect("just entered");
        inject_styles(&styles.inject, who, |name, value| drop(out.insert(name, value.to_owned())));
    });
    Some(out)
}

#[test]
fn styles_in_and_out() {
    let check = |styles, headers: &[(&str, &str)], expect: &[(&str, &str)]| {
        let out = passed_on(styles, headers).unwrap_or_default();
        let out: Vec<_> = out.iter().map(|(name, value)| (*name, &**value)).collect();
        assert_eq!(out, expect, "{styles:?} {headers:?}");
    };
    let parent = |trace: &str| format!("00-{trace}-{SPAN}-01");
    let one = parent("1af7651916cd43dd8448eb211c80319c");
    let w3c = [
        ("traceparent", &*one),
        ("tracestate", "a=1, dd=s:2;o:rum;t.dm:-4;t.usr.id:x~~;p:0123456789abcdef,b=2"),
    ];
    check(
        ("tracecontext,baggage", "tracecontext"),
        &w3c,
        &[
            ("traceparent", &one),
            ("tracestate", "a=1, dd=s:2;o:rum;t.dm:-4;t.usr.id:x~~;p:0123456789abcdef,b=2"),
        ],
    );
    let state = format!("dd=s:2;p:{SPAN};o:rum;t.dm:-4;t.usr.id:x~~,a=1,b=2");
    check(
        ("tracecontext", "datadog,tracecontext"),
        &w3c,
        &[
            ("traceparent", &one),
            ("tracestate", &state),
            ("x-datadog-origin", "rum"),
            ("x-datadog-parent-id", "13235353014750950193"),
            ("x-datadog-sampling-priority", "2"),
            ("x-datadog-tags", "_dd.p.tid=1af7651916cd43dd,_dd.p.dm=-4,_dd.p.usr.id=x=="),
            ("x-datadog-trace-id", "9532127138774266268"),
        ],
    );
    let datadog = [
        ("x-datadog-trace-id", "77"),
        ("x-datadog-parent-id", "78"),
        ("x-datadog-sampling-priority", "-1"),
        ("x-datadog-tags", "_dd.p.dm=-3,other=1"),
        ("baggage", "user=7"),
    ];
    let zero = "0000000000000000";
    check(
        ("tracecontext, Datadog ,baggage,unheard-of", "tracecontext,datadog,baggage,b3,b3multi"),
        &datadog,
        &[
            ("b3", &format!("{zero}000000000000004d-000000000000004e-0")),
            ("baggage", "user=7"),
            ("traceparent", &format!("00-{zero}000000000000004d-000000000000004e-00")),
            ("tracestate", "dd=s:-1;p:000000000000004e;t.dm:-3"),
            ("x-b3-sampled", "0"),
            ("x-b3-spanid", "000000000000004e"),
            ("x-b3-traceid", &format!("{zero}000000000000004d")),
            ("x-datadog-parent-id", "78"),
            ("x-datadog-sampling-priority", "-1"),
            ("x-datadog-tags", "_dd.p.dm=-3"),
            ("x-datadog-trace-id", "77"),
        ],
    );
    let b3 = format!("3af7651916cd43dd8448eb211c80319c-{SPAN}-1-05e3ac9a4f6e3b90");
    let three = parent("3af7651916cd43dd8448eb211c80319c");
    check(("b3", "tracecontext"), &[("b3", &b3)], &[("traceparent", &three)]);
    let multi = [("x-b3-traceid", "4AF7651916cd43dd"), ("x-b3-spanid", SPAN), ("x-b3-sampled", "0")];
    let four = format!("00-{zero}4af7651916cd43dd-{SPAN}-00");
    check(("b3multi", "tracecontext"), &multi, &[("traceparent", &four)]);
    check(("none", "datadog"), &w3c, &[]);
    check(("datadog,tracecontext", "none"), &w3c, &[]);
    // The first style that is there wins; what names another trace tells nothing about this one.
    let both = [
        ("traceparent", &*one),
        ("x-datadog-trace-id", "5"),
        ("x-datadog-parent-id", "6"),
        ("x-datadog-origin", "x"),
    ];
    check(
        ("datadog,tracecontext", "b3"),
        &both,
        &[("b3", &format!("{zero}0000000000000005-0000000000000006"))],
    );
    let remote = extract_styles(&Styles::parse(None, None).extract, |name| {
        both.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    });
    assert_eq!(remote.map(|remote| remote.origin), Some(String::new()));
}

/// The headers that a span of this pipeline sends on, made inside of what these headers told.
fn sent_on(
    build: impl FnOnce(crate::Builder) -> crate::Builder,
    headers: &[(&str, &str)],
) -> std::collections::HashMap<&'static str, String> {
    let collector = crate::testing::Collector::with(build);
    let get = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let mut out = std::collections::HashMap::new();
    collector.in_scope(|| {
        let make = || tracing::info_span!("server");
        let server = extract(get).map_or_else(make, |remote| remote.in_scope(make));
        // On another thread, where nothing is known but the span.
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let send = || {
            let _server = server.enter();
            let _client = tracing::info_span!("client").entered();
            assert!(inject(|name, value| drop(out.insert(name, value.to_owned()))));
        };
        std::thread::scope(|scope| {
            scope.spawn(move || tracing::dispatcher::with_default(&dispatch, send));
        });
    });
    out
}

#[test]
fn the_next_service_learns_who_decided() {
    let check = |rules: &str, rate: Option<f64>, headers: &[(&str, &str)], expect: [&str; 2]| {
        let build = |builder: crate::Builder| match rate {
            Some(rate) => builder.sample_rate(rate),
            None => builder.sampling_rules(rules),
        };
        let out = sent_on(build, headers);
        let tag = |text: &str| text.split(',').find(|tag| tag.starts_with("_dd.p.dm=")).map(str::to_owned);
        let said = out.get("x-datadog-tags").and_then(|tags| tag(tags)).unwrap_or_default();
        assert_eq!([&*said, &*out["x-datadog-sampling-priority"]], expect, "{rules} {rate:?} {headers:?}");
        let state = &out["tracestate"];
        assert!(state.starts_with(&format!("dd=s:{};", expect[1])), "{state}");
        let said = said.replace("_dd.p.dm=", ";t.dm:");
        assert_eq!(state.contains(";t.dm:"), !said.is_empty(), "{state}");
        assert!(state.contains(&said), "{state}");
    };
    check("", Some(1.0), &[], ["_dd.p.dm=-3", "2"]);
    check("", Some(0.0), &[], ["", "-1"]);
    check(r#"[{"sample_rate": 1}]"#, None, &[], ["_dd.p.dm=-3", "2"]);
    // Which rule decided is only known where the root is.
    check(r#"[{"name": "server", "sample_rate": 1}]"#, None, &[], ["", "1"]);
    // Whoever began the trace decided.
    let parent = format!("00-6af7651916cd43dd8448eb211c80319c-{SPAN}-01");
    check("", Some(0.0), &[("traceparent", &parent)], ["", "1"]);
    let parent = format!("00-7af7651916cd43dd8448eb211c80319c-{SPAN}-01");
    let told = [("traceparent", &*parent), ("tracestate", "dd=s:2;t.dm:-4")];
    check("", Some(1.0), &told, ["_dd.p.dm=-4", "2"]);
    // Baggage decides nothing.
    check("", Some(1.0), &[("baggage", "user=7")], ["_dd.p.dm=-3", "2"]);
    check("", Some(0.0), &[("baggage", "user=7")], ["", "-1"]);
}

#[test]
fn baggage_without_a_trace_is_passed_on() {
    let out = sent_on(|builder| builder, &[("baggage", "user=7,tenant=blue")]);
    assert_eq!(out["baggage"], "user=7,tenant=blue");
    assert!(header::parse_traceparent(&out["traceparent"]).is_some_and(|remote| remote.sampled));
    let collector = crate::testing::Collector::new();
    let from = |text: &str| extract(|name| (name == "baggage").then_some(text)).map(|remote| remote.trace_id);
    let remote = extract(|name| (name == "baggage").then_some("user=7")).expect("it is well-formed");
    collector.in_scope(|| {
        remote.in_scope(|| {
            let mut names = Vec::new();
            assert!(inject(|name, _| names.push(name)));
            assert_eq!(names, ["baggage"], "there is no span yet");
            tracing::info_span!("root").in_scope(|| drop(tracing::info_span!("child").entered()));
        });
    });
    let [root, child] = ["root", "child"].map(|name| collector.span(name).expect("recorded"));
    assert_eq!((root.trace_id, root.parent_id), (remote.trace_id, None));
    assert_eq!((child.trace_id, child.parent_id), (remote.trace_id, Some(root.span_id)));
    assert_ne!(from("user=7"), from("user=7"));
    assert_eq!([from(""), from("no list"), from("a=\r\nevil: 1")], [None; 3]);
}

#[test]
fn what_vendors_say_of_a_trace() {
    let check = |number: u32, styles: &str, state: &str, more: &[(&str, &str)], expect: [&str; 2]| {
        let parent = format!("00-{number:032x}-{SPAN}-01");
        let headers = [&[("traceparent", &*parent), ("tracestate", state)], more].concat();
        let out = passed_on((styles, "tracecontext,datadog"), &headers).expect("well-formed");
        let said = ["tracestate", "x-datadog-tags"].map(|name| out.get(name).map_or("", |text| text));
        assert_eq!(said, expect, "{state}");
    };
    let own = format!("dd=s:1;p:{SPAN}");
    // The trace's id is told by headers of its own.
    check(
        101,
        "tracecontext",
        "dd=s:1;t.tid:0af7651916cd43dd;t.dm:-1",
        &[],
        [&format!("{own};t.dm:-1"), "_dd.p.dm=-1"],
    );
    // The flag is newer than the priority, and than whoever decided that.
    check(102, "tracecontext", "dd=s:-1;t.dm:-4;t.a:b", &[], [&format!("{own};t.a:b"), "_dd.p.a=b"]);
    // No member is longer than others have to read.
    let tags = (0..8).map(|n| format!("_dd.p.k{n}={}", "x".repeat(40))).collect::<Vec<_>>().join(",");
    let ids = [("x-datadog-trace-id", "103"), ("x-datadog-tags", &*tags)];
    let fits: String = (0..5).map(|n| format!(";t.k{n}:{}", "x".repeat(40))).collect();
    check(103, "tracecontext,datadog", "a=1", &ids, [&format!("{own}{fits},a=1"), &tags]);
    // A list of the greatest length travels on; of a longer one only what Datadog's member says.
    let fill = |bytes: usize| format!("dd=s:2;t.dm:-4,a={}", "x".repeat(bytes - 17));
    check(
        104,
        "tracecontext",
        &fill(512),
        &[],
        [&format!("dd=s:2;p:{SPAN};t.dm:-4,a={}", "x".repeat(495)), "_dd.p.dm=-4"],
    );
    check(105, "tracecontext", &fill(513), &[], [&format!("dd=s:2;p:{SPAN};t.dm:-4"), "_dd.p.dm=-4"]);
    // Whichever style is read first, other vendors' members of the same trace are passed on.
    let datadog = |trace| [("x-datadog-trace-id", trace), ("x-datadog-parent-id", "13235353014750950193")];
    check(106, "datadog,tracecontext", "dd=s:2,a=1", &datadog("106"), [&format!("{own},a=1"), ""]);
    check(107, "datadog,tracecontext", "a=1", &datadog("108"), [&own, ""]);
    check(109, "datadog,tracecontext", "a=1", &[], [&format!("{own},a=1"), ""]);
    // Of two spans above the one of `traceparent` is nearer: not everybody writes Datadog's headers anew.
    for (number, parent) in [(110, "5"), (111, "0")] {
        let stale = [("x-datadog-trace-id", &*number.to_string()), ("x-datadog-parent-id", parent)];
        check(number, "datadog,tracecontext", "a=1", &stale, [&format!("{own},a=1"), ""]);
    }
}

#[test]
fn the_high_half_of_a_trace_may_be_told_elsewhere() {
    let check = |tags: &str, expect: &str| {
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let headers = [
            ("traceparent", &*parent),
            ("x-datadog-trace-id", "9532127138774266268"),
            ("x-datadog-parent-id", "7"),
            ("x-datadog-tags", tags),
        ];
        let get = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        for styles in [[Style::Datadog, Style::TraceContext], [Style::TraceContext, Style::Datadog]] {
            let remote = extract_styles(&styles, get).expect("well-formed");
            let expect = if styles[0] == Style::Datadog { expect } else { TRACE };
            assert_eq!(remote.trace_id.to_string(), expect, "{tags} {styles:?}");
        }
    };
    check("_dd.p.tid=0af7651916cd43dd", TRACE);
    check("_dd.p.dm=-4", TRACE);
    check("_dd.p.tid=1af7651916cd43dd", "1af7651916cd43dd8448eb211c80319c");
}

#[test]
fn a_trace_that_is_denied_before_it_begins() {
    let check = |headers: &[(&str, &str)], expect: Option<bool>| {
        let styles = [Style::B3, Style::B3Multi];
        let get = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let remote = extract_styles(&styles, get);
        assert_eq!(remote.as_ref().map(|remote| remote.sampled), expect, "{headers:?}");
        let Some(remote) = remote else { return };
        let collector = crate::testing::Collector::new();
        let mut flags = String::new();
        collector.in_scope(|| {
            let root = remote.in_scope(|| tracing::info_span!("root"));
            root.in_scope(|| {
                inject(|name, value| {
                    if name == "traceparent" {
                        value.clone_into(&mut flags);
                    }
                })
            });
        });
        let sent = header::parse_traceparent(&flags).expect("there is a span");
        assert_eq!((sent.trace_id, sent.sampled), (remote.trace_id, false));
        assert!(collector.spans().is_empty(), "it is not sampled");
    };
    check(&[("b3", "0")], Some(false));
    check(&[("x-b3-sampled", "0")], Some(false));
    check(&[("b3", "1")], None);
    check(&[("x-b3-sampled", "1")], None);
    check(&[("x-b3-flags", "1")], None);
}

// Who sent the headers left it to us: rate and rules are asked, and the span above stays the one above.
#[test]
fn a_trace_that_is_decided_here() {
    let check = |styles: &str, headers: &[(&str, &str)], (rate, decided): (f64, Option<bool>)| {
        let get = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let styles = Styles::parse(Some(styles), Some("tracecontext,datadog,b3"));
        let remote = extract_styles(&styles.extract, get).expect("well-formed");
        let collector = crate::testing::Collector::with(|builder| builder.sample_rate(rate));
        let mut out = std::collections::HashMap::new();
        collector.in_scope(|| {
            let server = remote.in_scope(|| tracing::info_span!("server"));
            let _inside = server.enter();
            let who = innermost().expect("just entered");
            inject_styles(&styles.inject, who, |name, value| drop(out.insert(name, value.to_owned())));
        });
        let sampled = decided.unwrap_or(rate > 0.0);
        assert_eq!(collector.spans().len(), usize::from(sampled), "{headers:?} {rate}");
        let above = collector.spans().iter().all(|span| span.parent_id == Some(remote.span_id));
        assert!(above && out["traceparent"].starts_with(&format!("00-{}-", remote.trace_id)), "{headers:?}");
        assert!(out["traceparent"].ends_with(if sampled { "-01" } else { "-00" }), "{headers:?} {rate}");
        let said = out["x-datadog-sampling-priority"].clone();
        let user = [if sampled { "2" } else { "-1" }, if sampled { "1" } else { "0" }];
        assert_eq!(said, user[usize::from(decided.is_some())], "{headers:?} {rate}");
    };
    let b3 = |trace: &str, rest: &str| format!("{:0>32}-{SPAN}{rest}", trace);
    for rate in [0.0, 1.0] {
        check("b3", &[("b3", &b3("81", ""))], (rate, None));
        check("b3", &[("b3", &b3("82", "-1"))], (rate, Some(true)));
        check("b3", &[("b3", &b3("83", "-0"))], (rate, Some(false)));
        let multi = [("x-b3-traceid", "0000000000000084"), ("x-b3-spanid", SPAN)];
        check("b3multi", &multi, (rate, None));
        check("b3multi", &[&multi[..], &[("x-b3-sampled", "1")]].concat(), (rate, Some(true)));
        let datadog = [("x-datadog-trace-id", "85"), ("x-datadog-parent-id", "13235353014750950193")];
        check("datadog", &datadog, (rate, None));
        check(
            "datadog",
            &[&datadog[..], &[("x-datadog-sampling-priority", "1")]].concat(),
            (rate, Some(true)),
        );
    }
}

// A service that records nothing of it (it is switched off, or its filter wants no span) decides nothing either.
#[test]
fn what_nobody_decided_is_left_to_the_next() {
    let check = |style: &str, headers: &[(&str, &str)]| {
        let out = passed_on((style, style), headers).expect("well-formed");
        let out: Vec<_> = out.iter().map(|(name, value)| (*name, &**value)).collect();
        assert_eq!(out, headers, "{style}");
    };
    check("b3", &[("b3", &format!("{:0>32}-{SPAN}", "91"))]);
    let trace = format!("{:0>32}", "92");
    check("b3multi", &[("x-b3-spanid", SPAN), ("x-b3-traceid", &trace)]);
    check("datadog", &[("x-datadog-parent-id", "7"), ("x-datadog-trace-id", "93")]);
    // Without a parent there is no span to go on from, and the trace begins elsewhere.
    assert!(
        passed_on(("datadog", "datadog"), &[("x-datadog-trace-id", "94")]).expect("well-formed").is_empty()
    );
}

// Who debugs wants the trace whatever others say, and all that follow hear of it.
#[test]
fn debugging_is_passed_on() {
    let check = |style: &str, headers: &[(&str, &str)], expect: &[(&str, &str)]| {
        let out = passed_on((style, &format!("{style},datadog")), headers).expect("well-formed");
        assert_eq!(out["x-datadog-sampling-priority"], "2");
        for (name, value) in expect {
            assert_eq!(out[name], *value, "{headers:?}");
        }
        assert!(!out.contains_key("x-b3-sampled"));
    };
    let one = format!("{TRACE}-{SPAN}-d");
    check("b3", &[("b3", &one)], &[("b3", &one)]);
    let many =
        [("x-b3-traceid", "8af7651916cd43dd8448eb211c80319c"), ("x-b3-spanid", SPAN), ("x-b3-flags", "1")];
    check("b3multi", &many, &many);
}

#[test]
fn which_priority_holds() {
    let check = |number: u32, flag: u8, state: &str, priority: &str, expect: [&str; 2]| {
        let parent = format!("00-{number:032x}-{SPAN}-0{flag}");
        let id = number.to_string();
        let headers = [
            ("traceparent", &*parent),
            ("tracestate", state),
            ("x-datadog-trace-id", &*id),
            ("x-datadog-sampling-priority", priority),
            ("x-datadog-tags", "_dd.p.dm=-4"),
        ];
        let out = passed_on(("tracecontext,datadog", "tracecontext,datadog"), &headers).expect("well-formed");
        let said = ["x-datadog-sampling-priority", "x-datadog-tags"];
        assert_eq!(said.map(|name| out.get(name).map_or("", |text| text)), expect, "{state} {priority}");
        assert!(out["tracestate"].starts_with(&format!("dd=s:{};", expect[0])), "{out:?}");
    };
    let by = "_dd.p.dm=-4";
    check(0x301, 1, "dd=s:2", "1", ["2", by]);
    // Who passes requests on may drop `tracestate`.
    check(0x302, 1, "", "2", ["2", by]);
    check(0x303, 0, "", "-1", ["-1", by]);
    check(0x304, 1, "a=1", "2", ["2", by]);
    check(0x305, 1, "dd=s:-1", "2", ["2", by]);
    // What contradicts the flag is older than it.
    check(0x306, 1, "", "-1", ["1", ""]);
    check(0x307, 0, "dd=s:1", "2", ["0", ""]);
    check(0x308, 1, "", "often", ["1", by]);
}

// The service below hangs its model calls under the one that asks it.
#[test]
fn a_model_call_is_the_parent_of_those_below() {
    let tags_of = |headers: &[(&str, &str)], call: bool| {
        let collector = crate::testing::Collector::new();
        let get = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let (mut tags, mut id) = (String::new(), 0);
        let mut send = || {
            let _client = tracing::info_span!("client").entered();
            inject(|name, value| {
                if name == "x-datadog-tags" {
                    value.clone_into(&mut tags);
                }
            });
        };
        collector.in_scope(|| {
            let make = || tracing::info_span!("server");
            let server = extract(get).map_or_else(make, |remote| remote.in_scope(make)).entered();
            if call {
                let agent = crate::llm::agent("planner");
                id = crate::SpanExt::ids(agent.span()).expect("recorded").1.0;
                agent.in_scope(send);
                // Another trace is none of this call's.
                let other = Remote::new(TraceId(u128::from(id)), SpanId(1), true);
                agent.in_scope(|| {
                    other.in_scope(|| assert_eq!(crate::llm::enclosing_call(other.trace_id), None))
                });
            } else {
                send();
            }
            drop(server);
        });
        let told =
            |key: &str| tags.split(',').filter_map(|tag| tag.strip_prefix(key)).collect::<Vec<_>>().join("+");
        (told("_dd.p.llmobs_parent_id="), told("_dd.p.llmobs_trace_id="), id.to_string())
    };
    let from = |number| {
        [
            ("x-datadog-trace-id", number),
            ("x-datadog-parent-id", "7"),
            ("x-datadog-tags", "_dd.p.llmobs_parent_id=12,_dd.p.llmobs_trace_id=13,_dd.p.llmobs_ml_app=a"),
        ]
    };
    assert_eq!(tags_of(&[], false).0, "");
    let (parent, tree, id) = tags_of(&[], true);
    assert_eq!((&*parent, &*tree), (&*id, ""));
    let (parent, tree, _) = tags_of(&from("8201"), false);
    assert_eq!((&*parent, &*tree), ("12", "13"));
    let (parent, tree, id) = tags_of(&from("8202"), true);
    assert_eq!((&*parent, &*tree), (&*id, "13"));
}

#[test]
fn hostile_headers_cost_nothing() {
    let long = "x".repeat(1 << 20);
    let many = "k=v,".repeat(10_000);
    let parent = format!("00-5af7651916cd43dd8448eb211c80319c-{SPAN}-01");
    for hostile in [&*long, &*many, "a=\r\nevil: 1", "\u{1F980}=1", "dd=s:99999999999999999999;o:;t.:;;::"] {
        let headers = [
            ("traceparent", &*parent),
            ("tracestate", hostile),
            ("baggage", hostile),
            ("x-datadog-trace-id", hostile),
            ("x-datadog-tags", hostile),
            ("x-datadog-origin", hostile),
        ];
        let get = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let remote = extract(get).expect("`traceparent` is fine");
        let size =
            remote.trace_state.len() + remote.baggage.len() + remote.datadog_tags.len() + remote.origin.len();
        assert!(size <= TRACE_STATE_BYTES + BAGGAGE_BYTES + 2 * 512, "{size}");
        let out = passed_on(("tracecontext,datadog,baggage", "tracecontext,datadog,baggage"), &headers);
        for (name, value) in out.expect("well-formed") {
            assert!(header::is_header_text(&value), "{name}: {value}");
        }
        for name in ["traceparent", "b3", "x-b3-traceid"] {
            assert_eq!(
                passed_on(("tracecontext,b3,b3multi,datadog", "b3"), &[(name, hostile)]),
                None,
                "{name}"
            );
        }
    }
    // A million traces leave a bounded memory behind.
    for n in 0..3 * REMOTE_STATES {
        let mut remote = Remote::new(TraceId(1_000_000 + n as u128), SpanId(1), true);
        remote.baggage.push_str("user=7");
        remote.in_scope(|| ());
    }
    let mut remote = Remote::new(TraceId(1), SpanId(1), true);
    remote.baggage = "x".repeat(BAGGAGE_BYTES);
    for n in 0..2000 {
        remote.trace_id = TraceId(2_000_000 + n % 1500);
        remote.in_scope(|| ());
    }
    let guard = lock_carried();
    let kept = guard.as_ref().expect("something is kept");
    assert!(kept.len() <= REMOTE_STATES && kept.bytes() <= REMOTE_STATE_BYTES);
}
