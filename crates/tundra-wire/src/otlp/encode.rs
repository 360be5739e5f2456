//! Records as OTLP protobuf, inverse to the decoders beside it. `outlet` and the SDK call it.
//!
//! Each call appends one resource with one scope. Protobuf lists grow by appending, so calls one after the other into
//! the same buffer make one valid request.

mod frame;
mod group;

pub use frame::{Filling, Frame, Place, Slot};
pub use group::Group;

use crate::protobuf::{bytes, double, fixed32, fixed64, message, packed, text, varint};
use tundra_record::metric::Histogram;
use tundra_record::{
    Attrs, Event, Link, LogRecord, MetricPoint, MetricValue, Resource, Scope, Span, Temporality, UnixNanos,
    Value,
};

/// Appends spans to an `ExportTraceServiceRequest`. What only Datadog has (`service` and `resource` of a span) goes
/// into the attributes `service.name` and `resource.name`, unless they are there.
pub fn traces<'r, 'a: 'r>(
    resource: &Resource<'_>,
    scope: &Scope<'_>,
    spans: impl IntoIterator<Item = &'r Span<'a>>,
    out: &mut Vec<u8>,
) {
    group(resource, scope, out, |group| spans.into_iter().for_each(|span| group.span(span)));
}

/// Appends log records to an `ExportLogsServiceRequest`.
pub fn logs<'r, 'a: 'r>(
    resource: &Resource<'_>,
    scope: &Scope<'_>,
    logs: impl IntoIterator<Item = &'r LogRecord<'a>>,
    out: &mut Vec<u8>,
) {
    group(resource, scope, out, |group| logs.into_iter().for_each(|log| group.log(log)));
}

/// Appends points to an `ExportMetricsServiceRequest`, each as a metric of its own.
pub fn metrics<'r, 'a: 'r>(
    resource: &Resource<'_>,
    scope: &Scope<'_>,
    points: impl IntoIterator<Item = &'r MetricPoint<'a>>,
    out: &mut Vec<u8>,
) {
    group(resource, scope, out, |group| points.into_iter().for_each(|point| group.point(point)));
}

fn group(resource: &Resource<'_>, scope: &Scope<'_>, out: &mut Vec<u8>, write: impl FnOnce(&mut Group)) {
    let mut group = Group::begin(resource, scope, std::mem::take(out));
    write(&mut group);
    *out = group.end();
}

fn attrs(field: u32, attrs: &Attrs<'_>, out: &mut Vec<u8>) {
    for (key, value) in attrs {
        attr(field, key, value, out);
    }
}

fn attr(field: u32, key: &str, value: &Value<'_>, out: &mut Vec<u8>) {
    message(field, out, |out| {
        text(1, key, out);
        message(2, out, |out| any_value(value, out));
    });
}

/// The content of an `AnyValue`. Zero and empty values are written out, since presence is what tells the kind.
fn any_value(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Str(text) => message(1, out, |out| out.extend_from_slice(text.as_bytes())),
        Value::Bool(truth) => out.extend_from_slice(&[2 << 3, u8::from(*truth)]),
        Value::Int(0) => out.extend_from_slice(&[3 << 3, 0]),
        Value::Int(number) => varint(3, *number as u64, out),
        Value::Double(number) => double(4, *number, out),
        Value::List(items) => message(5, out, |out| {
            for item in items {
                message(1, out, |out| any_value(item, out));
            }
        }),
        Value::Map(entries) => message(6, out, |out| attrs(1, entries, out)),
        Value::Bytes(raw) => message(7, out, |out| out.extend_from_slice(raw)),
    }
}

fn nanos(time: UnixNanos) -> u64 {
    u64::try_from(time.0).unwrap_or(0)
}

fn span(span: &Span<'_>, out: &mut Vec<u8>) {
    bytes(1, &span.trace_id.0.to_be_bytes(), out);
    bytes(2, &span.span_id.0.to_be_bytes(), out);
    text(3, &span.trace_state, out);
    if let Some(parent) = span.parent_id {
        bytes(4, &parent.0.to_be_bytes(), out);
    }
    text(5, &span.name, out);
    varint(6, span.kind as u64, out);
    fixed64(7, nanos(span.start), out);
    fixed64(8, nanos(span.end()), out);
    attrs(9, &span.attrs, out);
    for (key, said) in [("service.name", &span.service), ("resource.name", &span.resource)] {
        if let Some(said) = said
            && span.attr(key).is_none()
        {
            attr(9, key, &Value::from(said.as_ref()), out);
        }
    }
    for event in &span.events {
        message(11, out, |out| write_event(event, out));
    }
    for link in &span.links {
        message(13, out, |out| write_link(link, out));
    }
    if span.status != Default::default() || !span.status_message.is_empty() {
        message(15, out, |out| {
            text(2, &span.status_message, out);
            varint(3, span.status as u64, out);
        });
    }
    fixed32(16, span.flags, out);
}

