//! From spans in any order to rows in pre-order. Pure: `trace` gathers the spans, this file only arranges them.
//!
//! Real traces are broken: spans come twice, parents are missing or come later, ids repeat in circles, clocks differ.
//! Every span that came appears exactly once; nothing is corrected, only marked.

use super::Spent;
use std::collections::HashMap;
use tundra_record::TraceId;

/// What a row is marked with. The numbers are the API's.
#[derive(Clone, Copy, Debug)]
pub struct Flags;

impl Flags {
    /// The span failed.
    pub const ERROR: u8 = 1;
    /// The span is a model call.
    pub const LLM: u8 = 2;
    /// Its parent is missing, or it closes a circle of parents.
    pub const ORPHAN: u8 = 4;
    /// It has events.
    pub const EVENTS: u8 = 8;
    /// It has logs.
    pub const LOGS: u8 = 16;
}

/// One span as it was stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) id: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) start: i64,
    pub(crate) duration: i64,
    pub(crate) service: u32,
    pub(crate) name: u32,
    pub(crate) kind: u8,
    pub(crate) role: String,
    pub(crate) flags: u8,
    pub(crate) tokens: Option<i64>,
    pub(crate) cost_pusd: Option<i64>,
    pub(crate) ttft: Option<i64>,
    pub(crate) sample: bool,
    /// Told by an event and not by the trace itself; of two spans with one id such a one counts less.
    pub(crate) event: bool,
    /// The batch it came in; of two spans with one id, told alike, the later batch counts.
    pub(crate) seq: i64,
}

/// Spans and the texts their numbers stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) rows: Vec<Row>,
    pub(crate) services: Vec<String>,
    pub(crate) names: Vec<String>,
}

/// A trace as columns, in pre-order.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the columns are the API's and explained there")]
pub struct Skeleton {
    pub trace_id: TraceId,
    pub start_ns: i64,
    pub duration_ns: i64,
    pub partial: bool,
    pub sample: bool,
    pub services: Vec<String>,
    pub names: Vec<String>,
    pub errors: u64,
    pub spent: Spent,
    pub span_id: Vec<u64>,
    pub parent: Vec<i64>,
    pub depth: Vec<u32>,
    pub subtree: Vec<u32>,
    pub service: Vec<u32>,
    pub name: Vec<u32>,
    pub kind: Vec<u8>,
    pub role: Vec<String>,
    pub start: Vec<i64>,
    pub duration: Vec<i64>,
    pub flags: Vec<u8>,
    pub tokens: Vec<Option<i64>>,
    pub cost_pusd: Vec<Option<i64>>,
    pub ttft: Vec<Option<i64>>,
}

/// Arranges the spans.
pub(crate) fn assemble(gathered: Gathered) -> Skeleton {
    let mut rows = latest(gathered.rows);
    rows.sort_by_key(|row| (row.start, row.id));
    let tree = Tree::of(&rows);
    let start_ns = rows.iter().map(|row| row.start).min().unwrap_or(0);
    let end = rows.iter().map(|row| row.start.saturating_add(row.duration)).max().unwrap_or(0);
    let mut skeleton = Skeleton {
        start_ns,
        duration_ns: end.saturating_sub(start_ns),
        partial: !rows.iter().any(|row| row.parent.is_none()),
        sample: rows.iter().any(|row| row.sample),
        services: gathered.services,
        names: gathered.names,
        ..Skeleton::default()
    };
    for (at, place) in tree.order.iter().enumerate() {
        skeleton.push(&rows[place.row], place, tree.size[at]);
    }
    skeleton
}

