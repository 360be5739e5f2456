//! Where open spans live: 256-byte slots in pages that belong to one thread and that any thread can reach by id.
//!
//! Called by the subscriber only. An id is a 32-bit generation and a 32-bit slot number. Generation, lock and reference
//! count share one word that only compare-and-swap changes while the span is open, so an id that outlived its span finds
//! nothing and never panics, and the end of a span is one such exchange:
//!
//! ```text
//! 63        32   31    30         0
//! generation │ locked │ references │      no references: free, or not published yet
//! ```
//!
//! Who may touch what:
//! * `trace`, `span`, `meta`, `tag` never change while a span is open; they are read through atomics and checked
//!   against the generation afterwards, so even a stale id reads garbage only to throw it away.
//! * fields and spill change by whoever locked the word, which only an open span lets them.
//! * whoever moves the word to the next generation owns the slot alone; a locked word does not move on.
#![expect(unsafe_code, reason = "slots are shared by hand: see the protocol above")]

use super::local::Local;
use super::spill::Spill;
use super::sync::{
    AcqRel, Acquire, AtomicPtr, AtomicU16, AtomicU32, AtomicU64, Relaxed, Release, alloc_zeroed, fence,
    spin_loop,
};
use crate::limits::{PAGES, SLOTS_PER_PAGE, THREADS};
use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::ptr::{self, null_mut};
use tracing_core::Metadata;
use tundra_record::TraceId;

/// Bytes of fields kept inside a slot.
pub(crate) const INLINE: usize = 168;

/// What a ring record is.
pub(crate) const SPAN: u8 = 1;
pub(crate) const EVENT: u8 = 2;
pub(crate) const PAD: u8 = 255;

/// Flag: a value was cut or lost.
pub(crate) const TRUNCATED: u8 = 1;
/// Flags that the collector sets: the trace was not sampled, and is kept for an error or a model call.
pub(crate) const KEPT_ERROR: u8 = 2;
pub(crate) const KEPT_LLM: u8 = 4;
/// Bit of a tag: the root decided that this trace is not kept.
pub(crate) const UNSAMPLED: u16 = 1 << 15;
/// Bit of a tag in a record: its parent, if any, is in another process. Of identities only those of other processes carry
/// it.
pub(crate) const FIRST: u16 = 1 << 14;
/// Bit of a tag: the trace began in another process.
pub(crate) const FOREIGN: u16 = 1 << 13;
/// The part of a tag that holds the pipeline's number.
pub(crate) const NUMBER: u16 = FOREIGN - 1;

/// The fixed part of a record, the same in a slot and in a ring; the fields follow it.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Head {
    /// Length of the whole record in units of 8 bytes.
    pub(crate) units: u16,
    /// Length of the fields in bytes.
    pub(crate) fields: u16,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    /// The pipeline's number, `UNSAMPLED`, `FIRST` and `FOREIGN`.
    pub(crate) tag: u16,
    pub(crate) meta: *const Metadata<'static>,
    pub(crate) trace_high: u64,
    pub(crate) trace_low: u64,
    pub(crate) span: u64,
    pub(crate) parent: u64,
    pub(crate) start: u64,
    /// When it ended; while the span is open, its id in a second subscriber.
    pub(crate) end: u64,
    /// What did not fit; in a free slot, the next free one.
    pub(crate) spill: *mut Spill,
}

impl Head {
    /// The call site.
    pub(crate) fn metadata(&self) -> Option<&'static Metadata<'static>> {
        // SAFETY: only ever set from a `&'static Metadata`, or null.
        unsafe { self.meta.as_ref() }
    }

    /// Length of the whole record.
    pub(crate) fn len_bytes(&self) -> usize {
        usize::from(self.units) * 8
    }

    /// The number of the pipeline it belongs to.
    pub(crate) fn pipeline(&self) -> u16 {
        self.tag & NUMBER
    }

    /// What did not fit. For a record outside of slot and ring, whose holder is the caller.
    pub(crate) fn spill(&self) -> Option<&Spill> {
        // SAFETY: comes from `Box::into_raw` and has one holder, who borrows it as long as the head.
        unsafe { self.spill.as_ref() }
    }

    /// Lets go of what did not fit, with the last copy of a record that was in no slot and no ring any more.
    pub(crate) fn drop_spill(self) {
        if !self.spill.is_null() {
            // SAFETY: the pointer came from `Box::into_raw`, and the record was its one holder.
            drop(unsafe { Box::from_raw(self.spill) });
        }
    }

    /// The trace id in one piece.
    pub(crate) fn trace(&self) -> TraceId {
        TraceId(u128::from(self.trace_high) << 64 | u128::from(self.trace_low))
    }
}

