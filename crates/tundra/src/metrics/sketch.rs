//! A histogram's buckets: the exponent and the first four bits of the fraction of a number are its bucket.
//!
//! 16 buckets per power of two from 2^-30 to 2^34, so a quantile is off by at most 3.2 percent; what is smaller, zero or
//! negative counts in the first bucket, what is larger in the last. Cells call `add`, the collector reads.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// How many buckets there are.
pub(crate) const BUCKETS: usize = 1024;
const FIRST_EXPONENT: u64 = 1023 - 30;
const FRACTION_BITS: u32 = 4;
/// The sign, exponent and fraction bits that number a bucket start here.
const SHIFT: u32 = 52 - FRACTION_BITS;
const OFFSET: u64 = FIRST_EXPONENT << FRACTION_BITS;

/// Counts in buckets and their sum, written by one thread.
pub(crate) struct Sketch {
    buckets: [AtomicU32; BUCKETS],
    sum: AtomicU64,
}

/// The bucket of a value.
#[inline(always)]
pub(crate) fn bucket(value: f64) -> usize {
    // Values that are not above zero have the sign bit or all zeros and must not wrap to the top.
    let key = if value > 0.0 { value.to_bits() >> SHIFT } else { 0 };
    (key.saturating_sub(OFFSET) as usize).min(BUCKETS - 1)
}

/// The upper bound of a bucket.
pub(crate) fn upper_bound(bucket: usize) -> f64 {
    f64::from_bits((bucket as u64 + 1 + OFFSET) << SHIFT)
}

impl Sketch {
    /// An empty sketch on the heap.
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self { buckets: [const { AtomicU32::new(0) }; BUCKETS], sum: AtomicU64::new(0) })
    }

    /// Counts a value; one that is not a number is ignored.
    #[inline(always)]
    pub(crate) fn add(&self, value: f64) {
        if value.is_nan() {
            return;
        }
        let cell = &self.buckets[bucket(value)];
        cell.store(cell.load(Relaxed).wrapping_add(1), Relaxed);
        let sum = f64::from_bits(self.sum.load(Relaxed)) + value;
        self.sum.store(sum.to_bits(), Relaxed);
    }

    /// Adds these counts to `into` and gives the sum. Counts wrap at 2^32; readers take differences.
    pub(crate) fn read(&self, into: &mut [u32; BUCKETS]) -> f64 {
        for (total, count) in into.iter_mut().zip(&self.buckets) {
            *total = total.wrapping_add(count.load(Relaxed));
        }
        f64::from_bits(self.sum.load(Relaxed))
    }
}
