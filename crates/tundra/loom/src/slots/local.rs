//! As much of a thread's state as the slots need.

use super::slot::Slot;
use crate::keyed::AtomicPtr;
use std::cell::Cell;
use std::ptr::null_mut;

pub(crate) struct Local {
    pub(crate) free: Cell<*mut Slot>,
    pub(crate) returned: AtomicPtr<Slot>,
    pub(crate) owner: u16,
}

thread_local! {
    // All threads of a model run on one thread of the system.
    static ONLY: Cell<Option<&'static Local>> = const { Cell::new(None) };
}

/// The owner of a run's slots.
pub(crate) fn only_one() -> &'static Local {
    let local = Local { free: Cell::new(null_mut()), returned: AtomicPtr::new(null_mut()), owner: 0 };
    let local: &'static Local = Box::leak(Box::new(local));
    ONLY.set(Some(local));
    local
}

impl Local {
    pub(crate) fn by_number(_: usize) -> Option<&'static Local> {
        ONLY.get()
    }
}
