//! The way from one application thread to the collector: a byte ring with a single producer and a single consumer.
//!
//! The thread that owns it pushes, the collector drains. A push is one comparison, one copy and one release store; it
//! never blocks, allocates or calls the system, but for waking a collector that announced that it sleeps. Full means:
//! not pushed, and the caller counts it.
#![expect(unsafe_code, reason = "records are copied as bytes between two threads")]

use super::slot::{HEAD, Head, PAD};
use crate::limits::{RING_BYTES, WAKE_AGAIN_BYTES, WAKE_BYTES};
use std::alloc::{Layout, alloc_zeroed};
use std::cell::Cell;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

#[repr(align(128))]
struct Own<T>(T);

/// One thread's ring. Positions only grow; the offset is the position modulo the size.
pub(crate) struct Ring {
    bytes: *mut u8,
    /// Written by the producer.
    head: Own<AtomicU64>,
    /// Up to here the producer may write without looking: room in one piece, and no wake-up due. The collector sets it
    /// to zero before a long sleep, so that the next record wakes it.
    limit: Own<AtomicU64>,
    /// Written by the collector.
    tail: Own<AtomicU64>,
    /// Only so that the type is not `Sync` by accident: the producer side is one thread's.
    _one_thread: Cell<()>,
}

impl Ring {
    /// An empty ring; `None` without memory.
    pub(crate) fn new() -> Option<Self> {
        let layout = Layout::from_size_align(RING_BYTES, 64).ok()?;
        // SAFETY: the layout is not empty. The ring lives as long as the process.
        let bytes = unsafe { alloc_zeroed(layout) };
        let zero = || Own(AtomicU64::new(0));
        (!bytes.is_null()).then(|| Self {
            bytes,
            head: zero(),
            limit: zero(),
            tail: zero(),
            _one_thread: Cell::new(()),
        })
    }

    /// Copies a record in; false if there is no room.
    ///
    /// # Safety
    /// Only the owning thread may call this. `record` must point to `units * 8` readable, initialized bytes that begin
    /// with a `Head` whose `units` is the same number, at most a quarter of the ring.
    #[inline(always)]
    pub(crate) unsafe fn push(&self, record: *const u8, units: u16) -> bool {
        let need = u64::from(units) * 8;
        let mut head = self.head.0.load(Relaxed);
        if head + need > self.limit.0.load(Relaxed) {
            match self.make_room(need) {
                Some(at) => head = at,
                None => return false,
            }
        }
        // SAFETY: `limit` says that so many bytes from `head` on lie in one piece and were drained.
        unsafe {
            let to = self.bytes.add(head as usize % RING_BYTES);
            std::ptr::copy_nonoverlapping(record, to, need as usize);
        }
        self.head.0.store(head + need, Release);
        true
    }

    /// Looks at the collector's progress, wraps around, wakes the collector; gives the position to write at.
    #[cold]
    #[inline(never)]
    fn make_room(&self, need: u64) -> Option<u64> {
        let size = RING_BYTES as u64;
        let mut head = self.head.0.load(Relaxed);
        let tail = self.tail.0.load(Acquire);
        if head - tail + need >= WAKE_BYTES || self.limit.0.load(Relaxed) == 0 {
            crate::collector::wake();
        }
        let mut end_of_piece = head - head % size + size;
        if head + need > end_of_piece {
            let rest = end_of_piece - head;
            if end_of_piece - tail > size {
                return None;
            }
            // SAFETY: the rest of the piece was drained; at least 8 bytes, for all records are multiples of 8.
            unsafe { self.write_pad(head, rest) };
            head = end_of_piece;
            self.head.0.store(head, Release);
            end_of_piece += size;
        }
        let hard = end_of_piece.min(tail + size);
        if head + need > hard {
            return None;
        }
        let look_again = (tail + WAKE_BYTES).max(head + need + WAKE_AGAIN_BYTES);
        self.limit.0.store(hard.min(look_again), Relaxed);
        Some(head)
    }

    unsafe fn write_pad(&self, head: u64, rest: u64) {
        // SAFETY: handed up to the caller. Only the first 8 bytes of a pad are ever read.
        unsafe {
            let to = self.bytes.add(head as usize % RING_BYTES);
            to.cast::<[u16; 2]>().write([(rest / 8) as u16, 0]);
            to.add(4).cast::<[u8; 4]>().write([PAD, 0, 0, 0]);
        }
    }

    /// Makes the next push look (and wake the collector).
    pub(crate) fn demand_wake(&self) {
        self.limit.0.store(0, Relaxed);
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.head.0.load(Acquire) == self.tail.0.load(Relaxed)
    }

    /// How far the producer has come.
    pub(crate) fn mark(&self) -> u64 {
        self.head.0.load(Acquire)
    }

    /// Hands every record before `mark` to `take` (its head and its bytes, the head included) and frees the room.
    ///
    /// # Safety
    /// Only the collector may call this, and not from within `take`; `mark` must come from `mark`.
    pub(crate) unsafe fn drain(&self, mark: u64, mut take: impl FnMut(Head, &[u8])) {
        let mut tail = self.tail.0.load(Relaxed);
        while tail < mark {
            // SAFETY: between tail and head lie whole records, which the producer does not touch. A record that is not
            // a pad begins with a `Head`; all bytes are initialized (slots, scratch and ring come zeroed).
            unsafe {
                let at = self.bytes.add(tail as usize % RING_BYTES);
                let units = at.cast::<u16>().read();
                let len = usize::from(units) * 8;
                if at.add(4).read() != PAD {
                    debug_assert!(len >= HEAD);
                    take(at.cast::<Head>().read(), std::slice::from_raw_parts(at, len));
                }
                tail += len as u64;
            }
            self.tail.0.store(tail, Release);
        }
    }
}
