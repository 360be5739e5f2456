//! Metric points.

use crate::cells::rows;
use crate::entry::attrs::{self, Scratch};
use crate::entry::origin::Origin;
use crate::read::{Columns, ReadError};
use tundra_record::metric::Histogram;
use tundra_record::value::{from_json, write_json_text};
use tundra_record::{MetricPoint, MetricValue, Temporality, UnixNanos, Value};

rows! {
    /// Metric points of a batch.
    MetricRows, METRICS {
        time_ns: Int some "when the value was taken, nanoseconds since 1970 UTC",
        name: Text some "name of the metric",
        r#type: Text some "gauge, counter, sum, histogram, summary or set",
        unit: Text null "unit",
        service: Text null "service it comes from",
        env: Text null "deployment environment",
        attrs: Map some "labels as text",
        value: Double null "value of a gauge, counter or sum",
        count: Int null "values of a histogram or summary",
        sum: Double null "their sum",
        sketch: Text null "buckets, quantiles or the member of a set, JSON",
        start_ns: Int null "begin of the period it covers",
        temporality: Text null "delta or cumulative",
        min: Double null "smallest value of a histogram",
        max: Double null "largest value of a histogram",
        attr_kinds: Text null "one letter for each label in order; NULL if all are texts",
        host: Text null "host it comes from",
        source: Text some "otlp, datadog, gateway or sdk",
        sample: Bool some "true for sample data",
        resource_attrs: Text null "attributes of the process, container and host, JSON",
        scope_name: Text null "library that made it",
        scope_version: Text null "version of that library",
        received_ns: Int some "when it arrived",
    }
}

/// The parts of a value that are columns of their own.
#[derive(Default)]
struct Parts {
    value: Option<f64>,
    count: Option<u64>,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    temporality: Temporality,
    sketch: Option<Value<'static>>,
}

fn parts(value: &MetricValue) -> Parts {
    let doubles = |list: &[f64]| Value::List(list.iter().map(|n| Value::Double(*n)).collect());
    let counts = |list: &[u64]| Value::List(list.iter().map(|n| Value::Int(clamp(*n))).collect());
    let none = Parts::default();
    match value {
        MetricValue::Gauge(value) => Parts { value: Some(*value), ..none },
        MetricValue::Sum { value, temporality, .. } => {
            Parts { value: Some(*value), temporality: *temporality, ..none }
        }
        MetricValue::Histogram(h) => Parts {
            count: Some(h.count),
            sum: h.sum,
            min: h.min,
            max: h.max,
            temporality: h.temporality,
            sketch: Some(Value::Map(vec![
                ("bounds".into(), doubles(&h.bounds)),
                ("counts".into(), counts(&h.counts)),
            ])),
            ..none
        },
        MetricValue::Summary { count, sum, quantiles } => {
            let pairs = quantiles.iter().map(|(q, v)| doubles(&[*q, *v])).collect();
            Parts {
                count: Some(*count),
                sum: Some(*sum),
                sketch: Some(Value::Map(vec![("quantiles".into(), Value::List(pairs))])),
                ..none
            }
        }
        MetricValue::SetMember(member) => {
            Parts { sketch: Some(Value::Map(vec![("member".into(), member.clone().into())])), ..none }
        }
    }
}

fn clamp(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn temporality_word(temporality: Temporality) -> Option<&'static str> {
    match temporality {
        Temporality::Unspecified => None,
        Temporality::Delta => Some("delta"),
        Temporality::Cumulative => Some("cumulative"),
    }
}

impl MetricRows {
    /// Appends a metric point.
    pub(crate) fn push(&mut self, origin: &Origin, point: &MetricPoint<'_>, scratch: &mut Scratch) {
        let parts = parts(&point.value);
        self.time_ns.push(point.time.0);
        self.name.push(&point.name);
        self.r#type.push(point.value.type_name());
        self.unit.filled(&point.unit);
        self.service.maybe(origin.service.as_deref());
        self.env.maybe(origin.env.as_deref());
        attrs::write(&point.attrs, &mut self.attrs, None, &mut self.attr_kinds, scratch);
        self.value.maybe(parts.value);
        self.count.count(parts.count);
        self.sum.maybe(parts.sum);
        let mut sketch = String::new();
        if let Some(value) = &parts.sketch {
            write_json_text(value, &mut sketch);
        }
        self.sketch.filled(&sketch);
        self.start_ns.maybe((point.start.0 != 0).then_some(point.start.0));
        self.temporality.maybe(temporality_word(parts.temporality));
        self.min.maybe(parts.min);
        self.max.maybe(parts.max);
        self.host.maybe(origin.host.as_deref());
        self.source.push(origin.source.as_str());
        self.sample.push(origin.sample);
        self.resource_attrs.filled(&origin.resource_attrs);
        self.scope_name.filled(&origin.scope_name);
        self.scope_version.filled(&origin.scope_version);
        self.received_ns.push(origin.received.0);
    }
}

/// The metric point of a row; it borrows from the batch.
pub(crate) fn read<'b>(columns: &Columns<'b>, row: usize) -> Result<MetricPoint<'b>, ReadError> {
    let damaged = |column| ReadError::Damaged { column, row };
    let text = |column| columns.text(column, row);
    let attrs = attrs::read(columns.map("attrs", row), std::iter::empty(), text("attr_kinds"));
    Ok(MetricPoint {
        name: text("name").ok_or(damaged("name"))?.into(),
        unit: text("unit").unwrap_or_default().into(),
        time: UnixNanos(columns.int("time_ns", row).ok_or(damaged("time_ns"))?),
        start: UnixNanos(columns.int("start_ns", row).unwrap_or_default()),
        attrs: attrs.ok_or(damaged("attrs"))?,
        value: read_value(columns, row).ok_or(damaged("value"))?,
    })
}

fn read_value(columns: &Columns<'_>, row: usize) -> Option<MetricValue> {
    let sketch = columns.text("sketch", row).and_then(from_json);
    let in_sketch = |key: &str| sketch.as_ref()?.get(key);
    let count = || columns.int("count", row).and_then(|n| u64::try_from(n).ok());
    let double = |column| columns.double(column, row);
    let temporality = match columns.text("temporality", row) {
        Some("delta") => Temporality::Delta,
        Some("cumulative") => Temporality::Cumulative,
        _ => Temporality::Unspecified,
    };
    Some(match columns.text("type", row)? {
        "gauge" => MetricValue::Gauge(double("value")?),
        "counter" => MetricValue::Sum { value: double("value")?, temporality, monotonic: true },
        "sum" => MetricValue::Sum { value: double("value")?, temporality, monotonic: false },
        "histogram" => MetricValue::Histogram(Histogram {
            count: count()?,
            sum: double("sum"),
            min: double("min"),
            max: double("max"),
            bounds: list(in_sketch("bounds")?, |n| n.as_double())?,
            counts: list(in_sketch("counts")?, |n| u64::try_from(n.as_int()?).ok())?,
            temporality,
        }),
        "summary" => MetricValue::Summary {
            count: count()?,
            sum: double("sum")?,
            quantiles: list(in_sketch("quantiles")?, |pair| {
                let pair = list(pair, |n| n.as_double())?;
                Some((*pair.first()?, *pair.get(1)?))
            })?,
        },
        "set" => MetricValue::SetMember(in_sketch("member")?.as_str()?.to_owned()),
        _ => return None,
    })
}

fn list<T>(value: &Value<'_>, item: impl Fn(&Value<'_>) -> Option<T>) -> Option<Vec<T>> {
    match value {
        Value::List(items) => items.iter().map(item).collect(),
        _ => None,
    }
}
