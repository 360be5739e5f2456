//! One producer and one collector on a ring of four records: wrapping, growing, shrinking, refusing.

use crate::memory as sync;
use crate::slots::slot;

#[path = "../../src/engine/ring.rs"]
mod ring;
#[path = "../../src/engine/run.rs"]
mod run;

use crate::explore;
use loom::sync::Mutex;
use loom::thread;
use ring::Ring;
use std::cell::RefCell;
use std::rc::Rc;

/// The smallest record there is.
const UNITS: u16 = 9;

/// Pushes a record that carries its number; whether there was room.
fn push(ring: &Ring, number: u64) -> bool {
    let mut words = [number; UNITS as usize];
    words[0] = u64::from(UNITS) | 1 << 32;
    // SAFETY: one thread at a time pushes in a model, and the ring gives as much room.
    unsafe {
        let Some(to) = ring.begin(UNITS) else { return false };
        to.copy_from(words.as_ptr().cast(), size_of_val(&words));
        ring.finish(UNITS);
    }
    true
}

/// Takes all there is: first one record, and then whatever comes with it in one piece.
fn drain(ring: &Ring, seen: &mut Vec<u64>) {
    let mark = ring.mark();
    let mut most = 1;
    let mut take = |run: &mut run::Run<'_>| {
        for (head, words) in std::iter::from_fn(|| run.next()).take(std::mem::replace(&mut most, usize::MAX)) {
            assert_eq!((head.units, words.len()), (UNITS, usize::from(UNITS)));
            // SAFETY: records of a model are written whole.
            let [first, last] = [words[1], words[words.len() - 1]].map(|word| unsafe { word.assume_init() });
            assert_eq!(first, last);
            seen.push(first);
        }
    };
    // SAFETY: one thread at a time drains in a model.
    while unsafe { ring.drain(mark, &mut take) } {}
}

/// What the collector lets the producer know before the threads meet.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    Nothing,
    Look,
    Fast,
}

/// So many records before the threads meet, drained or not, and what the producer is told; then so many pushes
/// against so many drains. What was accepted comes out, once and in order.
fn check(before: u64, drained: bool, told: Told, pushes: u64, drains: usize) {
    explore(move || {
        sync::reset();
        ring::forget_bursts();
        let ring = Rc::new(Ring::new().expect("there is memory"));
        let mut accepted: Vec<u64> = (1..=before).filter(|number| push(&ring, *number)).collect();
        let mut seen = Vec::new();
        if told == Told::Fast {
            ring.judge(ring.mark(), true);
        }
        if drained {
            drain(&ring, &mut seen);
        }
        if told == Told::Look {
            ring.demand_wake();
        }
        let more = Rc::new(RefCell::new(Vec::new()));
        let producer = thread::spawn({
            let (ring, more) = (Rc::clone(&ring), Rc::clone(&more));
            move || {
                let taken: Vec<u64> =
                    (before + 1..=before + pushes).filter(|number| push(&ring, *number)).collect();
                more.replace(taken);
            }
        });
        for _ in 0..drains {
            ring.judge(ring.mark(), told == Told::Fast);
            drain(&ring, &mut seen);
            ring.demand_wake();
        }
        producer.join().expect("no panic");
        accepted.extend(more.borrow().iter());
        drain(&ring, &mut seen);
        assert!(ring.is_empty());
        assert_eq!(seen, accepted);
    });
}

pub fn what_was_accepted_comes_out_once_and_in_order() {
    check(0, false, Told::Nothing, 3, 2);
}

pub fn around_the_end() {
    check(3, true, Told::Nothing, 3, 2);
    check(4, true, Told::Look, 2, 2);
}

pub fn into_a_larger_ring() {
    check(4, false, Told::Nothing, 2, 2);
    check(3, false, Told::Look, 3, 1);
}

pub fn back_to_the_usual_size() {
    check(6, true, Told::Look, 2, 2);
}

pub fn refused_when_nothing_is_left() {
    check(20, false, Told::Nothing, 2, 1);
}

/// A thread ends while it has a larger ring, and another one takes that over: the collector gives it back if it comes in
/// between.
pub fn what_nobody_holds_goes_back() {
    explore(|| {
        sync::reset();
        ring::forget_bursts();
        let ring = Rc::new(Ring::new().expect("there is memory"));
        let parked = Rc::new(Mutex::new(false));
        let mut accepted: Vec<u64> = (1..=6).filter(|number| push(&ring, *number)).collect();
        let park = |parked: &Mutex<bool>, is_parked: bool| *parked.lock().expect("no panic") = is_parked;
        let more = Rc::new(RefCell::new(Vec::new()));
        let producers = thread::spawn({
            let (ring, parked, more) = (Rc::clone(&ring), Rc::clone(&parked), Rc::clone(&more));
            move || {
                let last = push(&ring, 7).then_some(7);
                park(&parked, true);
                park(&parked, false);
                more.replace(last.into_iter().chain((8..=9).filter(|number| push(&ring, *number))).collect());
            }
        });
        let mut seen = Vec::new();
        for _ in 0..2 {
            drain(&ring, &mut seen);
            let is_parked = parked.lock().expect("no panic");
            if *is_parked {
                // SAFETY: nobody can take it while it is locked.
                unsafe { ring.rest() };
            }
            drop(is_parked);
            ring.demand_wake();
        }
        producers.join().expect("no panic");
        accepted.extend(more.borrow().iter());
        drain(&ring, &mut seen);
        assert!(ring.is_empty());
        assert_eq!(seen, accepted);
    });
}

pub fn who_is_fast_goes_on_before_it_is_full() {
    check(2, true, Told::Fast, 3, 2);
    check(3, false, Told::Fast, 2, 2);
}
