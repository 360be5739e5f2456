//! Open spans under contention: closing, reuse, recording and reading by those whose id is out of date.

use crate::keyed as sync;

pub(crate) mod local;
#[path = "../../src/engine/slot.rs"]
pub(crate) mod slot;
mod spill;

use crate::explore;
use local::Local;
use loom::cell::UnsafeCell;
use loom::thread;
use slot::{Identity, Slot, find, identity};
use std::rc::Rc;
use tracing_core::Metadata;

/// What a span's fields are to the protocol: its holders share it, whoever ends the span has it alone.
type Fields = Rc<UnsafeCell<u32>>;

fn change(fields: &Fields) {
    fields.with_mut(|_| ());
}

struct Site;

impl tracing_core::Callsite for Site {
    fn set_interest(&self, _: tracing_core::Interest) {}
    fn metadata(&self) -> &Metadata<'_> {
        META
    }
}

static META: &Metadata<'static> = &tracing_core::metadata! {
    name: "s",
    target: "t",
    level: tracing_core::Level::INFO,
    fields: &[],
    callsite: &Site,
    kind: tracing_core::metadata::Kind::SPAN,
};

/// All parts of an identity say the same number.
fn who(number: u64) -> Identity {
    Identity { trace_high: number, trace_low: number, span: number, tag: number as u16 }
}

fn open(local: &Local, number: u64) -> u64 {
    let slot = Slot::take(local).expect("there is room");
    slot.identify(META, who(number));
    let generation = slot.generation();
    slot.publish(generation);
    slot.id(generation)
}

fn slot_of(id: u64) -> &'static Slot {
    find(id).expect("its page exists")
}

/// The number of an open span; a mixture of two would be a panic.
fn number_of(id: u64) -> Option<u64> {
    let seen = identity(id)?;
    assert_eq!([seen.trace_high, seen.trace_low, u64::from(seen.tag)], [seen.span; 3], "torn");
    Some(seen.span)
}

/// Opens and ends a span on one thread, so that loom knows all parts of its slot.
fn use_once(local: &Local) -> u64 {
    let id = open(local, 1);
    assert!(slot_of(id).retain(id));
    assert_eq!(slot_of(id).with_lock(id, |_, _| ()), Some(()));
    assert_eq!((number_of(id), slot::metadata(id).is_some()), (Some(1), true));
    assert!(!slot_of(id).release(id));
    assert!(slot_of(id).release(id));
    id
}

/// Runs a model with a fresh owner of a page of two slots, both of which were used before.
fn with_owner(model: impl Fn(&'static Local) + Sync + Send + 'static) {
    explore(move || {
        sync::reset();
        let local = local::only_one();
        let used = [use_once(local), use_once(local)];
        used.into_iter().for_each(|id| slot_of(id).free(local));
        assert!(local.returned.load(sync::Relaxed).is_null());
        model(local);
    });
}

pub fn the_last_holder_has_the_span_alone() {
    with_owner(|local| {
        let id = open(local, 2);
        assert!(slot_of(id).retain(id));
        let fields = Fields::new(UnsafeCell::new(0));
        let end = move |fields: &Fields| {
            fields.with(|_| ());
            let last = slot_of(id).release(id);
            if last {
                change(fields);
            }
            u32::from(last)
        };
        let other = thread::spawn({
            let fields = Rc::clone(&fields);
            move || end(&fields)
        });
        assert_eq!(end(&fields) + other.join().expect("no panic"), 1);
    });
}

pub fn whoever_records_late_meets_nobody() {
    with_owner(|local| {
        let id = open(local, 2);
        let fields = Fields::new(UnsafeCell::new(0));
        let late = thread::spawn({
            let fields = Rc::clone(&fields);
            move || slot_of(id).with_lock(id, |_, _| change(&fields))
        });
        assert!(slot_of(id).release(id));
        change(&fields);
        slot_of(id).free(local);
        late.join().expect("no panic");
        assert_eq!(slot_of(id).with_lock(id, |_, _| ()), None);
    });
}

pub fn two_record_one_after_the_other() {
    with_owner(|local| {
        let id = open(local, 2);
        let fields = Fields::new(UnsafeCell::new(0));
        let other = thread::spawn({
            let fields = Rc::clone(&fields);
            move || slot_of(id).with_lock(id, |_, _| change(&fields)).is_some()
        });
        assert!(slot_of(id).with_lock(id, |_, _| change(&fields)).is_some());
        assert!(other.join().expect("no panic"));
        assert!(slot_of(id).release(id));
        change(&fields);
    });
}

pub fn a_stale_id_reads_the_old_span_or_nothing() {
    with_owner(|local| {
        let id = open(local, 2);
        let reader = thread::spawn(move || (number_of(id), slot::metadata(id)));
        assert!(slot_of(id).release(id));
        slot_of(id).free(local);
        let next = open(local, 3);
        assert_eq!((next as u32, number_of(next)), (id as u32, Some(3)), "the same slot");
        let (number, _) = reader.join().expect("no panic");
        assert!(matches!(number, None | Some(2)), "{number:?}");
        assert_eq!(number_of(id), None);
    });
}

/// The slot came back from another thread, so the one that uses it again has not ended the old span itself.
pub fn a_stale_id_and_a_slot_from_elsewhere() {
    with_owner(|local| {
        let [id, other] = [open(local, 2), open(local, 9)];
        let closer = thread::spawn(move || {
            assert!(slot_of(id).release(id));
            slot_of(id).free_remotely();
        });
        let reader = thread::spawn(move || number_of(id));
        // Either the slot that came back, or a new page.
        let next = open(local, 3);
        assert_eq!(number_of(next), Some(3));
        let number = reader.join().expect("no panic");
        assert!(matches!(number, None | Some(2)), "{number:?}");
        closer.join().expect("no panic");
        assert_eq!((number_of(id), number_of(other)), (None, Some(9)));
    });
}

pub fn a_late_holder_keeps_it_open_or_has_nothing() {
    with_owner(|local| {
        let id = open(local, 2);
        let late = thread::spawn(move || {
            let held = slot_of(id).retain(id);
            if held {
                assert_eq!(number_of(id), Some(2));
            }
            held
        });
        let over = slot_of(id).release(id);
        let held = late.join().expect("no panic");
        assert_eq!(over, !held);
        assert_eq!(number_of(id), held.then_some(2));
    });
}

pub fn closed_elsewhere_and_taken_again() {
    with_owner(|local| {
        let id = open(local, 2);
        let other = open(local, 9);
        let fields = Fields::new(UnsafeCell::new(0));
        let closer = thread::spawn({
            let fields = Rc::clone(&fields);
            move || {
                assert!(slot_of(id).release(id));
                change(&fields);
                slot_of(id).free_remotely();
            }
        });
        // Empty: either the slot that came back, or a new page.
        let next = open(local, 3);
        if next as u32 == id as u32 {
            change(&fields);
        }
        assert_eq!(number_of(next), Some(3));
        closer.join().expect("no panic");
        assert_eq!((number_of(id), number_of(other)), (None, Some(9)));
    });
}

pub fn two_close_elsewhere() {
    with_owner(|local| {
        let [one, two] = [open(local, 2), open(local, 3)];
        let close = |id| {
            move || {
                assert!(slot_of(id).release(id));
                slot_of(id).free_remotely();
            }
        };
        let other = thread::spawn(close(one));
        close(two)();
        other.join().expect("no panic");
        let again = [open(local, 4), open(local, 5)].map(|id| id as u32);
        assert!([[one, two], [two, one]].map(|ids| ids.map(|id| id as u32)).contains(&again));
    });
}