/// Bytes of a `Head`.
pub(crate) const HEAD: usize = size_of::<Head>();

/// The units of a record with so many bytes of fields.
#[inline(always)]
pub(crate) fn units(fields: usize) -> u16 {
    ((HEAD + 7 + fields) / 8) as u16
}

/// One open span, or a free place for one. What every span needs lies in the first half, in two lines side by side.
#[repr(C, align(256))]
pub(crate) struct Slot {
    word: AtomicU64,
    number: u32,
    owner: u16,
    spare: u16,
    pub(crate) head: UnsafeCell<Head>,
    pub(crate) buffer: UnsafeCell<[u8; INLINE]>,
}
const _: () = assert!(size_of::<Slot>() == 256 && HEAD == 72);

/// Bit of a word: someone changes fields or spill.
const LOCKED: u64 = 1 << 31;
/// The part of a word, and of an id, that holds the generation.
const GENERATION: u64 = 0xffff_ffff << 32;
const REFERENCES: u64 = LOCKED - 1;

static TABLE: [AtomicPtr<Slot>; PAGES] = [const { AtomicPtr::new(null_mut()) }; PAGES];
static NEXT_PAGE: AtomicU32 = AtomicU32::new(0);

/// What a child, an event or a context needs to know of a span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) trace_high: u64,
    pub(crate) trace_low: u64,
    pub(crate) span: u64,
    /// The pipeline's number, `UNSAMPLED` and `FOREIGN`.
    pub(crate) tag: u16,
}

#[inline(always)]
fn alive(word: u64, id: u64) -> bool {
    (word ^ id) & GENERATION == 0 && word & !GENERATION != 0
}

/// The slot an id points to; the caller still has to check its generation.
#[inline(always)]
pub(crate) fn find(id: u64) -> Option<&'static Slot> {
    let number = id as u32 as usize;
    let page = TABLE.get(number / SLOTS_PER_PAGE)?.load(Acquire);
    if page.is_null() {
        return None;
    }
    // SAFETY: pages are never freed and hold `SLOTS_PER_PAGE` slots.
    Some(unsafe { &*page.add(number % SLOTS_PER_PAGE) })
}

/// The identity of an open span; `None` for a stale or foreign id.
#[inline(always)]
pub(crate) fn identity(id: u64) -> Option<Identity> {
    let slot = find(id)?;
    alive(slot.word.load(Acquire), id).then_some(())?;
    let seen = slot.identity();
    let seen = Identity { tag: seen.tag & !FIRST, ..seen };
    fence(Acquire);
    alive(slot.word.load(Relaxed), id).then_some(seen)
}

