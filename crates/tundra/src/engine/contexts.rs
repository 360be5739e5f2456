//! The spans and remote contexts that one thread is inside of, the innermost last.
//!
//! Only its own thread touches it, and no user code runs meanwhile. Behind the innermost stands one entry more: the span
//! that the thread made or left last. Mostly that is the one it enters or ends next, and then neither the table of pages
//! nor the span's slot has to be looked at.
//!
//! ```text
//! nobody │ outermost │ ... │ innermost │ at hand │ whatever
//! first                      innermost^ ^next                 ^end
//! ```
//!
//! An entry that is at hand may be out of date. What it says of its span never changes, so that is harmless: entering a
//! span that is over makes children of it, and its slot knows that the id is of another generation.
#![expect(
    unsafe_code,
    reason = "entries are reached through raw pointers: one comparison says whether there is one"
)]

use super::slot::{FIRST, Identity, Slot};
use crate::health::DONE;
use crate::limits::CONTEXT_DEPTH;
use std::cell::Cell;
use std::sync::atomic::Ordering::Relaxed;

/// One span the thread is inside of, or a context from another process.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// Of generation zero for a remote context.
    pub(crate) id: u64,
    pub(crate) slot: &'static Slot,
    pub(crate) who: Identity,
}

/// Where contexts that are no spans of this process have theirs.
static ELSEWHERE: Slot = Slot::of_nobody();

/// Stands where there is no entry. Nobody enters, leaves or ends zero; no pipeline has this number.
static NOBODY: Entry =
    Entry { id: 0, slot: &ELSEWHERE, who: Identity { trace_high: 0, trace_low: 0, span: 0, tag: FIRST } };

impl Entry {
    /// A context that is no span of this process; its id is of generation zero, and not zero.
    pub(crate) fn remote(id: u64, who: Identity) -> Self {
        Self { id, slot: &ELSEWHERE, who }
    }
}

/// Entries that are no contexts: the first one, and the one that is at hand.
const OTHERS: usize = 2;
/// Contexts there is room for at first.
const AT_FIRST: usize = 32;

/// What one thread is inside of. All pointers are into one block of entries.
#[repr(C)]
pub(crate) struct Contexts {
    /// The one at hand; always inside of the block.
    next: Cell<*mut Entry>,
    end: Cell<*mut Entry>,
    first: Cell<*mut Entry>,
}

impl Default for Contexts {
    fn default() -> Self {
        let none = Cell::new(std::ptr::null_mut());
        let contexts = Self { next: none.clone(), end: none.clone(), first: none };
        contexts.adopt(vec![NOBODY], AT_FIRST);
        contexts
    }
}

impl Drop for Contexts {
    fn drop(&mut self) {
        drop(self.block());
    }
}

impl Contexts {
    /// Goes on with these entries, the last one being the innermost, and room for so many.
    fn adopt(&self, mut entries: Vec<Entry>, room: usize) {
        let inside = entries.len();
        entries.resize(room + OTHERS, NOBODY);
        let entries = Box::leak(entries.into_boxed_slice()).as_mut_ptr_range();
        self.first.set(entries.start);
        self.next.set(entries.start.wrapping_add(inside));
        self.end.set(entries.end);
    }

    /// The whole block, for whoever replaces it.
    fn block(&self) -> Box<[Entry]> {
        let entries = std::ptr::slice_from_raw_parts_mut(self.first.get(), self.distance(self.end.get()));
        // SAFETY: `adopt` leaked it with this length, and it is taken once.
        unsafe { Box::from_raw(entries) }
    }

    fn distance(&self, to: *mut Entry) -> usize {
        (to.addr() - self.first.get().addr()) / size_of::<Entry>()
    }

    /// All contexts, the outermost first.
    fn all(&self) -> &[Entry] {
        let inside = self.distance(self.next.get()) - 1;
        // SAFETY: entries from the second one up to `next` are contexts; see the module for who may touch them.
        unsafe { std::slice::from_raw_parts(self.first.get().add(1), inside) }
    }

    /// The innermost context, or an entry of which nobody is.
    #[inline(always)]
    pub(crate) fn last(&self) -> &Entry {
        // SAFETY: `next` is never the first.
        unsafe { &*self.next.get().wrapping_sub(1) }
    }

    /// The entry at hand. The caller copies what it needs before anything else can happen on this thread.
    #[inline(always)]
    pub(crate) fn at_hand(&self) -> &Entry {
        // SAFETY: `next` is inside of the block.
        unsafe { &*self.next.get() }
    }

    /// Has a span at hand that was just made.
    #[inline(always)]
    pub(crate) fn prepare(&self, entry: Entry) {
        // SAFETY: `next` is inside of the block.
        unsafe { self.next.get().write(entry) };
    }

    /// The span at hand is over.
    #[inline(always)]
    pub(crate) fn forget(&self) {
        // SAFETY: `next` is inside of the block.
        unsafe { (*self.next.get()).id = NOBODY.id };
    }

