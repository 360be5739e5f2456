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
pub(super) type Upstreams = HashMap<TraceId, Upstream>;

/// Looks up what is known of the traces of these spans, and notes on each where its trace began.
pub(super) fn look_up(marked: &mut [Marked<'_>], batch: &Batch) -> Upstreams {
    let mut found = Upstreams::new();
    let mut last = None;
    for marked in marked {
        let trace = marked.span.trace_id;
        if last.replace(trace) != Some(trace)
            && !found.contains_key(&trace)
            && let Some(upstream) = of(trace, batch)
        {
            found.insert(trace, upstream);
        }
        if let Some(upstream) = found.get(&trace) {
            marked.span.attrs.extend(upstream.origin.iter().cloned());
        }
    }
    found
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
