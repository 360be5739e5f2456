//! Which series exist: names and labels by number, with the limits that keep their number finite.
//!
//! Call sites register once and keep the number; dynamic labels look it up each time. The collector reads the list.
//! Locks here are held for a lookup only and never while user code runs.

use crate::limits::{SERIES, SERIES_PER_METRIC};
use std::collections::HashMap;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What a series measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Labels of a series: names and values.
pub(crate) type Labels = Vec<(String, String)>;

/// One series.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) labels: Labels,
}

#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) all: Vec<Series>,
    numbers: HashMap<(Kind, String, Labels), u32>,
    per_metric: HashMap<(Kind, String), usize>,
    /// By name, for metrics that were described.
    pub(crate) units: HashMap<String, &'static str>,
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
pub(crate) fn number(kind: Kind, name: &str, labels: Labels) -> Option<u32> {
    let key = (kind, name.to_owned(), labels);
    if let Some(number) = read().as_ref().and_then(|registry| registry.numbers.get(&key).copied()) {
        return Some(number);
    }
    let mut guard = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
    let found = guard.get_or_insert_default().add(key);
    drop(guard);
    announce();
    found
}

impl Registry {
    fn add(&mut self, mut key: (Kind, String, Labels)) -> Option<u32> {
        let siblings = self.per_metric.get(&(key.0, key.1.clone())).copied().unwrap_or(0);
        // The last places of the table are kept for overflow series.
        let full = siblings >= SERIES_PER_METRIC || self.all.len() >= SERIES - SERIES / 8;
        if full && !key.2.is_empty() {
            key.2 = vec![(OVERFLOW.0.to_owned(), OVERFLOW.1.to_owned())];
        }
        if let Some(number) = self.numbers.get(&key) {
            return Some(*number);
        }
        if self.all.len() >= SERIES {
            return None;
        }
        let number = self.all.len() as u32;
        self.all.push(Series { kind: key.0, name: key.1.clone(), labels: key.2.clone() });
        *self.per_metric.entry((key.0, key.1.clone())).or_default() += 1;
        self.numbers.insert(key, number);
        Some(number)
    }
}

/// Notes the unit of a metric.
#[cfg(feature = "metrics")]
pub(crate) fn describe(name: &str, unit: &'static str) {
    let mut guard = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
    let units = &mut guard.get_or_insert_default().units;
    if units.len() < SERIES && !unit.is_empty() {
        units.insert(name.to_owned(), unit);
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
