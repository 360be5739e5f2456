//! `sync` for the slots: atomics that are plain numbers in memory (so they can be zeroed, made from a pointer, stand in a
//! static), each followed by a loom atomic that is found by its address.
//!
//! loom wants every access to happen after an atomic was made, so a model touches all of a slot's before it starts
//! threads.

pub(crate) use loom::hint::spin_loop;
pub(crate) use loom::sync::atomic::{
    Ordering::{self, AcqRel, Acquire, Relaxed, Release},
    fence,
};
pub(crate) use std::alloc::alloc_zeroed;

use loom::sync::atomic::AtomicU64 as Watched;
use std::cell::{RefCell, UnsafeCell};
use std::collections::HashMap;
use std::rc::Rc;

thread_local! {
    // All threads of a model run on one thread of the system.
    static PLACES: RefCell<HashMap<usize, Rc<Watched>>> = RefCell::new(HashMap::new());
}

/// Before each run: everything is as it is in memory.
pub(crate) fn reset() {
    PLACES.with_borrow_mut(HashMap::clear);
}

fn watched(at: usize, first: impl FnOnce() -> u64) -> Rc<Watched> {
    if let Some(found) = PLACES.with_borrow(|places| places.get(&at).cloned()) {
        return found;
    }
    let made = Rc::new(Watched::new(first()));
    PLACES.with_borrow_mut(|places| places.insert(at, Rc::clone(&made)));
    made
}

/// A number that loom watches.
#[repr(transparent)]
pub(crate) struct Number<T>(UnsafeCell<T>);

// SAFETY: the cell is only read, and after its first read it never changes.
unsafe impl<T> Sync for Number<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Number<T> {}

/// What fits into a watched number.
pub(crate) trait Narrow: Copy + PartialEq {
    fn widen(self) -> u64;
    fn narrow(wide: u64) -> Self;
}

macro_rules! narrow {
    ($($kind:ty),*) => { $(
        impl Narrow for $kind {
            fn widen(self) -> u64 {
                self as u64
            }
            fn narrow(wide: u64) -> Self {
                wide as Self
            }
        }
    )* };
}

narrow!(u8, u16, u32, u64);

impl<P> Narrow for *mut P {
    fn widen(self) -> u64 {
        self.expose_provenance() as u64
    }
    fn narrow(wide: u64) -> Self {
        std::ptr::with_exposed_provenance_mut(wide as usize)
    }
}

pub(crate) type AtomicU8 = Number<u8>;
pub(crate) type AtomicU16 = Number<u16>;
pub(crate) type AtomicU32 = Number<u32>;
pub(crate) type AtomicU64 = Number<u64>;
pub(crate) type AtomicPtr<P> = Number<*mut P>;

impl<T> Number<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }
}

impl<T: Narrow> Number<T> {
    /// # Safety
    /// As the standard library's.
    pub(crate) unsafe fn from_ptr<'a>(at: *mut T) -> &'a Self {
        // SAFETY: handed up to the caller; the layout is the same.
        unsafe { &*at.cast() }
    }

    fn watched(&self) -> Rc<Watched> {
        // SAFETY: nobody writes the cell after the first access through loom.
        watched(self.0.get() as usize, || unsafe { *self.0.get() }.widen())
    }

    pub(crate) fn load(&self, order: Ordering) -> T {
        T::narrow(self.watched().load(order))
    }

    pub(crate) fn store(&self, value: T, order: Ordering) {
        self.watched().store(value.widen(), order);
    }

    pub(crate) fn swap(&self, value: T, order: Ordering) -> T {
        T::narrow(self.watched().swap(value.widen(), order))
    }

    pub(crate) fn compare_exchange(
        &self,
        old: T,
        new: T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<T, T> {
        let done = self.watched().compare_exchange(old.widen(), new.widen(), success, failure);
        done.map(T::narrow).map_err(T::narrow)
    }

    pub(crate) fn compare_exchange_weak(
        &self,
        old: T,
        new: T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<T, T> {
        self.compare_exchange(old, new, success, failure)
    }

    pub(crate) fn fetch_and(&self, value: T, order: Ordering) -> T {
        T::narrow(self.watched().fetch_and(value.widen(), order))
    }

    pub(crate) fn fetch_update(
        &self,
        success: Ordering,
        failure: Ordering,
        mut change: impl FnMut(T) -> Option<T>,
    ) -> Result<T, T> {
        let wide = |value| change(T::narrow(value)).map(Narrow::widen);
        self.watched().fetch_update(success, failure, wide).map(T::narrow).map_err(T::narrow)
    }
}
