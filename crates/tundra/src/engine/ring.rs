//! The way from one application thread to the collector: a byte ring with a single producer and a single consumer.
//!
//! The thread that owns it pushes, the collector drains. A record is one comparison, one copy and one release store; it
//! never blocks, and calls the system only to wake a collector that announced that it sleeps, and for the memory of another
//! ring. When a burst fills the ring, or would wake the collector again and again, the producer goes on in a larger one
//! (bounded over the process) and the collector follows; when that is not allowed either, the record is not pushed, and the
//! caller counts it.
#![expect(unsafe_code, reason = "records are copied as bytes between two threads")]

use super::run::{Run, Word};
use super::slot::PAD;
use super::sync::{
    Acquire, AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Relaxed, Release, map, reads, unmap, writes,
};
use crate::limits::{BURST_BYTES, BURST_RING_BYTES, CALM_SLEEPS, RING_BYTES, WAKE_AGAIN_BYTES, WAKE_BYTES};
use std::cell::Cell;
use std::ptr::null_mut;

/// Memory for records from one position on. Positions only grow; the offset is the distance to `start`, wrapped.
struct Segment {
    bytes: *mut u8,
    size: u64,
    start: u64,
    /// Where the next segment takes over; the largest number until it exists.
    end: AtomicU64,
    next: AtomicPtr<Segment>,
    /// Where the producer was when it first wrote after the collector's last long sleep, and between how many such sleeps in a
    /// row it had little to write. The producer's own.
    woke_at: Cell<u64>,
    calm: Cell<u32>,
}

/// Bytes of all segments that are larger than usual.
static BURST: AtomicUsize = AtomicUsize::new(0);

impl Segment {
    fn new(size: usize, start: u64) -> Option<*mut Segment> {
        let bytes = map(size);
        let (end, next) = (AtomicU64::new(u64::MAX), AtomicPtr::new(null_mut()));
        let (size, woke_at, calm) = (size as u64, Cell::new(start), Cell::new(0));
        let segment = || Box::into_raw(Box::new(Segment { bytes, size, start, end, next, woke_at, calm }));
        (!bytes.is_null()).then(segment)
    }

    /// A larger one, if the process may have one more within so many bytes.
    fn burst(start: u64, within: usize) -> Option<*mut Segment> {
        let booked = |bytes: usize| (bytes + BURST_RING_BYTES <= within).then_some(bytes + BURST_RING_BYTES);
        BURST.fetch_update(Relaxed, Relaxed, booked).ok()?;
        Self::new(BURST_RING_BYTES, start).or_else(|| {
            BURST.fetch_sub(BURST_RING_BYTES, Relaxed);
            None
        })
    }

    /// Whether it is larger than usual.
    fn is_burst(&self) -> bool {
        self.size > RING_BYTES as u64
    }

    /// Bytes in it that wake a sleeping collector. Whoever bursts is fast, and each wake-up costs as much as a hundred spans;
    /// what comes until the collector is up still has room.
    fn wakes_at(&self) -> u64 {
        if self.is_burst() { self.size / 4 * 3 } else { WAKE_BYTES }
    }

    /// Whether little was written between many long sleeps of the collector in a row; asked once after each.
    fn is_calm(&self, head: u64) -> bool {
        let wrote = head - self.woke_at.replace(head);
        self.calm.set(if wrote < WAKE_BYTES { self.calm.get() + 1 } else { 0 });
        self.calm.get() >= CALM_SLEEPS
    }

    /// # Safety
    /// Nobody may use the segment any more.
    unsafe fn free(segment: *mut Segment) {
        // SAFETY: handed up to the caller; both came from where they go.
        unsafe {
            let segment = Box::from_raw(segment);
            let size = segment.size as usize;
            if segment.is_burst() {
                BURST.fetch_sub(size, Relaxed);
            }
            unmap(segment.bytes, size);
        }
    }
}

/// In a forked child: larger rings of the parent do not count.
pub(crate) fn forget_bursts() {
    BURST.store(0, Relaxed);
}

/// What the collector keeps to itself, in lines of its own; the producer looks at `tail` and `fast`.
#[repr(align(128))]
struct Consumer {
    tail: AtomicU64,
    /// Whether the producer keeps waking the collector long before its time.
    fast: AtomicBool,
    segment: Cell<*mut Segment>,
}

