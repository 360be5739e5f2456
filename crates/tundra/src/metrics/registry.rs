//! Which series exist: names and labels by number, with the limits that keep their number and bytes finite.
//!
//! Call sites register once and keep the number; dynamic labels look it up each time. The collector reads the list.
//! Locks here are held for a lookup only and never while user code runs.

use super::label::{self, Written};
use crate::health::{DONE, Unmeasured};
use crate::limits::{SERIES, SERIES_BYTES, SERIES_PER_METRIC};
use std::collections::HashMap;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tundra_record::{Attrs, Value};

/// What a series measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    const COUNT: usize = 3;
}

/// Labels of a series: names and values, in the form that `label` makes.
pub(crate) type Labels = Vec<(String, String)>;

/// One series.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) labels: Labels,
}

impl Series {
    /// The labels as attributes.
    pub(crate) fn attrs(&self) -> Attrs<'static> {
        self.labels.iter().map(|(key, text)| (key.clone().into(), value(key, text))).collect()
    }
}

/// Labels are text, but for the one that OpenTelemetry says is a boolean.
fn value(key: &str, text: &str) -> Value<'static> {
    if (key, text) == OVERFLOW { Value::Bool(true) } else { Value::from(text.to_owned()) }
}

/// The series of one name and kind.
#[derive(Default)]
struct Metric {
    numbers: HashMap<Labels, u32>,
    /// The one for new labels, once no more get their own.
    overflow: Option<u32>,
}

/// What there is for a name and labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Series(u32),
    NoRoom,
    New,
}

#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) all: Vec<Series>,
    /// By kind and name.
    metrics: [HashMap<String, Metric>; Kind::COUNT],
    /// By name, for metrics that were described.
    pub(crate) units: HashMap<String, &'static str>,
    /// What all series take.
    bytes: usize,
}

static REGISTRY: RwLock<Option<Registry>> = RwLock::new(None);
static ACTIVE: AtomicBool = AtomicBool::new(false);
static NEWS: AtomicBool = AtomicBool::new(false);
/// Gauges are last-write-wins over all threads: one shared cell each. `UNSET` is a signaling NaN nobody stores.
static GAUGES: [AtomicU64; SERIES] = [const { AtomicU64::new(UNSET) }; SERIES];
const UNSET: u64 = 0x7ff4_0000_0000_dead;

/// The label of the series that takes what is over a metric's limit.
const OVERFLOW: (&str, &str) = ("otel.metric.overflow", "true");

/// Whether anybody listens; without it no metric costs more than this load.
#[inline(always)]
pub(crate) fn active() -> bool {
    cfg!(feature = "enabled") && ACTIVE.load(Relaxed)
}

pub(crate) fn set_active() {
    ACTIVE.store(true, Relaxed);
}

/// Whether something happened that should not wait for the next period; asked by the collector.
pub(crate) fn take_news() -> bool {
    NEWS.load(Relaxed) && NEWS.swap(false, Acquire)
}

pub(crate) fn announce() {
    NEWS.store(true, Release);
    crate::collector::wake();
}

/// The list of series, for the collector.
pub(crate) fn read() -> RwLockReadGuard<'static, Option<Registry>> {
    REGISTRY.read().unwrap_or_else(PoisonError::into_inner)
}

/// The list, held by whoever forks.
pub(crate) type RegistryLock = RwLockWriteGuard<'static, Option<Registry>>;

/// For whoever forks.
pub(crate) fn lock_registry() -> RegistryLock {
    REGISTRY.write().unwrap_or_else(PoisonError::into_inner)
}

/// How many series there are.
pub(crate) fn series_count() -> usize {
    read().as_ref().map_or(0, |registry| registry.all.len())
}

/// The number of a series, which is made if it is new; beyond the limits, the overflow series; `None` if even that has
/// no place.
pub(super) fn number(kind: Kind, name: &str, written: Written) -> Option<u32> {
    let Written { labels, is_cut } = written;
    // What becomes the same is one series from here on, and adds up.
    let (whole, name) = (name, label::name(name));
    if is_cut || name.len() < whole.len() {
        DONE.cut_series.fetch_add(1, Relaxed);
    }
    // What is known, or has no place, must not hold up the others.
    let known = read().as_ref().map_or(Place::New, |registry| registry.find(kind, name, &labels));
    let place = if known == Place::New { make(kind, name, labels) } else { known };
    if let Place::Series(number) = place {
        return Some(number);
    }
    DONE.unmeasured(Unmeasured::NoRoom);
    None
}

fn make(kind: Kind, name: &str, labels: Labels) -> Place {
    let mut guard = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
    let registry = guard.get_or_insert_default();
    let before = registry.all.len();
    let place = registry.add(kind, name, labels);
    let is_new = registry.all.len() > before;
    drop(guard);
    if is_new {
        announce();
    }
    place
}

/// What a series takes: its name and labels stand in the list, and as keys.
fn len_bytes(name: &str, labels: &Labels) -> usize {
    let texts: usize = labels.iter().map(|(key, text)| key.len() + text.len()).sum();
    size_of::<Series>() + 2 * (name.len() + texts + size_of_val(&**labels))
}

impl Registry {
    /// Whether so many eighths of the room are taken.
    fn is_full(&self, eighths: usize) -> bool {
        self.all.len() >= SERIES / 8 * eighths || self.bytes >= SERIES_BYTES / 8 * eighths
    }

