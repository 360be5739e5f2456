//! `sync` for the ring: loom's atomics, and memory whose every word loom watches for races.

use loom::cell::UnsafeCell;
pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::Ordering;

type Words = Rc<Vec<UnsafeCell<()>>>;

thread_local! {
    // All threads of a model run on one thread of the system.
    static BLOCKS: RefCell<BTreeMap<usize, Words>> = const { RefCell::new(BTreeMap::new()) };
    static BUDGET: Cell<usize> = const { Cell::new(0) };
}

/// Before each run: blocks of the last one mean nothing any more.
pub(crate) fn reset() {
    BLOCKS.with_borrow_mut(BTreeMap::clear);
}

/// The words from an address on, and the place among them.
fn words(at: *const u8) -> (Words, usize) {
    BLOCKS.with_borrow(|blocks| {
        let (base, words) = blocks.range(..=at as usize).next_back().expect("inside of a block");
        (Rc::clone(words), (at as usize - base) / 8)
    })
}

/// The next bytes are about to be written.
pub(crate) fn writes(at: *const u8, bytes: usize) {
    let (words, first) = words(at);
    words[first..first + bytes.div_ceil(8)].iter().for_each(|word| word.with_mut(|_| ()));
}

/// The next bytes are about to be read.
pub(crate) fn reads(at: *const u8, bytes: usize) {
    let (words, first) = words(at);
    words[first..first + bytes.div_ceil(8)].iter().for_each(|word| word.with(|_| ()));
}

/// Zeroed memory, which is watched.
pub(crate) fn map(bytes: usize) -> *mut u8 {
    // SAFETY: rings are not empty.
    let at = unsafe { std::alloc::alloc_zeroed(layout(bytes)) };
    let words = (0..bytes / 8).map(|_| UnsafeCell::new(())).collect();
    BLOCKS.with_borrow_mut(|blocks| blocks.insert(at as usize, Rc::new(words)));
    at
}

/// Giving memory back is a write to all of it.
///
/// # Safety
/// It came from `map` with as many bytes.
pub(crate) unsafe fn unmap(at: *mut u8, bytes: usize) {
    writes(at, bytes);
    BLOCKS.with_borrow_mut(|blocks| blocks.remove(&(at as usize)));
    // SAFETY: handed up to the caller.
    unsafe { std::alloc::dealloc(at, layout(bytes)) }
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 64).expect("a ring is small")
}

/// The ring's one static: the budget of larger rings. Nothing else is ordered by it, so loom need not know it; each model
/// has its own.
pub(crate) struct AtomicUsize;

impl AtomicUsize {
    pub(crate) const fn new(_: usize) -> Self {
        Self
    }

    pub(crate) fn store(&self, value: usize, _: Ordering) {
        BUDGET.set(value);
    }

    pub(crate) fn fetch_sub(&self, value: usize, _: Ordering) -> usize {
        BUDGET.replace(BUDGET.get() - value)
    }

    pub(crate) fn fetch_update(
        &self,
        _: Ordering,
        _: Ordering,
        change: impl FnOnce(usize) -> Option<usize>,
    ) -> Result<usize, usize> {
        let old = BUDGET.get();
        change(old).map(|new| BUDGET.replace(new)).ok_or(old)
    }
}
