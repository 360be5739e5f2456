//! What one recording thread has: free slots, the stack of spans it is inside of, its generator, its ring, its counters.
//!
//! Made when a thread first records. When the thread ends the whole state is parked and the next new thread adopts it,
//! so slots and rings outlive their thread and memory is bounded by the most threads that ever recorded at once. The
//! thread's pointer has no destructor: spans may be closed inside other thread-local destructors.
#![expect(unsafe_code, reason = "one thread's state is reached through a raw thread-local pointer")]

use super::ring::Ring;
use super::slot::{FIRST, Identity, Slot, UNSAMPLED};
use crate::health::{Dropped, Kind};
use crate::limits::{CONTEXT_DEPTH, SCRATCH_BYTES, THREADS};
use crate::metrics::Cells;
use crate::{clock, rng};
use std::cell::{Cell, UnsafeCell};
use std::ptr::{self, null, null_mut};
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One span the thread is inside of, or a context from another process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Zero for a remote context.
    pub(crate) id: u64,
    pub(crate) who: Identity,
}

/// Room to format one event: its head and its fields.
#[repr(C, align(8))]
pub(crate) struct Scratch(pub(crate) [u8; SCRATCH_BYTES]);

/// Counts that only the owning thread changes and everybody may read.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) created: [AtomicU64; Kind::COUNT],
    pub(crate) dropped: [[AtomicU64; Dropped::COUNT]; Kind::COUNT],
}

/// One recording thread's state. Fields in cells belong to the thread; the others are shared.
pub(crate) struct Local {
    pub(crate) free: Cell<*mut Slot>,
    pub(crate) rng: Cell<u64>,
    stack: UnsafeCell<Vec<Entry>>,
    scratch: Cell<*mut Scratch>,
    pub(crate) ring: Ring,
    pub(crate) returned: AtomicPtr<Slot>,
    pub(crate) owner: u16,
    pub(crate) counts: Counts,
    pub(crate) cells: Cells,
}

static ALL: [AtomicPtr<Local>; THREADS] = [const { AtomicPtr::new(null_mut()) }; THREADS];
static COUNT: AtomicU32 = AtomicU32::new(0);
static PARKED: Mutex<Vec<usize>> = Mutex::new(Vec::new());
static FORKED: AtomicBool = AtomicBool::new(false);
/// In a forked child, until it first records: the forking thread's state in the parent.
static PARENT: AtomicPtr<Local> = AtomicPtr::new(null_mut());

// Values of the pointer that are not addresses. All below `FIRST_ADDRESS`.
const GONE: usize = 1;
const SUPPRESSED: usize = 2;
const NO_ROOM: usize = 3;
const CHILD: usize = 4;
const FIRST_ADDRESS: usize = 8;

thread_local! {
    static HERE: Cell<*const Local> = const { Cell::new(null()) };
    static PARK: Park = const { Park };
}

struct Park;

impl Drop for Park {
    fn drop(&mut self) {
        let here = HERE.with(|here| here.replace(ptr::without_provenance(GONE)));
        if here.addr() < FIRST_ADDRESS {
            return;
        }
        // SAFETY: the pointer was this thread's, and no borrow of the stack outlives a call.
        unsafe { (*(*here).stack.get()).clear() };
        PARKED.lock().unwrap_or_else(PoisonError::into_inner).push(here.expose_provenance());
    }
}

