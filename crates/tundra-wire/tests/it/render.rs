//! Records as text that people can read in a snapshot.

use super::recorder::Item;
use std::fmt::Write as _;
use tundra_record::value::write_json_text;
use tundra_record::{Attrs, MetricPoint, MetricValue, Span};

pub(crate) fn render(items: &[Item]) -> String {
    let mut out = String::new();
    for item in items {
        match item {
            Item::Resource(resource) => {
                out.push_str("resource\n");
                attrs(&resource.attrs, "  ", &mut out);
            }
            Item::Scope(scope) => writeln!(out, "scope {:?} {:?}", scope.name, scope.version).unwrap(),
            Item::Span(record) => span(record, &mut out),
            Item::Log(log) => {
                let id = log.trace_id.map(|id| id.to_string()).unwrap_or_default();
                let (level, name) = (log.severity.as_str(), &log.event_name);
                writeln!(out, "log {} {level} {name:?} {id}\n  body: {}", log.time.0, log.body.to_text())
                    .unwrap();
                attrs(&log.attrs, "  ", &mut out);
            }
            Item::Metric(point) => metric(point, &mut out),
            Item::Reject(reason) => writeln!(out, "reject {}", reason.as_str()).unwrap(),
        }
    }
    out
}

fn span(span: &Span<'_>, out: &mut String) {
    let parent = span.parent_id.map(|id| id.to_string()).unwrap_or_default();
    writeln!(out, "span {:?} {} {} < {parent:?}", span.name, span.trace_id, span.span_id).unwrap();
    writeln!(out, "  service {:?} resource {:?} {}", span.service, span.resource, span.kind.as_str())
        .unwrap();
    writeln!(
        out,
        "  {} + {} {} {:?}",
        span.start.0,
        span.duration,
        span.status.as_str(),
        span.status_message
    )
    .unwrap();
    attrs(&span.attrs, "  ", out);
    for event in &span.events {
        writeln!(out, "  event {:?} {}", event.name, event.time.0).unwrap();
        attrs(&event.attrs, "    ", out);
    }
    for link in &span.links {
        let (state, flags) = (&link.trace_state, link.flags);
        writeln!(out, "  link {} {} {state:?} {flags}", link.trace_id, link.span_id).unwrap();
        attrs(&link.attrs, "    ", out);
    }
}

fn metric(point: &MetricPoint<'_>, out: &mut String) {
    let value = match &point.value {
        MetricValue::Histogram(h) => format!(
            "count {} sum {:?} min {:?} max {:?} bounds {:?} counts {:?} {:?}",
            h.count, h.sum, h.min, h.max, h.bounds, h.counts, h.temporality
        ),
        other => format!("{other:?}"),
    };
    writeln!(out, "{} {} {:?} {} {value}", point.value.type_name(), point.name, point.unit, point.time.0)
        .unwrap();
    attrs(&point.attrs, "  ", out);
}

fn attrs(attrs: &Attrs<'_>, indent: &str, out: &mut String) {
    for (key, value) in attrs {
        let mut text = String::new();
        write_json_text(value, &mut text);
        writeln!(out, "{indent}{key}: {text}").unwrap();
    }
}
