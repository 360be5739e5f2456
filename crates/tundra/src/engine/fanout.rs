//! Our subscriber first, and behind it a second one of the application's choice (`fmt`, `EnvFilter`, `tracing-error` ...).
//!
//! Each gets what it wants, by its own filter. The second sees the same calls with its own ids, which are kept in our slots
//! while a span is open, or, of spans that we do not record, in the table of `guests`; it costs what it costs, and nothing
//! when absent. What it cannot do: layers that downcast the current subscriber see ours.
#![expect(
    unsafe_code,
    reason = "the second id lies in the slot; it is read and written under the slot's lock"
)]

use super::change::link;
use super::guests::{self, Guest, guest, is_guest};
use super::retold;
use super::slot::{find, metadata};
use super::subscriber::{Engine, NOBODY};
use crate::health::DONE;
use std::cell::Cell;
use std::sync::atomic::Ordering::Relaxed;
use tracing_core::span::{Attributes, Current, Id, Record};
use tracing_core::{Dispatch, Event, Interest, LevelFilter, Metadata, Subscriber};

/// Two subscribers in a row.
pub(crate) struct Fanout {
    first: Engine,
    second: Second,
}

/// What an application puts behind ours.
pub(crate) type Second = Box<dyn Subscriber + Send + Sync>;

/// The id that the second subscriber gave a span; `None` if it did not want it.
fn second_id(id: &Id) -> Option<Id> {
    let id = id.into_u64();
    if is_guest(id) {
        return guest(id).map(|guest| Id::from_u64(guest.second));
    }
    // SAFETY: the lock gives the head to us alone; `end` is free while the span is open.
    let second = find(id)?.with_lock(id, |head, _| unsafe { (*head).end })?;
    (second != 0).then(|| Id::from_u64(second))
}

/// Our id of a span or, if we do not record it, of the nearest one above; zero if there is none.
fn our_id(id: &Id) -> u64 {
    let id = id.into_u64();
    if is_guest(id) { guest(id).map_or(0, |guest| guest.above) } else { id }
}

fn keep_second_id(id: &Id, second: &Id) {
    let (id, second) = (id.into_u64(), second.into_u64());
    if let Some(slot) = find(id) {
        // SAFETY: as in `second_id`.
        slot.with_lock(id, |head, _| unsafe { (*head).end = second });
    }
}

thread_local! {
    /// Calls of second subscribers that this thread is inside of.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
}

/// The thread is inside of a second subscriber.
struct Inside;

impl Inside {
    fn begin() -> Self {
        INSIDE.set(INSIDE.get() + 1);
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(INSIDE.get() - 1);
    }
}

/// A `Registry` lets go of its own ids through the thread's subscriber, which is us. Nothing else is closed inside of the
/// second that we do not know.
fn is_seconds_own(id: &Id) -> bool {
    INSIDE.get() > 0 && metadata(id.into_u64()).is_none()
}

impl Fanout {
    /// The second, for a call that may close spans.
    fn tell_second<R>(&self, call: impl FnOnce(&Second) -> R) -> R {
        let _inside = Inside::begin();
        call(&self.second)
    }

    pub(crate) fn new(first: Engine, second: Second) -> Self {
        Self { first, second }
    }

    fn open_ours(&self, attributes: &Attributes<'_>) -> Id {
        let none_above = attributes.parent().is_some_and(|parent| our_id(parent) == 0);
        let root = Attributes::new_root(attributes.metadata(), attributes.values());
        Id::from_u64(self.first.open(if none_above { &root } else { attributes }, our_id))
    }

    fn open_theirs(&self, attributes: &Attributes<'_>) -> Id {
        let (meta, values) = (attributes.metadata(), attributes.values());
        match attributes.parent().map(second_id) {
            Some(Some(parent)) => {
                self.tell_second(|second| second.new_span(&Attributes::child_of(parent, meta, values)))
            }
            Some(None) => self.tell_second(|second| second.new_span(&Attributes::new_root(meta, values))),
            None => self.tell_second(|second| second.new_span(attributes)),
        }
    }