fn write_event(event: &Event<'_>, out: &mut Vec<u8>) {
    fixed64(1, nanos(event.time), out);
    text(2, &event.name, out);
    attrs(3, &event.attrs, out);
}

fn write_link(link: &Link<'_>, out: &mut Vec<u8>) {
    bytes(1, &link.trace_id.0.to_be_bytes(), out);
    bytes(2, &link.span_id.0.to_be_bytes(), out);
    text(3, &link.trace_state, out);
    attrs(4, &link.attrs, out);
    fixed32(6, link.flags, out);
}

fn log(log: &LogRecord<'_>, out: &mut Vec<u8>) {
    fixed64(1, nanos(log.time), out);
    varint(2, u64::from(log.severity.0), out);
    text(3, &log.severity_text, out);
    message(5, out, |out| any_value(&log.body, out));
    attrs(6, &log.attrs, out);
    if let Some(id) = log.trace_id {
        bytes(9, &id.0.to_be_bytes(), out);
    }
    if let Some(id) = log.span_id {
        bytes(10, &id.0.to_be_bytes(), out);
    }
    // Nobody keeps another time for it.
    fixed64(11, nanos(log.time), out);
    text(12, &log.event_name, out);
}

fn metric(point: &MetricPoint<'_>, out: &mut Vec<u8>) {
    text(1, &point.name, out);
    text(3, &point.unit, out);
    match &point.value {
        MetricValue::Gauge(value) => message(5, out, |out| number(*value, point, out)),
        MetricValue::Sum { value, temporality: period, monotonic } => message(7, out, |out| {
            number(*value, point, out);
            varint(2, temporality(*period), out);
            varint(3, u64::from(*monotonic), out);
        }),
        MetricValue::Histogram(histogram) => message(9, out, |out| {
            message(1, out, |out| write_histogram(histogram, point, out));
            varint(2, temporality(histogram.temporality), out);
        }),
        MetricValue::Summary { count, sum, quantiles } => message(11, out, |out| {
            message(1, out, |out| summary(*count, *sum, quantiles, point, out));
        }),
        // OTLP has no sets: the member becomes a label of a sum that counts how often it was seen.
        MetricValue::SetMember(member) => message(7, out, |out| {
            message(1, out, |out| {
                times(point, out);
                double(4, 1.0, out);
                attrs(7, &point.attrs, out);
                attr(7, "set.member", &Value::from(member.as_str()), out);
            });
            varint(2, temporality(Temporality::Delta), out);
        }),
    }
}

fn times(point: &MetricPoint<'_>, out: &mut Vec<u8>) {
    fixed64(2, nanos(point.start), out);
    fixed64(3, nanos(point.time), out);
}

fn number(value: f64, point: &MetricPoint<'_>, out: &mut Vec<u8>) {
    message(1, out, |out| {
        times(point, out);
        double(4, value, out);
        attrs(7, &point.attrs, out);
    });
}

fn write_histogram(histogram: &Histogram, point: &MetricPoint<'_>, out: &mut Vec<u8>) {
    times(point, out);
    fixed64(4, histogram.count, out);
    for (field, value) in [(5, histogram.sum), (11, histogram.min), (12, histogram.max)] {
        if let Some(value) = value {
            double(field, value, out);
        }
    }
    packed(6, histogram.counts.iter().copied(), out);
    packed(7, histogram.bounds.iter().map(|bound| bound.to_bits()), out);
    attrs(9, &point.attrs, out);
}

fn summary(count: u64, sum: f64, quantiles: &[(f64, f64)], point: &MetricPoint<'_>, out: &mut Vec<u8>) {
    times(point, out);
    fixed64(4, count, out);
    double(5, sum, out);
    for (quantile, value) in quantiles {
        message(6, out, |out| {
            double(1, *quantile, out);
            double(2, *value, out);
        });
    }
    attrs(7, &point.attrs, out);
}

fn temporality(period: Temporality) -> u64 {
    match period {
        Temporality::Unspecified => 0,
        Temporality::Delta => 1,
        Temporality::Cumulative => 2,
    }
}
