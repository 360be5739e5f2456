//! An event told once more, with another parent: `tracing` lets nobody change the parent of an event, so its values are
//! kept and told again.
//!
//! For events with an explicit parent that a second subscriber wants. Numbers and texts stay what they are; what has only a
//! `Debug` stays its text, and an error its text and those of its sources.

use std::error::Error;
use std::fmt;
use tracing_core::field::{Field, Value, Visit, debug};
use tracing_core::span::Id;
use tracing_core::{Event, Subscriber};

/// Fields that `tracing` itself allows in every version.
const FIELDS: usize = 32;

/// What was formatted already.
struct Text(String);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug)]
struct Told {
    text: String,
    source: Option<Box<Self>>,
}

/// Sources of an error that are told.
const SOURCES: usize = 16;

impl Told {
    fn of(error: &dyn Error, left: usize) -> Self {
        let source = error.source().filter(|_| left > 0).map(|source| Box::new(Self::of(source, left - 1)));
        Self { text: error.to_string(), source }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Told {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_deref()?)
    }
}

#[derive(Default)]
struct Values(Vec<(Field, Box<dyn Value>)>);

impl Values {
    fn keep(&mut self, field: &Field, value: impl Value + 'static) {
        if self.0.len() < FIELDS {
            self.0.push((field.clone(), Box::new(value)));
        }
    }
}

impl Visit for Values {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, value);
    }
    fn record_i128(&mut self, field: &Field, value: i128) {
        self.keep(field, value);
    }
    fn record_u128(&mut self, field: &Field, value: u128) {
        self.keep(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, value);
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, value.to_owned());
    }
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let told: Box<dyn Error + 'static> = Box::new(Told::of(value, SOURCES));
        self.keep(field, told);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.keep(field, debug(Text(format!("{value:?}"))));
    }
}

/// Tells `to` of the event if it wants it, below this parent or, without one, below nobody.
pub(super) fn tell(to: &dyn Subscriber, event: &Event<'_>, parent: Option<Id>) {
    let meta = event.metadata();
    let Some(any) = meta.fields().iter().next() else { return };
    let mut values = Values::default();
    event.record(&mut values);
    let mut list: [(&Field, Option<&dyn Value>); FIELDS] = [(&any, None); FIELDS];
    for (place, (field, value)) in list.iter_mut().zip(&values.0) {
        *place = (field, Some(&**value));
    }
    let values = meta.fields().value_set(&list);
    let event = Event::new_child_of(parent, meta, &values);
    // Not asked before the values were kept: they may be code of the application that records, and with that asks.
    if to.enabled(meta) && to.event_enabled(&event) {
        to.event(&event);
    }
}
