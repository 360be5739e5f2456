//! The spans of a batch put together by trace, without memory for each span: a list of entries that are chained chunk by
//! chunk, and a table that finds the chunk of a trace. All of it is reused from batch to batch.
//!
//! Pure, filled and walked by `traces`.

use crate::engine::{FIRST, Head, UNSAMPLED};
use crate::rng;
use crate::sampling::Worth;
use tundra_record::TraceId;

/// No entry.
const NONE: u32 = u32::MAX;

/// Spans of one trace with no other span between them, by the first one's place in the batch. Those that are not plain stand
/// alone, with their number among them, and so do those that are the first of their trace here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) at: u32,
    pub(super) spans: u32,
    slow: u32,
    /// The next of its chunk.
    next: u32,
}

impl Entry {
    /// Its number among the spans that are not plain, if it is one.
    #[inline(always)]
    pub(super) fn slow(&self) -> Option<usize> {
        (self.slow != NONE).then_some(self.slow as usize)
    }
}

/// The spans of one trace, those that are kept apart from those that are not.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) trace: TraceId,
    pub(super) sampled: bool,
    /// Whether its spans say where the trace began.
    pub(super) has_origin: bool,
    pub(super) worth: Option<Worth>,
    head: u32,
    tail: u32,
    /// The entry of the first span that is the first of its trace here.
    front: u32,
    pub(super) spans: u32,
    /// Spans that are the first of their trace here.
    pub(super) firsts: u32,
}

impl Chunk {
    /// The entry with the span that speaks for all of them in front.
    fn front(&self) -> u32 {
        if self.front == NONE { self.head } else { self.front }
    }

    #[inline(always)]
    fn is_of(&self, trace: TraceId, sampled: bool) -> bool {
        self.trace == trace && self.sampled == sampled
    }
}

/// All of a batch.
#[derive(Debug, Default)]
pub(super) struct Groups {
    entries: Vec<Entry>,
    pub(super) chunks: Vec<Chunk>,
    /// The chunk of each trace, plus one, by a part of its id.
    table: Vec<u32>,
    /// The chunk of the span that came last.
    last: usize,
    /// Whether the last entry, which is one of that chunk then, takes more spans.
    open: bool,
    /// Whoever sends trace ids must not know where in the table they stand.
    seed: u64,
}

