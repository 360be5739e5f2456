//! Tests of single lines: what each construct of the protocol becomes.

use super::lines;
use crate::Limits;
use tundra_record::{
    LogRecord, MetricPoint, MetricValue, Reject, Resource, Scope, Sink, Span, Temporality, UnixNanos, Value,
};

const NOW: UnixNanos = UnixNanos(5);

/// What lines became, as short texts.
#[derive(Default)]
struct Texts(Vec<String>);

impl Sink for Texts {
    fn resource(&mut self, resource: &mut Resource<'_>) {
        let attrs = resource.attrs.iter().map(|(key, value)| format!("{key}={}", value.to_text()));
        self.0.push(format!("resource {}", attrs.collect::<Vec<_>>().join(" ")));
    }

    fn scope(&mut self, _: &mut Scope<'_>) {}

    fn span(&mut self, _: &mut Span<'_>) {}

    fn log(&mut self, log: &mut LogRecord<'_>) {
        let (time, body) = (log.time.0, log.body.to_text());
        self.0.push(format!(
            "{} {} {time} {body:?} {}",
            log.event_name,
            log.severity_text,
            attrs(&log.attrs)
        ));
    }

    fn metric(&mut self, point: &mut MetricPoint<'_>) {
        let value = match &point.value {
            MetricValue::Gauge(value) => format!("g {value}"),
            MetricValue::Sum { value, temporality: Temporality::Delta, .. } => format!("c {value}"),
            MetricValue::Histogram(h) => format!("h {} {:?}", h.count, h.sum),
            MetricValue::SetMember(member) => format!("s {member}"),
            other => format!("{other:?}"),
        };
        let (name, unit, time) = (&point.name, &point.unit, point.time.0);
        self.0.push(format!("{name}{unit} {value} {time} {}", attrs(&point.attrs)));
    }

    fn reject(&mut self, reason: Reject) {
        self.0.push(reason.as_str().to_owned());
    }
}

fn attrs(attrs: &[(tundra_record::Text<'_>, Value<'_>)]) -> String {
    let texts: Vec<_> = attrs.iter().map(|(key, value)| format!("{key}={}", value.to_text())).collect();
    texts.join(",")
}

fn check(packet: &str, expected: &[&str]) {
    let mut sink = Texts::default();
    lines(packet.as_bytes(), NOW, &Limits::default(), &mut sink);
    assert_eq!(sink.0, expected, "{packet}");
}

#[test]
fn constructs() {
    check("a:1|c", &["resource ", "a c 1 5 "]);
    check("a:1|c|@0.1", &["resource ", "a c 10 5 "]);
    check("a:-1.5|g|#x,y:1:2", &["resource ", "a g -1.5 5 x=,y=1:2"]);
    check("a:2|g|T7", &["resource ", "a g 2 7000000000 "]);
    check("a:1:2|d|@0.5", &["resource ", "a h 2 Some(2.0) 5 ", "a h 2 Some(4.0) 5 "]);
    check("a:3|ms", &["resource ", "ams h 1 Some(3.0) 5 "]);
    check("a:user:1|s", &["resource ", "a s user:1 5 "]);
    check(
        "a:1|g|card:high|c:ci-1|e:it-false|#env:prod",
        &[
            "resource deployment.environment.name=prod container.id=ci-1 datadog.external_env=it-false",
            "a g 1 5 env=prod,datadog.cardinality=high",
        ],
    );
    check(
        "a:1|c|#service:s\nb:1|c|#service:s\nbad\nc:1|c",
        &[
            "resource service.name=s",
            "a c 1 5 service=s",
            "b c 1 5 service=s",
            "bad_line",
            "resource ",
            "c c 1 5 ",
        ],
    );
    check(
        "_e{2,5}:é|a\\nbc|t:error|p:low|#k:v",
        &["resource ", "datadog.event error 5 \"a\\nbc\" event.title=é,k=v,event.priority=low"],
    );
    check(
        "_sc|db|2|d:9|h:box|#k:v|m:it is|c:x",
        &[
            "resource container.id=x host.name=box",
            "datadog.service_check critical 9000000000 \"it is\" check.name=db,check.status=2,k=v",
        ],
    );
}