    /// The id of a span that only the second wants.
    fn open_guest(&self, attributes: &Attributes<'_>) -> Id {
        let above = match attributes.parent() {
            Some(parent) => our_id(parent),
            None if attributes.is_root() => 0,
            None => self.first.current_span().id().map_or(0, Id::into_u64),
        };
        let second = self.open_theirs(attributes);
        let (pipeline, meta) = (self.first.pipeline(), attributes.metadata());
        let taken = guests::welcome(Guest { pipeline, second: second.into_u64(), above, meta });
        if taken.is_none() {
            DONE.refused_guests.fetch_add(1, Relaxed);
            self.tell_second(|to| to.try_close(second));
        }
        Id::from_u64(taken.unwrap_or(NOBODY))
    }
}

impl Subscriber for Fanout {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let (ours, theirs) =
            (self.first.register_callsite(metadata), self.second.register_callsite(metadata));
        if ours.is_never() && theirs.is_never() { Interest::never() } else { Interest::sometimes() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.first.enabled(metadata) || self.second.enabled(metadata)
    }

    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        self.second.on_register_dispatch(dispatch);
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // No hint from one of them means that everything may be wanted.
        Some(self.first.max_level_hint()?.max(self.second.max_level_hint()?))
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        // Whoever asks for both asks here again: the answer to the call site was for any of the two.
        let ours = self.first.enabled(attributes.metadata()).then(|| self.open_ours(attributes));
        if !self.second.enabled(attributes.metadata()) {
            return ours.unwrap_or_else(|| Id::from_u64(NOBODY));
        }
        let Some(id) = ours else { return self.open_guest(attributes) };
        keep_second_id(&id, &self.open_theirs(attributes));
        id
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        if !is_guest(id.into_u64()) {
            self.first.record(id, values);
        }
        if let Some(second) = second_id(id) {
            self.tell_second(|to| to.record(&second, values));
        }
    }

    fn record_follows_from(&self, id: &Id, follows: &Id) {
        if !is_guest(id.into_u64()) {
            link(id.into_u64(), our_id(follows));
        }
        if let (Some(id), Some(follows)) = (second_id(id), second_id(follows)) {
            self.tell_second(|to| to.record_follows_from(&id, &follows));
        }
    }

    fn event(&self, event: &Event<'_>) {
        if self.first.enabled(event.metadata()) {
            self.first.log(event, our_id);
        }
        if let Some(parent) = event.parent() {
            self.tell_second(|to| retold::tell(to, event, second_id(parent)));
        } else if self.second.enabled(event.metadata()) && self.second.event_enabled(event) {
            self.tell_second(|to| to.event(event));
        }
    }

    fn enter(&self, id: &Id) {
        if !is_guest(id.into_u64()) {
            self.first.enter(id);
        }
        if let Some(second) = second_id(id) {
            self.tell_second(|to| to.enter(&second));
        }
    }

    fn exit(&self, id: &Id) {
        if !is_guest(id.into_u64()) {
            self.first.exit(id);
        }
        if let Some(second) = second_id(id) {
            self.tell_second(|to| to.exit(&second));
        }
    }

    fn clone_span(&self, id: &Id) -> Id {
        if is_guest(id.into_u64()) {
            guests::retain(id.into_u64());
            return id.clone();
        }
        self.first.clone_span(id)
    }

    fn try_close(&self, id: Id) -> bool {
        if is_guest(id.into_u64()) {
            let Some(gone) = guests::release(id.into_u64()) else { return false };
            self.tell_second(|to| to.try_close(Id::from_u64(gone.second)));
            return true;
        }
        if is_seconds_own(&id) {
            return self.tell_second(|to| to.try_close(id));
        }
        let second = second_id(&id);
        let closed = self.first.try_close(id);
        if closed && let Some(second) = second {
            self.tell_second(|to| to.try_close(second));
        }
        closed
    }

    fn current_span(&self) -> Current {
        let ours = self.first.current_span();
        guests::innermost(self.first.pipeline(), &self.second.current_span(), &ours).unwrap_or(ours)
    }

    // SAFETY: both pointers point to what `id` names and live as long as `self`.
    unsafe fn downcast_raw(&self, id: std::any::TypeId) -> Option<*const ()> {
        if id == std::any::TypeId::of::<Self>() {
            Some(std::ptr::from_ref(self).cast())
        } else if id == std::any::TypeId::of::<Engine>() {
            Some(std::ptr::from_ref(&self.first).cast())
        } else {
            // SAFETY: handed on.
            unsafe { self.second.downcast_raw(id) }
        }
    }
}
