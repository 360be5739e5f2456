//! Records as OTLP JSON, inverse to the decoders beside it. The SDK's file and stdout exporters call it.
//!
//! Ids are hex and 64-bit numbers text, as OTLP asks for. Each call appends one whole request without a line break.

use tundra_record::metric::Histogram;
use tundra_record::value::write_json_text;
use tundra_record::{
    Attrs, LogRecord, MetricPoint, MetricValue, Resource, Scope, Span, Temporality, UnixNanos, Value,
};

/// Appends an `ExportTraceServiceRequest`.
pub fn traces(resource: &Resource<'_>, scope: &Scope<'_>, spans: &[Span<'_>], out: &mut String) {
    request(["resourceSpans", "scopeSpans", "spans"], resource, scope, spans, out, span);
}

/// Appends an `ExportLogsServiceRequest`.
pub fn logs(resource: &Resource<'_>, scope: &Scope<'_>, logs: &[LogRecord<'_>], out: &mut String) {
    request(["resourceLogs", "scopeLogs", "logRecords"], resource, scope, logs, out, log);
}

/// Appends an `ExportMetricsServiceRequest`, each point as a metric of its own.
pub fn metrics(resource: &Resource<'_>, scope: &Scope<'_>, points: &[MetricPoint<'_>], out: &mut String) {
    request(["resourceMetrics", "scopeMetrics", "metrics"], resource, scope, points, out, metric);
}

fn request<T>(
    [groups, scopes, records]: [&str; 3],
    resource: &Resource<'_>,
    scope: &Scope<'_>,
    items: &[T],
    out: &mut String,
    write: impl Fn(&T, &mut Object<'_>),
) {
    let mut request = Object::begin(out);
    request.list(groups, [()], |(), group| {
        group.object("resource", |resource_out| attrs(&resource.attrs, resource_out));
        group.list(scopes, [()], |(), scope_out| {
            scope_out.object("scope", |out| {
                out.text("name", &scope.name);
                out.text("version", &scope.version);
            });
            scope_out.list(records, items, |item, out| write(item, out));
        });
    });
    request.end();
}

/// One JSON object being written.
struct Object<'o> {
    out: &'o mut String,
    between: &'static str,
}

impl<'o> Object<'o> {
    fn begin(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, between: "" }
    }

    fn end(self) {
        self.out.push('}');
    }

    fn key(&mut self, key: &str) -> &mut String {
        self.out.push_str(self.between);
        self.between = ",";
        write_json_text(&Value::from(key), self.out);
        self.out.push(':');
        self.out
    }

    /// A member that is left out if it is empty.
    fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            write_json_text(&Value::from(text), self.key(key));
        }
    }

    fn plain(&mut self, key: &str, literal: &str) {
        self.key(key).push_str(literal);
    }

    /// A 64-bit number, which OTLP writes as text.
    fn long(&mut self, key: &str, number: impl std::fmt::Display) {
        write_json_text(&Value::from(number.to_string()), self.key(key));
    }

    fn time(&mut self, key: &str, time: UnixNanos) {
        self.long(key, time.0.max(0));
    }

    fn double(&mut self, key: &str, number: f64) {
        let out = self.key(key);
        double(number, out);
    }

    fn object(&mut self, key: &str, write: impl FnOnce(&mut Object<'_>)) {
        let mut inner = Object::begin(self.key(key));
        write(&mut inner);
        inner.end();
    }

    fn list<T>(&mut self, key: &str, items: impl IntoIterator<Item = T>, write: impl Fn(T, &mut Object<'_>)) {
        let out = self.key(key);
        out.push('[');
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            let mut inner = Object::begin(out);
            write(item, &mut inner);
            inner.end();
        }
        out.push(']');
    }

    fn numbers<T>(&mut self, key: &str, items: &[T], write: impl Fn(&T, &mut String)) {
        let out = self.key(key);
        out.push('[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            write(item, out);
        }
        out.push(']');
    }
}

/// JSON has no words for the numbers that are none; protobuf's JSON form writes them as text.
fn double(number: f64, out: &mut String) {
    match number {
        _ if number.is_finite() => write_json_text(&Value::Double(number), out),
        f64::INFINITY => out.push_str("\"Infinity\""),
        f64::NEG_INFINITY => out.push_str("\"-Infinity\""),
        _ => out.push_str("\"NaN\""),
    }
}

fn attrs(list: &Attrs<'_>, out: &mut Object<'_>) {
    if !list.is_empty() {
        pairs("attributes", list, out);
    }
}

fn pairs(name: &str, list: &Attrs<'_>, out: &mut Object<'_>) {
    out.list(name, list, |(key, value), out| {
        write_json_text(&Value::from(&**key), out.key("key"));
        out.object("value", |out| any_value(value, out));
    });
}

fn any_value(value: &Value<'_>, out: &mut Object<'_>) {
    match value {
        Value::Str(text) => write_json_text(&Value::from(&**text), out.key("stringValue")),
        Value::Bool(truth) => out.plain("boolValue", if *truth { "true" } else { "false" }),
        Value::Int(number) => out.long("intValue", number),
        Value::Double(number) => out.double("doubleValue", *number),
        Value::Bytes(bytes) => {
            use base64::Engine;
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            write_json_text(&Value::from(text), out.key("bytesValue"));
        }
        Value::List(items) => {
            out.object("arrayValue", |out| out.list("values", items, |item, out| any_value(item, out)));
        }
        Value::Map(entries) => out.object("kvlistValue", |out| pairs("values", entries, out)),
    }
}

fn span(span: &Span<'_>, out: &mut Object<'_>) {
    out.text("traceId", &span.trace_id.to_string());
    out.text("spanId", &span.span_id.to_string());
    out.text("parentSpanId", &span.parent_id.map(|id| id.to_string()).unwrap_or_default());
    out.text("traceState", &span.trace_state);
    out.text("name", &span.name);
    out.plain("kind", &(span.kind as u64).to_string());
    out.time("startTimeUnixNano", span.start);
    out.time("endTimeUnixNano", span.end());
    let mut list = span.attrs.clone();
    for (key, said) in [("service.name", &span.service), ("resource.name", &span.resource)] {
        if let Some(said) = said
            && span.attr(key).is_none()
        {
            list.push((key.into(), Value::from(said.as_ref())));
        }
    }
    attrs(&list, out);
    if !span.events.is_empty() {
        out.list("events", &span.events, |event, out| {
            out.time("timeUnixNano", event.time);
            out.text("name", &event.name);
            attrs(&event.attrs, out);
        });
    }
    if !span.links.is_empty() {
        out.list("links", &span.links, |link, out| {
            out.text("traceId", &link.trace_id.to_string());
            out.text("spanId", &link.span_id.to_string());
            out.text("traceState", &link.trace_state);
            attrs(&link.attrs, out);
            out.plain("flags", &link.flags.to_string());
        });
    }
    if span.status != Default::default() || !span.status_message.is_empty() {
        out.object("status", |out| {
            out.text("message", &span.status_message);
            out.plain("code", &(span.status as u64).to_string());
        });
    }
    out.plain("flags", &span.flags.to_string());
}

fn log(log: &LogRecord<'_>, out: &mut Object<'_>) {
    out.time("timeUnixNano", log.time);
    out.time("observedTimeUnixNano", log.time);
    out.plain("severityNumber", &log.severity.0.to_string());
    out.text("severityText", &log.severity_text);
    out.text("eventName", &log.event_name);
    out.object("body", |out| any_value(&log.body, out));
    attrs(&log.attrs, out);
    out.text("traceId", &log.trace_id.map(|id| id.to_string()).unwrap_or_default());
    out.text("spanId", &log.span_id.map(|id| id.to_string()).unwrap_or_default());
}

fn metric(point: &MetricPoint<'_>, out: &mut Object<'_>) {
    out.text("name", &point.name);
    out.text("unit", &point.unit);
    let one = |out: &mut Object<'_>, write: &dyn Fn(&mut Object<'_>)| {
        out.list("dataPoints", [()], |(), out| {
            out.time("startTimeUnixNano", point.start);
            out.time("timeUnixNano", point.time);
            write(out);
        });
    };
    let number = |value: f64| {
        move |out: &mut Object<'_>| {
            out.double("asDouble", value);
            attrs(&point.attrs, out);
        }
    };
    match &point.value {
        MetricValue::Gauge(value) => out.object("gauge", |out| one(out, &number(*value))),
        MetricValue::Sum { value, temporality, monotonic } => out.object("sum", |out| {
            one(out, &number(*value));
            period(*temporality, out);
            out.plain("isMonotonic", if *monotonic { "true" } else { "false" });
        }),
        MetricValue::Histogram(found) => out.object("histogram", |out| {
            one(out, &|out| histogram(found, point, out));
            period(found.temporality, out);
        }),
        MetricValue::Summary { count, sum, quantiles } => out.object("summary", |out| {
            one(out, &|out| {
                out.long("count", count);
                out.double("sum", *sum);
                out.list("quantileValues", quantiles, |(quantile, value), out| {
                    out.double("quantile", *quantile);
                    out.double("value", *value);
                });
                attrs(&point.attrs, out);
            });
        }),
        MetricValue::SetMember(member) => out.object("sum", |out| {
            one(out, &|out| {
                out.double("asDouble", 1.0);
                let mut list = point.attrs.clone();
                list.push(("set.member".into(), Value::from(member.as_str())));
                attrs(&list, out);
            });
            period(Temporality::Delta, out);
        }),
    }
}

fn period(temporality: Temporality, out: &mut Object<'_>) {
    let number = match temporality {
        Temporality::Unspecified => "0",
        Temporality::Delta => "1",
        Temporality::Cumulative => "2",
    };
    out.plain("aggregationTemporality", number);
}

fn histogram(histogram: &Histogram, point: &MetricPoint<'_>, out: &mut Object<'_>) {
    out.long("count", histogram.count);
    for (key, value) in [("sum", histogram.sum), ("min", histogram.min), ("max", histogram.max)] {
        if let Some(value) = value {
            out.double(key, value);
        }
    }
    out.numbers("bucketCounts", &histogram.counts, |count, out| {
        out.push_str(&format!("\"{count}\""));
    });
    out.numbers("explicitBounds", &histogram.bounds, |bound, out| double(*bound, out));
    attrs(&point.attrs, out);
}
