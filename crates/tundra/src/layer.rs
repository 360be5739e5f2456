//! The door for programs that have a `Registry` already: the same engine as a `tracing_subscriber` layer.
//!
//! ```
//! use tracing_subscriber::prelude::*;
//! # fn main() -> Result<(), tundra::Error> {
//! let (layer, _guard) = tundra::layer()?;
//! let _ = tracing_subscriber::registry().with(layer).try_init(); // beside fmt, EnvFilter and whatever else there is
//! # Ok(())
//! # }
//! ```
//!
//! Records, context, log records and metrics are those of `tundra::init`. Nothing is kept in the `Registry`'s extensions: an own
//! table leads from its ids to our slots. The layer's filter decides what *it* records and never what others see.

use crate::engine::{Engine, Places, Verdicts, enter, exit, link, record_values, release};
use crate::{Error, Guard, builder};
use std::sync::{Arc, OnceLock};
use tracing_core::dispatcher::WeakDispatch;
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Dispatch, Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// [`init`](crate::init) for programs with a `Registry`: everything from the environment; keep the guard in `main`.
///
/// Log lines are left to the `fmt` layer beside it ([`Builder::layer`](crate::Builder::layer) writes them as its builder says).
/// Warnings about settings and targets stand in [`health`](crate::health()) alone, and what libraries tell by the `metrics` crate
/// or the `opentelemetry` API needs [`bridge::install`](crate::bridge::install).
pub fn layer() -> Result<(RegistryLayer, Guard), Error> {
    if !cfg!(feature = "enabled") {
        return Ok((RegistryLayer::inert(), Guard::inert()));
    }
    builder().no_log_output().exporters_from_environment()?.layer()
}

/// The SDK as a layer; made by [`layer`] or [`Builder::layer`](crate::Builder::layer).
#[derive(Debug)]
pub struct RegistryLayer(Option<Box<Inner>>);

#[derive(Debug)]
struct Inner {
    engine: Engine,
    places: Places,
    verdicts: Verdicts,
    stack: Arc<OnceLock<WeakDispatch>>,
}

impl RegistryLayer {
    pub(crate) fn new(engine: Engine, verdicts: Verdicts, stack: Arc<OnceLock<WeakDispatch>>) -> Self {
        Self(Some(Box::new(Inner { engine, places: Places::default(), verdicts, stack })))
    }

    /// The layer of an SDK that is switched off.
    pub(crate) fn inert() -> Self {
        Self(None)
    }

    /// Our id of a span of this stack; zero if it has none.
    pub(crate) fn own_id(&self, id: &Id) -> u64 {
        self.0.as_ref().map_or(0, |inner| inner.places.get(id.into_u64()))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for RegistryLayer {
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        if let Some(inner) = &self.0 {
            let _ = inner.stack.set(dispatch.downgrade());
        }
    }

    #[inline]
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let Some(inner) = &self.0 else { return };
        if !inner.verdicts.enables(attributes.metadata()) {
            return;
        }
        let ours = inner.engine.open(attributes, |parent| known(inner, parent));
        inner.places.insert(id.into_u64(), ours);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        record_values(self.own_id(id), values);
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, _: Context<'_, S>) {
        link(self.own_id(id), self.own_id(follows));
    }

    #[inline]
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let Some(inner) = &self.0 else { return };
        if inner.verdicts.enables(event.metadata()) {
            inner.engine.log(event, |parent| known(inner, parent));
        }
    }

    #[inline]
    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        let ours = self.own_id(id);
        if ours != 0 {
            enter(ours);
        }
    }

    #[inline]
    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        let ours = self.own_id(id);
        if ours != 0 {
            exit(ours);
        }
    }

    #[inline]
    fn on_close(&self, id: Id, _: Context<'_, S>) {
        if let Some(inner) = &self.0 {
            release(inner.places.remove(id.into_u64()));
        }
    }
}

/// Our id of an explicit parent, or of the nearest span above it that we record. The context would hide what a filter
/// around this layer took away, so the `Registry` itself is asked.
fn known(inner: &Inner, parent: &Id) -> u64 {
    let ours = inner.places.get(parent.into_u64());
    if ours != 0 {
        return ours;
    }
    let stack = inner.stack.get().and_then(WeakDispatch::upgrade);
    let registry = stack.as_ref().and_then(|stack| stack.downcast_ref::<Registry>());
    let above = registry.and_then(|registry| registry.span(parent)).into_iter().flat_map(|span| span.scope());
    above.map(|span| inner.places.get(span.id().into_u64())).find(|ours| *ours != 0).unwrap_or(0)
}
