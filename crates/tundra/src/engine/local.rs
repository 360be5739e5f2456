//! What one recording thread has: free slots, the stack of spans it is inside of, its generator, its ring, its counters.
//!
//! Made when a thread first records. When the thread ends the whole state is parked and the next new thread adopts it,
//! so slots and rings outlive their thread and memory is bounded by the most threads that ever recorded at once. The
//! thread's pointer has no destructor: spans may be closed inside other thread-local destructors.
#![expect(unsafe_code, reason = "one thread's state is reached through a raw thread-local pointer")]

use super::contexts::{Contexts, Entry};
use super::ring::Ring;
use super::slot::{FIRST, FOREIGN, NUMBER, Slot, UNSAMPLED};
use crate::clock::Clock;
use crate::health::{Dropped, Kind};
use crate::limits::{SCRATCH_BYTES, THREADS};
use crate::metrics::Cells;
use crate::rng;
use std::cell::Cell;
use std::ptr::{self, null, null_mut};
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Room to format one event: its head and its fields.
#[repr(C, align(8))]
pub(crate) struct Scratch(pub(crate) [u8; SCRATCH_BYTES]);

/// Counts that only the owning thread changes and everybody may read.
#[derive(Default)]
#[repr(C)]
pub(crate) struct Counts {
    pub(crate) created: [AtomicU64; Kind::COUNT],
    pub(crate) dropped: [[AtomicU64; Dropped::COUNT]; Kind::COUNT],
}

/// One recording thread's state. Fields in cells belong to the thread; the others are shared. What every span needs comes
/// first and lies in two lines side by side.
#[repr(C, align(128))]
pub(crate) struct Local {
    pub(crate) free: Cell<*mut Slot>,
    pub(crate) rng: Cell<u64>,
    pub(crate) contexts: Contexts,
    pub(crate) ring: Ring,
    scratch: Cell<*mut Scratch>,
    pub(crate) owner: u16,
    pub(crate) clock: Clock,
    pub(crate) counts: Counts,
    pub(crate) returned: AtomicPtr<Slot>,
    pub(crate) cells: Cells,
}
const _: () = assert!(std::mem::offset_of!(Local, counts) <= 112, "the counts of what was created come last");

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
        // SAFETY: the pointer was this thread's.
        unsafe { (*here).contexts.clear() };
        PARKED.lock().unwrap_or_else(PoisonError::into_inner).push(here.expose_provenance());
    }
}

impl Local {
    /// This thread's state, if it has one already.
    #[inline(always)]
    pub(crate) fn known() -> Option<&'static Local> {
        let here = HERE.with(Cell::get);
        // SAFETY: states are never freed, and only this thread holds this one.
        (here.addr() >= FIRST_ADDRESS).then(|| unsafe { &*here })
    }

    /// This thread's state; `None` if it cannot record (any more), and then the caller drops and counts.
    #[inline(always)]
    pub(crate) fn get() -> Option<&'static Local> {
        if !cfg!(feature = "enabled") {
            return None;
        }
        Self::known().or_else(|| Self::get_slow(HERE.with(Cell::get)))
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

    /// The thread that forked goes on inside of the spans it was inside of.
    fn inherit(&self) {
        let parent = PARENT.swap(null_mut(), AcqRel);
        // SAFETY: states are never freed, and the parent's thread does not exist here.
        if let Some(parent) = unsafe { parent.as_ref() } {
            self.contexts.inherit(&parent.contexts);
        }
    }

    fn make() -> Option<*const Local> {
        let owner =
            COUNT.fetch_update(AcqRel, Relaxed, |n| ((n as usize) < THREADS).then_some(n + 1)).ok()?;
        let local = Box::into_raw(Box::new(Local {
            free: Cell::new(null_mut()),
            rng: Cell::new(rng::seed()),
            contexts: Contexts::default(),
            ring: Ring::new()?,
            scratch: Cell::new(Box::into_raw(Box::new(Scratch([0; SCRATCH_BYTES])))),
            owner: owner as u16,
            clock: Clock::chosen(),
            counts: Counts::default(),
            returned: AtomicPtr::new(null_mut()),
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

    /// Has the rings of ended threads give back what a burst made. For the collector, before a long sleep.
    pub(crate) fn rest_parked() {
        // Whoever starts, ends or forks at this moment does not wait; there will be other sleeps.
        let Ok(parked) = PARKED.try_lock() else { return };
        for address in &*parked {
            // SAFETY: states are never freed, and no thread can take this one while the list is locked.
            unsafe { (*ptr::with_exposed_provenance::<Local>(*address)).ring.rest() };
        }
    }

    /// From now on nothing that this thread does is recorded. For the collector and other threads of our own.
    pub(crate) fn suppress() {
        HERE.with(|here| {
            if here.get().is_null() {
                here.set(ptr::without_provenance(SUPPRESSED));
            }
        });
    }

    /// Whether this is a thread of our own.
    pub(crate) fn is_suppressed() -> bool {
        HERE.with(Cell::get).addr() == SUPPRESSED
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

    /// Enters a span that is not at hand, or a remote context.
    pub(crate) fn push(&self, entry: Entry) {
        self.contexts.prepare(entry);
        self.contexts.enter();
    }

    /// The innermost span that was made through this pipeline, or the innermost remote context.
    #[inline(always)]
    pub(crate) fn top(&self, pipeline: u16) -> Option<&Entry> {
        let last = self.contexts.last();
        if last.who.tag & !(UNSAMPLED | FOREIGN) == pipeline { Some(last) } else { self.top_of(pipeline) }
    }

    #[cold]
    fn top_of(&self, pipeline: u16) -> Option<&Entry> {
        self.contexts.find(|entry| {
            let number = entry.who.tag & NUMBER;
            number == pipeline || number == NUMBER
        })
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
pub(crate) const ANY_PIPELINE: u16 = NUMBER | FIRST | FOREIGN;
/// The same for contexts of this process that another API made: their children are not the first ones here.
#[cfg(feature = "opentelemetry")]
pub(crate) const ANY_PIPELINE_HERE: u16 = NUMBER;
/// The same for a trace that has an id and nothing else yet: it begins with the next span, and is decided then.
pub(crate) const UNDECIDED: u16 = NUMBER | FIRST;

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
