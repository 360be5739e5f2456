//! OTLP metric requests in protobuf: one record for each data point of each metric.

use super::envelope::{add_scope_attrs, walk};
use super::exponential::Exponential;
use super::value;
use crate::budget::{Budget, Fault};
use crate::error::DecodeError;
use crate::limits::Limits;
use crate::protobuf::{Message, Wire, packed_fixed64, packed_varints};
use tundra_record::metric::Histogram;
use tundra_record::{Attrs, MetricPoint, MetricValue, Reject, Sink, Temporality, Text, UnixNanos};

/// Decodes an `ExportMetricsServiceRequest`. Exponential histograms become explicit bounds.
pub fn metrics(body: &[u8], limits: &Limits, sink: &mut impl Sink) -> Result<(), DecodeError> {
    let mut spare = Attrs::new();
    walk(body, limits, sink, |message, scope_attrs, budget, sink| {
        let head = head(message)?;
        let mut fields = message.fields();
        while let Some(field) = fields.next()? {
            let (kind @ (5 | 7 | 9 | 10 | 11), Wire::Bytes(data)) = field else { continue };
            let shape = shape(kind, data)?;
            let mut points = data.fields();
            while let Some(field) = points.next()? {
                let (1, Wire::Bytes(point)) = field else { continue };
                budget.record::<MetricPoint<'_>>(point.offset)?;
                budget.charge(head.0.len() + head.1.len(), point.offset)?;
                let mut attrs = std::mem::take(&mut spare);
                attrs.clear();
                let mut record = empty(&head, attrs);
                let read = read_point(point, &shape, scope_attrs, &mut record, budget);
                match Fault::split(read)? {
                    None => sink.metric(&mut record),
                    Some(reason) => sink.reject(reason),
                }
                spare = record.attrs;
            }
        }
        Ok(())
    })
}

fn empty<'a>(head: &(Text<'a>, Text<'a>), attrs: Attrs<'a>) -> MetricPoint<'a> {
    MetricPoint {
        name: head.0.clone(),
        unit: head.1.clone(),
        time: UnixNanos::default(),
        start: UnixNanos::default(),
        attrs,
        value: MetricValue::Gauge(0.0),
    }
}

/// Name and unit, wherever in the metric they stand.
fn head<'a>(message: Message<'a>) -> Result<(Text<'a>, Text<'a>), DecodeError> {
    let mut head = (Text::default(), Text::default());
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field {
            (1, Wire::Bytes(name)) => head.0 = name.text(),
            (3, Wire::Bytes(unit)) => head.1 = unit.text(),
            _ => {}
        }
    }
    Ok(head)
}

/// What the points of one metric have in common.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// The field number in `Metric` that names the kind.
    kind: u32,
    temporality: Temporality,
    monotonic: bool,
}

fn shape(kind: u32, data: Message<'_>) -> Result<Shape, DecodeError> {
    let mut shape = Shape { kind, temporality: Temporality::Unspecified, monotonic: false };
    let mut fields = data.fields();
    while let Some(field) = fields.next()? {
        match field {
            (2, Wire::Varint(number)) => shape.temporality = super::temporality_from_otlp(number),
            (3, Wire::Varint(truth)) => shape.monotonic = truth != 0,
            _ => {}
        }
    }
    Ok(shape)
}

fn read_point<'a>(
    message: Message<'a>,
    shape: &Shape,
    scope_attrs: &Attrs<'a>,
    record: &mut MetricPoint<'a>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    record.value = match shape.kind {
        5 | 7 => number(message, shape, record, budget)?,
        9 => histogram(message, shape, record, budget)?,
        10 => exponential(message, shape, record, budget)?,
        _ => summary(message, record, budget)?,
    };
    add_scope_attrs(scope_attrs, &mut record.attrs, budget, message.offset)
}

/// The lowest flag says that the point holds no recorded value.
fn recorded(flags: u64) -> Result<(), Fault> {
    if flags & 1 == 1 { Err(Fault::Record(Reject::NoValue)) } else { Ok(()) }
}

