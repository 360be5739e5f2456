//! Variables as people set them, and what they come to.

use super::*;
use std::time::Duration;

fn read(variables: &[(&str, &str)]) -> Environment {
    let find =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Environment::from_lookup(find)
}

#[test]
fn a_signal_says_more_than_all_signals() {
    let all = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=1,b=x%20y%2Cz"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2000"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/all.pem"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces/custom"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "c=3"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "500"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/traces.pem"),
    ];
    let otlp = read(&all).otlp;
    assert_eq!(otlp.endpoint.as_deref(), Some("http://all:4318"));
    let [traces, logs, metrics] = &otlp.signals;
    let check =
        |signal: &OtlpSignal, endpoint: Option<&str>, headers: &[(&str, &str)], rest: (u64, bool, &str)| {
            let found: Vec<_> = signal.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
            let (timeout, gzip, certificate) = rest;
            assert_eq!((signal.endpoint.as_deref(), &*found), (endpoint, headers));
            assert_eq!(signal.timeout, Duration::from_millis(timeout));
            assert_eq!((signal.gzip, signal.certificate.as_deref()), (gzip, Some(certificate)));
        };
    check(traces, Some("http://traces/custom"), &[("c", "3")], (500, false, "/traces.pem"));
    for signal in [logs, metrics] {
        check(signal, None, &[("a", "1"), ("b", "x y,z")], (2000, true, "/all.pem"));
    }
    assert_eq!(read(&[]).otlp.signals[0].timeout, Duration::from_secs(10));
    assert!(!format!("{:?}", otlp.signals).contains("x y"), "headers hold keys");
}

