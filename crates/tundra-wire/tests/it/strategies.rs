//! What property tests are made of: arbitrary values, attributes and records.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tundra_record::metric::Histogram;
use tundra_record::{
    Attrs, Event, Link, LogRecord, MetricPoint, MetricValue, Resource, Scope, Severity, Span, SpanId,
    SpanKind, Status, Temporality, Text, TraceId, UnixNanos, Value,
};

pub(crate) fn text() -> impl Strategy<Value = Text<'static>> {
    prop_oneof!["[a-z._]{0,12}", "\\PC{0,40}", "[\\x00-\\x7f]{120,140}"].prop_map(Text::Owned)
}

fn double() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("NaN is not equal to itself", |number| !number.is_nan())
}

pub(crate) fn value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        text().prop_map(Value::Str),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        double().prop_map(Value::Double),
        vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Bytes(bytes.into())),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::List),
            vec((text(), inner), 0..4).prop_map(Value::Map),
        ]
    })
}

pub(crate) fn attrs() -> impl Strategy<Value = Attrs<'static>> {
    vec((text(), value()), 0..6)
}

/// Times that a span can have without passing the end of the clock.
fn time() -> impl Strategy<Value = UnixNanos> {
    (0..i64::MAX / 2).prop_map(UnixNanos)
}

fn trace_id() -> impl Strategy<Value = TraceId> {
    (any::<u64>(), 1..=u64::MAX).prop_map(|(high, low)| TraceId(u128::from(high) << 64 | u128::from(low)))
}

fn span_id() -> impl Strategy<Value = SpanId> {
    (1..=u64::MAX).prop_map(SpanId)
}

fn kind() -> impl Strategy<Value = SpanKind> {
    (0..6u64).prop_map(SpanKind::from_otlp)
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![Just(Status::Unset), Just(Status::Ok), Just(Status::Error)]
}

fn event(attrs: impl Strategy<Value = Attrs<'static>>) -> impl Strategy<Value = Event<'static>> {
    (time(), text(), attrs).prop_map(|(time, name, attrs)| Event { time, name, attrs })
}

fn link(attrs: impl Strategy<Value = Attrs<'static>>) -> impl Strategy<Value = Link<'static>> {
    (trace_id(), span_id(), text(), 0..0x8000_0000u32, attrs).prop_map(
        |(trace_id, span_id, trace_state, flags, attrs)| Link {
            trace_id,
            span_id,
            trace_state,
            flags,
            attrs,
        },
    )
}

/// Any span that OTLP can say.
pub(crate) fn span() -> impl Strategy<Value = Span<'static>> {
    let ids = (trace_id(), span_id(), option::of(span_id()), any::<u32>());
    let words = (text(), text(), text(), kind(), status());
    let rest = (time(), 0..i64::MAX / 2, attrs(), vec(event(attrs()), 0..3), vec(link(attrs()), 0..3));
    (ids, words, rest).prop_map(|(ids, words, rest)| Span {
        trace_id: ids.0,
        span_id: ids.1,
        parent_id: ids.2,
        flags: ids.3,
        name: words.0,
        status_message: words.1,
        trace_state: words.2,
        kind: words.3,
        status: words.4,
        start: rest.0,
        duration: rest.1,
        attrs: rest.2,
        events: rest.3,
        links: rest.4,
        service: None,
        resource: None,
    })
}

/// A tag that means nothing but itself.
fn plain_key() -> impl Strategy<Value = Text<'static>> {
    "x\\.[a-z._]{0,12}".prop_map(Text::Owned)
}

fn event_value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        text().prop_map(Value::Str),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        double().prop_map(Value::Double),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| vec(inner, 0..4).prop_map(Value::List))
}

/// Spans of one chunk as a Datadog client says them, tags in the order that the encoder has.
pub(crate) fn datadog_chunk() -> impl Strategy<Value = Vec<Span<'static>>> {
    (trace_id(), vec(datadog_span(), 1..4)).prop_map(|(id, mut spans)| {
        spans.iter_mut().for_each(|span| span.trace_id = id);
        spans
    })
}