    /// Series are never removed, so who had no place before has none now.
    fn find(&self, kind: Kind, name: &str, labels: &Labels) -> Place {
        let metric = self.metrics[kind as usize].get(name);
        let own = metric.and_then(|metric| metric.numbers.get(labels).copied());
        let overflow = || metric.and_then(|metric| metric.overflow).filter(|_| !labels.is_empty());
        match own.or_else(overflow) {
            Some(number) => Place::Series(number),
            None if self.is_full(8) => Place::NoRoom,
            None => Place::New,
        }
    }

    fn add(&mut self, kind: Kind, name: &str, mut labels: Labels) -> Place {
        // Somebody may have been faster.
        let known = self.find(kind, name, &labels);
        if known != Place::New {
            return known;
        }
        // The last places of the table are kept for overflow series.
        let nearly_full = self.is_full(7);
        let metric = self.metrics[kind as usize].entry(name.to_owned()).or_default();
        let full = nearly_full || metric.numbers.len() >= SERIES_PER_METRIC;
        let over = full && !labels.is_empty();
        if over {
            labels = vec![(OVERFLOW.0.to_owned(), OVERFLOW.1.to_owned())];
        }
        let next = self.all.len() as u32;
        let number = *metric.numbers.entry(labels.clone()).or_insert(next);
        if over {
            metric.overflow = Some(number);
        }
        if number == next {
            self.bytes += len_bytes(name, &labels);
            self.all.push(Series { kind, name: name.to_owned(), labels });
        }
        Place::Series(number)
    }
}

/// Notes the unit of a metric.
#[cfg(feature = "metrics")]
pub(crate) fn describe(name: &str, unit: &'static str) {
    let mut guard = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
    let units = &mut guard.get_or_insert_default().units;
    if units.len() < SERIES && !unit.is_empty() {
        units.insert(label::name(name).to_owned(), unit);
    }
}

/// Adds to a gauge, which begins at zero.
#[cfg(feature = "metrics")]
pub(crate) fn add_to_gauge(series: u32, value: f64) {
    let cell = &GAUGES[series as usize % SERIES];
    let sum = |bits| if bits == UNSET { value } else { f64::from_bits(bits) + value };
    let before = cell.fetch_update(Relaxed, Relaxed, |bits| Some(sum(bits).to_bits()));
    if before == Ok(UNSET) {
        announce();
    }
}

/// Sets a gauge.
pub(crate) fn set_gauge(series: u32, value: f64) {
    let cell = &GAUGES[series as usize % SERIES];
    if cell.swap(value.to_bits(), Relaxed) == UNSET {
        announce();
    }
}

/// A gauge's value, if it was ever set.
pub(crate) fn gauge(series: usize) -> Option<f64> {
    let bits = GAUGES[series % SERIES].load(Relaxed);
    (bits != UNSET).then(|| f64::from_bits(bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{LABEL_CHARS, LABELS, METRIC_NAME_CHARS};

    fn labels(n: usize) -> Labels {
        vec![("n".to_owned(), n.to_string())]
    }

    #[test]
    fn limits() {
        let mut registry = Registry::default();
        let mut check = |name: &str, labels: Labels, expect: Place| {
            assert_eq!(registry.add(Kind::Counter, name, labels.clone()), expect, "{name}");
            assert_eq!(registry.find(Kind::Counter, name, &labels), expect, "{name}");
        };
        for n in 0..SERIES_PER_METRIC {
            check("many", labels(n), Place::Series(n as u32));
        }
        // What is beyond the limit is one series, found without making anything.
        let mut next = SERIES_PER_METRIC as u32;
        (5000..5010).for_each(|n| check("many", labels(n), Place::Series(next)));
        check("many", labels(7), Place::Series(7));
        next += 1;
        check("many", Vec::new(), Place::Series(next));
        while (next as usize) < SERIES - 2 {
            next += 1;
            check(&format!("metric {next}"), Vec::new(), Place::Series(next));
        }
        check("late", labels(1), Place::Series(next + 1));
        check("late", labels(2), Place::Series(next + 1));
        for n in 0..3 {
            check("later", labels(n), Place::NoRoom);
            check("later", Vec::new(), Place::NoRoom);
        }
        check("many", labels(5000), Place::Series(SERIES_PER_METRIC as u32));
    }

    // However long the texts of the labels are, and however many characters a letter takes.
    #[test]
    fn bytes_are_limited() {
        let check = |letter: &str, labels: usize| {
            let mut registry = Registry::default();
            let name = letter.repeat(METRIC_NAME_CHARS);
            for n in 0..SERIES {
                let label = |at: usize| (format!("{at}{}", letter.repeat(LABEL_CHARS - 2)), n.to_string());
                registry.add(Kind::Counter, &format!("{n}{name}"), (10..10 + labels).map(label).collect());
            }
            let bytes: usize =
                registry.all.iter().map(|series| len_bytes(&series.name, &series.labels)).sum();
            let largest = 2 * LABELS * (LABEL_CHARS * 4 + 100);
            assert!(bytes == registry.bytes && bytes <= SERIES_BYTES + largest, "{bytes}");
        };
        check("x", 1);
        check("x", LABELS);
        check("🦀", 8);
        check("🦀", LABELS);
    }

    #[test]
    fn overflow_is_a_boolean() {
        let check = |key: &str, text: &str, expect: Value<'static>| {
            let labels = vec![(key.to_owned(), text.to_owned())];
            let series = Series { kind: Kind::Counter, name: String::new(), labels };
            assert_eq!(series.attrs()[0].1, expect);
        };
        check("otel.metric.overflow", "true", Value::Bool(true));
        check("other", "true", Value::from("true"));
    }
}