/// One thread's ring: what the producer keeps to itself, and the way to the rest.
#[repr(C)]
pub(crate) struct Ring {
    /// The memory of the position in `head`.
    at: Cell<*mut u8>,
    head: AtomicU64,
    /// Up to here it may write without looking: room in one piece, and no wake-up due. The collector sets it to zero
    /// before a long sleep, so that the next record wakes it.
    limit: AtomicU64,
    segment: Cell<*mut Segment>,
    consumer: Box<Consumer>,
}

impl Ring {
    /// An empty ring; `None` without memory.
    pub(crate) fn new() -> Option<Self> {
        let segment = Segment::new(RING_BYTES, 0)?;
        let (tail, fast) = (AtomicU64::new(0), AtomicBool::new(false));
        let consumer = Consumer { tail, fast, segment: Cell::new(segment) };
        Some(Self {
            // SAFETY: just made.
            at: Cell::new(unsafe { (*segment).bytes }),
            head: AtomicU64::new(0),
            limit: AtomicU64::new(0),
            segment: Cell::new(segment),
            consumer: Box::new(consumer),
        })
    }

    /// Where a record of so many units may be written now; it is the collector's after `finish`.
    ///
    /// # Safety
    /// Only the owning thread may call this. `units` is at most a quarter of the ring.
    #[inline(always)]
    pub(crate) unsafe fn begin(&self, units: u16) -> Option<*mut u8> {
        // SAFETY: handed up to the caller.
        unsafe {
            if self.is_ready_for(units) || self.make_room(u64::from(units) * 8) {
                return Some(self.begin_at_once(units));
            }
        }
        None
    }

    /// Whether there is room without looking for it.
    #[inline(always)]
    pub(crate) fn is_ready_for(&self, units: u16) -> bool {
        self.head.load(Relaxed) + u64::from(units) * 8 <= self.limit.load(Relaxed)
    }

    /// As `begin`.
    ///
    /// # Safety
    /// As for `begin`, and the ring must be ready for so many units.
    #[inline(always)]
    pub(crate) unsafe fn begin_at_once(&self, units: u16) -> *mut u8 {
        // `limit` says that so many bytes from `head` on lie in one piece and were drained.
        let to = self.at.get();
        writes(to, usize::from(units) * 8);
        to
    }

    /// What was begun is written.
    ///
    /// # Safety
    /// Only the owning thread may call this, after `begin` with the same number and without user code in between. A record
    /// that begins with a `Head` of so many units must be there.
    #[inline(always)]
    pub(crate) unsafe fn finish(&self, units: u16) {
        let len = u64::from(units) * 8;
        self.at.set(self.at.get().wrapping_add(len as usize));
        self.head.store(self.head.load(Relaxed) + len, Release);
    }

    /// Looks at the collector's progress, wraps around, grows, wakes the collector; false if there
    /// is no room.
    #[cold]
    #[inline(never)]
    fn make_room(&self, need: u64) -> bool {
        // SAFETY: the producer's segment lives until the collector has passed its end, which is set only below.
        let segment = unsafe { &*self.segment.get() };
        let head = self.head.load(Relaxed);
        let tail = self.consumer.tail.load(Acquire).max(segment.start);
        let first_after_sleep = self.limit.load(Relaxed) == 0;
        if head - tail + need >= segment.wakes_at() || first_after_sleep {
            // A wake-up costs both sides as much as hundreds of spans: who is fast goes on where more has room. Half of that
            // room is for those who would have to drop records.
            let is_fast = !first_after_sleep && !segment.is_burst() && self.consumer.fast.load(Relaxed);
            if is_fast && self.grow(head, need, BURST_BYTES / 2) {
                return true;
            }
            crate::collector::wake();
        }
        // Whoever bursts again and again keeps the room for it: memory that was given back costs as much as a burst when it is
        // written for the first time. After some time without: back to the usual size, if there is memory.
        if segment.is_burst()
            && first_after_sleep
            && segment.is_calm(head)
            && head == tail
            && let Some(next) = Segment::new(RING_BYTES, head)
        {
            return self.go_on_in(next, head, need);
        }
        let mut at = head;
        let into_piece = (head - segment.start) % segment.size;
        if into_piece == 0 {
            // The last record ended exactly at the end of a piece.
            self.at.set(segment.bytes);
        }
        let mut end_of_piece = head - into_piece + segment.size;
        if head + need > end_of_piece {
            if end_of_piece + need > tail + segment.size {
                return self.grow(head, need, BURST_BYTES);
            }
            // SAFETY: the rest of the piece was drained; at least 8 bytes, for all records are multiples of 8.
            unsafe { write_pad(self.at.get(), end_of_piece - head) };
            at = end_of_piece;
            end_of_piece += segment.size;
            self.at.set(segment.bytes);
            self.head.store(at, Release);
        }
        let hard = end_of_piece.min(tail + segment.size);
        if at + need > hard {
            return self.grow(at, need, BURST_BYTES);
        }
        self.set_limit(at + need, tail + segment.wakes_at(), hard);
        true
    }

