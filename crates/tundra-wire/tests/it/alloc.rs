//! Counts what a thread holds on the heap, so that tests can say how much a decoder may allocate.
#![expect(unsafe_code, reason = "an allocator can only be counted by being one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn change(bytes: isize) {
    let _gone_at_thread_exit = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        PEAK.with(|peak| peak.set(peak.get().max(held.get())));
        CALLS.with(|calls| calls.set(calls.get() + usize::from(bytes > 0)));
    });
}

// SAFETY: every call goes to the system allocator unchanged; only numbers are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        change(layout.size() as isize);
        // SAFETY: the caller keeps this function's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        change(-(layout.size() as isize));
        // SAFETY: the caller keeps this function's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What `run` held at most beyond what was held before, in bytes, and how often it allocated.
pub(crate) fn measure(run: impl FnOnce()) -> (usize, usize) {
    let before = HELD.get();
    let calls = CALLS.get();
    PEAK.set(before);
    run();
    (usize::try_from(PEAK.get() - before).unwrap_or(0), CALLS.get() - calls)
}
