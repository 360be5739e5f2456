//! Counts what a thread allocates: how often, how much, and how much it still holds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

pub struct Counting;

thread_local! {
    static TIMES: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
}

fn count(allocated: usize, freed: usize) {
    // Without a destructor, so these can be reached at any time.
    if allocated > 0 {
        TIMES.with(|times| times.set(times.get() + 1));
        BYTES.with(|bytes| bytes.set(bytes.get() + allocated as u64));
    }
    HELD.with(|held| held.set(held.get() + allocated as i64 - freed as i64));
}

// SAFETY: every call is handed to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: handed on.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: handed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// Allocations so far, their bytes, and the bytes held, of this thread.
pub fn counts() -> (u64, u64, i64) {
    (TIMES.get(), BYTES.get(), HELD.get())
}
