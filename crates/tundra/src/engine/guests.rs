//! Spans that only the second subscriber wants: they have an id, and nothing else of ours.
//!
//! Their ids are of generation zero, which no slot ever has, so whatever is asked about them here finds nothing, and high
//! numbers, which a `Registry` that hands us its own ids by mistake does not reach. The table
//! leads to the second's ids, and to the nearest span above that we record. Looked at by `fanout` alone, for ids of that kind
//! alone; nothing of the second's runs while it is locked.

use crate::limits::GUESTS;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};
use tracing_core::span::Id;
use tracing_core::{Metadata, span::Current};

#[derive(Clone, Copy)]
pub(super) struct Guest {
    /// The pipeline whose second subscriber wants it, and its id there.
    pub(super) pipeline: u16,
    pub(super) second: u64,
    /// Our id of the nearest span above that we record; zero if there is none.
    pub(super) above: u64,
    pub(super) meta: &'static Metadata<'static>,
}

#[derive(Default)]
pub(crate) struct Guests {
    last: u32,
    /// By our id, each with its references.
    open: HashMap<u64, (Guest, u32)>,
    by_second: HashMap<(u16, u64), u64>,
}

static OPEN: RwLock<Option<Guests>> = RwLock::new(None);

/// Open guests, held by whoever forks.
pub(crate) type GuestsLock = RwLockWriteGuard<'static, Option<Guests>>;

/// For whoever forks, and for this module.
pub(crate) fn lock_guests() -> GuestsLock {
    OPEN.write().unwrap_or_else(PoisonError::into_inner)
}

fn ask<R>(question: impl FnOnce(&Guests) -> Option<R>) -> Option<R> {
    question(OPEN.read().unwrap_or_else(PoisonError::into_inner).as_ref()?)
}

/// The numbers that guests have: below that of spans that could not be recorded.
const NUMBERS: std::ops::RangeInclusive<u32> = 0x8000_0000..=0xffff_fffe;

/// Whether an id may be a guest's, or is that of a span that nobody wanted.
#[inline]
pub(super) fn is_guest(id: u64) -> bool {
    id >> 31 == 1
}

/// A guest that is open.
#[inline]
pub(super) fn guest(id: u64) -> Option<Guest> {
    if !is_guest(id) {
        return None;
    }
    ask(|guests| guests.open.get(&id).map(|(guest, _)| *guest))
}

/// Takes a guest in; `None` if there are too many.
pub(super) fn welcome(guest: Guest) -> Option<u64> {
    let mut lock = lock_guests();
    let guests = lock.get_or_insert_default();
    if guests.open.len() >= GUESTS {
        return None;
    }
    // Far fewer are open than there are numbers.
    loop {
        let next = guests.last.wrapping_add(1);
        guests.last = if NUMBERS.contains(&next) { next } else { *NUMBERS.start() };
        let id = u64::from(guests.last);
        if !guests.open.contains_key(&id) {
            guests.by_second.insert((guest.pipeline, guest.second), id);
            guests.open.insert(id, (guest, 1));
            return Some(id);
        }
    }
}

/// One reference more.
pub(super) fn retain(id: u64) {
    if let Some((_, references)) = lock_guests().as_mut().and_then(|guests| guests.open.get_mut(&id)) {
        *references += 1;
    }
}

/// One reference less; the guest if it was the last.
pub(super) fn release(id: u64) -> Option<Guest> {
    let mut lock = lock_guests();
    let guests = lock.as_mut()?;
    let (guest, references) = guests.open.get_mut(&id)?;
    *references -= 1;
    if *references > 0 {
        return None;
    }
    let guest = *guest;
    guests.open.remove(&id);
    guests.by_second.remove(&(guest.pipeline, guest.second));
    Some(guest)
}

/// The guest that the second subscriber is inside of, if nothing of ours is further in.
pub(super) fn innermost(pipeline: u16, second: &Current, ours: &Current) -> Option<Current> {
    let key = (pipeline, second.id()?.into_u64());
    let above = ours.id().map_or(0, Id::into_u64);
    let (id, guest) = ask(|guests| {
        let id = *guests.by_second.get(&key)?;
        Some((id, guests.open.get(&id)?.0))
    })?;
    (guest.above == above).then(|| Current::new(Id::from_u64(id), guest.meta))
}