    /// Enters what is at hand.
    #[inline(always)]
    pub(crate) fn enter(&self) {
        let next = self.next.get().wrapping_add(1);
        if next == self.end.get() {
            return self.enter_deeper();
        }
        self.next.set(next);
    }

    /// The same at the end of the block; beyond a depth nothing is entered.
    #[cold]
    #[inline(never)]
    fn enter_deeper(&self) {
        let inside = self.distance(self.next.get());
        if inside > CONTEXT_DEPTH {
            DONE.unplaced_spans.fetch_add(1, Relaxed);
            return;
        }
        let mut entries = self.block().into_vec();
        entries.truncate(inside + 1);
        self.adopt(entries, (inside - 1) * 2);
    }

    /// Leaves a span, in whatever order.
    #[inline(always)]
    pub(crate) fn leave(&self, id: u64) {
        let last = self.next.get().wrapping_sub(1);
        // SAFETY: as in `last`.
        if unsafe { (*last).id } == id {
            self.next.set(last);
        } else {
            self.remove(id);
        }
    }

    #[cold]
    #[inline(never)]
    fn remove(&self, id: u64) {
        let Some(at) = self.all().iter().rposition(|entry| entry.id == id) else { return };
        let behind = self.all().len() - at - 1;
        // SAFETY: both ranges are contexts of this block.
        unsafe {
            let gone = self.first.get().add(at + 1);
            gone.copy_from(gone.add(1), behind);
        }
        self.next.set(self.next.get().wrapping_sub(1));
        // What is at hand now was not left but moved.
        self.forget();
    }

    /// The innermost context.
    pub(crate) fn innermost(&self) -> Option<&Entry> {
        self.all().last()
    }

    /// The innermost context that fits; `fits` must not call user code.
    pub(crate) fn find(&self, fits: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        self.all().iter().rev().find(|entry| fits(entry))
    }

    /// The thread is inside of nothing.
    pub(crate) fn clear(&self) {
        self.next.set(self.first.get().wrapping_add(1));
        self.forget();
    }

    /// Is inside of what the thread was inside of that this one was forked from. Their ids lead nowhere here, but leaving
    /// them takes them away; for their children they are spans of another process.
    pub(crate) fn inherit(&self, parent: &Self) {
        let foreign = |entry: &Entry| Entry {
            slot: &ELSEWHERE,
            who: Identity { tag: entry.who.tag | FIRST, ..entry.who },
            ..*entry
        };
        let entries: Vec<Entry> = std::iter::once(NOBODY).chain(parent.all().iter().map(foreign)).collect();
        let room = (entries.len() - 1).next_power_of_two().max(AT_FIRST);
        drop(self.block());
        self.adopt(entries, room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u64) -> Entry {
        Entry { id, ..NOBODY }
    }

    fn enter(contexts: &Contexts, id: u64) {
        contexts.prepare(entry(id));
        contexts.enter();
    }

    // `+n` enters, `-n` leaves; then the contexts from the outermost on, and what is at hand.
    #[test]
    fn what_a_thread_is_inside_of() {
        let nobody = NOBODY.id;
        let cases: [(&[i64], &[u64], u64); 8] = [
            (&[], &[], nobody),
            (&[1, 2], &[1, 2], nobody),
            (&[1, 2, -2], &[1], 2),
            (&[1, 2, -2, -1], &[], 1),
            (&[1, 2, 3, -2], &[1, 3], nobody),
            (&[1, 2, 1, -1], &[1, 2], 1),
            (&[1, 2, 1, -2, -1], &[1], 1),
            (&[1, -7, 2, -7], &[1, 2], nobody),
        ];
        for (moves, inside, at_hand) in cases {
            let contexts = Contexts::default();
            for step in moves {
                let id = step.unsigned_abs();
                if *step > 0 { enter(&contexts, id) } else { contexts.leave(id) }
            }
            let ids: Vec<u64> = contexts.all().iter().map(|entry| entry.id).collect();
            assert_eq!((ids.as_slice(), contexts.at_hand().id), (inside, at_hand), "{moves:?}");
            assert_eq!(contexts.innermost().map(|entry| entry.id), inside.last().copied());
            assert_eq!(contexts.last().id, inside.last().copied().unwrap_or(nobody));
        }
    }

    #[test]
    fn beyond_a_depth_nothing_is_entered() {
        let unplaced = || crate::health().unplaced_spans;
        let (contexts, before) = (Contexts::default(), unplaced());
        (1..=CONTEXT_DEPTH as u64 + 10).for_each(|id| enter(&contexts, id));
        assert_eq!((contexts.all().len(), unplaced() - before), (CONTEXT_DEPTH, 10));
        assert!(contexts.all().iter().map(|entry| entry.id).eq(1..=CONTEXT_DEPTH as u64));
        let child = Contexts::default();
        child.inherit(&contexts);
        (1..=CONTEXT_DEPTH as u64).rev().for_each(|id| child.leave(id));
        assert!((child.innermost().is_none(), contexts.all().len()) == (true, CONTEXT_DEPTH));
        contexts.clear();
        assert!(contexts.innermost().is_none());
    }
}
