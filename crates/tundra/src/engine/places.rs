//! Which slot belongs to which id of a `Registry`: a table the layer asks at every enter, exit and close.
//!
//! An id has one place, found from its bits; whoever finds the place taken goes to a locked map instead, which is rare:
//! a `Registry` numbers its open spans densely, per thread. An insertion is one compare-and-swap, a look-up two loads, a
//! removal a store. Only ids handed out by the `Registry` may be asked for, each by holders of that span.
#![expect(unsafe_code, reason = "the table is zeroed memory that is not touched before it is needed")]

use crate::limits::PLACES;
use std::collections::HashMap;
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where the thread's number stands in an id of a `Registry`; a wrong guess costs time, never correctness.
const THREAD_SHIFT: u32 = 38;
const THREAD_MASK: u64 = 0x1fff;

/// From ids of a `Registry` to ids of ours.
pub(crate) struct Places {
    /// Pairs of a key (zero if free) and a value, in memory that the system zeroes when it is first touched.
    cells: *mut [u64],
    /// Those whose place was taken.
    over: Mutex<HashMap<u64, u64>>,
    over_count: AtomicUsize,
}

// SAFETY: the cells are only reached through atomics.
unsafe impl Send for Places {}
// SAFETY: as above.
unsafe impl Sync for Places {}

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Places").finish_non_exhaustive()
    }
}

impl Default for Places {
    fn default() -> Self {
        let cells = Box::into_raw(vec![0_u64; PLACES * 2].into_boxed_slice());
        Self { cells, over: Mutex::default(), over_count: AtomicUsize::new(0) }
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        // SAFETY: it came from `Box::into_raw`, and nobody else can reach it any more.
        drop(unsafe { Box::from_raw(self.cells) });
    }
}

impl Places {
    #[inline(always)]
    fn cell(&self, id: u64) -> (&AtomicU64, &AtomicU64) {
        let thread = (id >> THREAD_SHIFT) & THREAD_MASK;
        let at = (id.wrapping_add(thread.wrapping_mul(977)) as usize % PLACES) * 2;
        // SAFETY: `at` and its neighbor are inside the slice, which lives as long as `self`.
        unsafe {
            let key = self.cells.cast::<u64>().add(at);
            (AtomicU64::from_ptr(key), AtomicU64::from_ptr(key.add(1)))
        }
    }

    fn over(&self) -> MutexGuard<'_, HashMap<u64, u64>> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers where a span is.
    #[inline(always)]
    pub(crate) fn insert(&self, id: u64, ours: u64) {
        let (key, value) = self.cell(id);
        if key.compare_exchange(0, id, AcqRel, Relaxed).is_ok() {
            value.store(ours, Release);
        } else {
            self.insert_over(id, ours);
        }
    }

    #[cold]
    fn insert_over(&self, id: u64, ours: u64) {
        self.over().insert(id, ours);
        self.over_count.fetch_add(1, Release);
    }

    /// Our id; zero, which is nobody's, if it is not known.
    #[inline(always)]
    pub(crate) fn get(&self, id: u64) -> u64 {
        let (key, value) = self.cell(id);
        if key.load(Acquire) == id { value.load(Acquire) } else { self.get_over(id) }
    }

    #[cold]
    fn get_over(&self, id: u64) -> u64 {
        if self.over_count.load(Acquire) == 0 { 0 } else { self.over().get(&id).copied().unwrap_or(0) }
    }

    /// Forgets a span; gives our id, or zero.
    #[inline(always)]
    pub(crate) fn remove(&self, id: u64) -> u64 {
        let (key, value) = self.cell(id);
        if key.load(Acquire) == id {
            let ours = value.load(Acquire);
            key.store(0, Release);
            ours
        } else {
            self.remove_over(id)
        }
    }

    #[cold]
    fn remove_over(&self, id: u64) -> u64 {
        if self.over_count.load(Acquire) == 0 {
            return 0;
        }
        let removed = self.over().remove(&id);
        if removed.is_some() {
            self.over_count.fetch_sub(1, Release);
        }
        removed.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_is_found_until_removed() {
        let places = Places::default();
        let ids = |round: u64| (0..3 * PLACES as u64).map(move |n| (n % 7) << THREAD_SHIFT | (n + 1 + round));
        for round in [0, 1, 1 << 60] {
            ids(round).for_each(|id| places.insert(id, id + 1));
            ids(round).for_each(|id| assert_eq!(places.get(id), id + 1));
            ids(round).for_each(|id| assert_eq!(places.remove(id), id + 1));
            ids(round).for_each(|id| assert_eq!((places.get(id), places.remove(id)), (0, 0)));
        }
        assert_eq!(places.over_count.load(Relaxed), 0);
    }
}