impl Groups {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.chunks.clear();
        self.table.clear();
        self.open = false;
        if self.seed == 0 {
            self.seed = rng::seed();
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    #[inline(always)]
    pub(super) fn entry(&self, number: u32) -> Entry {
        self.entries[number as usize]
    }

    /// A chunk's spans, the one that speaks for them in front of the first entry.
    pub(super) fn of(&self, chunk: &Chunk) -> impl Iterator<Item = Entry> {
        let front = chunk.front();
        let mut next = chunk.head;
        let others = std::iter::from_fn(move || {
            if next == front {
                next = self.entry(next).next;
            }
            let entry = self.entries.get(next as usize)?;
            next = entry.next;
            Some(*entry)
        });
        std::iter::once(self.entry(front)).chain(others)
    }

    /// Adds a plain span to the entry of the one before it, if it belongs there: most do, and need not be looked at closer.
    #[inline(always)]
    pub(super) fn extend(&mut self, head: &Head) -> bool {
        if self.open
            && head.tag & FIRST == 0
            && head.flags == 0
            && let Some(chunk) = self.chunks.get_mut(self.last)
            && chunk.is_of(head.trace(), head.tag & UNSAMPLED == 0)
            && let Some(entry) = self.entries.last_mut()
        {
            chunk.spans += 1;
            entry.spans += 1;
            return true;
        }
        false
    }

    /// The chunk of a span that is about to be added; `has_origin` is asked about a trace that was not met before.
    #[inline(always)]
    pub(super) fn chunk(&mut self, head: &Head, has_origin: impl FnOnce() -> bool) -> &mut Chunk {
        let (trace, sampled) = (head.trace(), head.tag & UNSAMPLED == 0);
        if !self.chunks.get(self.last).is_some_and(|chunk| chunk.is_of(trace, sampled)) {
            self.open = false;
            self.last = self.place(trace, sampled);
            if self.last == self.chunks.len() {
                self.chunks.push(Chunk {
                    trace,
                    sampled,
                    has_origin: has_origin(),
                    worth: None,
                    head: NONE,
                    tail: NONE,
                    front: NONE,
                    spans: 0,
                    firsts: 0,
                });
            }
        }
        &mut self.chunks[self.last]
    }

    /// Adds a span to the chunk that was asked for last, with an entry of its own; gives its number.
    #[inline(always)]
    pub(super) fn add(&mut self, head: &Head, at: usize, worth: Option<Worth>, slow: Option<usize>) -> u32 {
        let chunk = &mut self.chunks[self.last];
        let (first, number) = (head.tag & FIRST != 0, self.entries.len() as u32);
        chunk.spans += 1;
        if worth.is_some() {
            chunk.worth = chunk.worth.or(worth);
        }
        self.open = !first && slow.is_none();
        match self.entries.get_mut(chunk.tail as usize) {
            Some(tail) => tail.next = number,
            None => chunk.head = number,
        }
        chunk.tail = number;
        if first {
            chunk.firsts += 1;
            chunk.front = chunk.front.min(number);
        }
        let slow = slow.map_or(NONE, |slow| slow as u32);
        self.entries.push(Entry { at: at as u32, spans: 1, slow, next: NONE });
        number
    }

    /// The number of a trace's chunk, which is the next one if it has none yet.
    fn place(&mut self, trace: TraceId, sampled: bool) -> usize {
        let next = self.chunks.len();
        if self.table.len() < 2 * (next + 1) {
            self.grow();
        }
        let mut at = self.slot(trace, sampled, self.table.len());
        while let Some(number) = self.table[at].checked_sub(1) {
            if self.chunks[number as usize].is_of(trace, sampled) {
                return number as usize;
            }
            at = (at + 1) & (self.table.len() - 1);
        }
        self.table[at] = next as u32 + 1;
        next
    }

    fn grow(&mut self) {
        let size = (4 * (self.chunks.len() + 1)).next_power_of_two().max(64);
        self.table.clear();
        self.table.resize(size, 0);
        for (number, chunk) in self.chunks.iter().enumerate() {
            let mut at = self.slot(chunk.trace, chunk.sampled, size);
            while self.table[at] != 0 {
                at = (at + 1) & (size - 1);
            }
            self.table[at] = number as u32 + 1;
        }
    }

    /// Where a trace's chunk stands in a table of this size, a power of two, unless somebody else stands there.
    fn slot(&self, trace: TraceId, sampled: bool, size: usize) -> usize {
        let keyed =
            u128::from(trace.low() ^ self.seed) * u128::from(trace.high() ^ self.seed.rotate_left(32));
        let mixed = (keyed >> 64) as u64 ^ keyed as u64 ^ u64::from(sampled);
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & (size - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Ids come from outside: whatever they share, their traces must not stand in line.
    #[test]
    fn traces_are_spread_by_both_halves_of_their_ids() {
        let groups = Groups { seed: 0x0af7_6519_16cd_43dd, ..Groups::default() };
        let ids: [fn(u128) -> u128; 4] =
            [|n| n, |n| n << 48 | 1, |n| n << 64 | 0x8448_eb21_1c80_319c, |n| n << 112 | 7];
        for (kind, id) in ids.into_iter().enumerate() {
            let slots = (1..=1024).map(|n| groups.slot(TraceId(id(n)), true, 4096));
            let slots: std::collections::HashSet<_> = slots.collect();
            assert!(slots.len() > 800, "{kind}: {}", slots.len());
        }
    }
}
