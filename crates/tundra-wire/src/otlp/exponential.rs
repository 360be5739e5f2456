//! Exponential histograms as explicit bounds, for both encodings of OTLP metrics. No value moves to another bucket;
//! buckets whose bounds a double cannot tell apart are merged.

use tundra_record::metric::Histogram;

/// The buckets of an exponential histogram as the wire has them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exponential {
    pub(crate) scale: i32,
    pub(crate) zero_count: u64,
    pub(crate) zero_threshold: f64,
    /// Index of the first bucket, and counts from there on away from zero.
    pub(crate) positive: (i32, Vec<u64>),
    /// The same below zero.
    pub(crate) negative: (i32, Vec<u64>),
}

impl Exponential {
    /// Where bucket `index` begins: `base^index`, with `base = 2^(2^-scale)`.
    fn edge(&self, index: i64) -> f64 {
        // Scales outside of what any client uses cannot make the arithmetic fail, only the bounds useless.
        let exponent = index as f64 * f64::from(-self.scale.clamp(-64, 64)).exp2();
        exponent.exp2()
    }

    /// Writes bounds and counts into `histogram`.
    pub(crate) fn into_bounds(self, histogram: &mut Histogram) {
        let mut rising = Rising { bounds: Vec::new(), counts: Vec::new() };
        let negatives = &self.negative.1;
        if let Some(last) = negatives.len().checked_sub(1) {
            rising.push(-self.edge(i64::from(self.negative.0) + last as i64 + 1), 0);
        }
        for (at, count) in negatives.iter().enumerate().rev() {
            rising.push(-self.edge(i64::from(self.negative.0) + at as i64), *count);
        }
        let zero = if self.zero_threshold.is_finite() { self.zero_threshold.max(0.0) } else { 0.0 };
        if self.zero_count > 0 || !negatives.is_empty() {
            rising.push(zero, self.zero_count);
        }
        if !self.positive.1.is_empty() {
            rising.push(self.edge(i64::from(self.positive.0)), 0);
        }
        for (count, index) in self.positive.1.iter().zip(i64::from(self.positive.0)..) {
            rising.push(self.edge(index + 1), *count);
        }
        if !rising.bounds.is_empty() {
            rising.counts.push(0);
        }
        histogram.bounds = rising.bounds;
        histogram.counts = rising.counts;
    }
}

/// Buckets whose bounds strictly rise.
struct Rising {
    bounds: Vec<f64>,
    counts: Vec<u64>,
}

impl Rising {
    fn push(&mut self, bound: f64, count: u64) {
        match (self.bounds.last(), self.counts.last_mut()) {
            (Some(last), Some(have)) if bound <= *last => *have = have.saturating_add(count),
            _ => {
                self.bounds.push(bound);
                self.counts.push(count);
            }
        }
    }
}
