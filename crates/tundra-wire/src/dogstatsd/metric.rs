//! Metric lines: `name:value|type|@rate|#tags|…`, several values packed into one line included.

use super::tail::Tail;
use super::{BAD, Packet};
use crate::budget::{ATTR_BYTES, Fault};
use std::borrow::Cow;
use tundra_record::metric::Histogram;
use tundra_record::value::get;
use tundra_record::{Attrs, MetricPoint, MetricValue, Sink, Temporality, UnixNanos, Value};

/// Reads one line. Nothing is handed over unless all of it parses.
pub(super) fn metric(line: &str, packet: &mut Packet, sink: &mut impl Sink) -> Result<(), Fault> {
    let (name, rest) = line.split_once(':').ok_or(BAD)?;
    let (values, rest) = rest.split_once('|').ok_or(BAD)?;
    let (kind, sections) = match rest.split_once('|') {
        Some((kind, sections)) => (Kind::named(kind)?, Some(sections)),
        None => (Kind::named(rest)?, None),
    };
    if name.is_empty() || values.is_empty() {
        return Err(BAD);
    }
    let tail = Tail::read(sections, &mut packet.budget)?;
    // Members of sets are any text, so theirs are never packed.
    let values = || values.split(if kind == Kind::Set { '\0' } else { ':' });
    let each = name.len()
        + tail.tags.iter().map(|(key, value)| ATTR_BYTES + key.len() + text_len(value)).sum::<usize>();
    for text in values() {
        packet.budget.record::<MetricPoint<'_>>(0)?;
        packet.budget.charge(each, 0)?;
        kind.value(text, tail.weight)?;
    }
    packet.announce(&tail, sink);
    let mut point = MetricPoint {
        name: Cow::Borrowed(name),
        unit: Cow::Borrowed(if kind == Kind::Timing { "ms" } else { "" }),
        time: tail.time.unwrap_or(packet.now),
        start: UnixNanos::default(),
        attrs: Attrs::new(),
        value: MetricValue::Gauge(0.0),
    };
    for text in values() {
        // The sink may have changed what it was shown, so each value starts from the line again.
        point.name = Cow::Borrowed(name);
        point.attrs.clear();
        point.attrs.extend(tail.tags.iter().cloned());
        if let Some(cardinality) = get(&tail.fields, "card:").and_then(Value::as_str) {
            point.attrs.push((Cow::Borrowed("datadog.cardinality"), Value::from(cardinality)));
        }
        point.value = kind.value(text, tail.weight)?;
        sink.metric(&mut point);
    }
    Ok(())
}

fn text_len(value: &Value<'_>) -> usize {
    value.as_str().map_or(0, str::len)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Count,
    Gauge,
    /// Histograms and distributions: they differ only in where Datadog aggregates them.
    Sample,
    Timing,
    Set,
}

impl Kind {
    fn named(text: &str) -> Result<Self, Fault> {
        Ok(match text {
            "c" => Self::Count,
            "g" => Self::Gauge,
            "h" | "d" => Self::Sample,
            "ms" => Self::Timing,
            "s" => Self::Set,
            _ => return Err(BAD),
        })
    }

    fn value(self, text: &str, weight: f64) -> Result<MetricValue, Fault> {
        if self == Self::Set {
            return Ok(MetricValue::SetMember(text.to_owned()));
        }
        let value: f64 = text.parse().map_err(|_| BAD)?;
        if !value.is_finite() {
            return Err(BAD);
        }
        // A sampled value stands for several; rounding their number keeps the mean exact.
        let count = weight.round().max(1.0);
        Ok(match self {
            Self::Count => {
                MetricValue::Sum { value: value * weight, temporality: Temporality::Delta, monotonic: true }
            }
            Self::Gauge => MetricValue::Gauge(value),
            _ => MetricValue::Histogram(Histogram {
                count: count as u64,
                sum: Some(value * count),
                min: Some(value),
                max: Some(value),
                temporality: Temporality::Delta,
                ..Histogram::default()
            }),
        })
    }
}
