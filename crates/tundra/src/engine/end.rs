//! How a span ends: its last reference goes, and what it holds goes into the ring.
//!
//! Called by the doors, on whichever thread lets go last. It never waits; what finds no room is counted.
#![expect(unsafe_code, reason = "slot and ring are reached through raw pointers; see their modules")]

use super::local::Local;
use super::slot::{HEAD, Head, Slot, find, units};
use super::spill::Spill;
use crate::clock::Clock;
use crate::health::{DONE, Dropped, Kind};

/// One reference less; true if the span is over.
///
/// The usual case, the end of the span that the thread left last, calls nothing.
#[inline(always)]
pub(crate) fn release(id: u64) -> bool {
    if let Some(local) = Local::known()
        && local.contexts.at_hand().id == id
        && let clock = local.clock
        && clock.is_quick()
    {
        let slot = local.contexts.at_hand().slot;
        if slot.release_only(id) {
            return close(local, slot, clock);
        }
    }
    release_another(id)
}

#[inline(never)]
fn release_another(id: u64) -> bool {
    let Some(slot) = find(id).filter(|slot| slot.release(id)) else { return false };
    match Local::get() {
        Some(local) => close(local, slot, local.clock),
        None => close_without_thread(slot),
    }
}

/// Bytes of fields that `close` copies itself.
const FEW: usize = 64;

/// The span is over and its slot is ours: end time, copy into the ring, slot back.
#[inline(always)]
fn close(local: &Local, slot: &'static Slot, clock: Clock) -> bool {
    let end = clock.ticks();
    // SAFETY: the slot is ours alone; readers of a stale id only load atomics of fields that are not written here.
    let fields = usize::from(unsafe { (*slot.head.get()).fields });
    let units = units(fields);
    if fields > FEW || !local.ring.is_ready_for(units) {
        return close_otherwise(local, slot, units, end);
    }
    // SAFETY: this is the ring's thread, and it has room; the slot is initialized to its end.
    unsafe {
        let to = local.ring.begin_at_once(units);
        write_head(slot, to, units, end);
        copy_few(slot.buffer.get().cast(), to.add(HEAD), usize::from(units) - HEAD / 8);
        local.ring.finish(units);
    }
    slot.free(local);
    true
}

#[inline(never)]
fn close_otherwise(local: &Local, slot: &'static Slot, units: u16, end: u64) -> bool {
    // SAFETY: as in `close`; `units` is at most that of a slot.
    unsafe {
        if let Some(to) = local.ring.begin(units) {
            write_head(slot, to, units, end);
            let fields = slot.buffer.get().cast::<u8>();
            to.add(HEAD).copy_from_nonoverlapping(fields, usize::from(units) * 8 - HEAD);
            local.ring.finish(units);
        } else {
            lose(local, Kind::Span, (*slot.head.get()).spill);
        }
    }
    slot.free(local);
    true
}

/// # Safety
/// The slot must be the caller's alone, and `to` have room for a head.
#[inline(always)]
unsafe fn write_head(slot: &Slot, to: *mut u8, units: u16, end: u64) {
    // Neither number is put into the slot: reading them back as parts of something wider would have to wait for them.
    // SAFETY: handed up to the caller.
    unsafe {
        let (from, to) = (slot.head.get(), to.cast::<Head>());
        to.cast::<[u64; WORDS]>().write(from.cast::<[u64; WORDS]>().read());
        (*to).units = units;
        (*to).end = end;
        (*to).spill = (*from).spill;
    }
}

/// Words of a head before `end`.
const WORDS: usize = std::mem::offset_of!(Head, end) / 8;

/// Copies so many words, at most `FEW` bytes.
///
/// # Safety
/// As for any copy.
#[inline(always)]
unsafe fn copy_few(from: *const u8, to: *mut u8, words: usize) {
    type Two = [u64; 2];
    // SAFETY: handed up to the caller; the last copy of each kind ends where all ends, and may repeat some words.
    unsafe {
        let copy =
            |at: usize| to.add(at).cast::<Two>().write_unaligned(from.add(at).cast::<Two>().read_unaligned());
        if words >= 2 {
            copy(0);
            copy(words * 8 - 16);
            if words > 4 {
                copy(16);
                copy(words * 8 - 32);
            }
        } else if words == 1 {
            to.cast::<u64>().write(from.cast::<u64>().read_unaligned());
        }
    }
}

#[cold]
pub(super) fn lose(local: &Local, kind: Kind, spill: *mut Spill) {
    local.count_dropped(kind, Dropped::RingFull);
    drop_spill(spill);
}

fn drop_spill(spill: *mut Spill) {
    if !spill.is_null() {
        // SAFETY: spill pointers come from `Box::into_raw` and have one holder: the record.
        drop(unsafe { Box::from_raw(spill) });
    }
}

#[cold]
fn close_without_thread(slot: &'static Slot) -> bool {
    // SAFETY: the slot is ours alone.
    drop_spill(unsafe { (*slot.head.get()).spill });
    // A thread of our own closing an application's span is an ending as well.
    DONE.drop_record(Kind::Span, Local::absence().unwrap_or(Dropped::ThreadEnding), 1);
    slot.free_remotely();
    true
}