fn datadog_span() -> impl Strategy<Value = Span<'static>> {
    let number = prop_oneof![any::<i64>().prop_map(Value::Int), double().prop_map(Value::Double)];
    let attrs = (
        option::of("[a-z]{1,8}"),
        vec((plain_key(), text().prop_map(Value::Str)), 0..4),
        vec((plain_key(), number), 0..4),
        vec(("meta_struct\\.[a-z_]{1,8}", attrs().prop_map(Value::Map)), 0..2),
    );
    let attrs = attrs.prop_map(|(kind, meta, metrics, structs)| {
        let kind = kind.map(|kind| (Text::Borrowed("span.type"), Value::from(kind)));
        let structs = structs.into_iter().map(|(key, value)| (Text::Owned(key), value));
        kind.into_iter().chain(meta).chain(metrics).chain(structs).collect::<Attrs<'static>>()
    });
    let event_attrs = vec((plain_key(), event_value()), 0..3);
    let link_attrs = vec((plain_key(), text().prop_map(Value::Str)), 0..3);
    let words = (option::of(text()), text(), option::of(text()), kind(), any::<bool>());
    let rest = (time(), 0..i64::MAX / 2, attrs, vec(event(event_attrs), 0..3), vec(link(link_attrs), 0..3));
    (span_id(), option::of(span_id()), words, rest).prop_map(|(id, parent, words, rest)| Span {
        span_id: id,
        parent_id: parent,
        service: words.0,
        name: words.1,
        resource: words.2,
        kind: words.3,
        status: if words.4 { Status::Error } else { Status::Unset },
        start: rest.0,
        duration: rest.1,
        attrs: rest.2,
        events: rest.3,
        links: rest.4,
        ..Span::default()
    })
}

pub(crate) fn log() -> impl Strategy<Value = LogRecord<'static>> {
    let ids = (option::of(trace_id()), option::of(span_id()));
    (time(), 0..=24u8, text(), text(), value(), ids, attrs()).prop_map(
        |(time, severity, severity_text, event_name, body, (trace_id, span_id), attrs)| LogRecord {
            time,
            severity: Severity(severity),
            severity_text,
            event_name,
            body,
            trace_id,
            span_id,
            attrs,
        },
    )
}

fn temporality() -> impl Strategy<Value = Temporality> {
    prop_oneof![Just(Temporality::Unspecified), Just(Temporality::Delta), Just(Temporality::Cumulative)]
}

fn histogram() -> impl Strategy<Value = Histogram> {
    let extremes = (option::of(double()), option::of(double()), option::of(double()));
    (any::<u64>(), extremes, vec((double(), any::<u64>()), 0..8), any::<bool>(), temporality()).prop_map(
        |(count, (sum, min, max), buckets, none, temporality)| {
            let (bounds, mut counts): (Vec<_>, Vec<_>) = buckets.into_iter().unzip();
            if !none || !bounds.is_empty() {
                counts.push(1);
            }
            Histogram { count, sum, min, max, bounds, counts, temporality }
        },
    )
}

pub(crate) fn point() -> impl Strategy<Value = MetricPoint<'static>> {
    let value = prop_oneof![
        double().prop_map(MetricValue::Gauge),
        (double(), temporality(), any::<bool>())
            .prop_map(|(value, temporality, monotonic)| MetricValue::Sum { value, temporality, monotonic }),
        histogram().prop_map(MetricValue::Histogram),
        (any::<u64>(), double(), vec((double(), double()), 0..5))
            .prop_map(|(count, sum, quantiles)| MetricValue::Summary { count, sum, quantiles }),
    ];
    (text(), text(), time(), time(), attrs(), value).prop_map(|(name, unit, time, start, attrs, value)| {
        MetricPoint { name, unit, time, start, attrs, value }
    })
}

pub(crate) fn sender() -> impl Strategy<Value = (Resource<'static>, Scope<'static>)> {
    (attrs(), text(), text()).prop_map(|(attrs, name, version)| (Resource { attrs }, Scope { name, version }))
}
