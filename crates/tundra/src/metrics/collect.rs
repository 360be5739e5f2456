//! Adds the threads' cells up into points. Runs on the collector thread only.
//!
//! Counters and histograms become deltas since the last round; gauges are told as they stand.

use super::process::Process;
use super::registry::{self, Kind, Series};
use super::sketch::{BUCKETS, upper_bound};
use crate::engine::Local;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tundra_record::metric::Histogram;
use tundra_record::{MetricPoint, MetricValue, Temporality, UnixNanos, Value};

static GAUGES_ASKED: AtomicBool = AtomicBool::new(false);

pub(crate) fn ask_for_gauges() {
    GAUGES_ASKED.store(true, Relaxed);
}

/// A counter's log line is not repeated within this time.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// What was told of one series.
#[derive(Default)]
struct Told {
    number: u64,
    sum: f64,
    buckets: Option<Box<[u32; BUCKETS]>>,
    line: Option<Instant>,
    /// Counted since the last line.
    unlined: u64,
}

/// One log line about a metric.
#[derive(Debug, PartialEq)]
pub(crate) struct MetricLine {
    pub(crate) message: &'static str,
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

/// What the collector remembers between rounds.
pub(crate) struct Meter {
    told: Vec<Told>,
    since: UnixNanos,
    process: Process,
    #[cfg(feature = "tokio")]
    tokio: super::tokio::Tokio,
}

impl Meter {
    pub(crate) fn new(now: UnixNanos) -> Self {
        Self {
            told: Vec::new(),
            since: now,
            process: Process::default(),
            #[cfg(feature = "tokio")]
            tokio: super::tokio::Tokio::default(),
        }
    }

    /// All points since the last round, the process's own included.
    pub(crate) fn points(&mut self, now: UnixNanos) -> Vec<MetricPoint<'static>> {
        let mut points = Vec::new();
        let guard = registry::read();
        let all = guard.as_ref().map_or(&[][..], |registry| &registry.all);
        self.told.resize_with(all.len(), Told::default);
        for (number, (series, told)) in all.iter().zip(&mut self.told).enumerate() {
            let value = match series.kind {
                Kind::Counter => counter(number, told),
                Kind::Gauge => registry::gauge(number).map(MetricValue::Gauge),
                Kind::Histogram => histogram(number, told),
            };
            let unit = guard.as_ref().and_then(|registry| registry.units.get(&series.name)).copied();
            points.extend(value.map(|value| point(series, unit.unwrap_or(""), value, self.since, now)));
        }
        drop(guard);
        self.process.points(now, &mut points);
        #[cfg(feature = "tokio")]
        self.tokio.points(now, &mut points);
        self.since = now;
        points
    }

    /// The lines that are due: a counter's when it has grown, at most once a minute; a gauge's when it is first set, and
    /// when somebody asked.
    pub(crate) fn lines(&mut self) -> Vec<MetricLine> {
        let asked = GAUGES_ASKED.swap(false, Relaxed);
        let now = Instant::now();
        let guard = registry::read();
        let all = guard.as_ref().map_or(&[][..], |registry| &registry.all);
        self.told.resize_with(all.len(), Told::default);
        let mut lines = Vec::new();
        for (number, (series, told)) in all.iter().zip(&mut self.told).enumerate() {
            let (message, value) = match series.kind {
                Kind::Counter => ("counter incremented", grown(number, told, now)),
                Kind::Gauge if asked || told.line.is_none() => ("gauge set", registry::gauge(number)),
                _ => continue,
            };
            if let Some(value) = value {
                told.line = Some(now);
                let (name, labels) = (series.name.clone(), series.labels.clone());
                lines.push(MetricLine { message, name, labels, value });
            }
        }
        lines
    }
}

pub(super) fn total(number: usize) -> u64 {
    Local::all().map(|local| local.cells.number(number)).fold(0, u64::wrapping_add)
}

fn grown(number: usize, told: &mut Told, now: Instant) -> Option<f64> {
    let total = total(number);
    let more = total.wrapping_sub(told.unlined);
    let due = told.line.is_none_or(|line| now.duration_since(line) >= LINE_EVERY);
    (more > 0 && due).then(|| {
        told.unlined = total;
        more as f64
    })
}

fn counter(number: usize, told: &mut Told) -> Option<MetricValue> {
    let total = total(number);
    let value = total.wrapping_sub(std::mem::replace(&mut told.number, total));
    let sum = MetricValue::Sum { value: value as f64, temporality: Temporality::Delta, monotonic: true };
    (value > 0).then_some(sum)
}

fn histogram(number: usize, told: &mut Told) -> Option<MetricValue> {
    let mut buckets = Box::new([0; BUCKETS]);
    let mut sum = 0.0;
    for local in Local::all() {
        sum += local.cells.sketch(number).map_or(0.0, |sketch| sketch.read(&mut buckets));
    }
    let before = told.buckets.get_or_insert_with(|| Box::new([0; BUCKETS]));
    let delta: Vec<u64> =
        buckets.iter().zip(before.iter()).map(|(now, then)| u64::from(now.wrapping_sub(*then))).collect();
    let grown = sum - std::mem::replace(&mut told.sum, sum);
    *before = buckets;
    let first = delta.iter().position(|count| *count > 0)?;
    let last = delta.iter().rposition(|count| *count > 0)?;
    let lower = if first == 0 { None } else { Some(upper_bound(first - 1)) };
    // One bound below the first filled bucket, so that its width is known; none above the last possible one.
    let bounds: Vec<f64> = lower.into_iter().chain((first..=last).map(upper_bound)).collect();
    let leading = usize::from(lower.is_some());
    let mut counts = vec![0; leading];
    counts.extend_from_slice(&delta[first..=last]);
    counts.push(0);
    Some(MetricValue::Histogram(Histogram {
        count: delta.iter().sum(),
        sum: Some(grown),
        min: None,
        max: None,
        bounds,
        counts,
        temporality: Temporality::Delta,
    }))
}

fn point(
    series: &Series,
    unit: &'static str,
    value: MetricValue,
    start: UnixNanos,
    time: UnixNanos,
) -> MetricPoint<'static> {
    let label = |(key, value): &(String, String)| (key.clone().into(), Value::from(value.clone()));
    MetricPoint {
        name: series.name.clone().into(),
        unit: unit.into(),
        time,
        start: if matches!(value, MetricValue::Gauge(_)) { UnixNanos::default() } else { start },
        attrs: series.labels.iter().map(label).collect(),
        value,
    }
}