#[test]
fn who_goes_by_otlp() {
    let check = |variables: &[(&str, &str)], beside_agent: bool, wanted: [bool; 3], console: [bool; 3]| {
        let otlp = read(variables).otlp;
        assert_eq!((otlp.wanted(beside_agent), otlp.console()), (wanted, console), "{variables:?}");
    };
    let (all, none) = ([true; 3], [false; 3]);
    check(&[], false, all, none);
    check(&[], true, none, none);
    check(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c")], true, all, none);
    check(&[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://c")], true, [false, true, false], none);
    check(&[("OTEL_METRICS_EXPORTER", "otlp")], true, [false, false, true], none);
    check(&[("OTEL_TRACES_EXPORTER", "none")], false, [false, true, true], none);
    check(&[("OTEL_TRACES_EXPORTER", "console")], false, [false, true, true], [true, false, false]);
    check(&[("OTEL_TRACES_EXPORTER", " OTLP, console")], false, all, [true, false, false]);
    // Log lines are on standard output already.
    check(&[("OTEL_LOGS_EXPORTER", "console")], false, [true, false, true], none);
    check(&[("OTEL_METRICS_EXPORTER", "")], false, all, none);
}

#[test]
fn names_of_the_service() {
    let check = |variables: &[(&str, &str)], expect: [Option<&str>; 3]| {
        let found = read(variables);
        assert_eq!(
            [&found.names.service, &found.names.env, &found.names.version].map(|it| it.as_deref()),
            expect,
            "{variables:?}"
        );
    };
    let resource = (
        "OTEL_RESOURCE_ATTRIBUTES",
        "service.name=r%2C1,deployment.environment.name=e,service.version=2,broken",
    );
    check(&[resource], [Some("r,1"), Some("e"), Some("2")]);
    check(&[resource, ("OTEL_SERVICE_NAME", "s")], [Some("s"), Some("e"), Some("2")]);
    check(
        &[resource, ("OTEL_SERVICE_NAME", "s"), ("DD_SERVICE", "d"), ("DD_ENV", "p")],
        [Some("d"), Some("p"), Some("2")],
    );
    let tags = |text| [("DD_TAGS", text), ("DD_SERVICE", " ")];
    check(&tags("env:t version:3 team:x"), [None, Some("t"), Some("3")]);
    check(&tags("env:t, version:3,team:x"), [None, Some("t"), Some("3")]);
    check(&tags("service:my cart,env:"), [Some("my cart"), None, None]);
    check(&tags("service:cart"), [Some("cart"), None, None]);
    // Datadog's tags come before OpenTelemetry's attributes, and name the service if nothing else does.
    let all = ("DD_TAGS", "service:cart env:dd version:9");
    check(&[resource, all], [Some("r,1"), Some("dd"), Some("9")]);
    check(&[all, ("OTEL_SERVICE_NAME", "s")], [Some("s"), Some("dd"), Some("9")]);
    check(&[all, ("DD_ENV", "p"), ("DD_VERSION", "1")], [Some("cart"), Some("p"), Some("1")]);
    let old = ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=old");
    check(&[old], [None, Some("old"), None]);
    check(&[old, all], [Some("cart"), Some("dd"), Some("9")]);
    let check = |text: &str, expect: &[(&str, &str)]| {
        let found = read(&[("DD_TAGS", text)]).names.attributes;
        let found: Vec<_> = found.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(found, expect, "{text}");
    };
    check("a:1 b:2:3  c\td:4", &[("a", "1"), ("b", "2:3"), ("d", "4")]);
    check("a:one two, b : x ,c,:d", &[("a", "one two"), ("b", "x")]);
    check("env:e,", &[("deployment.environment.name", "e")]);
    let text = "k=%zz,l=%F0%9F,m=50%,n=a%3Db,o=%+1%-1% 1,a%2Cb%3D=%2c";
    let attributes = read(&[("OTEL_RESOURCE_ATTRIBUTES", text)]).names.attributes;
    let expect =
        [("k", "%zz"), ("l", "%F0%9F"), ("m", "50%"), ("n", "a=b"), ("o", "%+1%-1% 1"), ("a,b=", ",")];
    assert_eq!(attributes, expect.map(|(key, value)| (key.to_owned(), value.to_owned())));
}

#[test]
fn switches() {
    let on = |variables: &[(&str, &str)]| {
        let found = read(variables);
        (found.disabled, found.remote_config)
    };
    assert_eq!(on(&[]), (false, true));
    assert_eq!(
        on(&[("OTEL_SDK_DISABLED", "TRUE"), ("DD_REMOTE_CONFIGURATION_ENABLED", "false")]),
        (true, false)
    );
    assert_eq!(on(&[("OTEL_SDK_DISABLED", "1")]), (false, true));
    assert!(read(&[("DD_TRACE_ENABLED", "0")]).no_spans);
    for word in ["false", "FALSE", "0", "no", "off", "Off", " false ", "false\n"] {
        let names = [
            "DD_TRACE_ENABLED",
            "DD_REMOTE_CONFIGURATION_ENABLED",
            "TUNDRA_REDACT",
            "DD_LOGS_INJECTION",
            "DD_TRACE_STATS_COMPUTATION_ENABLED",
        ];
        let found = read(&names.map(|name| (name, word)));
        assert!(found.no_spans && !found.disabled && !found.remote_config && found.unredacted, "{word:?}");
        assert!(found.no_log_injection && !found.client_stats && found.notices.is_empty(), "{word:?}");
    }
    for word in ["true", "1", "yes", "ON", " on", "", "nope"] {
        let found = read(&[("DD_TRACE_ENABLED", word), ("TUNDRA_REDACT", word)]);
        assert!(!found.no_spans && !found.unredacted, "{word:?}");
    }
    assert_eq!(on(&[("OTEL_SDK_DISABLED", " true")]), (true, true));
}

#[test]
fn what_surrounds_a_value_is_not_meant() {
    let found = read(&[
        ("DD_API_KEY", "abc\n"),
        ("DD_SERVICE", " web "),
        ("DD_TRACE_AGENT_URL", "\thttp://agent:1\r\n"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", " http://all:4318"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs\n"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", " gzip"),
        ("DD_TRACE_API_VERSION", "v0.5 "),
    ]);
    assert_eq!((found.api_key.as_deref(), found.names.service.as_deref()), (Some("abc"), Some("web")));
    assert_eq!(found.agent().as_deref(), Some("http://agent:1"));
    assert_eq!(found.otlp.endpoint.as_deref(), Some("http://all:4318"));
    assert_eq!(found.otlp.signals[1].endpoint.as_deref(), Some("http://logs"));
    assert!(found.otlp.signals[0].gzip && found.prefers_v05);
    for (name, rate) in [(" always_off", 0.0), ("Always_On\n", 1.0), ("ParentBased_always_off", 0.0)] {
        let found = read(&[("OTEL_TRACES_SAMPLER", name)]).sampling.otel_rate;
        assert_eq!(found, Some(rate), "{name:?}");
    }
}

#[test]
fn who_is_the_agent() {
    let check = |variables: &[(&str, &str)], agent: Option<&str>, statsd: [Option<&str>; 2]| {
        let found = read(variables);
        assert_eq!(found.agent().as_deref(), agent, "{variables:?}");
        let beside = [true, false].map(|beside| found.statsd(beside));
        assert_eq!(beside.each_ref().map(Option::as_deref), statsd, "{variables:?}");
    };
    let (url, host) = (("DD_TRACE_AGENT_URL", "http://u:1"), ("DD_AGENT_HOST", "h"));
    let port = ("DD_TRACE_AGENT_PORT", "9");
    check(&[], None, [None, None]);
    check(&[host], Some("http://h:8126"), [Some("udp://h:8125"), None]);
    check(&[host, port], Some("http://h:9"), [Some("udp://h:8125"), None]);
    check(&[port], Some("http://localhost:9"), [Some("udp://localhost:8125"), None]);
    check(&[port, ("DD_AGENT_HOST", " ")], Some("http://localhost:9"), [Some("udp://localhost:8125"), None]);
    check(&[url, port], Some("http://u:1"), [Some("udp://u:8125"), None]);
    for (agent, statsd) in [
        ("http://a/base", Some("udp://a:8125")),
        ("http://[::1]:8126", Some("udp://[::1]:8125")),
        ("http://[::1]", Some("udp://[::1]:8125")),
        ("unix:///run/apm.socket", None),
    ] {
        check(&[("DD_TRACE_AGENT_URL", agent)], Some(agent), [statsd, None]);
    }
    check(&[url, host, port], Some("http://u:1"), [Some("udp://h:8125"), None]);
    check(&[("DD_DOGSTATSD_PORT", "7")], None, [Some("udp://localhost:7"); 2]);
}

#[test]
fn content_is_recorded_unless_somebody_says_otherwise() {
    let (own, otel) = ("TUNDRA_CAPTURE_CONTENT", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT");
    let check = |variables: &[(&str, &str)], expect: bool, notices: &[&str]| {
        let found = read(variables).notices;
        let find = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.and_then(|(_, value)| meant(value))
        };
        assert_eq!(content(&find).0, expect, "{variables:?}");
        assert_eq!(found.len(), notices.len(), "{variables:?}: {found:?}");
        for (notice, name) in found.iter().zip(notices) {
            assert!(notice.starts_with(&format!("`{name}` ")), "{notice}");
        }
    };
    check(&[], true, &[]);
    for name in [own, otel] {
        for word in ["true", "1", "YES", "on", " true ", "SPAN_ONLY", "span_and_event"] {
            check(&[(name, word)], true, &[]);
        }
        for word in ["false", "False ", "0", "no", "off", "NO_CONTENT", "EVENT_ONLY", "event_only\n"] {
            check(&[(name, word)], false, &[]);
        }
        check(&[(name, "")], true, &[]);
        check(&[(name, "never")], false, &[name]);
    }
    check(&[(own, ""), (otel, "false")], false, &[]);
    check(&[(own, " "), (otel, "never")], false, &[otel]);
    check(&[(own, "true"), (otel, "false")], true, &[]);
    check(&[(own, "false"), (otel, "true")], false, &[]);
    check(&[(own, "true"), (otel, "never")], true, &[]);
}

#[test]
fn what_is_not_honored_is_named() {
    let check = |variables: &[(&str, &str)], expect: &[&str]| {
        let notices = read(variables).notices;
        assert_eq!(notices.len(), expect.len(), "{variables:?}: {notices:?}");
        for (notice, name) in notices.iter().zip(expect) {
            assert!(notice.starts_with(&format!("`{name}` ")), "{notice}");
            assert!(
                variables.iter().all(|(_, value)| value.len() < 6 || !notice.contains(value)),
                "{notice}"
            );
        }
    };
    let honored = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Delta"),
        ("OTEL_TRACES_EXPORTER", "otlp,console"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_PROPAGATORS", "tracecontext, baggage,b3multi"),
        ("DD_TRACE_PROPAGATION_STYLE", "Datadog"),
        ("DD_PROFILING_ENABLED", "false"),
        ("DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT", "Restart"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", " 500 "),
        ("OTEL_TRACES_SAMPLER", " always_off"),
        ("OTEL_SDK_DISABLED", "off"),
        ("DD_APPSEC_ENABLED", "off"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318/otlp"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces/v1/traces"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=1, b=x=y,"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=,b=2"),
    ];
    check(&honored, &[]);
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318/v1/traces"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318/otlp/v1/metrics/"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=1,Bearer abcdef"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "abcdef"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team:blue,a=1"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "ten seconds"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/secret.pem"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative"),
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_PROPAGATORS", "tracecontext,xray"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "7"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "4096"),
        ("DD_PROFILING_ENABLED", "true"),
        ("DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT", "distrust"),
        ("DD_SPAN_SAMPLING_RULES_FILE", "/etc/rules.json"),
        ("DD_TRACE_BAGGAGE_TAG_KEYS", "user.id"),
        ("DD_TRACE_ENABLED", "perhaps"),
        ("DD_LOGS_INJECTION", "perhaps"),
        ("DD_REMOTE_CONFIGURATION_ENABLED", "perhaps"),
        ("DD_TRACE_STATS_COMPUTATION_ENABLED", "perhaps"),
        ("TUNDRA_REDACT", "perhaps"),
        ("OTEL_SDK_DISABLED", "1"),
        ("OTEL_SDK_DISABLED", "perhaps"),
    ] {
        check(&[(name, value)], &[name]);
    }
    // What sets how often records go does nothing for metrics, so it must not be named.
    for name in ["OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT"] {
        let notices = read(&[(name, "60000")]).notices;
        assert!(notices.len() == 1 && !notices[0].contains("export_every"), "{notices:?}");
    }
}

#[test]
fn whose_traces_are_continued() {
    let check = |variables: &[(&str, &str)], expect: [Option<&str>; 2]| {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name);
        let (extract, inject) = styles_said(&|name| find(name).map(|(_, text)| (*text).to_owned()));
        assert_eq!([extract.as_deref(), inject.as_deref()], expect, "{variables:?}");
    };
    let (style, otel) = (("DD_TRACE_PROPAGATION_STYLE", "datadog"), ("OTEL_PROPAGATORS", "b3,Baggage"));
    let does = |word| ("DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT", word);
    check(&[], [None, None]);
    check(&[otel], [Some("b3,Baggage"), Some("b3,Baggage")]);
    check(&[otel, style], [Some("datadog"), Some("datadog")]);
    let each = [("DD_TRACE_PROPAGATION_STYLE_EXTRACT", "none"), ("DD_TRACE_PROPAGATION_STYLE_INJECT", "b3")];
    check(&[&[otel, style], &each[..]].concat(), [Some("none"), Some("b3")]);
    check(&[each[1]], [None, Some("b3")]);
    check(&[does("continue"), style], [Some("datadog"), Some("datadog")]);
    check(&[does("Ignore"), style], [Some("none"), Some("datadog")]);
    check(&[does("restart")], [Some("baggage"), None]);
    check(&[does("restart"), otel], [Some("baggage"), Some("b3,Baggage")]);
    check(&[does("restart"), style], [Some("none"), Some("datadog")]);
    check(&[does("else")], [None, None]);
}

#[test]
fn what_cannot_be_read_of_sampling_is_told() {
    let check = |variables: &[(&str, &str)], expect: (usize, [Option<f64>; 3]), told: &[&str]| {
        let found = read(variables);
        let Sampling { rules, rate, limit, otel_rate } = found.sampling;
        assert_eq!((rules.len(), [rate, limit, otel_rate]), expect, "{variables:?}");
        assert_eq!(found.notices.len(), told.len(), "{variables:?}: {:?}", found.notices);
        for (notice, told) in found.notices.iter().zip(told) {
            assert!(notice.starts_with(told), "{notice}");
            assert!(
                variables.iter().all(|(_, value)| value.len() < 3 || !notice.contains(value)),
                "{notice}"
            );
        }
    };
    let rate = |text| [("DD_TRACE_SAMPLE_RATE", text)];
    check(&rate(" 0.1 "), (0, [Some(0.1), None, None]), &[]);
    for text in ["10%", "ten", "-1", "1.5", "nan", "0,1"] {
        check(&rate(text), (0, [None; 3]), &["`DD_TRACE_SAMPLE_RATE` is no share from 0 to 1: "]);
    }
    let limit = |text| [("DD_TRACE_RATE_LIMIT", text)];
    check(&limit("50"), (0, [None, Some(50.0), None]), &[]);
    for text in ["50/s", "inf", "-1"] {
        check(&limit(text), (0, [None; 3]), &["`DD_TRACE_RATE_LIMIT` is no number of traces a second: "]);
    }
    let otel = |text| [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", text)];
    check(&otel("0.3"), (0, [None, None, Some(0.3)]), &[]);
    check(&otel(""), (0, [None, None, Some(1.0)]), &[]);
    check(
        &otel("30%"),
        (0, [None, None, Some(1.0)]),
        &["`OTEL_TRACES_SAMPLER_ARG` is no share from 0 to 1: "],
    );
    // Nobody asks for it.
    check(&[("OTEL_TRACES_SAMPLER_ARG", "30%")], (0, [None; 3]), &[]);
    let (good, bad) = (r#"{"service": "web", "sample_rate": 0.5}"#, r#"{"service": "secret-service"}"#);
    check(&[("DD_TRACE_SAMPLING_RULES", &format!(" [{good}]\n"))], (1, [None; 3]), &[]);
    let told = "`DD_TRACE_SAMPLING_RULES` holds without 1 of its rules (0 is the first): sampling rule 1 cannot be read";
    check(&[("DD_TRACE_SAMPLING_RULES", &format!("[{good}, {bad}, {good}]"))], (2, [None; 3]), &[told]);
    let told = "`DD_TRACE_SAMPLING_RULES` holds without 2 of its rules (0 is the first): sampling rule 0 cannot be read";
    check(&[("DD_TRACE_SAMPLING_RULES", &format!("[{bad}, {good}, {bad}]"))], (1, [None; 3]), &[told]);
    for text in ["web:0.5", "{}", "[{]"] {
        check(
            &[("DD_TRACE_SAMPLING_RULES", text)],
            (0, [None; 3]),
            &["`DD_TRACE_SAMPLING_RULES` says nothing, as if it were unset: "],
        );
    }
}

#[test]
fn what_cannot_be_read_of_a_filter_is_told() {
    let check = |variables: &[(&str, &str)], expect: Option<&str>, told: Option<&str>| {
        let found = read(variables);
        let expect = expect.map(|text| Filter::parse(text).expect(text));
        assert_eq!(found.filter, expect, "{variables:?}");
        assert_eq!(found.notices.len(), usize::from(told.is_some()), "{variables:?}: {:?}", found.notices);
        assert!(
            found.notices.iter().all(|notice| notice.starts_with(told.unwrap_or_default())),
            "{variables:?}"
        );
    };
    check(&[], None, None);
    check(&[("RUST_LOG", " debug\n")], Some("debug"), None);
    check(&[("RUST_LOG", "a=info,b::c")], Some("a=info,b::c=trace"), None);
    let told = "`RUST_LOG` holds without 1 of its directives: `debgu` is no level";
    check(&[("RUST_LOG", "debgu")], Some("info"), Some(told));
    check(&[("RUST_LOG", "debgu,a=debug")], Some("info,a=debug"), Some(told));
    check(&[("RUST_LOG", "warn,a=debgu,b=debug")], Some("warn,b=debug"), Some(told));
    let told = "`RUST_LOG` holds without 2 of its directives: `a[span]=debug` asks for span";
    check(&[("RUST_LOG", "debug,a[span]=debug,b=x")], Some("debug"), Some(told));
    check(
        &[("RUST_LOG", &"a_b,".repeat(5000))],
        Some(&format!("info,{}", "a_b,".repeat(crate::limits::DIRECTIVES))),
        Some("`RUST_LOG` holds without 1 of its directives: more than"),
    );
    // The level of an SDK's own log is not what the program records.
    for name in ["DD_LOG_LEVEL", "OTEL_LOG_LEVEL"] {
        let told = format!("`{name}` is not honored");
        check(&[(name, "error")], None, Some(&told));
        check(&[(name, "error"), ("RUST_LOG", "warn")], Some("warn"), Some(&told));
    }
}
