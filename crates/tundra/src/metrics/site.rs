//! What the macros and applications hold: handles, and the statics at call sites that cache them.
//!
//! A handle is a series' number. A site resolves its number on the first call that finds the SDK active; later calls
//! are one load and the cell.

#[cfg(feature = "metrics")]
use super::collect;
use super::label;
use super::registry::{self, Kind};
use crate::engine::Local;
use std::fmt::Display;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A label's name and literal value, as the macros write them.
pub type Label = (&'static str, &'static str);

const UNRESOLVED: u32 = u32::MAX;
/// There was no place for the series: the site is silent.
const REFUSED: u32 = u32::MAX - 1;

/// A counter that was looked up once and can be kept: `Counter::new("jobs.done", &[("queue", "mail")])`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter(u32);

/// A gauge that was looked up once and can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauge(u32);

/// A histogram that was looked up once and can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram(u32);

fn resolve(kind: Kind, name: &str, labels: &[(&str, &dyn Display)]) -> u32 {
    if !cfg!(feature = "enabled") {
        return REFUSED;
    }
    registry::number(kind, name, label::labels(labels.iter().copied())).unwrap_or(REFUSED)
}

impl Counter {
    /// Looks the series up, or makes it.
    pub fn new(name: &str, labels: &[(&str, &dyn Display)]) -> Self {
        Self(resolve(Kind::Counter, name, labels))
    }

    /// Adds to it.
    #[inline]
    pub fn add(self, amount: u64) {
        if registry::active()
            && self.0 < REFUSED
            && let Some(local) = Local::get()
        {
            local.cells.add(self.0, amount);
        }
    }
}

impl Gauge {
    /// Looks the series up, or makes it.
    pub fn new(name: &str, labels: &[(&str, &dyn Display)]) -> Self {
        Self(resolve(Kind::Gauge, name, labels))
    }

    /// Sets it.
    #[inline]
    pub fn set(self, value: f64) {
        if registry::active() && self.0 < REFUSED {
            registry::set_gauge(self.0, value);
        }
    }
}

#[cfg(feature = "metrics")]
impl Counter {
    /// Adds what is missing to this value, whichever handle counted before. A value that was passed already adds nothing.
    pub(crate) fn raise_to(self, value: u64) {
        let number = self.0 as usize;
        // The thread's state first, as making it takes a lock that whoever forks takes before the registry's.
        if registry::active()
            && self.0 < REFUSED
            && value > collect::total(number)
            && let Some(local) = Local::get()
        {
            // One at a time: two would both add what is missing.
            let _one = registry::lock_registry();
            local.cells.add(self.0, value.saturating_sub(collect::total(number)));
        }
    }
}

#[cfg(feature = "metrics")]
impl Gauge {
    /// Adds to it.
    pub(crate) fn add(self, value: f64) {
        if registry::active() && self.0 < REFUSED {
            registry::add_to_gauge(self.0, value);
        }
    }
}

impl Histogram {
    /// Looks the series up, or makes it.
    pub fn new(name: &str, labels: &[(&str, &dyn Display)]) -> Self {
        Self(resolve(Kind::Histogram, name, labels))
    }

    /// Counts a value.
    #[inline]
    pub fn record(self, value: f64) {
        if registry::active()
            && self.0 < REFUSED
            && let Some(local) = Local::get()
        {
            local.cells.observe(self.0, value);
        }
    }
}

/// Asks the collector to write one log line for every gauge (see `Builder::log_metrics`).
pub fn report_gauges() {
    super::collect::ask_for_gauges();
    registry::announce();
}

/// A call site's name and literal labels, and the number once it is known.
#[derive(Debug)]
struct Site {
    name: &'static str,
    labels: &'static [Label],
    number: AtomicU32,
}

impl Site {
    const fn new(name: &'static str, labels: &'static [Label]) -> Self {
        Self { name, labels, number: AtomicU32::new(UNRESOLVED) }
    }

    #[inline(always)]
    fn number(&self, kind: Kind) -> u32 {
        match self.number.load(Relaxed) {
            UNRESOLVED => self.resolve(kind),
            number => number,
        }
    }

    #[cold]
    #[inline(never)]
    fn resolve(&self, kind: Kind) -> u32 {
        if !registry::active() {
            return REFUSED;
        }
        let labels = self.labels.iter().map(|(key, value)| (*key, value as &dyn Display));
        let number = registry::number(kind, self.name, label::labels(labels)).unwrap_or(REFUSED);
        self.number.store(number, Relaxed);
        number
    }
}

/// What `increment_counter!` and `counter!` keep at their call site.
#[derive(Debug)]
pub struct CounterSite(Site);

impl CounterSite {
    /// For the macros.
    pub const fn new(name: &'static str, labels: &'static [Label]) -> Self {
        Self(Site::new(name, labels))
    }

    /// Adds to the counter.
    #[inline]
    pub fn add(&self, amount: u64) {
        Counter(self.0.number(Kind::Counter)).add(amount);
    }
}

/// What `gauge!` keeps at its call site.
#[derive(Debug)]
pub struct GaugeSite(Site);

impl GaugeSite {
    /// For the macros.
    pub const fn new(name: &'static str, labels: &'static [Label]) -> Self {
        Self(Site::new(name, labels))
    }

    /// Sets the gauge.
    #[inline]
    pub fn set(&self, value: f64) {
        Gauge(self.0.number(Kind::Gauge)).set(value);
    }
}

/// What `histogram!` keeps at its call site.
#[derive(Debug)]
pub struct HistogramSite(Site);

impl HistogramSite {
    /// For the macros.
    pub const fn new(name: &'static str, labels: &'static [Label]) -> Self {
        Self(Site::new(name, labels))
    }

    /// Counts a value.
    #[inline]
    pub fn record(&self, value: f64) {
        Histogram(self.0.number(Kind::Histogram)).record(value);
    }
}
