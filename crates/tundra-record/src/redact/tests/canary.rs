//! Plants secrets in every field of every record; none may survive.

use super::super::{Pass, Redactor};
use super::redactor;
use crate::id::{SpanId, TraceId};
use crate::log::{LogRecord, Severity};
use crate::metric::{MetricPoint, MetricValue};
use crate::resource::{Resource, Scope};
use crate::span::{Event, Link, Span, SpanKind, Status};
use crate::time::UnixNanos;
use crate::value::{Attrs, Value};
use std::borrow::Cow;

/// Each secret holds this word, so that what survives is seen.
const WORD: &str = "canary";

fn secrets() -> Vec<String> {
    vec![
        format!("{WORD}.one@example.com"),
        format!("sk-{WORD}0123456789abcdefgh"),
        format!("https://user:{WORD}1@example.com/"),
        format!("password={WORD}"),
        format!("Authorization: Bearer {WORD}123"),
        format!("{{\"a\":[\"{WORD}\\u0040example.com\"]}}"),
        format!("{{\"api_key\":\"{WORD}\"}}"),
        format!("x {WORD}%40example.com"),
        format!("can\u{200b}ary{WORD}@example.com"),
        format!("-----BEGIN PRIVATE KEY-----\n{WORD}\n-----END PRIVATE KEY-----"),
    ]
}

fn value(secret: &str, kind: usize) -> Value<'static> {
    let text = || Value::from(secret.to_owned());
    match kind {
        0 => text(),
        1 => Value::List(vec![Value::from(1), text(), Value::List(vec![text()])]),
        2 => Value::Map(vec![
            ("a".into(), Value::Map(vec![("b".into(), text())])),
            (secret.to_owned().into(), true.into()),
        ]),
        3 => Value::Bytes(Cow::Owned(secret.as_bytes().to_vec())),
        4 => Value::Bytes(Cow::Owned([b"\xff\xfe ", secret.as_bytes()].concat())),
        _ => Value::Map(vec![("password".into(), Value::List(vec![Value::from(WORD)]))]),
    }
}

fn attrs(secret: &str) -> Attrs<'static> {
    let mut attrs: Attrs<'static> =
        (0..6).map(|kind| (Cow::Owned(format!("key.{kind}")), value(secret, kind))).collect();
    attrs.push((Cow::Owned(secret.to_owned()), Value::from(1)));
    attrs.push((Cow::Borrowed("http.request.header.cookie"), Value::from(WORD)));
    attrs.push((Cow::Borrowed("user.id"), Value::from(secret.to_owned())));
    attrs.push((Cow::Borrowed("order_id"), Value::from(secret.to_owned())));
    attrs
}

fn assert_gone(record: &impl std::fmt::Debug, secret: &str) {
    let shown = format!("{record:?}").replace("\\u{200b}", "");
    assert!(!shown.contains(WORD), "`{secret}` survives in {shown}");
    // Bytes are shown as numbers.
    let bytes: Vec<String> = WORD.bytes().map(|b| b.to_string()).collect();
    assert!(!shown.contains(&bytes.join(", ")), "`{secret}` survives as bytes in {shown}");
}

fn check(redactor: &Redactor, secret: &str) {
    let text = || Cow::Owned(secret.to_owned());
    let mut pass = Pass::new(redactor);
    let mut span = Span {
        trace_id: TraceId(1),
        span_id: SpanId(2),
        service: Some(text()),
        name: text(),
        resource: Some(text()),
        kind: SpanKind::Client,
        start: UnixNanos(3),
        duration: 4,
        status: Status::Error,
        status_message: text(),
        attrs: attrs(secret),
        events: vec![Event { time: UnixNanos(5), name: text(), attrs: attrs(secret) }],
        links: vec![Link { trace_id: TraceId(6), attrs: attrs(secret), ..Link::default() }],
        ..Span::default()
    };
    let redacted = pass.span(&mut span);
    assert_gone(redacted.get(), secret);
    assert_eq!((redacted.get().trace_id, redacted.get().duration), (TraceId(1), 4));
    assert!(pass.counts().map(|(_, count)| count).sum::<u64>() > 20);
    let mut log = LogRecord {
        severity: Severity(9),
        severity_text: text(),
        event_name: text(),
        body: value(secret, 2),
        attrs: attrs(secret),
        ..LogRecord::default()
    };
    assert_gone(pass.log(&mut log).get(), secret);
    let mut point = MetricPoint {
        name: text(),
        unit: text(),
        time: UnixNanos(1),
        start: UnixNanos(0),
        attrs: attrs(secret),
        value: MetricValue::SetMember(secret.to_owned()),
    };
    assert_gone(pass.metric(&mut point).get(), secret);
    assert_gone(pass.resource(&mut Resource { attrs: attrs(secret) }).get(), secret);
    assert_gone(pass.scope(&mut Scope { name: text(), version: text() }).get(), secret);
}

#[test]
fn no_canary_survives() {
    let redactor = redactor();
    for secret in secrets() {
        check(&redactor, &secret);
    }
}
