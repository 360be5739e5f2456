//! At most so many traces a second, with one second's worth of burst, and which share that let through lately.
//!
//! Asked on application threads when a trace begins, so it is made of atomics: no lock is held, nothing waits.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

const SECOND: u64 = 1_000_000_000;

/// How many were asked for and allowed in one second.
#[derive(Debug, Default)]
struct Window {
    asked: AtomicU64,
    allowed: AtomicU64,
}

/// The limit.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// Nanoseconds that one trace takes; `None` without a limit.
    interval: Option<u64>,
    origin: Instant,
    /// When the bucket would be empty again.
    next: AtomicU64,
    second: AtomicU64,
    now: Window,
    before: Window,
}

impl Limiter {
    pub(crate) fn new(per_second: Option<f64>) -> Self {
        let interval = per_second.map(|rate| match rate {
            _ if rate > 0.0 => (SECOND as f64 / rate).clamp(1.0, u64::MAX as f64 / 4.0) as u64,
            _ => u64::MAX,
        });
        Self {
            interval,
            origin: Instant::now(),
            next: AtomicU64::new(0),
            second: AtomicU64::new(0),
            now: Window::default(),
            before: Window::default(),
        }
    }

    /// Whether one more may pass now.
    pub(crate) fn allow(&self) -> bool {
        let Some(interval) = self.interval else { return true };
        let nanos = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.allow_at(nanos, interval)
    }

    fn allow_at(&self, nanos: u64, interval: u64) -> bool {
        self.turn(nanos / SECOND);
        self.now.asked.fetch_add(1, Relaxed);
        if interval == u64::MAX {
            return false;
        }
        // At least one may always be waiting for its turn, however slow the rate is.
        let burst = SECOND.max(interval);
        let take = |next: u64| {
            let next = next.max(nanos) + interval;
            (next <= nanos + burst).then_some(next)
        };
        let allowed = self.next.fetch_update(Relaxed, Relaxed, take).is_ok();
        self.now.allowed.fetch_add(u64::from(allowed), Relaxed);
        allowed
    }

    /// Counts of the second that ended become those of before. Two threads at once may lose a few counts.
    fn turn(&self, second: u64) {
        let last = self.second.load(Relaxed);
        if last != second && self.second.compare_exchange(last, second, Relaxed, Relaxed).is_ok() {
            let (asked, allowed) = (self.now.asked.swap(0, Relaxed), self.now.allowed.swap(0, Relaxed));
            let recent = second == last + 1;
            self.before.asked.store(if recent { asked } else { 0 }, Relaxed);
            self.before.allowed.store(if recent { allowed } else { 0 }, Relaxed);
        }
    }

    /// The share of those asked for that passed, in this second and the one before; `None` without a limit.
    pub(crate) fn effective(&self) -> Option<f64> {
        self.interval?;
        let sum = |count: fn(&Window) -> &AtomicU64| {
            count(&self.now).load(Relaxed) + count(&self.before).load(Relaxed)
        };
        let (asked, allowed) = (sum(|window| &window.asked), sum(|window| &window.allowed));
        Some(if asked == 0 { 1.0 } else { (allowed as f64 / asked as f64).min(1.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_passes() {
        let check = |per_second: f64, seconds: u64, expect: u64| {
            let limiter = Limiter::new(Some(per_second));
            let interval = limiter.interval.expect("a limit");
            // A thousand ask each second.
            let passed = (0..seconds * 1000)
                .filter(|milli| limiter.allow_at(milli * 1_000_000, interval))
                .count() as u64;
            assert_eq!(passed, expect, "{per_second} a second in {seconds} s");
        };
        check(0.0, 3, 0);
        // One second's worth at once, then what a second gives.
        check(100.0, 1, 199);
        check(100.0, 3, 399);
        check(1.0, 3, 3);
        check(0.5, 10, 5);
        check(5000.0, 2, 2000);
    }

    #[test]
    fn the_share_is_of_the_last_seconds() {
        let limiter = Limiter::new(Some(10.0));
        let interval = limiter.interval.expect("a limit");
        assert_eq!(limiter.effective(), Some(1.0));
        let passed = (0..40).filter(|n| limiter.allow_at(*n, interval)).count();
        assert_eq!(passed, 10);
        assert_eq!(limiter.effective(), Some(0.25));
        assert!(limiter.allow_at(10 * SECOND, interval));
        assert_eq!(limiter.effective(), Some(1.0));
        assert_eq!(Limiter::new(None).effective(), None);
    }
}
