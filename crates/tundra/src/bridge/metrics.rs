//! Metrics of the `metrics` crate in our own cells: handles are resolved once, as their macros do.

use crate::metrics::{self as ours, Counter as OurCounter, Gauge as OurGauge, Histogram as OurHistogram};
use ::metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use std::fmt::Display;
use std::sync::Arc;

pub(super) fn install() {
    // An error means that the program has a recorder of its own.
    let _ = ::metrics::set_global_recorder(Bridge);
}

struct Bridge;

fn with_labels<R>(key: &Key, make: impl FnOnce(&str, &[(&str, &dyn Display)]) -> R) -> R {
    let values: Vec<(&str, &str)> = key.labels().map(|label| (label.key(), label.value())).collect();
    let labels: Vec<(&str, &dyn Display)> =
        values.iter().map(|(name, value)| (*name, value as &dyn Display)).collect();
    make(key.name(), &labels)
}

fn describe(key: &KeyName, unit: Option<Unit>) {
    let unit = unit.map_or("", |unit| match unit {
        // As OpenTelemetry spells them.
        Unit::Bytes => "By",
        Unit::Kibibytes => "KiBy",
        Unit::Mebibytes => "MiBy",
        Unit::Gibibytes => "GiBy",
        Unit::Tebibytes => "TiBy",
        Unit::Microseconds => "us",
        other => other.as_canonical_label(),
    });
    ours::describe(key.as_str(), unit);
}

impl Recorder for Bridge {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        describe(&key, unit);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        describe(&key, unit);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        describe(&key, unit);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Counts(with_labels(key, OurCounter::new))))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(Level(with_labels(key, OurGauge::new))))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Values(with_labels(key, OurHistogram::new))))
    }
}

struct Counts(OurCounter);

impl CounterFn for Counts {
    fn increment(&self, value: u64) {
        self.0.add(value);
    }

    fn absolute(&self, value: u64) {
        self.0.raise_to(value);
    }
}

struct Level(OurGauge);

impl GaugeFn for Level {
    fn increment(&self, value: f64) {
        self.0.add(value);
    }

    fn decrement(&self, value: f64) {
        self.0.add(-value);
    }

    fn set(&self, value: f64) {
        self.0.set(value);
    }
}

struct Values(OurHistogram);

impl HistogramFn for Values {
    fn record(&self, value: f64) {
        self.0.record(value);
    }
}
