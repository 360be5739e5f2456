//! OTLP metric requests in JSON. Points of all kinds are read into one [`Point`]; the kind decides what it means.

use super::envelope::{Keys, walk};
use super::value::{self, contain, enumeration, time};
use crate::budget::{Budget, Fault};
use crate::error::DecodeError;
use crate::json::Reader;
use crate::limits::Limits;
use crate::otlp::envelope::add_scope_attrs;
use crate::otlp::exponential::Exponential;
use crate::otlp::{temporality_from_otlp, well_formed};
use tundra_record::metric::Histogram;
use tundra_record::{Attrs, MetricPoint, MetricValue, Reject, Sink, Temporality, Text, UnixNanos};

const KEYS: Keys = Keys {
    groups: ["resourceMetrics", "resource_metrics"],
    scopes: ["scopeMetrics", "scope_metrics"],
    records: ["metrics", "metrics"],
};

const PERIODS: [(&str, u64); 2] = [("DELTA", 1), ("CUMULATIVE", 2)];

/// Decodes an `ExportMetricsServiceRequest`. Exponential histograms become explicit bounds.
pub fn metrics(body: &[u8], limits: &Limits, sink: &mut impl Sink) -> Result<(), DecodeError> {
    walk(body, &KEYS, limits, sink, |reader, scope_attrs, budget, sink| {
        let metric = metric(&mut reader.clone())?;
        reader.object(|reader, key| {
            let Some(kind) = Kind::named(&key) else { return reader.skip() };
            super::envelope::each(reader, ["dataPoints", "data_points"], |reader| {
                budget.record::<MetricPoint<'_>>(reader.offset())?;
                budget.charge(metric.name.len() + metric.unit.len(), reader.offset())?;
                let mut record = metric.empty();
                let refused =
                    contain(reader, |reader| point(reader, kind, &metric, scope_attrs, &mut record, budget))?;
                match refused {
                    None => sink.metric(&mut record),
                    Some(reason) => sink.reject(reason),
                }
                Ok(())
            })
        })
    })
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Gauge,
    Sum,
    Histogram,
    Exponential,
    Summary,
}

impl Kind {
    fn named(key: &str) -> Option<Self> {
        Some(match key {
            "gauge" => Self::Gauge,
            "sum" => Self::Sum,
            "histogram" => Self::Histogram,
            "exponentialHistogram" | "exponential_histogram" => Self::Exponential,
            "summary" => Self::Summary,
            _ => return None,
        })
    }
}

/// What the points of one metric have in common.
#[derive(Debug, Default)]
struct Metric<'a> {
    name: Text<'a>,
    unit: Text<'a>,
    temporality: Temporality,
    monotonic: bool,
}

impl<'a> Metric<'a> {
    fn empty(&self) -> MetricPoint<'a> {
        MetricPoint {
            name: self.name.clone(),
            unit: self.unit.clone(),
            time: UnixNanos::default(),
            start: UnixNanos::default(),
            attrs: Attrs::new(),
            value: MetricValue::Gauge(0.0),
        }
    }
}

