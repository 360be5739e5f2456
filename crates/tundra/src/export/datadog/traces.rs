//! A batch's spans as bodies for `/v0.4/traces`: grouped by trace, plain ones written as they lie in the batch, all others
//! as the records that `Walk` makes of them.
//!
//! The exporter calls it for each batch; nothing is allocated for a plain span. What a chunk says is decided in `chunks`.

use super::chunks::{Sender, Speaker, decorate, is_top_level, services, speaker_tags};
use super::groups::{Chunk, Entry, Groups};
use super::llmobs::Form;
use super::stats::{Concentrator, Known, plain_key};
use super::upstream::Upstreams;
use crate::clock::Anchor;
use crate::collector::plain::{Field, Plain, Sites, each_value, fields, is_plain, may_be_plain};
use crate::collector::{Batch, Cleaner, PlainName, Record, Walk};
use crate::engine::{FIRST, SPAN};
use crate::limits::PAYLOAD_BYTES;
use crate::sampling::{Decision, Sampler, is_llm_name};
use std::collections::HashMap;
use tracing_core::Metadata;
use tundra_record::{Attrs, Resource, Span, SpanId, SpanKind, Value};
use tundra_wire::datadog::encode::{self, Ids, Name, Numbers, Shared, SpanWriter, Template};
use tundra_wire::msgpack::Writer;

/// What the exporter knows while it makes bodies.
pub(super) struct Context<'c> {
    pub(super) batch: &'c Batch,
    pub(super) resource: &'c Resource<'static>,
    pub(super) sampler: &'c Sampler,
    pub(super) sender: Sender<'c>,
    /// What the LLM product calls the application, and how events of LLM spans travel.
    pub(super) app: &'c str,
    pub(super) form: &'c mut Form,
    /// Where spans are counted, if they are, and the peer tags that the Agent wants to be told apart.
    pub(super) stats: Option<(&'c mut Concentrator, &'c [String])>,
}

/// One body, and what is in it.
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) chunks: usize,
    /// Spans of traces that are to be kept.
    pub(super) kept: u64,
}

/// Where bodies go.
pub(super) trait Door {
    /// An empty buffer, possibly a used one.
    fn buffer(&mut self) -> Vec<u8>;
    fn put(&mut self, body: Body);
}

/// How spans of one call site are written.
#[derive(Debug)]
struct Site {
    template: Template,
    fields: Box<[Field<Name>]>,
    known: [Known; 2],
}

/// Makes bodies of batches; keeps its memory from one to the next.
#[derive(Debug, Default)]
pub(super) struct Traces {
    sites: Sites<Option<Site>>,
    /// Numbers that every span takes from the resource.
    numbers: Option<Numbers>,
    groups: Groups,
    /// Entries that may count.
    counted: Vec<u32>,
}

/// What one batch adds to that.
struct Found<'b> {
    shared: Shared<'b>,
    slow: Vec<Span<'b>>,
    services: HashMap<SpanId, String>,
    upstreams: Upstreams,
    walk: Walk<'b>,
    decision: Option<Decision>,
}

impl Traces {
    /// Forgets what holds for one process only.
    pub(super) fn after_fork(&mut self) {
        *self = Self::default();
    }

    /// How many spans of the last batch were plain.
    #[cfg(test)]
    pub(super) fn plain_spans(&self) -> usize {
        self.groups.entries().iter().filter(|entry| entry.slow.is_none()).count()
    }

    /// Counts the batch's spans, if they are counted, and hands over those that are to be sent. Gives how many traces and
    /// spans were only counted.
    pub(super) fn export(&mut self, mut context: Context<'_>, door: &mut dyn Door) -> [usize; 2] {
        self.sites.bound();
        let mut found = self.sort(&context);
        let mut stats = context.stats.take();
        let dropped = match &mut stats {
            Some((stats, peer_tags)) => self.count(&context, &mut found, (stats, peer_tags)),
            None => [0; 2],
        };
        let groups = std::mem::take(&mut self.groups);
        let sent = groups.chunks.iter().filter(|chunk| chunk.sampled || stats.is_none());
        self.send(&groups, sent, (&mut context, &mut found), door);
        self.groups = groups;
        dropped
    }

