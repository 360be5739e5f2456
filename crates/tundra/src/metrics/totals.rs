//! What histograms have counted in all, on all threads, in 64 bits; the cells themselves wrap at 2^32.
//!
//! The collector alone writes the totals. The low half of a total is what the cells stood at, so whoever reads a total
//! and then the cells knows what came since.

use super::sketch::BUCKETS;
use crate::engine::Local;
use crate::limits::SERIES;
use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

type Totals = Box<[AtomicU64; BUCKETS]>;

static TOTALS: [OnceLock<Totals>; SERIES] = [const { OnceLock::new() }; SERIES];

/// How often each bucket was counted.
pub(super) type Counts = Box<[u64; BUCKETS]>;

/// What a histogram stands at, and the sum of its values.
pub(super) fn standing(number: usize) -> (Counts, f64) {
    let mut counts = Box::new([0; BUCKETS]);
    // Before the cells, which then are not behind.
    for (count, total) in
        counts.iter_mut().zip(TOTALS[number % SERIES].get().into_iter().flat_map(|all| all.iter()))
    {
        *count = total.load(Acquire);
    }
    let mut cells = Box::new([0; BUCKETS]);
    let mut sum = 0.0;
    for local in Local::all() {
        sum += local.cells.sketch(number).map_or(0.0, |sketch| sketch.read(&mut cells));
    }
    counts.iter_mut().zip(cells.iter()).for_each(|(count, cell)| *count = risen(*count, *cell));
    (counts, sum)
}

/// What was counted since the last call, and the sum of all values. For the collector.
pub(super) fn advance(number: usize) -> (Counts, f64) {
    let (mut counts, sum) = standing(number);
    let totals = TOTALS[number % SERIES].get_or_init(|| Box::new([const { AtomicU64::new(0) }; BUCKETS]));
    for (count, total) in counts.iter_mut().zip(totals.iter()) {
        let before = total.load(Relaxed);
        total.store(*count, Release);
        *count -= before;
    }
    (counts, sum)
}

/// In a forked child: its cells begin at zero.
pub(crate) fn forget_parent() {
    let all = TOTALS.iter().filter_map(OnceLock::get);
    all.flat_map(|totals| totals.iter()).for_each(|total| total.store(0, Relaxed));
}

/// A total after its cell rose to this.
fn risen(total: u64, cell: u32) -> u64 {
    total + u64::from(cell.wrapping_sub(total as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_do_not_wrap() {
        let check = |total: u64, cell: u32, expect: u64| assert_eq!(risen(total, cell), expect);
        check(0, 0, 0);
        check(0, 7, 7);
        check(7, 7, 7);
        check(u64::from(u32::MAX), 3, (1 << 32) + 3);
        check((5 << 32) + 9, 8, (6 << 32) + 8);
    }
}