fn metric<'a>(reader: &mut Reader<'a>) -> Result<Metric<'a>, DecodeError> {
    let mut metric = Metric::default();
    reader.object(|reader, key| {
        match key.as_ref() {
            "name" => metric.name = reader.scalar()?.into_text(),
            "unit" => metric.unit = reader.scalar()?.into_text(),
            key if Kind::named(key).is_some() => reader.object(|reader, key| {
                match key.as_ref() {
                    "aggregationTemporality" | "aggregation_temporality" => {
                        metric.temporality = temporality_from_otlp(enumeration(&reader.scalar()?, &PERIODS));
                    }
                    "isMonotonic" | "is_monotonic" => metric.monotonic = reader.scalar()?.as_bool(),
                    _ => reader.skip()?,
                }
                Ok::<(), DecodeError>(())
            })?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(metric)
}

/// Everything a point of any kind can say.
#[derive(Debug, Default)]
struct Point {
    number: Option<f64>,
    flags: u64,
    histogram: Histogram,
    buckets: Exponential,
    quantiles: Vec<(f64, f64)>,
}

fn point<'a>(
    reader: &mut Reader<'a>,
    kind: Kind,
    metric: &Metric<'a>,
    scope_attrs: &Attrs<'a>,
    record: &mut MetricPoint<'a>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    let (offset, mut point) = (reader.offset(), Point::default());
    reader.object(|reader, key| field(&key, reader, &mut point, record, budget))?;
    if point.flags & 1 == 1 {
        return Err(Fault::Record(Reject::NoValue));
    }
    record.value = meaning(point, kind, metric).ok_or(Fault::Record(Reject::NoValue))?;
    add_scope_attrs(scope_attrs, &mut record.attrs, budget, offset)
}

fn field<'a>(
    key: &str,
    reader: &mut Reader<'a>,
    point: &mut Point,
    record: &mut MetricPoint<'a>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    match key {
        "attributes" => value::attrs(reader, 0, &mut record.attrs, budget)?,
        "startTimeUnixNano" | "start_time_unix_nano" => record.start = time(&reader.scalar()?),
        "timeUnixNano" | "time_unix_nano" => record.time = time(&reader.scalar()?),
        "asDouble" | "as_double" => point.number = reader.scalar()?.as_f64(),
        "asInt" | "as_int" => point.number = Some(reader.scalar()?.as_i64() as f64),
        "flags" => point.flags = reader.scalar()?.as_u64(),
        "count" => point.histogram.count = reader.scalar()?.as_u64(),
        "sum" => point.histogram.sum = reader.scalar()?.as_f64(),
        "min" => point.histogram.min = reader.scalar()?.as_f64(),
        "max" => point.histogram.max = reader.scalar()?.as_f64(),
        "bucketCounts" | "bucket_counts" => counts(reader, &mut point.histogram.counts, budget)?,
        "explicitBounds" | "explicit_bounds" => reader.array(|reader| {
            let offset = reader.offset();
            let bound = reader.scalar()?.as_f64().unwrap_or(f64::NAN);
            keep(&mut point.histogram.bounds, bound, budget, offset)
        })?,
        "scale" => point.buckets.scale = clamped(reader.scalar()?.as_i64()),
        "zeroCount" | "zero_count" => point.buckets.zero_count = reader.scalar()?.as_u64(),
        "zeroThreshold" | "zero_threshold" => {
            point.buckets.zero_threshold = reader.scalar()?.as_f64().unwrap_or(0.0);
        }
        "positive" => side(reader, &mut point.buckets.positive, budget)?,
        "negative" => side(reader, &mut point.buckets.negative, budget)?,
        "quantileValues" | "quantile_values" => reader.array(|reader| {
            let offset = reader.offset();
            let pair = quantile(reader)?;
            keep(&mut point.quantiles, pair, budget, offset)
        })?,
        _ => reader.skip()?,
    }
    Ok(())
}

fn meaning(point: Point, kind: Kind, metric: &Metric<'_>) -> Option<MetricValue> {
    let mut histogram = point.histogram;
    histogram.temporality = metric.temporality;
    Some(match kind {
        Kind::Gauge => MetricValue::Gauge(point.number?),
        Kind::Sum => MetricValue::Sum {
            value: point.number?,
            temporality: metric.temporality,
            monotonic: metric.monotonic,
        },
        Kind::Histogram => {
            well_formed(&mut histogram);
            MetricValue::Histogram(histogram)
        }
        Kind::Exponential => {
            point.buckets.into_bounds(&mut histogram);
            MetricValue::Histogram(histogram)
        }
        Kind::Summary => MetricValue::Summary {
            count: histogram.count,
            sum: histogram.sum.unwrap_or(0.0),
            quantiles: point.quantiles,
        },
    })
}

fn clamped(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX })
}

fn keep<T>(list: &mut Vec<T>, item: T, budget: &mut Budget, offset: usize) -> Result<(), Fault> {
    if list.len() >= budget.limits.buckets {
        return Err(Fault::Record(Reject::TooMany));
    }
    budget.charge(size_of::<T>(), offset)?;
    list.push(item);
    Ok(())
}

fn counts(reader: &mut Reader<'_>, counts: &mut Vec<u64>, budget: &mut Budget) -> Result<(), Fault> {
    reader.array(|reader| {
        let offset = reader.offset();
        let count = reader.scalar()?.as_u64();
        keep(counts, count, budget, offset)
    })
}

fn side(reader: &mut Reader<'_>, side: &mut (i32, Vec<u64>), budget: &mut Budget) -> Result<(), Fault> {
    reader.object(|reader, key| match key.as_ref() {
        "offset" => {
            side.0 = clamped(reader.scalar()?.as_i64());
            Ok(())
        }
        "bucketCounts" | "bucket_counts" => counts(reader, &mut side.1, budget),
        _ => Ok(reader.skip()?),
    })
}

fn quantile(reader: &mut Reader<'_>) -> Result<(f64, f64), Fault> {
    let mut pair = (0.0, 0.0);
    reader.object(|reader, key| {
        match key.as_ref() {
            "quantile" => pair.0 = reader.scalar()?.as_f64().unwrap_or(0.0),
            "value" => pair.1 = reader.scalar()?.as_f64().unwrap_or(0.0),
            _ => reader.skip()?,
        }
        Ok::<(), Fault>(())
    })?;
    Ok(pair)
}