    /// Looks at each span once: which call site, plain or not, which chunk.
    fn sort<'b>(&mut self, context: &Context<'b>) -> Found<'b> {
        let (batch, shared) = (context.batch, Shared::of(context.resource));
        self.numbers.get_or_insert_with(|| shared_numbers(&shared));
        let (mut walk, mut upstreams) = (batch.walk(), Upstreams::default());
        let mut slow = Vec::new();
        self.groups.clear();
        self.counted.clear();
        for (at, record) in batch.places().filter(|(_, record)| record.head.kind == SPAN) {
            let Some(meta) = record.head.metadata() else { continue };
            let site = self.sites.number(meta, |meta| describe(meta, &mut walk, &shared));
            let origin = upstreams.origin(record.head.trace(), batch);
            let known = self.sites.get(site).as_ref().filter(|_| origin.is_empty());
            let first = record.head.tag & FIRST != 0;
            // Those that are counted for what they are have to be known; others are tried when they are written.
            let plain = match known {
                Some(site) if first => is_plain(&record, &site.fields, &mut walk.cleaner),
                known => known.is_some() && may_be_plain(&record),
            };
            let number = self.groups.entries().len() as u32;
            let slow_at = (!plain).then_some(slow.len() as u32);
            if !plain {
                let mut span = walk.span(&record);
                span.attrs.extend(origin.iter().cloned());
                slow.push(span);
            }
            if !plain || first {
                self.counted.push(number);
            }
            self.groups.add(&record, (at, site), slow_at);
        }
        let mut services = HashMap::new();
        if slow.iter().any(|span| span.service.is_some()) {
            services = services_of(self.groups.entries(), &slow, batch);
            self.counted.clear();
            self.counted.extend(0..self.groups.entries().len() as u32);
        }
        Found { shared, slow, services, upstreams, walk, decision: context.sampler.explain_any() }
    }

    /// Counts what counts, and how many traces and spans need not be sent for that.
    fn count(
        &mut self,
        context: &Context<'_>,
        found: &mut Found<'_>,
        (stats, peer_tags): (&mut Concentrator, &[String]),
    ) -> [usize; 2] {
        for number in &self.counted {
            let entry = self.groups.entry(*number);
            let Some(record) = context.batch.record(entry.at as usize) else { continue };
            let first = record.head.tag & FIRST != 0;
            if let Some(slow) = entry.slow {
                let span = &found.slow[slow as usize];
                let top = is_top_level(span, first, &found.services);
                stats.add_span(span, (first, top), context.resource, peer_tags);
            } else if is_top_of_plain(&record, &found.services)
                && let Some(site) = self.sites.get(entry.site as usize)
            {
                if !first && !is_plain(&record, &site.fields, &mut found.walk.cleaner) {
                    let span = found.walk.span(&record);
                    stats.add_span(&span, (first, true), context.resource, peer_tags);
                    continue;
                }
                let root = first && record.head.parent == 0;
                let nanos = context.batch.anchor.between(record.head.start, record.head.end);
                let ended = context.batch.anchor.at(record.head.start).plus(nanos);
                let key =
                    || plain_key(context.resource, record.head.metadata().map_or("", Metadata::name), root);
                stats.add_plain(&mut site.known[usize::from(root)], (ended, nanos), key);
            }
        }
        let unsampled = self.groups.chunks.iter().filter(|chunk| !chunk.sampled);
        unsampled.fold([0; 2], |[traces, spans], chunk| [traces + chunk.firsts, spans + chunk.spans])
    }

    /// Writes chunks into bodies of a sensible size; one that is larger goes alone.
    fn send<'b, 'g>(
        &mut self,
        groups: &'g Groups,
        chunks: impl Iterator<Item = &'g Chunk>,
        (context, found): (&mut Context<'b>, &mut Found<'b>),
        door: &mut dyn Door,
    ) {
        let begin = |door: &mut dyn Door| {
            let mut bytes = door.buffer();
            Writer::new(&mut bytes).open_array();
            Body { bytes, chunks: 0, kept: 0 }
        };
        let mut body: Option<Body> = None;
        for chunk in chunks {
            let open = body.get_or_insert_with(|| begin(door));
            let before = open.bytes.len();
            Writer::new(&mut open.bytes).array(chunk.spans);
            let mut speech = Some(speak(chunk, groups.entry(chunk.front()), context, found));
            for number in groups.of(chunk) {
                self.write(
                    groups.entry(number),
                    speech.take(),
                    (&mut *context, &mut *found),
                    &mut open.bytes,
                );
            }
            if open.bytes.len() > PAYLOAD_BYTES && open.chunks > 0 {
                let mut next = begin(door);
                next.bytes.extend_from_slice(&open.bytes[before..]);
                open.bytes.truncate(before);
                finish(std::mem::replace(open, next), door);
            }
            open.chunks += 1;
            open.kept += if chunk.sampled { chunk.spans as u64 } else { 0 };
        }
        body.into_iter().for_each(|body| finish(body, door));
    }

    /// Writes one span; the first one of a chunk with what it says for all.
    fn write<'b>(
        &mut self,
        entry: Entry,
        speech: Option<Attrs<'b>>,
        (context, found): (&mut Context<'b>, &mut Found<'b>),
        out: &mut Vec<u8>,
    ) {
        let Some(record) = context.batch.record(entry.at as usize) else { return };
        if entry.slow.is_none()
            && let (Some(site), Some(numbers)) = (self.sites.get(entry.site as usize), &mut self.numbers)
        {
            let top = is_top_of_plain(&record, &found.services);
            let said = (top, speech.as_ref());
            let anchor = &context.batch.anchor;
            if write_plain((&record, anchor), (site, numbers), said, &mut found.walk.cleaner, out) {
                return;
            }
        }
        let mut late = None;
        let span = match entry.slow {
            Some(slow) => &mut found.slow[slow as usize],
            None => late.insert(found.walk.span(&record)),
        };
        let top = is_top_level(span, record.head.tag & FIRST != 0, &found.services);
        let speaks = speech.is_some();
        decorate(span, top, context.resource, (context.app, &mut *context.form));
        span.attrs.extend(speech.into_iter().flatten());
        encode::write(span, &found.shared, speaks, out);
    }
}

