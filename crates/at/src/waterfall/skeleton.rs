//! The columnar skeleton that `GET /api/traces/{id}` answers, and one row of it. A column that is too short yields
//! what stands for unknown; nothing here trusts the lengths.

use serde::Deserialize;

const FLAG_ERROR: u64 = 1;
const FLAG_CALL: u64 = 2;
const FLAG_ORPHAN: u64 = 4;

/// A trace without its details.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Skeleton {
    pub(crate) start_ns: String,
    pub(crate) duration_ns: i64,
    pub(crate) partial: bool,
    pub(crate) sample: bool,
    services: Vec<String>,
    names: Vec<String>,
    pub(crate) totals: Totals,
    spans: Spans,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Totals {
    pub(crate) spans: u64,
    pub(crate) errors: u64,
    pub(crate) llm_calls: u64,
    pub(crate) tokens: Option<u64>,
    pub(crate) cost_pusd: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spans {
    span_id: Vec<String>,
    parent: Vec<i64>,
    depth: Vec<usize>,
    subtree: Vec<usize>,
    service: Vec<usize>,
    name: Vec<usize>,
    start: Vec<i64>,
    duration: Vec<i64>,
    flags: Vec<u64>,
}

/// One span, in the order in which it is shown.
#[derive(Debug)]
pub(crate) struct SpanRow<'s> {
    pub(crate) name: &'s str,
    pub(crate) service: &'s str,
    pub(crate) service_index: usize,
    /// Whether its parent belongs to another service, or it has none.
    pub(crate) new_service: bool,
    pub(crate) depth: usize,
    /// Spans below it, itself included.
    subtree: usize,
    pub(crate) start_ns: i64,
    pub(crate) duration_ns: i64,
    pub(crate) failed: bool,
    pub(crate) is_call: bool,
    pub(crate) orphan: bool,
}

impl Skeleton {
    pub(crate) fn rows(&self) -> Vec<SpanRow<'_>> {
        (0..self.spans.span_id.len()).map(|at| self.row(at)).collect()
    }

    fn row(&self, at: usize) -> SpanRow<'_> {
        let spans = &self.spans;
        let service_index = spans.service.get(at).copied().unwrap_or(0);
        let parent = spans.parent.get(at).and_then(|parent| usize::try_from(*parent).ok());
        let parents_service = parent.and_then(|parent| spans.service.get(parent)).copied();
        let flags = spans.flags.get(at).copied().unwrap_or(0);
        SpanRow {
            name: named(&self.names, spans.name.get(at)),
            service: named(&self.services, spans.service.get(at)),
            service_index,
            new_service: parents_service != Some(service_index),
            depth: spans.depth.get(at).copied().unwrap_or(0),
            subtree: spans.subtree.get(at).copied().unwrap_or(1).max(1),
            start_ns: spans.start.get(at).copied().unwrap_or(0),
            duration_ns: spans.duration.get(at).copied().unwrap_or(0),
            failed: flags & FLAG_ERROR != 0,
            is_call: flags & FLAG_CALL != 0,
            orphan: flags & FLAG_ORPHAN != 0,
        }
    }
}

fn named<'s>(texts: &'s [String], index: Option<&usize>) -> &'s str {
    index.and_then(|index| texts.get(*index)).map_or("?", String::as_str)
}

/// Brings `guides` to the row at `index`: for each level below the root, whether a sibling follows. Rows are visited in
/// order, so each costs what its depth changes.
pub(crate) fn move_guides(guides: &mut Vec<bool>, rows: &[SpanRow<'_>], index: usize) {
    let depth = rows[index].depth;
    guides.truncate(depth.saturating_sub(1));
    guides.resize(depth.saturating_sub(1), false);
    if depth > 0 {
        let next = rows.get(index + rows[index].subtree);
        guides.push(next.is_some_and(|next| next.depth == depth));
    }
}
