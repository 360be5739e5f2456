//! What the services above said about a trace: who started it, how it was decided, and the tags that travel with it.
//!
//! Looked up once for each batch, cleaned like every attribute, and written on the spans that the Agent looks at.

use crate::collector::{Batch, Marked};
use crate::propagation::carried_by;
use std::collections::HashMap;
use tundra_record::{Attrs, Span, Text, TraceId, Value};

/// Datadog's name for where a trace began; each span has it.
const ORIGIN: &str = "_dd.origin";
/// The trace id's high half is written from the span itself.
const HIGH_HALF: &str = "_dd.p.tid";

/// What came with one trace.
#[derive(Debug, Default)]
pub(super) struct Upstream {
    /// Datadog's sampling priority.
    pub(super) priority: Option<i64>,
    origin: Attrs<'static>,
    /// For the span that speaks for its chunk: the decision maker and others.
    pub(super) tags: Attrs<'static>,
}

/// By trace; traces that brought nothing are not in it.
#[derive(Debug, Default)]
pub(super) struct Upstreams {
    found: HashMap<TraceId, Upstream>,
    last: Option<TraceId>,
}

impl Upstreams {
    /// Where a trace began, as an attribute for each of its spans; looked up when the trace is met first.
    #[inline]
    pub(super) fn origin(&mut self, trace: TraceId, batch: &Batch) -> &Attrs<'static> {
        const NOWHERE: &Attrs<'static> = &Attrs::new();
        if self.last.replace(trace) != Some(trace)
            && !self.found.contains_key(&trace)
            && let Some(upstream) = of(trace, batch)
        {
            self.found.insert(trace, upstream);
        }
        if self.found.is_empty() { NOWHERE } else { self.get(trace).map_or(NOWHERE, |found| &found.origin) }
    }

    /// What came with a trace that was met.
    pub(super) fn get(&self, trace: TraceId) -> Option<&Upstream> {
        self.found.get(&trace)
    }
}

/// Looks up what is known of the traces of these spans, and notes on each where its trace began.
pub(super) fn look_up(marked: &mut [Marked<'_>], batch: &Batch) -> Upstreams {
    let mut upstreams = Upstreams::default();
    for marked in marked {
        let origin = upstreams.origin(marked.span.trace_id, batch);
        marked.span.attrs.extend(origin.iter().cloned());
    }
    upstreams
}

fn of(trace: TraceId, batch: &Batch) -> Option<Upstream> {
    let remote = carried_by(trace)?;
    let tag = |tag: &str| {
        let (key, value) = tag.split_once('=')?;
        (key != HIGH_HALF).then(|| (Text::Owned(key.to_owned()), Value::from(value.to_owned())))
    };
    let said = (ORIGIN.into(), Value::from(remote.origin.clone()));
    Some(Upstream {
        priority: remote.priority.map(i64::from),
        origin: if remote.origin.is_empty() { Attrs::new() } else { clean(vec![said], batch) },
        tags: clean(remote.datadog_tags.split(',').filter_map(tag).collect(), batch),
    })
}

/// Headers are other people's words.
fn clean(attrs: Attrs<'static>, batch: &Batch) -> Attrs<'static> {
    let mut span = Span { attrs, ..Span::default() };
    batch.clean(&mut span);
    span.attrs
}
