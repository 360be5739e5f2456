//! The spans of a batch put together by trace, without memory for each span: a list of entries that are chained chunk by
//! chunk, and a table that finds the chunk of a trace. All of it is reused from batch to batch.
//!
//! Pure, filled and walked by `traces`.

use crate::collector::Record;
use crate::engine::{FIRST, UNSAMPLED};
use crate::sampling::Worth;
use tundra_record::TraceId;

/// One span: its place in the batch, its call site, its number among the spans that are not plain, and the next span of its
/// chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) at: u32,
    pub(super) site: u32,
    pub(super) slow: Option<u32>,
    next: Option<u32>,
}

/// The spans of one trace, those that are kept apart from those that are not.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) trace: TraceId,
    pub(super) sampled: bool,
    head: u32,
    tail: u32,
    /// The first span that is the first of its trace here.
    front: Option<u32>,
    pub(super) spans: usize,
    /// Spans that are the first of their trace here.
    pub(super) firsts: usize,
    pub(super) worth: Option<Worth>,
}

impl Chunk {
    /// The span that speaks for all of them.
    pub(super) fn front(&self) -> u32 {
        self.front.unwrap_or(self.head)
    }

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
}

impl Groups {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.chunks.clear();
        self.table.clear();
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn entry(&self, number: u32) -> Entry {
        self.entries[number as usize]
    }

    /// The numbers of a chunk's spans, the one that speaks for them in front.
    pub(super) fn of(&self, chunk: &Chunk) -> impl Iterator<Item = u32> {
        let front = chunk.front();
        let all = std::iter::successors(Some(chunk.head), |number| self.entry(*number).next);
        std::iter::once(front).chain(all.filter(move |number| *number != front))
    }

    /// Puts a span into its chunk.
    #[inline]
    pub(super) fn add(&mut self, record: &Record<'_>, (at, site): (usize, usize), slow: Option<u32>) {
        let number = self.entries.len() as u32;
        self.entries.push(Entry { at: at as u32, site: site as u32, slow, next: None });
        let (trace, sampled) = (record.head.trace(), record.head.tag & UNSAMPLED == 0);
        let (first, worth) = (record.head.tag & FIRST != 0, record.worth());
        let front = first.then_some(number);
        let last = self.chunks.len().wrapping_sub(1);
        let at = match self.chunks.get(last) {
            Some(chunk) if chunk.is_of(trace, sampled) => last,
            _ => self.place(trace, sampled),
        };
        let Some(chunk) = self.chunks.get_mut(at) else {
            let (head, tail, spans, firsts) = (number, number, 1, usize::from(first));
            return self.chunks.push(Chunk { trace, sampled, head, tail, front, spans, firsts, worth });
        };
        self.entries[chunk.tail as usize].next = Some(number);
        chunk.tail = number;
        chunk.spans += 1;
        chunk.firsts += usize::from(first);
        chunk.worth = chunk.worth.or(worth);
        chunk.front = chunk.front.or(front);
    }

    /// The number of a trace's chunk, which is the next one if it has none yet.
    fn place(&mut self, trace: TraceId, sampled: bool) -> usize {
        let next = self.chunks.len();
        if self.table.len() < 2 * (next + 1) {
            self.grow();
        }
        let mut at = slot(trace, sampled, self.table.len());
        while let Some(number) = self.table[at].checked_sub(1) {
            if self.chunks[number as usize].is_of(trace, sampled) {
                return number as usize;
            }
            at = (at + 1) % self.table.len();
        }
        self.table[at] = next as u32 + 1;
        next
    }

    fn grow(&mut self) {
        let size = (4 * (self.chunks.len() + 1)).next_power_of_two().max(64);
        self.table.clear();
        self.table.resize(size, 0);
        for (number, chunk) in self.chunks.iter().enumerate() {
            let mut at = slot(chunk.trace, chunk.sampled, size);
            while self.table[at] != 0 {
                at = (at + 1) % size;
            }
            self.table[at] = number as u32 + 1;
        }
    }
}

/// Where a trace's chunk stands in a table of this size, a power of two, unless somebody else stands there.
fn slot(trace: TraceId, sampled: bool, size: usize) -> usize {
    let mixed = (trace.low() ^ u64::from(sampled)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as usize & (size - 1)
}