impl Skeleton {
    fn push(&mut self, row: &Row, place: &Place, size: u32) {
        let orphan = place.parent < 0 && row.parent.is_some();
        self.errors += u64::from(row.flags & Flags::ERROR != 0);
        if row.flags & Flags::LLM != 0 {
            self.spent.add(row.tokens, row.cost_pusd);
        }
        self.span_id.push(row.id);
        self.parent.push(place.parent);
        self.depth.push(place.depth);
        self.subtree.push(size);
        self.service.push(row.service);
        self.name.push(row.name);
        self.kind.push(row.kind);
        self.role.push(row.role.clone());
        self.start.push(row.start.saturating_sub(self.start_ns));
        self.duration.push(row.duration);
        self.flags.push(row.flags | if orphan { Flags::ORPHAN } else { 0 });
        self.tokens.push(row.tokens);
        self.cost_pusd.push(row.cost_pusd);
        self.ttft.push(row.ttft);
    }
}

/// Of the rows with one id, the one that was written last.
fn latest(rows: Vec<Row>) -> Vec<Row> {
    let rank = |row: &Row| (!row.event, row.seq);
    let mut seen: HashMap<u64, usize> = HashMap::with_capacity(rows.len());
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match seen.get(&row.id) {
            Some(&at) if rank(&kept[at]) <= rank(&row) => kept[at] = row,
            Some(_) => {}
            None => {
                seen.insert(row.id, kept.len());
                kept.push(row);
            }
        }
    }
    kept
}

/// Where a row stands: its own index, its parent's place in the order (-1 for none) and its depth.
struct Place {
    row: usize,
    parent: i64,
    depth: u32,
}

struct Tree {
    order: Vec<Place>,
    size: Vec<u32>,
}

impl Tree {
    /// Pre-order over `rows`, which are sorted as siblings shall be. Linear but for one sort of the edges.
    fn of(rows: &[Row]) -> Self {
        let at: HashMap<u64, usize> = rows.iter().enumerate().map(|(at, row)| (row.id, at)).collect();
        let parents: Vec<Option<usize>> =
            rows.iter().map(|row| row.parent.and_then(|id| at.get(&id).copied())).collect();
        // Children of one parent next to each other, in the order of `rows`: a stable sort keeps it.
        let mut edges: Vec<(usize, usize)> =
            parents.iter().enumerate().filter_map(|(child, parent)| parent.map(|p| (p, child))).collect();
        edges.sort_by_key(|(parent, _)| *parent);
        let mut walk = Walk {
            rows: rows.len(),
            edges,
            order: Vec::with_capacity(rows.len()),
            seen: vec![false; rows.len()],
        };
        for (row, parent) in parents.iter().enumerate() {
            if parent.is_none() {
                walk.from(row);
            }
        }
        // What is left hangs on circles; the earliest span of each becomes a root.
        for row in 0..rows.len() {
            walk.from(row);
        }
        let size = sizes(&walk.order);
        Self { order: walk.order, size }
    }
}

struct Walk {
    rows: usize,
    edges: Vec<(usize, usize)>,
    order: Vec<Place>,
    seen: Vec<bool>,
}

impl Walk {
    fn from(&mut self, root: usize) {
        if self.seen[root] {
            return;
        }
        let mut stack = vec![Place { row: root, parent: -1, depth: 0 }];
        while let Some(place) = stack.pop() {
            if std::mem::replace(&mut self.seen[place.row], true) {
                continue;
            }
            let here = self.order.len();
            let first = self.edges.partition_point(|(parent, _)| *parent < place.row);
            let end = self.edges.partition_point(|(parent, _)| *parent <= place.row);
            for (_, child) in self.edges[first..end].iter().rev() {
                debug_assert!(*child < self.rows, "edges point into the rows");
                let parent = i64::try_from(here).unwrap_or(i64::MAX);
                stack.push(Place { row: *child, parent, depth: place.depth.saturating_add(1) });
            }
            self.order.push(place);
        }
    }
}

/// Sizes of the subtrees, from the last row to the first.
fn sizes(order: &[Place]) -> Vec<u32> {
    let mut size = vec![1_u32; order.len()];
    for at in (0..order.len()).rev() {
        if let Ok(parent) = usize::try_from(order[at].parent) {
            size[parent] = size[parent].saturating_add(size[at]);
        }
    }
    size
}

#[cfg(test)]
mod tests;