fn number<'a>(
    message: Message<'a>,
    shape: &Shape,
    record: &mut MetricPoint<'a>,
    budget: &mut Budget,
) -> Result<MetricValue, Fault> {
    let mut value = None;
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field {
            (2, Wire::Fixed64(nanos)) => record.start = UnixNanos::from_u64(nanos),
            (3, Wire::Fixed64(nanos)) => record.time = UnixNanos::from_u64(nanos),
            (4, Wire::Fixed64(bits)) => value = Some(f64::from_bits(bits)),
            (6, Wire::Fixed64(bits)) => value = Some(bits as i64 as f64),
            (7, Wire::Bytes(entry)) => value::attr(entry, 0, &mut record.attrs, budget)?,
            (8, Wire::Varint(flags)) => recorded(flags)?,
            _ => {}
        }
    }
    let value = value.ok_or(Fault::Record(Reject::NoValue))?;
    Ok(match shape.kind {
        5 => MetricValue::Gauge(value),
        _ => MetricValue::Sum { value, temporality: shape.temporality, monotonic: shape.monotonic },
    })
}

fn histogram<'a>(
    message: Message<'a>,
    shape: &Shape,
    record: &mut MetricPoint<'a>,
    budget: &mut Budget,
) -> Result<MetricValue, Fault> {
    let mut histogram = Histogram { temporality: shape.temporality, ..Histogram::default() };
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field {
            (2, Wire::Fixed64(nanos)) => record.start = UnixNanos::from_u64(nanos),
            (3, Wire::Fixed64(nanos)) => record.time = UnixNanos::from_u64(nanos),
            (4, Wire::Fixed64(count)) => histogram.count = count,
            (5, Wire::Fixed64(bits)) => histogram.sum = Some(f64::from_bits(bits)),
            (6, list) => buckets(list, &mut histogram.counts, budget)?,
            (7, list) => buckets(list, &mut histogram.bounds, budget)?,
            (9, Wire::Bytes(entry)) => value::attr(entry, 0, &mut record.attrs, budget)?,
            (10, Wire::Varint(flags)) => recorded(flags)?,
            (11, Wire::Fixed64(bits)) => histogram.min = Some(f64::from_bits(bits)),
            (12, Wire::Fixed64(bits)) => histogram.max = Some(f64::from_bits(bits)),
            _ => {}
        }
    }
    super::well_formed(&mut histogram);
    Ok(MetricValue::Histogram(histogram))
}

/// Adds a list of 64-bit words, packed or not.
fn buckets<T: FromBits>(list: Wire<'_>, into: &mut Vec<T>, budget: &mut Budget) -> Result<(), Fault> {
    match list {
        Wire::Fixed64(bits) => {
            room(into.len(), budget)?;
            into.push(T::from_bits(bits));
        }
        Wire::Bytes(list) => {
            room(into.len() + list.bytes.len() / 8, budget)?;
            budget.charge(list.bytes.len(), list.offset)?;
            into.extend(packed_fixed64(list)?.map(T::from_bits));
        }
        Wire::Varint(_) | Wire::Fixed32(_) => {}
    }
    Ok(())
}

fn room(len: usize, budget: &Budget) -> Result<(), Fault> {
    if len > budget.limits.buckets { Err(Fault::Record(Reject::TooMany)) } else { Ok(()) }
}

trait FromBits {
    fn from_bits(bits: u64) -> Self;
}

impl FromBits for u64 {
    fn from_bits(bits: u64) -> Self {
        bits
    }
}

impl FromBits for f64 {
    fn from_bits(bits: u64) -> Self {
        Self::from_bits(bits)
    }
}

