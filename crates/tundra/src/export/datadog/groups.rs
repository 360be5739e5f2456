//! The spans of a batch put together by trace, without memory for each span: a list of entries that are chained chunk by
//! chunk, and a table that finds the chunk of a trace. All of it is reused from batch to batch.
//!
//! Pure, filled and walked by `traces`.

use crate::collector::Record;
use crate::engine::{FIRST, UNSAMPLED};
use crate::rng;
use crate::sampling::Worth;
use tundra_record::TraceId;

/// No entry.
const NONE: u32 = u32::MAX;

/// One span: its place in the batch, its call site, its number among the spans that are not plain, and the next span of its
/// chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) at: u32,
    pub(super) site: u32,
    slow: u32,
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
    pub(super) worth: Option<Worth>,
    head: u32,
    tail: u32,
    /// The first span that is the first of its trace here.
    front: u32,
    pub(super) spans: u32,
    /// Spans that are the first of their trace here.
    pub(super) firsts: u32,
}

impl Chunk {
    /// The span that speaks for all of them.
    pub(super) fn front(&self) -> u32 {
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
    /// Whoever sends trace ids must not know where in the table they stand.
    seed: u64,
}

impl Groups {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.chunks.clear();
        self.table.clear();
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

    /// A chunk's spans, the one that speaks for them in front.
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

    /// Puts a span into its chunk.
    #[inline]
    pub(super) fn add(&mut self, record: &Record<'_>, (at, site): (usize, usize), slow: Option<usize>) {
        let number = self.entries.len() as u32;
        let slow = slow.map_or(NONE, |slow| slow as u32);
        self.entries.push(Entry { at: at as u32, site: site as u32, slow, next: NONE });
        let (trace, sampled) = (record.head.trace(), record.head.tag & UNSAMPLED == 0);
        let (first, worth) = (record.head.tag & FIRST != 0, record.worth());
        if !self.chunks.get(self.last).is_some_and(|chunk| chunk.is_of(trace, sampled)) {
            self.last = self.place(trace, sampled);
        }
        let Some(chunk) = self.chunks.get_mut(self.last) else {
            let (front, firsts) = if first { (number, 1) } else { (NONE, 0) };
            let (head, tail, spans) = (number, number, 1);
            return self.chunks.push(Chunk { trace, sampled, worth, head, tail, front, spans, firsts });
        };
        self.entries[chunk.tail as usize].next = number;
        chunk.tail = number;
        chunk.spans += 1;
        if first {
            chunk.firsts += 1;
            chunk.front = chunk.front.min(number);
        }
        if worth.is_some() {
            chunk.worth = chunk.worth.or(worth);
        }
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
        let keyed = u128::from(trace.low() ^ self.seed) * u128::from(self.seed | 1);
        let mixed = (keyed >> 64) as u64 ^ keyed as u64 ^ u64::from(sampled);
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & (size - 1)
    }
}