    fn set_limit(&self, least: u64, wakes_at: u64, hard: u64) {
        let look_again = wakes_at.max(least + WAKE_AGAIN_BYTES);
        self.limit.store(hard.min(look_again), Relaxed);
    }

    fn grow(&self, head: u64, need: u64, within: usize) -> bool {
        Segment::burst(head, within).is_some_and(|next| self.go_on_in(next, head, need))
    }

    /// Continues in another segment; the collector follows when it comes to the end of this one.
    fn go_on_in(&self, next: *mut Segment, head: u64, need: u64) -> bool {
        // SAFETY: the current segment is alive (see `make_room`) and `next` is new.
        unsafe {
            let segment = &*self.segment.get();
            self.at.set((*next).bytes);
            self.set_limit(head + need, head + (*next).wakes_at(), head + (*next).size);
            self.segment.set(next);
            segment.next.store(next, Release);
            segment.end.store(head, Release);
        }
        true
    }

    /// Does in the producer's place what it does at its first record after a long sleep: a larger ring that has had its time
    /// goes back to the system.
    ///
    /// # Safety
    /// Only the collector may call this, and while no thread can come to hold the ring.
    pub(crate) unsafe fn rest(&self) {
        // SAFETY: the producer's segment is alive, and the caller is producer and collector in one.
        unsafe {
            let (segment, head) = (&*self.segment.get(), self.head.load(Relaxed));
            if segment.is_burst()
                && segment.is_calm(head)
                && self.is_empty()
                && let Some(next) = Segment::new(RING_BYTES, head)
            {
                self.go_on_in(next, head, 0);
                self.follow(head);
            }
        }
    }

    /// Makes the next push look (and wake the collector).
    pub(crate) fn demand_wake(&self) {
        self.limit.store(0, Relaxed);
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Acquire) == self.consumer.tail.load(Relaxed)
    }

    /// How far the producer has come.
    pub(crate) fn mark(&self) -> u64 {
        self.head.load(Acquire)
    }

    /// Looks at what waits before `mark`, soon after the last look or not. A ring that was about to wake the collector again is
    /// fast until a look in its time finds less. For the collector, before it drains.
    pub(crate) fn judge(&self, mark: u64, soon: bool) {
        let consumer = &self.consumer;
        let much = mark - consumer.tail.load(Relaxed) >= WAKE_BYTES / 4 * 3;
        let fast = if soon { much || consumer.fast.load(Relaxed) } else { false };
        if fast != consumer.fast.load(Relaxed) {
            consumer.fast.store(fast, Relaxed);
        }
    }

    /// Hands records before `mark` to `take`, as many as lie in one piece, and then frees the room of those that it took;
    /// false if that was none.
    ///
    /// # Safety
    /// Only the collector may call this, and not from within `take`; `mark` must come from `mark`.
    pub(crate) unsafe fn drain(&self, mark: u64, take: impl FnOnce(&mut Run<'_>)) -> bool {
        let consumer = &self.consumer;
        let tail = consumer.tail.load(Relaxed);
        if tail >= mark {
            return false;
        }
        // SAFETY: this is the collector.
        let (segment, end) = unsafe { self.follow(tail) };
        let into_piece = (tail - segment.start) % segment.size;
        let upto = mark.min(end).min(tail - into_piece + segment.size);
        // SAFETY: between tail and head lie whole records, or pads, which the producer does not touch; none goes over the
        // end of a piece.
        let mut run = unsafe {
            let at = segment.bytes.add(into_piece as usize);
            reads(at, (upto - tail) as usize);
            Run::new(std::slice::from_raw_parts(at.cast::<Word>(), (upto - tail) as usize / 8))
        };
        take(&mut run);
        let taken_upto = upto - run.len_bytes() as u64;
        consumer.tail.store(taken_upto, Release);
        taken_upto > tail
    }

    /// The segment in which the collector goes on from here, and its end; those that end here are freed.
    ///
    /// # Safety
    /// Only the collector may call this, when it has no segment from before in hand.
    unsafe fn follow(&self, tail: u64) -> (&Segment, u64) {
        loop {
            let current = self.consumer.segment.get();
            // SAFETY: the collector's segment is freed by the collector alone, just below, after its last use: the
            // producer stored `end` after it had let go of the segment.
            let segment = unsafe { &*current };
            let end = segment.end.load(Acquire);
            if tail != end {
                return (segment, end);
            }
            self.consumer.segment.set(segment.next.load(Acquire));
            // SAFETY: as above.
            unsafe { Segment::free(current) };
        }
    }
}

