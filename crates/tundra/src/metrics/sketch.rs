//! A histogram's buckets: the exponent and the first four bits of the fraction of a number are its bucket.
//!
//! 16 buckets per power of two from 2^-30 to 2^34, so a quantile is off by at most 3.2 percent. A bucket holds its upper
//! bound and not its lower one. Three outer buckets hold the rest: what is below, what is nearer to zero than 2^-30, and
//! what is above. Cells call `add`, the collector reads.

use crate::health::{DONE, Unmeasured};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// How many buckets there are.
pub(crate) const BUCKETS: usize = INNER + 3;
/// Buckets from 2^-30 to 2^34.
const INNER: usize = 64 << FRACTION_BITS;
/// The bucket of what is below `-LEAST`.
const BELOW: usize = 0;
/// The bucket of zero and what is about it.
const ZERO: usize = 1;
/// The bucket that has no upper bound.
pub(crate) const ABOVE: usize = BUCKETS - 1;
const FRACTION_BITS: u32 = 4;
/// The sign, exponent and fraction bits that number a bucket start here.
const SHIFT: u32 = 52 - FRACTION_BITS;
/// Where the inner buckets begin: 2^-30.
const LEAST: u64 = (1023 - 30) << 52;

/// Counts in buckets and their sum, written by one thread.
pub(crate) struct Sketch {
    buckets: [AtomicU32; BUCKETS],
    sum: AtomicU64,
}

/// The upper bound of a bucket.
pub(crate) fn upper_bound(bucket: usize) -> f64 {
    match bucket {
        BELOW => -f64::from_bits(LEAST),
        ABOVE => f64::INFINITY,
        _ => f64::from_bits(LEAST + (((bucket - ZERO) as u64) << SHIFT)),
    }
}

fn outer_bucket(value: f64) -> usize {
    match value {
        _ if value <= upper_bound(BELOW) => BELOW,
        _ if value <= upper_bound(ZERO) => ZERO,
        _ => ABOVE,
    }
}

impl Sketch {
    /// An empty sketch on the heap.
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self { buckets: [const { AtomicU32::new(0) }; BUCKETS], sum: AtomicU64::new(0) })
    }

    /// Counts a value.
    #[inline(always)]
    pub(crate) fn add(&self, value: f64) {
        // One less, so that a bound belongs to the bucket below it. What is no inner value, negative or none at all, has
        // a number that is too large.
        let inner = (value.to_bits().wrapping_sub(LEAST + 1) >> SHIFT) as usize;
        if inner < INNER {
            self.count(ZERO + 1 + inner, self.sum() + value);
        } else {
            self.add_outer(value);
        }
    }

    /// Infinite values and what is no number are left out: they would make every later sum useless.
    #[cold]
    #[inline(never)]
    fn add_outer(&self, value: f64) {
        let sum = self.sum() + value;
        if sum.is_finite() {
            self.count(outer_bucket(value), sum);
        } else {
            DONE.unmeasured(Unmeasured::NotFinite);
        }
    }

    #[inline(always)]
    fn sum(&self) -> f64 {
        f64::from_bits(self.sum.load(Relaxed))
    }

    #[inline(always)]
    fn count(&self, bucket: usize, sum: f64) {
        let cell = &self.buckets[bucket];
        cell.store(cell.load(Relaxed).wrapping_add(1), Relaxed);
        self.sum.store(sum.to_bits(), Relaxed);
    }

    /// Adds these counts to `into` and gives the sum. Counts wrap at 2^32; readers take differences.
    pub(crate) fn read(&self, into: &mut [u32; BUCKETS]) -> f64 {
        for (total, count) in into.iter_mut().zip(&self.buckets) {
            *total = total.wrapping_add(count.load(Relaxed));
        }
        self.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_its_bucket() {
        let check = |value: f64| {
            let sketch = Sketch::new();
            sketch.add(value);
            let mut counts = [0; BUCKETS];
            assert_eq!(sketch.read(&mut counts), value);
            let bucket = counts.iter().position(|count| *count == 1).expect("it counts");
            let lower = bucket.checked_sub(1).map_or(f64::NEG_INFINITY, upper_bound);
            assert!(
                lower < value && value <= upper_bound(bucket),
                "{value:e} in {lower:e} to bucket {bucket}"
            );
        };
        let bounds = (0..ABOVE).map(upper_bound);
        for bound in bounds.chain([0.0, -0.0, f64::MIN_POSITIVE, 1.0, 45.2, 60e9, f64::MAX, -5.0, f64::MIN]) {
            [bound.next_down().max(f64::MIN), bound, bound.next_up().min(f64::MAX)]
                .into_iter()
                .for_each(check);
        }
    }

    #[test]
    fn what_is_not_finite_is_left_out() {
        let sketch = Sketch::new();
        let dropped = || {
            let found = crate::health().unmeasured;
            found.iter().find(|(why, _)| *why == Unmeasured::NotFinite).map_or(0, |(_, count)| *count)
        };
        let before = dropped();
        for value in [f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -f64::NAN, f64::MAX] {
            sketch.add(value);
        }
        let mut counts = [0; BUCKETS];
        assert_eq!(sketch.read(&mut counts), f64::MAX);
        assert_eq!(counts.iter().sum::<u32>(), 1);
        assert!(dropped() >= before + 5);
    }
}
