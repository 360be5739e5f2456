//! What a batch becomes: requests of spans, of log records and of points, each of a sensible size.
//!
//! Plain records are written as they lie there, all others as the records that `Walk` makes of them.

use super::Signal;
use super::alike::{Common, Site};
use crate::collector::plain::{Sites, may_be_plain};
use crate::collector::scope;
use crate::engine::EVENT;
use crate::export::Exported;
use crate::export::datadog::llmobs::without_no_parent;
use crate::limits::{BODY_BYTES, PAYLOAD_BYTES};
use crate::sampling::is_llm;
use tundra_record::{Resource, Scope};
use tundra_wire::otlp::encode::Group;

/// What a request holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contents {
    Spans,
    /// Spans of model calls once more.
    Calls,
    Logs,
    Points,
}

impl Contents {
    const ALL: [Self; 4] = [Self::Spans, Self::Calls, Self::Logs, Self::Points];

    pub(super) fn signal(self) -> Signal {
        match self {
            Self::Spans | Self::Calls => Signal::Traces,
            Self::Logs => Signal::Logs,
            Self::Points => Signal::Metrics,
        }
    }
}

/// Where requests go.
pub(super) trait Door {
    /// Whether such requests are wanted; always the same answer.
    fn takes(&self, contents: Contents) -> bool;
    /// An empty buffer, possibly a used one.
    fn buffer(&mut self, contents: Contents) -> Vec<u8>;
    /// Takes a request with so many records.
    fn put(&mut self, contents: Contents, body: Vec<u8>, count: u64);
}

/// Makes requests of batches.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    sites: Sites<Site>,
    /// How many forms they have.
    forms: usize,
}

impl Encoder {
    /// Hands over everything in a batch that is wanted.
    pub(super) fn export(&mut self, exported: &Exported<'_>, door: &mut dyn Door) {
        let (batch, scope) = (exported.batch, scope());
        let sender = (exported.resource, &scope);
        let request = |contents| Request { contents, sender, group: None, count: 0 };
        let [mut spans, mut calls, mut logs, mut points] = Contents::ALL.map(request);
        let [takes_spans, copies_calls, takes_logs, takes_points] =
            Contents::ALL.map(|contents| door.takes(contents));
        let mut walk = batch.walk();
        if self.sites.bound() {
            self.forms = 0;
        }
        for record in batch.kept() {
            let Some(meta) = record.head.metadata() else { continue };
            let site = self.sites.get(meta, |meta| Site::of(meta, &mut walk.cleaner, copies_calls));
            let site = site.filter(|_| may_be_plain(record.head));
            let is_log = record.head.kind == EVENT;
            if !(if is_log { takes_logs } else { takes_spans }) {
                continue;
            }
            let request = if is_log { &mut logs } else { &mut spans };
            let common = Common { anchor: &batch.anchor, cleaner: &mut walk.cleaner, forms: &mut self.forms };
            if site.is_some_and(|site| request.add(door, |group| site.write(&record, common, group))) {
                continue;
            }
            if is_log {
                let log = walk.log(&record);
                logs.add_whole(door, |group| group.log(&log));
                continue;
            }
            let mut span = walk.span(&record);
            without_no_parent(&mut span);
            spans.add_whole(door, |group| group.span(&span));
            if copies_calls && is_llm(&span) {
                calls.add_whole(door, |group| group.span(&span));
            }
        }
        let own_logs = batch.own_logs.iter().filter(|_| takes_logs);
        own_logs.for_each(|log| logs.add_whole(door, |group| group.log(log)));
        let of_batch = batch.points.iter().filter(|_| takes_points);
        of_batch.for_each(|point| points.add_whole(door, |group| group.point(point)));
        [spans, calls, logs, points].iter_mut().for_each(|request| request.finish(door));
    }
}

/// A request that grows until it is large enough.
struct Request<'r> {
    contents: Contents,
    sender: (&'r Resource<'static>, &'r Scope<'static>),
    group: Option<Group>,
    count: u64,
}

impl Request<'_> {
    /// Adds one record. If it makes the request too large, it begins the next one. False if `write` wrote none after all.
    #[inline]
    fn add(&mut self, door: &mut dyn Door, write: impl FnOnce(&mut Group) -> bool) -> bool {
        let (resource, scope) = self.sender;
        let group =
            self.group.get_or_insert_with(|| Group::begin(resource, scope, door.buffer(self.contents)));
        let before = group.len_bytes();
        if !write(group) {
            return false;
        }
        self.count += 1;
        if group.len_bytes() > PAYLOAD_BYTES && self.count > 1 {
            let mut next = Group::begin(resource, scope, door.buffer(self.contents));
            group.move_tail(before, &mut next);
            let full = std::mem::replace(group, next);
            door.put(self.contents, full.end(), self.count - 1);
            self.count = 1;
        }
        if group.len_bytes() >= BODY_BYTES {
            self.finish(door);
        }
        true
    }

    fn add_whole(&mut self, door: &mut dyn Door, write: impl FnOnce(&mut Group)) {
        self.add(door, |group| {
            write(group);
            true
        });
    }

    fn finish(&mut self, door: &mut dyn Door) {
        let count = std::mem::take(&mut self.count);
        if let Some(group) = self.group.take().filter(|_| count > 0) {
            door.put(self.contents, group.end(), count);
        }
    }
}