fn exponential<'a>(
    message: Message<'a>,
    shape: &Shape,
    record: &mut MetricPoint<'a>,
    budget: &mut Budget,
) -> Result<MetricValue, Fault> {
    let mut histogram = Histogram { temporality: shape.temporality, ..Histogram::default() };
    let mut buckets = Exponential::default();
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field {
            (1, Wire::Bytes(entry)) => value::attr(entry, 0, &mut record.attrs, budget)?,
            (2, Wire::Fixed64(nanos)) => record.start = UnixNanos::from_u64(nanos),
            (3, Wire::Fixed64(nanos)) => record.time = UnixNanos::from_u64(nanos),
            (4, Wire::Fixed64(count)) => histogram.count = count,
            (5, Wire::Fixed64(bits)) => histogram.sum = Some(f64::from_bits(bits)),
            (6, Wire::Varint(scale)) => buckets.scale = unzigzag(scale),
            (7, Wire::Fixed64(count)) => buckets.zero_count = count,
            (8, Wire::Bytes(side)) => buckets.positive = exponential_side(side, budget)?,
            (9, Wire::Bytes(side)) => buckets.negative = exponential_side(side, budget)?,
            (10, Wire::Varint(flags)) => recorded(flags)?,
            (12, Wire::Fixed64(bits)) => histogram.min = Some(f64::from_bits(bits)),
            (13, Wire::Fixed64(bits)) => histogram.max = Some(f64::from_bits(bits)),
            (14, Wire::Fixed64(bits)) => buckets.zero_threshold = f64::from_bits(bits),
            _ => {}
        }
    }
    buckets.into_bounds(&mut histogram);
    Ok(MetricValue::Histogram(histogram))
}

fn unzigzag(number: u64) -> i32 {
    let number = number as u32;
    (number >> 1) as i32 ^ -((number & 1) as i32)
}

fn exponential_side(message: Message<'_>, budget: &mut Budget) -> Result<(i32, Vec<u64>), Fault> {
    let (mut offset, mut counts) = (0, Vec::new());
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field {
            (1, Wire::Varint(number)) => offset = unzigzag(number),
            (2, Wire::Varint(count)) => {
                room(counts.len() + 1, budget)?;
                counts.push(count);
            }
            (2, Wire::Bytes(list)) => {
                budget.charge(list.bytes.len() * size_of::<u64>(), list.offset)?;
                packed_varints(list, |count| {
                    room(counts.len() + 1, budget)?;
                    counts.push(count);
                    Ok(())
                })?;
            }
            _ => {}
        }
    }
    Ok((offset, counts))
}

fn summary<'a>(
    message: Message<'a>,
    record: &mut MetricPoint<'a>,
    budget: &mut Budget,
) -> Result<MetricValue, Fault> {
    let (mut count, mut sum, mut quantiles) = (0, 0.0, Vec::new());
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field {
            (2, Wire::Fixed64(nanos)) => record.start = UnixNanos::from_u64(nanos),
            (3, Wire::Fixed64(nanos)) => record.time = UnixNanos::from_u64(nanos),
            (4, Wire::Fixed64(number)) => count = number,
            (5, Wire::Fixed64(bits)) => sum = f64::from_bits(bits),
            (6, Wire::Bytes(entry)) => {
                room(quantiles.len() + 1, budget)?;
                budget.charge(size_of::<(f64, f64)>(), entry.offset)?;
                quantiles.push(quantile(entry)?);
            }
            (7, Wire::Bytes(entry)) => value::attr(entry, 0, &mut record.attrs, budget)?,
            (8, Wire::Varint(flags)) => recorded(flags)?,
            _ => {}
        }
    }
    Ok(MetricValue::Summary { count, sum, quantiles })
}

fn quantile(message: Message<'_>) -> Result<(f64, f64), Fault> {
    let mut pair = (0.0, 0.0);
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field {
            (1, Wire::Fixed64(bits)) => pair.0 = f64::from_bits(bits),
            (2, Wire::Fixed64(bits)) => pair.1 = f64::from_bits(bits),
            _ => {}
        }
    }
    Ok(pair)
}