/// The call site of an open span.
pub(crate) fn metadata(id: u64) -> Option<&'static Metadata<'static>> {
    let slot = find(id)?;
    alive(slot.word.load(Acquire), id).then_some(())?;
    // SAFETY: as in `identity`.
    let meta = unsafe { AtomicPtr::from_ptr((&raw mut (*slot.head.get()).meta).cast()) }.load(Relaxed);
    fence(Acquire);
    alive(slot.word.load(Relaxed), id).then_some(())?;
    // SAFETY: the generation is still the same, so this is the `&'static Metadata` that `open` stored.
    unsafe { (meta as *const Metadata<'static>).as_ref() }
}

#[inline(always)]
unsafe fn atomic<'a>(field: *mut u64) -> &'a AtomicU64 {
    // SAFETY: handed up to the caller: `field` lies in a slot, is aligned and lives forever.
    unsafe { AtomicU64::from_ptr(field) }
}

// SAFETY: see the module's protocol.
unsafe impl Sync for Slot {}

impl Slot {
    /// The slot of no span: every id is out of date in it.
    pub(crate) const fn of_nobody() -> Self {
        let head = Head {
            units: 0,
            fields: 0,
            kind: 0,
            flags: 0,
            tag: 0,
            meta: ptr::null(),
            trace_high: 0,
            trace_low: 0,
            span: 0,
            parent: 0,
            start: 0,
            end: 0,
            spill: null_mut(),
        };
        Self {
            word: AtomicU64::new(0),
            number: 0,
            owner: 0,
            spare: 0,
            head: UnsafeCell::new(head),
            buffer: UnsafeCell::new([0; INLINE]),
        }
    }

    /// Takes a free slot of this thread out of its list; nobody else can reach it until `publish`.
    #[inline(always)]
    pub(crate) fn take(local: &Local) -> Option<&'static Slot> {
        match Self::at_hand(local) {
            Some(slot) => {
                slot.take_at_hand(local);
                Some(slot)
            }
            None => refill(local),
        }
    }

    /// The free slot that this thread can take without asking anybody.
    #[inline(always)]
    pub(crate) fn at_hand(local: &Local) -> Option<&'static Slot> {
        // SAFETY: the list holds free slots, which only their owner, this thread, touches.
        unsafe { local.free.get().as_ref() }
    }

    /// Takes it.
    #[inline(always)]
    pub(crate) fn take_at_hand(&self, local: &Local) {
        // SAFETY: a free slot's `spill` is the link.
        local.free.set(unsafe { (*self.head.get()).spill }.cast());
    }

    /// Writes the parts of the head that others may read while the span is open.
    #[inline(always)]
    pub(crate) fn identify(&self, meta: &'static Metadata<'static>, who: Identity) {
        // A reader that sees any of these stores must also see that the generation has moved on.
        fence(Release);
        let head = self.head.get();
        // SAFETY: the slot lives forever; see the module's protocol.
        unsafe {
            AtomicPtr::from_ptr((&raw mut (*head).meta).cast())
                .store(ptr::from_ref(meta).cast_mut(), Relaxed);
            atomic(&raw mut (*head).trace_high).store(who.trace_high, Relaxed);
            atomic(&raw mut (*head).trace_low).store(who.trace_low, Relaxed);
            atomic(&raw mut (*head).span).store(who.span, Relaxed);
            AtomicU16::from_ptr(&raw mut (*head).tag).store(who.tag, Relaxed);
        }
    }

    /// What `identify` wrote, number by number: two at once would have to wait until both were stored.
    #[inline(always)]
    pub(crate) fn identity(&self) -> Identity {
        let head = self.head.get();
        // SAFETY: the slot lives forever; these fields are only ever written through the same atomics.
        unsafe {
            Identity {
                trace_high: atomic(&raw mut (*head).trace_high).load(Relaxed),
                trace_low: atomic(&raw mut (*head).trace_low).load(Relaxed),
                span: atomic(&raw mut (*head).span).load(Relaxed),
                tag: AtomicU16::from_ptr(&raw mut (*head).tag).load(Relaxed),
            }
        }
    }

    /// The generation that the slot's next span will be of, in place. For whoever took it.
    #[inline(always)]
    pub(crate) fn generation(&self) -> u64 {
        // Neither locked nor referred to: nothing but the generation, which is never zero.
        self.word.load(Relaxed)
    }

    /// The id of the span of this generation.
    #[inline(always)]
    pub(crate) fn id(&self, generation: u64) -> u64 {
        generation | u64::from(self.number)
    }

    /// Makes the span of this generation reachable with one reference.
    #[inline(always)]
    pub(crate) fn publish(&self, generation: u64) {
        self.word.store(generation | 1, Release);
    }

    /// One more reference.
    pub(crate) fn retain(&self, id: u64) -> bool {
        self.word
            .fetch_update(Relaxed, Relaxed, |word| {
                (alive(word, id) && word & REFERENCES != REFERENCES).then_some(word.wrapping_add(1))
            })
            .is_ok()
    }

    /// One reference less; true if it was the last, and then the slot is the caller's alone.
    #[inline(always)]
    pub(crate) fn release(&self, id: u64) -> bool {
        self.release_only(id) || self.release_shared(id)
    }

    /// Takes the last reference away if that needs one exchange; else nothing happened.
    #[inline(always)]
    pub(crate) fn release_only(&self, id: u64) -> bool {
        let only = id & GENERATION | 1;
        match (id | !GENERATION).checked_add(1) {
            // Acquires what others did under the lock; whoever takes the slot next acquires what was done here.
            Some(next) => self.word.compare_exchange(only, next, AcqRel, Relaxed).is_ok(),
            None => false,
        }
    }

    /// The same when there are more references, when someone holds the lock, for the last generation, or for a stale id.
    #[cold]
    #[inline(never)]
    fn release_shared(&self, id: u64) -> bool {
        let mut word = self.word.load(Relaxed);
        loop {
            if !alive(word, id) {
                return false;
            }
            let last = word & REFERENCES == 1;
            if last && word & LOCKED != 0 {
                spin_loop();
                word = self.word.load(Relaxed);
                continue;
            }
            let next = if last { next_generation(word) } else { word - 1 };
            match self.word.compare_exchange_weak(word, next, AcqRel, Relaxed) {
                Ok(_) => return last,
                Err(seen) => word = seen,
            }
        }
    }

    /// Runs `change` with fields and spill to itself, if the span is still open. `change` must not call user code.
    pub(crate) fn with_lock<R>(&self, id: u64, change: impl FnOnce(*mut Head, *mut u8) -> R) -> Option<R> {
        let mut word = self.word.load(Relaxed);
        loop {
            if !alive(word, id) {
                return None;
            }
            if word & LOCKED != 0 {
                spin_loop();
                word = self.word.load(Relaxed);
                continue;
            }
            match self.word.compare_exchange_weak(word, word | LOCKED, Acquire, Relaxed) {
                Ok(_) => break,
                Err(seen) => word = seen,
            }
        }
        let result = change(self.head.get(), self.buffer.get().cast());
        self.word.fetch_and(!LOCKED, Release);
        Some(result)
    }

    /// Puts the slot back into its owner's list. The caller owns it and has taken its spill.
    #[inline(always)]
    pub(crate) fn free(&'static self, local: &Local) {
        let this = ptr::from_ref(self).cast_mut();
        if self.owner == local.owner {
            // SAFETY: the slot is the caller's alone.
            unsafe { (*self.head.get()).spill = local.free.get().cast() };
            local.free.set(this);
        } else {
            self.free_remotely();
        }
    }

    /// Puts the slot into its owner's other list, from any thread.
    #[cold]
    pub(crate) fn free_remotely(&'static self) {
        let Some(owner) = Local::by_number(usize::from(self.owner).min(THREADS - 1)) else { return };
        let this = ptr::from_ref(self).cast_mut();
        let mut first = owner.returned.load(Relaxed);
        loop {
            // SAFETY: the slot is the caller's alone until the exchange succeeds.
            unsafe { (*self.head.get()).spill = first.cast() };
            match owner.returned.compare_exchange_weak(first, this, Release, Relaxed) {
                Ok(_) => break,
                Err(seen) => first = seen,
            }
        }
    }

    /// Gives back a slot that was taken but never published.
    #[cold]
    pub(crate) fn abandon(&'static self) {
        let next = next_generation(self.word.load(Relaxed));
        self.word.store(next, Release);
        self.free_remotely();
    }
}

