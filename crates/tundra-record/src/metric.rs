//! Metric points.

use crate::time::UnixNanos;
use crate::value::{Attrs, Text};

/// One value of one series at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricPoint<'a> {
    /// The metric's name.
    pub name: Text<'a>,
    /// Its unit (UCUM in OpenTelemetry); empty if unknown.
    pub unit: Text<'a>,
    /// When the value was taken.
    pub time: UnixNanos,
    /// The beginning of the period a sum or histogram covers; zero if unknown.
    pub start: UnixNanos,
    /// The series' labels.
    pub attrs: Attrs<'a>,
    /// The value itself.
    pub value: MetricValue,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricValue {
    /// A value that goes up and down.
    Gauge(f64),
    /// A sum over a period.
    Sum {
        /// The sum.
        value: f64,
        /// What the period is.
        temporality: Temporality,
        /// Whether it can only grow.
        monotonic: bool,
    },
    /// Counts in buckets.
    Histogram(Histogram),
    /// Quantiles computed by the client.
    Summary {
        /// How many values.
        count: u64,
        /// Their sum.
        sum: f64,
        /// Quantile (0 to 1) and value.
        quantiles: Vec<(f64, f64)>,
    },
    /// One member of a set whose distinct members are counted (DogStatsD `s`).
    SetMember(String),
}

/// Counts in buckets with explicit upper bounds; the last bucket has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// How many values.
    pub count: u64,
    /// Their sum, if known.
    pub sum: Option<f64>,
    /// The smallest, if known.
    pub min: Option<f64>,
    /// The largest, if known.
    pub max: Option<f64>,
    /// Upper bounds, rising; one fewer than `counts`, or both empty.
    pub bounds: Vec<f64>,
    /// How many values per bucket.
    pub counts: Vec<u64>,
    /// What the period is.
    pub temporality: Temporality,
}

/// What period a sum or histogram covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Temporality {
    /// Not said.
    #[default]
    Unspecified,
    /// Since the previous point.
    Delta,
    /// Since the start.
    Cumulative,
}

impl MetricValue {
    /// The word that the SQL column `type` uses.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Gauge(_) => "gauge",
            Self::Sum { monotonic: true, .. } => "counter",
            Self::Sum { .. } => "sum",
            Self::Histogram(_) => "histogram",
            Self::Summary { .. } => "summary",
            Self::SetMember(_) => "set",
        }
    }
}