impl Local {
    /// This thread's state; `None` if it cannot record (any more), and then the caller drops and counts.
    #[inline(always)]
    pub(crate) fn get() -> Option<&'static Local> {
        if !cfg!(feature = "enabled") {
            return None;
        }
        let here = HERE.with(Cell::get);
        if here.addr() >= FIRST_ADDRESS {
            // SAFETY: states are never freed, and only this thread holds this one.
            Some(unsafe { &*here })
        } else {
            Self::get_slow(here)
        }
    }

    #[cold]
    #[inline(never)]
    fn get_slow(here: *const Local) -> Option<&'static Local> {
        if !here.is_null() {
            return None;
        }
        if FORKED.load(Relaxed) {
            HERE.with(|here| here.set(ptr::without_provenance(CHILD)));
            return None;
        }
        crate::collector::revive();
        let parked = PARKED.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let found: *const Local = match parked {
            Some(address) => ptr::with_exposed_provenance(address),
            None => Self::make().unwrap_or(ptr::without_provenance(NO_ROOM)),
        };
        HERE.with(|here| here.set(found));
        if PARK.try_with(|_| ()).is_err() {
            // The thread is ending already: nobody would park the state again, so another thread keeps it.
            HERE.with(|here| here.set(ptr::without_provenance(GONE)));
            if found.addr() >= FIRST_ADDRESS {
                PARKED.lock().unwrap_or_else(PoisonError::into_inner).push(found.expose_provenance());
            }
            return None;
        }
        if found.addr() < FIRST_ADDRESS {
            return None;
        }
        // SAFETY: as in `get`; it was parked or is new, so no other thread holds it.
        let local = unsafe { &*found };
        local.inherit();
        Some(local)
    }

    /// The thread that forked goes on inside of the spans it was inside of; their ids lead nowhere, but leaving them
    /// takes them away. For their children they are spans of another process.
    fn inherit(&self) {
        let parent = PARENT.swap(null_mut(), AcqRel);
        // SAFETY: states are never freed; the parent's thread does not exist here, and the stack is this thread's.
        unsafe {
            if let Some(parent) = parent.as_ref() {
                let stack = &mut *self.stack.get();
                stack.clone_from(&*parent.stack.get());
                stack.iter_mut().for_each(|entry| entry.who.tag |= FIRST);
            }
        }
    }

    fn make() -> Option<*const Local> {
        let owner =
            COUNT.fetch_update(AcqRel, Relaxed, |n| ((n as usize) < THREADS).then_some(n + 1)).ok()?;
        clock::choose();
        let local = Box::into_raw(Box::new(Local {
            free: Cell::new(null_mut()),
            rng: Cell::new(rng::seed()),
            stack: UnsafeCell::new(Vec::with_capacity(32)),
            scratch: Cell::new(Box::into_raw(Box::new(Scratch([0; SCRATCH_BYTES])))),
            ring: Ring::new()?,
            returned: AtomicPtr::new(null_mut()),
            owner: owner as u16,
            counts: Counts::default(),
            cells: Cells::default(),
        }));
        ALL[owner as usize].store(local, Release);
        Some(local)
    }

    /// The state with this number, whichever thread it belongs to; its cells must not be touched.
    pub(crate) fn by_number(number: usize) -> Option<&'static Local> {
        // SAFETY: states are never freed.
        unsafe { ALL.get(number)?.load(Acquire).as_ref() }
    }

    /// All states there are; their cells must not be touched.
    pub(crate) fn all() -> impl Iterator<Item = &'static Local> {
        let count = (COUNT.load(Acquire) as usize).min(THREADS);
        (0..count).filter_map(Self::by_number)
    }

    /// From now on nothing that this thread does is recorded. For the collector and other threads of our own.
    pub(crate) fn suppress() {
        HERE.with(|here| {
            if here.get().is_null() {
                here.set(ptr::without_provenance(SUPPRESSED));
            }
        });
    }

    /// Why `get` gave nothing.
    pub(crate) fn absence() -> Option<Dropped> {
        match HERE.with(Cell::get).addr() {
            GONE => Some(Dropped::ThreadEnding),
            NO_ROOM => Some(Dropped::Threads),
            CHILD => Some(Dropped::Forked),
            _ => None,
        }
    }

    /// Enters a span.
    #[inline(always)]
    pub(crate) fn push(&self, entry: Entry) {
        // SAFETY: the stack is this thread's, and no user code runs while it is borrowed.
        let stack = unsafe { &mut *self.stack.get() };
        if stack.len() == stack.capacity() && !deeper(stack) {
            return;
        }
        stack.push(entry);
    }

    /// Leaves a span, in whatever order.
    #[inline(always)]
    pub(crate) fn pop(&self, id: u64) {
        // SAFETY: as in `push`.
        let stack = unsafe { &mut *self.stack.get() };
        match stack.last() {
            Some(top) if top.id == id => {
                stack.pop();
            }
            _ => remove(stack, id),
        }
    }

    /// The innermost span that was made through this pipeline, or the innermost remote context.
    #[inline(always)]
    pub(crate) fn top(&self, pipeline: u16) -> Option<&Entry> {
        // SAFETY: as in `push`; the caller copies what it needs before anything else can happen on this thread.
        let stack = unsafe { &*self.stack.get() };
        let last = stack.last()?;
        if last.who.tag & !UNSAMPLED == pipeline { Some(last) } else { top_of(stack, pipeline) }
    }

    /// The innermost context of all.
    pub(crate) fn innermost(&self) -> Option<&Entry> {
        // SAFETY: as in `top`.
        unsafe { (&*self.stack.get()).last() }
    }

    /// The innermost context that fits; `fits` must not call user code.
    pub(crate) fn find_inside(&self, fits: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        // SAFETY: as in `top`.
        unsafe { (&*self.stack.get()).iter().rev().find(|entry| fits(entry)) }
    }

    /// Takes the thread's scratch buffer; null if an outer event is using it.
    #[inline(always)]
    pub(crate) fn take_scratch(&self) -> *mut Scratch {
        self.scratch.replace(null_mut())
    }

    /// Gives a scratch buffer back; a second one is freed.
    #[inline(always)]
    pub(crate) fn return_scratch(&self, scratch: *mut Scratch) {
        let other = self.scratch.replace(scratch);
        if !other.is_null() {
            // SAFETY: scratch buffers come from `Box::into_raw` and have one holder.
            drop(unsafe { Box::from_raw(other) });
        }
    }

    #[inline(always)]
    pub(crate) fn count_created(&self, kind: Kind) {
        bump(&self.counts.created[kind as usize]);
    }

    #[cold]
    pub(crate) fn count_dropped(&self, kind: Kind, why: Dropped) {
        bump(&self.counts.dropped[kind as usize][why as usize]);
    }
}