/// What the first span of a chunk says for all.
fn speak<'c>(chunk: &Chunk, front: Entry, context: &Context<'c>, found: &mut Found<'c>) -> Attrs<'c> {
    let Some(record) = context.batch.record(front.at as usize) else { return Attrs::new() };
    let speaker = Speaker {
        sampled: chunk.sampled,
        first: record.head.tag & FIRST != 0,
        is_root: record.head.parent == 0,
        worth: chunk.worth,
    };
    let decision = found.decision.unwrap_or_else(|| match front.slow {
        Some(slow) => context.sampler.explain(&found.slow[slow as usize]),
        None => context.sampler.explain(&found.walk.span(&record)),
    });
    // A trace that left this process and came back was decided here all the same.
    let upstream = found.upstreams.get(chunk.trace).filter(|_| !speaker.began_here());
    speaker_tags(&speaker, (&decision, upstream), context.sender)
}

fn finish(mut body: Body, door: &mut dyn Door) {
    Writer::new(&mut body.bytes).close_array(0, body.chunks);
    door.put(body);
}

/// How plain spans of a call site are written; `None` if it has none.
fn describe(meta: &'static Metadata<'static>, walk: &mut Walk<'_>, shared: &Shared<'_>) -> Option<Site> {
    let has_place = |name: &str| {
        is_llm_name(name)
            || name.starts_with("_dd.")
            || name.starts_with("meta_struct.")
            || MEANT.contains(&name)
            || shared.tags.iter().any(|(tag, _)| tag == name)
    };
    let name = |name: &str| (!has_place(name)).then(|| Name::new(name));
    let fields = fields(meta, &mut walk.cleaner, name)?;
    if !walk.cleaner.is_clean(meta.name().as_bytes(), PlainName::NONE) {
        return None;
    }
    let service = shared.service.unwrap_or_default();
    let template = Template::new(|span| {
        let texts =
            [("service", service), ("name", meta.name()), ("resource", meta.name()), ("type", "custom")];
        texts.iter().for_each(|(key, text)| span.field(key).text(text));
        let texts = shared.tags.iter().filter(|(_, value)| !is_number(value));
        texts.for_each(|(key, value)| span.tag(key, &value.to_text()));
        span.tag("span.kind", SpanKind::Internal.as_str());
    });
    Some(Site { template, fields, known: Default::default() })
}