/// Fills the rest of a piece. Only the first 8 bytes of a pad are ever read; a longer one than fits the number is cut
/// into several.
///
/// # Safety
/// `rest` bytes from `at` on must be the producer's, a multiple of 8 and not zero.
unsafe fn write_pad(mut at: *mut u8, mut rest: u64) {
    const LONGEST: u64 = 0xffff * 8;
    while rest > 0 {
        let len = rest.min(LONGEST);
        writes(at, 8);
        // SAFETY: handed up to the caller.
        unsafe {
            at.cast::<[u16; 2]>().write([(len / 8) as u16, 0]);
            at.add(4).cast::<[u8; 4]>().write([PAD, 0, 0, 0]);
            at = at.add(len as usize);
        }
        rest -= len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64, units: u16) -> Vec<u64> {
        let mut words = vec![number; usize::from(units)];
        words[0] = u64::from(units) | 1 << 32;
        words
    }

    unsafe fn push(ring: &Ring, words: &[u64]) -> bool {
        let units = words.len() as u16;
        // SAFETY: handed up to the caller; the ring gives as much room.
        unsafe {
            let Some(to) = ring.begin(units) else { return false };
            to.copy_from(words.as_ptr().cast(), words.len() * 8);
            ring.finish(units);
        }
        true
    }

    /// Takes all there is, in stretches that end at every so manyth record, or each by itself; of longer
    /// stretches one at a time.
    fn drain(ring: &Ring, seen: &mut Vec<(u64, u16)>, stretch: u64) {
        let mut take = |words: &[Word]| {
            // SAFETY: a test's records are written whole.
            let word = |at: usize| unsafe { words[at].assume_init() };
            assert_eq!(word(1), word(words.len() - 1));
            seen.push((word(1), words.len() as u16));
        };
        let mark = ring.mark();
        // SAFETY: this thread is producer and collector.
        let mut piece = || unsafe {
            ring.drain(mark, |run| {
                while run.first().is_some() {
                    let mut count = 0;
                    let mut words = run.take_while(|_| {
                        count += 1;
                        count <= stretch
                    });
                    while let Some(first) = words.first() {
                        // SAFETY: as above.
                        let (record, rest) = words.split_at(usize::from(first.assume_init() as u16));
                        take(record);
                        words = rest;
                    }
                    run.next().into_iter().for_each(|(_, words)| take(words));
                    if stretch > 1 {
                        break;
                    }
                }
            })
        };
        while piece() {}
    }

    // What comes out is what went in, in order, through wrapping, growing, shrinking and refusals.
    #[test]
    fn every_record_comes_out_once() {
        for seed in 1..6_u64 {
            let ring = Ring::new().expect("there is memory");
            let mut dice = seed;
            let mut roll = |sides: u64| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (dice >> 33) % sides
            };
            let (mut pushed, mut seen) = (Vec::new(), Vec::new());
            for number in 0..5000 {
                let units = 9 + roll(500) as u16;
                let words = record(number, units);
                // SAFETY: this thread is producer and collector.
                if unsafe { push(&ring, &words) } {
                    pushed.push((number, units));
                }
                if roll(400) == 0 {
                    drain(&ring, &mut seen, roll(3));
                    assert!(ring.is_empty());
                    if roll(2) == 0 {
                        ring.demand_wake();
                    }
                }
            }
            drain(&ring, &mut seen, 1);
            assert_eq!(pushed, seen);
        }
    }

    // A second wake-up in a short time is not asked for where more room does as well.
    #[test]
    fn who_is_fast_gets_a_larger_ring_before_it_is_full() {
        let check = |looks: &[(u64, bool)], expect: bool| {
            let ring = Ring::new().expect("there is memory");
            let fill = |bytes: u64| {
                // SAFETY: this thread is producer and collector.
                (0..bytes / 800).for_each(|number| assert!(unsafe { push(&ring, &record(number, 100)) }));
            };
            let mut seen = Vec::new();
            for (bytes, soon) in looks {
                fill(*bytes);
                ring.judge(ring.mark(), *soon);
                drain(&ring, &mut seen, 1);
            }
            fill(WAKE_BYTES + 1600);
            // SAFETY: the segment is alive, and nobody else looks at it.
            let grew = unsafe { (*ring.segment.get()).is_burst() };
            assert_eq!(grew, expect, "{looks:?}");
            drain(&ring, &mut seen, 1);
            let before: u64 = looks.iter().map(|(bytes, _)| bytes / 800).sum();
            assert_eq!(seen.len() as u64, before + (WAKE_BYTES + 1600) / 800);
        };
        let (much, little) = (WAKE_BYTES, WAKE_BYTES / 2);
        check(&[], false);
        check(&[(much, true)], true);
        check(&[(much, false)], false);
        check(&[(little, true)], false);
        // Somebody asked for what there is.
        check(&[(much, true), (little, true), (0, true)], true);
        check(&[(much, true), (little, false)], false);
    }

    // Larger rings are for those who burst: kept from one burst to the next, given back after a time without.
    #[test]
    fn a_larger_ring_is_kept_while_bursts_come() {
        let check = |between_sleeps: &[u64], expect: bool| {
            let ring = Ring::new().expect("there is memory");
            let (mut seen, mut number) = (Vec::new(), 0);
            for bytes in between_sleeps {
                for _ in 0..bytes / 800 {
                    // SAFETY: this thread is producer and collector.
                    assert!(unsafe { push(&ring, &record(number, 100)) });
                    number += 1;
                }
                drain(&ring, &mut seen, 1);
                ring.demand_wake();
            }
            // SAFETY: the segment is alive, and nobody else looks at it.
            let is_burst = unsafe { (*ring.segment.get()).is_burst() };
            assert_eq!(is_burst, expect, "{between_sleeps:?}");
            assert!(seen.iter().map(|(number, _)| *number).eq(0..number), "{between_sleeps:?}");
        };
        let (burst, little) = (2 * RING_BYTES as u64, 8000);
        let calm = |sleeps: u32| vec![little; sleeps as usize];
        check(&[burst], true);
        check(&[burst, burst, burst], true);
        check(&[&[burst][..], &calm(CALM_SLEEPS)].concat(), true);
        check(&[&[burst][..], &calm(CALM_SLEEPS), &[burst]].concat(), true);
        check(&[&[burst][..], &calm(CALM_SLEEPS), &[burst], &calm(CALM_SLEEPS)].concat(), true);
        check(&[&[burst][..], &calm(CALM_SLEEPS + 1)].concat(), false);
        check(&[&[burst][..], &calm(CALM_SLEEPS + 1), &[burst]].concat(), true);
        check(&calm(20), false);
    }

    // Whose thread has ended writes no record more: the collector gives its ring back, once it is drained.
    #[test]
    fn a_larger_ring_that_nobody_holds_goes_back() {
        let check = |bytes: u64, sleeps: u32, drained: bool, expect: bool| {
            let ring = Ring::new().expect("there is memory");
            let (mut seen, mut number) = (Vec::new(), 0);
            let mut fill = |bytes: u64| {
                for _ in 0..bytes / 800 {
                    // SAFETY: this thread is producer and collector.
                    assert!(unsafe { push(&ring, &record(number, 100)) });
                    number += 1;
                }
                number
            };
            fill(bytes);
            for _ in 0..sleeps {
                if drained {
                    drain(&ring, &mut seen, 1);
                }
                // SAFETY: as above.
                unsafe { ring.rest() };
                ring.demand_wake();
            }
            // SAFETY: the segment is alive, and nobody else looks at it.
            let is_burst = unsafe { (*ring.segment.get()).is_burst() };
            assert_eq!(is_burst, expect, "{bytes} {sleeps} {drained}");
            let is_freed = ring.segment.get() == ring.consumer.segment.get();
            assert_eq!(is_freed, drained && sleeps > 0 || bytes < BURST);
            // Whoever takes it over finds it in order.
            let all = fill(3 * RING_BYTES as u64);
            drain(&ring, &mut seen, 1);
            assert!(seen.iter().map(|(number, _)| *number).eq(0..all));
        };
        const BURST: u64 = 2 * RING_BYTES as u64;
        check(BURST, CALM_SLEEPS, true, true);
        check(BURST, CALM_SLEEPS + 1, true, false);
        check(BURST, 3 * CALM_SLEEPS, true, false);
        check(BURST, 3 * CALM_SLEEPS, false, true);
        check(8000, 3 * CALM_SLEEPS, true, false);
    }
}