fn next_generation(word: u64) -> u64 {
    // There is no generation zero.
    (word & GENERATION).checked_add(1 << 32).unwrap_or(1 << 32)
}

/// How many spans are open in the whole process.
pub(crate) fn open_spans() -> u64 {
    let pages = (NEXT_PAGE.load(Acquire) as usize).min(PAGES);
    let mut open = 0;
    for number in 0..pages * SLOTS_PER_PAGE {
        let is_open = |slot: &Slot| slot.word.load(Acquire) & REFERENCES != 0;
        open += u64::from(find(number as u64).is_some_and(is_open));
    }
    open
}

/// In a forked child: ids of the parent's open spans lead nowhere, and no page number is used twice.
pub(crate) fn forget_pages() {
    let pages = (NEXT_PAGE.load(Acquire) as usize).min(PAGES);
    TABLE[..pages].iter().for_each(|page| page.store(null_mut(), Release));
}

#[cold]
#[inline(never)]
fn refill(local: &Local) -> Option<&'static Slot> {
    let returned = local.returned.swap(null_mut(), Acquire);
    // SAFETY: slots in the list are free and, after the swap, this thread's alone.
    if let Some(slot) = unsafe { returned.as_ref() } {
        // SAFETY: a free slot's `spill` is the link.
        local.free.set(unsafe { (*slot.head.get()).spill }.cast());
        return Some(slot);
    }
    let page = NEXT_PAGE.fetch_update(AcqRel, Relaxed, |n| ((n as usize) < PAGES).then_some(n + 1)).ok()?;
    let layout = Layout::array::<Slot>(SLOTS_PER_PAGE).ok()?;
    // SAFETY: the layout is not empty.
    let slots = unsafe { alloc_zeroed(layout) }.cast::<Slot>();
    if slots.is_null() {
        return None;
    }
    for at in 0..SLOTS_PER_PAGE {
        let last = at + 1 == SLOTS_PER_PAGE;
        // SAFETY: all-zero bytes are a valid `Slot`; the page is ours until the table knows it.
        unsafe {
            let slot = slots.add(at);
            (*slot).number = page * SLOTS_PER_PAGE as u32 + at as u32;
            (*slot).owner = local.owner;
            (*slot).word = AtomicU64::new(1 << 32);
            (*(*slot).head.get()).spill = if last { null_mut() } else { slots.add(at + 1).cast() };
        }
    }
    TABLE[page as usize].store(slots, Release);
    // SAFETY: the page was initialized above; slot 0 is taken, the rest is the list.
    unsafe {
        local.free.set(slots.add(1));
        Some(&*slots)
    }
}