/// Attributes that decide how a span is counted or shown.
const MEANT: [&str; 8] = [
    "span.type",
    "http.status_code",
    "http.response.status_code",
    "rpc.grpc.status_code",
    "rpc.response.status_code",
    "http.method",
    "http.request.method",
    "http.route",
];

fn is_number(value: &Value<'_>) -> bool {
    matches!(value, Value::Int(_) | Value::Double(_))
}

fn shared_numbers(shared: &Shared<'_>) -> Numbers {
    let tags = shared.tags.iter().filter(|(_, value)| is_number(value));
    Numbers::new(tags.map(|(key, value)| (&**key, value)))
}

/// The services of all spans, where a plain span has the resource's.
fn services_of(entries: &[Entry], slow: &[Span<'_>], batch: &Batch) -> HashMap<SpanId, String> {
    services(entries.iter().filter_map(|entry| match entry.slow {
        Some(slow_at) => {
            let span = &slow[slow_at as usize];
            Some((span.span_id, span.service.as_deref()))
        }
        None => Some((SpanId(batch.record(entry.at as usize)?.head.span), None)),
    }))
}

/// Whether a span that names no service is the first of its service in its trace.
fn is_top_of_plain(record: &Record<'_>, services: &HashMap<SpanId, String>) -> bool {
    let parent = || services.get(&SpanId(record.head.parent));
    record.head.tag & FIRST != 0 || (record.head.parent != 0 && parent().is_some_and(|name| !name.is_empty()))
}

/// False if the span is not plain after all.
#[inline]
fn write_plain(
    (record, anchor): (&Record<'_>, &Anchor),
    (site, numbers): (&Site, &mut Numbers),
    (top, speech): (bool, Option<&Attrs<'_>>),
    cleaner: &mut Cleaner<'_>,
    out: &mut Vec<u8>,
) -> bool {
    let head = &record.head;
    let mut span = SpanWriter::begin(out);
    span.like(&site.template);
    numbers.reset();
    let plain = each_value(record, &site.fields, cleaner, |field, value| match value {
        Plain::Text(text) => span.named_tag(&field.name, text),
        Plain::Bool(truth) => span.named_tag(&field.name, if truth { b"true" } else { b"false" }),
        Plain::Int(number) => numbers.int(&field.name, number),
        Plain::Double(number) => numbers.double(&field.name, number),
    });
    if !plain {
        span.cancel();
        return false;
    }
    if let Some(tags) = speech {
        for (key, value) in tags {
            match value {
                number if is_number(number) => numbers.value(key, number),
                text => span.tag(key, &text.to_text()),
            }
        }
        if head.trace_high != 0 {
            span.tag("_dd.p.tid", &format!("{:016x}", head.trace_high));
        }
    }
    if top {
        numbers.value("_dd.top_level", &Value::Int(1));
    }
    span.numbers(numbers);
    span.end(&Ids {
        trace: head.trace(),
        span: SpanId(head.span),
        parent: (head.parent != 0).then_some(SpanId(head.parent)),
        start: anchor.at(head.start).0,
        duration: anchor.between(head.start, head.end),
    });
    true
}
