//! What does not fit into 256 bytes: long values, links, error events, attributes added by name.
//!
//! Made by the subscriber when needed, moved by pointer through slot and ring, owned and dropped by the collector. All
//! spills together are bounded; what the bound refuses is lost and marked, never waited for.

use crate::limits::{ADDED_ATTRS, LINKS, SPAN_EVENTS, SPILL_BYTES};
use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tracing_core::Metadata;
use tundra_record::{Attrs, Value};

static SPILLED: AtomicUsize = AtomicUsize::new(0);

/// An error that was logged inside the span.
#[derive(Debug)]
pub(crate) struct SpillEvent {
    pub(crate) tick: u64,
    pub(crate) meta: &'static Metadata<'static>,
    /// Encoded as in a record.
    pub(crate) fields: Vec<u8>,
    pub(crate) long: Vec<(u8, u8, String)>,
}

/// An event that did not come from a call site: wall time, name, attributes.
pub(crate) type Moment = (i64, Cow<'static, str>, Attrs<'static>);

/// A link: the other trace, the other span, attributes.
pub(crate) type Linked = (u128, u64, Attrs<'static>);

/// The parts of one span or event that live on the heap.
#[derive(Debug, Default)]
pub(crate) struct Spill {
    /// Field index, tag, value.
    pub(crate) long: Vec<(u8, u8, String)>,
    pub(crate) links: Vec<Linked>,
    pub(crate) events: Vec<SpillEvent>,
    pub(crate) added: Vec<(Cow<'static, str>, Value<'static>)>,
    /// The name that replaces the call site's.
    pub(crate) name: Option<Cow<'static, str>>,
    /// Events with a name and a wall time of their own.
    pub(crate) moments: Vec<Moment>,
    /// Nanoseconds since 1970 that replace the measured ones.
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
    /// An attribute that is the time between two ticks: seconds once it is translated, by the same clock as the span.
    pub(crate) waited: Option<(&'static str, [u64; 2])>,
    charged: usize,
}

impl Spill {
    /// Books so many more bytes; false if the process holds too much already.
    fn charge(&mut self, bytes: usize) -> bool {
        if SPILLED.fetch_add(bytes, Relaxed).saturating_add(bytes) > SPILL_BYTES {
            SPILLED.fetch_sub(bytes, Relaxed);
            return false;
        }
        self.charged += bytes;
        true
    }

    /// Keeps a long value; false if it was refused.
    pub(crate) fn value(&mut self, field: u8, tag: u8, text: String) -> bool {
        let fits = self.charge(text.len() + size_of::<(u8, u8, String)>());
        if fits {
            self.long.push((field, tag, text));
        }
        fits
    }

    /// Keeps a link; false if it was refused.
    pub(crate) fn link(&mut self, trace: u128, span: u64, attrs: Attrs<'static>) -> bool {
        let fits = self.links.len() < LINKS && self.charge(size_of::<Linked>() + len_bytes(&attrs));
        if fits {
            self.links.push((trace, span, attrs));
        }
        fits
    }

    /// Keeps an event; false if it was refused.
    pub(crate) fn event(&mut self, event: SpillEvent) -> bool {
        let long: usize = event.long.iter().map(|(_, _, text)| text.len()).sum();
        let bytes = size_of::<SpillEvent>() + event.fields.len() + long;
        let fits = self.events.len() < SPAN_EVENTS && self.charge(bytes);
        if fits {
            self.events.push(event);
        }
        fits
    }

    /// Keeps an event that has no call site; false if it was refused.
    #[cfg(feature = "opentelemetry")]
    pub(crate) fn moment(&mut self, time: i64, name: Cow<'static, str>, attrs: Attrs<'static>) -> bool {
        let bytes = name.len() + len_bytes(&attrs) + 64;
        let fits = self.moments.len() < SPAN_EVENTS && self.charge(bytes);
        if fits {
            self.moments.push((time, name, attrs));
        }
        fits
    }

    /// Keeps an attribute; false if it was refused.
    pub(crate) fn add(&mut self, key: Cow<'static, str>, value: Value<'static>) -> bool {
        let bytes = key.len() + value_bytes(&value) + 64;
        let fits = self.added.len() < ADDED_ATTRS && self.charge(bytes);
        if fits {
            self.added.push((key, value));
        }
        fits
    }

    /// Replaces the name; false if it was refused.
    pub(crate) fn rename(&mut self, name: Cow<'static, str>) -> bool {
        let fits = self.charge(name.len());
        if fits {
            self.name = Some(name);
        }
        fits
    }
}

/// What attributes are booked with.
fn len_bytes(attrs: &Attrs<'_>) -> usize {
    attrs.iter().map(|(key, value)| key.len() + value_bytes(value) + 64).sum()
}

/// What a value is booked with.
fn value_bytes(value: &Value<'_>) -> usize {
    match value {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(values) => values.iter().map(|value| value_bytes(value) + size_of::<Value<'_>>()).sum(),
        Value::Map(attrs) => len_bytes(attrs),
        Value::Bool(_) | Value::Int(_) | Value::Double(_) => 32,
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        SPILLED.fetch_sub(self.charged, Relaxed);
    }
}

/// In a forked child, once the parent's records are dropped: what was booked for the others is not ours.
pub(crate) fn forget_spills() {
    SPILLED.store(0, Relaxed);
}

/// Bytes that all spills of the process hold now.
pub(crate) fn spilled() -> usize {
    SPILLED.load(Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_booked_with_what_they_take() {
        let check = |value: Value<'static>, least: usize| {
            let mut spill = Spill::default();
            assert!(spill.add("key".into(), value.clone()) && spill.charged >= least, "{}", spill.charged);
            let linked = spill.charged;
            assert!(spill.link(1, 1, vec![("key".into(), value)]) && spill.charged - linked >= least);
        };
        let text = || Value::from("x".repeat(1000));
        check(Value::Int(1), size_of::<Value<'_>>());
        check(text(), 1000);
        check(Value::Bytes(vec![0; 1000].into()), 1000);
        check(Value::List(vec![Value::Int(1); 1000]), 1000 * size_of::<Value<'_>>());
        check(Value::List(vec![text(); 100]), 100_000);
        check(Value::List(vec![Value::Map(vec![("x".repeat(1000).into(), text())])]), 2000);
    }
}
