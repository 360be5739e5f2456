//! Adds the threads' cells up into points. Runs on the collector thread only.
//!
//! Counters and histograms become deltas since the last round; gauges are told as they stand.

use super::process::Process;
use super::registry::{self, Kind, Series};
use super::sketch::{ABOVE, BUCKETS, upper_bound};
use super::totals;
use crate::engine::Local;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tundra_record::metric::Histogram;
use tundra_record::{MetricPoint, MetricValue, Temporality, UnixNanos};

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
    let (delta, sum) = totals::advance(number);
    let grown = sum - std::mem::replace(&mut told.sum, sum);
    let (bounds, counts) = filled(&delta)?;
    Some(MetricValue::Histogram(Histogram {
        count: counts.iter().sum(),
        // Sums of threads can be too large together.
        sum: Some(grown).filter(|sum| sum.is_finite()),
        min: None,
        max: None,
        bounds,
        counts,
        temporality: Temporality::Delta,
    }))
}

/// Bounds and counts from the first to the last filled bucket, and one bucket below, so that the first one's width is
/// known. What is above the last bound of all counts in the bucket that has none.
fn filled(delta: &[u64; BUCKETS]) -> Option<(Vec<f64>, Vec<u64>)> {
    let first = delta.iter().position(|count| *count > 0)?;
    let last = delta.iter().rposition(|count| *count > 0)?;
    let bounded = first.saturating_sub(1)..=last.min(ABOVE - 1);
    let counts = delta[bounded.clone()].iter().chain([&delta[ABOVE]]).copied().collect();
    Some((bounded.map(upper_bound).collect(), counts))
}

fn point(
    series: &Series,
    unit: &'static str,
    value: MetricValue,
    start: UnixNanos,
    time: UnixNanos,
) -> MetricPoint<'static> {
    MetricPoint {
        name: series.name.clone().into(),
        unit: unit.into(),
        time,
        start: if matches!(value, MetricValue::Gauge(_)) { UnixNanos::default() } else { start },
        attrs: series.attrs(),
        value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bound_pretends_to_hold_more() {
        let check = |buckets: &[usize], expect: Option<(&[f64], &[u64])>| {
            let mut delta = [0; BUCKETS];
            buckets.iter().for_each(|bucket| delta[*bucket] += 1);
            let found = filled(&delta);
            assert_eq!(found.as_ref().map(|(bounds, counts)| (&**bounds, &**counts)), expect);
        };
        let least = 2_f64.powi(-30);
        let most = 2_f64.powi(34);
        check(&[], None);
        check(&[0], Some((&[-least], &[1, 0])));
        check(&[1, 1], Some((&[-least, least], &[0, 2, 0])));
        check(&[2], Some((&[least, least * 1.0625], &[0, 1, 0])));
        check(&[ABOVE - 1], Some((&[most * 31.0 / 32.0, most], &[0, 1, 0])));
        check(&[ABOVE], Some((&[most], &[0, 1])));
        check(&[ABOVE - 1, ABOVE], Some((&[most * 31.0 / 32.0, most], &[0, 1, 1])));
    }
}
