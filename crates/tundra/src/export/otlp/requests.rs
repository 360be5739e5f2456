//! What a batch becomes: requests of spans, of log records and of points, each of a sensible size.
//!
//! Plain records are written as they lie there, all others as the records that `Walk` makes of them.

use super::Signal;
use crate::clock::Anchor;
use crate::collector::plain::{Field, Plain, Sites, each_value, fields, may_be_plain};
use crate::collector::{Cleaner, PlainName, Record, Walk, event_name, scope, severity};
use crate::engine::EVENT;
use crate::export::Exported;
use crate::limits::{BODY_BYTES, PAYLOAD_BYTES};
use crate::sampling::{is_llm, is_llm_name};
use tracing_core::Metadata;
use tundra_record::{Resource, Scope, SpanId, SpanKind, UnixNanos, Value};
use tundra_wire::otlp::encode::{Group, Name, RecordWriter, Template};

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

/// How records of one call site are written.
#[derive(Debug)]
struct Site {
    template: Template,
    fields: Box<[Field<Name>]>,
}

/// `None` if no record of the call site is plain.
fn describe(meta: &'static Metadata<'static>, walk: &mut Walk<'_>, copies_calls: bool) -> Option<Site> {
    let cleaner = &mut walk.cleaner;
    let written = if meta.is_span() { Name::of_span } else { Name::of_log };
    let name = |name: &str| (!copies_calls || !is_llm_name(name)).then(|| written(name));
    let fields = fields(meta, cleaner, name)?;
    let (level, event) = (meta.level().as_str(), event_name(meta));
    let texts = if meta.is_span() { [meta.name(), "", ""] } else { [level, &event, meta.target()] };
    let target = cleaner.plain_name("target")?;
    let looked_up = [PlainName::NONE, PlainName::NONE, target];
    if !texts.iter().zip(looked_up).all(|(text, name)| cleaner.is_clean(text.as_bytes(), name)) {
        return None;
    }
    let template = if meta.is_span() {
        Template::of_span(meta.name(), SpanKind::Internal, 1)
    } else {
        Template::of_log((severity(*meta.level()), level), &event, ("target", &Value::from(meta.target())))
    };
    Some(Site { template, fields })
}

/// Makes requests of batches.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    sites: Sites<Site>,
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
        self.sites.bound();
        for record in batch.kept() {
            let Some(meta) = record.head.metadata() else { continue };
            let site = self.sites.get(meta, |meta| describe(meta, &mut walk, copies_calls));
            let site = site.filter(|_| may_be_plain(record.head));
            let is_log = record.head.kind == EVENT;
            if !(if is_log { takes_logs } else { takes_spans }) {
                continue;
            }
            let request = if is_log { &mut logs } else { &mut spans };
            let mut write = |site: &Site, group: &mut Group| match is_log {
                true => write_log(site, (&record, &batch.anchor), &mut walk.cleaner, group),
                false => write_span(site, (&record, &batch.anchor), &mut walk.cleaner, group),
            };
            if site.is_some_and(|site| request.add(door, |group| write(site, group))) {
                continue;
            }
            if is_log {
                let log = walk.log(&record);
                logs.add_whole(door, |group| group.log(&log));
                continue;
            }
            let span = walk.span(&record);
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

fn nanos(time: UnixNanos) -> u64 {
    u64::try_from(time.0).unwrap_or(0)
}

/// False if the span is not plain after all.
#[inline]
fn write_span(
    site: &Site,
    (record, anchor): (&Record<'_>, &Anchor),
    cleaner: &mut Cleaner<'_>,
    group: &mut Group,
) -> bool {
    let head = &record.head;
    let start = anchor.at(head.start);
    let end = start.plus(anchor.between(head.start, head.end));
    let parent = (head.parent != 0).then_some(SpanId(head.parent));
    let mut piece = group.like(&site.template);
    piece.span_ids(head.trace(), SpanId(head.span), parent, [nanos(start), nanos(end)]);
    let plain = each_value(record, &site.fields, cleaner, |field, value| {
        write_attr(&field.name, value, &mut piece);
    });
    piece.end(plain);
    plain
}

/// False if the event is not plain after all.
#[inline]
fn write_log(
    site: &Site,
    (record, anchor): (&Record<'_>, &Anchor),
    cleaner: &mut Cleaner<'_>,
    group: &mut Group,
) -> bool {
    let head = &record.head;
    let mut piece = group.like(&site.template);
    piece.log_time(nanos(anchor.at(head.start)));
    if head.trace().is_valid() {
        piece.log_trace(head.trace());
    }
    if head.parent != 0 {
        piece.log_span(SpanId(head.parent));
    }
    let mut message = &b""[..];
    let plain = each_value(record, &site.fields, cleaner, |field, value| match value {
        Plain::Text(text) if field.is_message => message = text,
        value => write_attr(&field.name, value, &mut piece),
    });
    piece.body(message);
    piece.end(plain);
    plain
}

#[inline(always)]
fn write_attr(name: &Name, value: Plain<'_>, piece: &mut RecordWriter<'_>) {
    match value {
        Plain::Text(text) => piece.text(name, text),
        Plain::Int(number) => piece.int(name, number),
        Plain::Double(number) => piece.double(name, number),
        Plain::Bool(truth) => piece.bool(name, truth),
    }
}