/// Any pipeline's contexts: the number that remote contexts carry. It holds the bit `FIRST`, so that their children have it.
pub(crate) const ANY_PIPELINE: u16 = UNSAMPLED - 1;
/// The same for contexts of this process that another API made: their children are not the first ones here.
#[cfg(feature = "opentelemetry")]
pub(crate) const ANY_PIPELINE_HERE: u16 = ANY_PIPELINE & !FIRST;

#[cold]
fn top_of(stack: &[Entry], pipeline: u16) -> Option<&Entry> {
    let mine = |entry: &&Entry| {
        let number = entry.who.tag & !(UNSAMPLED | FIRST);
        number == pipeline || number == ANY_PIPELINE & !FIRST
    };
    stack.iter().rev().find(mine)
}

/// Makes room for more contexts; false if there are too many.
#[cold]
#[inline(never)]
fn deeper(stack: &mut Vec<Entry>) -> bool {
    let more = stack.len() < CONTEXT_DEPTH;
    if more {
        stack.reserve(stack.len());
    }
    more
}

#[cold]
fn remove(stack: &mut Vec<Entry>, id: u64) {
    if let Some(at) = stack.iter().rposition(|entry| entry.id == id) {
        stack.remove(at);
    }
}

/// Adds one where only this thread writes: no locked instruction.
#[inline(always)]
fn bump(count: &AtomicU64) {
    count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
}

/// The states that no thread holds.
pub(crate) type Parked = MutexGuard<'static, Vec<usize>>;

/// For whoever forks.
pub(crate) fn lock_parked() -> Parked {
    PARKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In a forked child: this thread is the only one, and its state stayed in the parent.
pub(crate) fn forget_threads(parked: &mut Parked) {
    parked.clear();
    let count = (COUNT.swap(0, AcqRel) as usize).min(THREADS);
    ALL[..count].iter().for_each(|local| local.store(null_mut(), Release));
    let here = HERE.with(|here| here.replace(null()));
    if here.addr() >= FIRST_ADDRESS {
        PARENT.store(here.cast_mut(), Release);
    }
}

/// In a forked child whose pipelines were at work elsewhere: it records nothing.
pub(crate) fn silence_child() {
    FORKED.store(true, Relaxed);
    HERE.with(|here| here.set(ptr::without_provenance(CHILD)));
}

/// Whether this process is a fork of the one that installed us.
pub(crate) fn is_forked() -> bool {
    FORKED.load(Relaxed)
}
