//! Our subscriber first, and behind it a second one of the application's choice (`fmt`, `EnvFilter`, `tracing-error` ...).
//!
//! The second sees the same calls with its own ids, which are kept in our slots while a span is open; it costs what it
//! costs, and nothing when absent. What it cannot do: layers that downcast the current subscriber see ours.
//! An event with an explicit parent reaches it with our id, which it does not know.
#![expect(
    unsafe_code,
    reason = "the second id lies in the slot; it is read and written under the slot's lock"
)]

use super::slot::find;
use super::subscriber::Engine;
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
    // SAFETY: the lock gives the head to us alone; `end` is free while the span is open.
    let second = find(id)?.with_lock(id, |head, _| unsafe { (*head).end })?;
    (second != 0).then(|| Id::from_u64(second))
}

fn keep_second_id(id: &Id, second: &Id) {
    let (id, second) = (id.into_u64(), second.into_u64());
    if let Some(slot) = find(id) {
        // SAFETY: as in `second_id`.
        slot.with_lock(id, |head, _| unsafe { (*head).end = second });
    }
}

impl Fanout {
    pub(crate) fn new(first: Engine, second: Second) -> Self {
        Self { first, second }
    }
}

impl Subscriber for Fanout {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let (ours, theirs) =
            (self.first.register_callsite(metadata), self.second.register_callsite(metadata));
        if ours.is_never() && theirs.is_never() { Interest::never() } else { Interest::sometimes() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Ours has every span, so that the second's ids have a place.
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
        let id = self.first.new_span(attributes);
        let metadata = attributes.metadata();
        if self.second.enabled(metadata) {
            let second = match attributes.parent().map(second_id) {
                Some(Some(parent)) => {
                    self.second.new_span(&Attributes::child_of(parent, metadata, attributes.values()))
                }
                Some(None) => self.second.new_span(&Attributes::new_root(metadata, attributes.values())),
                None => self.second.new_span(attributes),
            };
            keep_second_id(&id, &second);
        }
        id
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        self.first.record(id, values);
        if let Some(second) = second_id(id) {
            self.second.record(&second, values);
        }
    }

    fn record_follows_from(&self, id: &Id, follows: &Id) {
        self.first.record_follows_from(id, follows);
        if let (Some(id), Some(follows)) = (second_id(id), second_id(follows)) {
            self.second.record_follows_from(&id, &follows);
        }
    }

    fn event(&self, event: &Event<'_>) {
        if self.first.enabled(event.metadata()) {
            self.first.event(event);
        }
        if self.second.enabled(event.metadata()) {
            self.second.event(event);
        }
    }

    fn enter(&self, id: &Id) {
        self.first.enter(id);
        if let Some(second) = second_id(id) {
            self.second.enter(&second);
        }
    }

    fn exit(&self, id: &Id) {
        self.first.exit(id);
        if let Some(second) = second_id(id) {
            self.second.exit(&second);
        }
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.first.clone_span(id)
    }

    fn try_close(&self, id: Id) -> bool {
        let second = second_id(&id);
        let closed = self.first.try_close(id);
        if closed && let Some(second) = second {
            self.second.try_close(second);
        }
        closed
    }

    fn current_span(&self) -> Current {
        self.first.current_span()
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
