//! A batch's spans as bodies for `/v0.4/traces`: grouped by trace, plain ones written as they lie in the batch, all others
//! as the records that `Walk` makes of them.
//!
//! The exporter calls it for each batch; nothing is allocated for a plain span. What a chunk says is decided in `chunks`.

use super::alike::{Common, Role, Site, Speech};
use super::chunks::{SAID, Sender, Speaker, decorate, is_top_level, services, speaker_tags};
use super::groups::{Chunk, Entry, Groups};
use super::llmobs::Form;
use super::stats::{Concentrator, plain_key};
use super::upstream::{Upstream, Upstreams};
use crate::collector::plain::{Sites, fields, is_plain, may_be_plain};
use crate::collector::{Batch, PlainName, Record, Walk, worth};
use crate::engine::{FIRST, FOREIGN, SPAN};
use crate::limits::{BODY_BYTES, PAYLOAD_BYTES};
use crate::sampling::{Decision, Sampler, is_llm_name};
use std::collections::HashMap;
use tracing_core::Metadata;
use tundra_record::{Resource, Span, SpanId};
use tundra_wire::datadog::OPERATION;
use tundra_wire::datadog::encode::{self, Shared};
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

/// Makes bodies of batches; keeps its memory from one to the next.
#[derive(Debug, Default)]
pub(super) struct Traces {
    sites: Sites<Site>,
    /// How many forms they have.
    forms: usize,
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
        let plain = self.groups.entries().iter().filter(|entry| entry.slow().is_none());
        plain.map(|entry| entry.spans as usize).sum()
    }

    /// Counts the batch's spans, if they are counted, and hands over those that are to be sent. Gives how many traces and
    /// spans were only counted.
    pub(super) fn export(&mut self, mut context: Context<'_>, door: &mut dyn Door) -> [usize; 2] {
        if self.sites.bound() {
            self.forms = 0;
        }
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
        let (mut walk, mut upstreams) = (batch.walk(), Upstreams::default());
        let mut slow = Vec::new();
        self.groups.clear();
        self.counted.clear();
        for (at, head) in batch.heads().filter(|(_, head)| head.kind == SPAN) {
            let Some(meta) = head.metadata() else { continue };
            let site = self.sites.get(meta, |meta| describe(meta, &mut walk, &shared));
            let site = site.filter(|_| may_be_plain(head));
            if site.is_some() && self.groups.extend(head) {
                continue;
            }
            let chunk = self.groups.chunk(head, || !upstreams.origin(head.trace(), batch).is_empty());
            let known = site.filter(|_| !chunk.has_origin);
            let first = head.tag & FIRST != 0;
            // Those that are counted for what they are have to be known; others are tried when they are written.
            let plain = known.is_some_and(|site| {
                let is_plain = |record| is_plain(&record, &site.fields, &mut walk.cleaner);
                !first || batch.record(at).is_some_and(is_plain)
            });
            let slow_at = (!plain).then_some(slow.len());
            if !plain {
                let Some(record) = batch.record(at) else { continue };
                let mut span = walk.span(&record);
                span.attrs.extend(upstreams.origin(head.trace(), batch).iter().cloned());
                slow.push(span);
            }
            let number = self.groups.add(head, at, worth(head), slow_at);
            if !plain || first {
                self.counted.push(number);
            }
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
            for record in context.batch.spans_from(entry.at as usize, entry.spans as usize) {
                let first = record.head.tag & FIRST != 0;
                if let Some(slow) = entry.slow() {
                    let span = &found.slow[slow];
                    let top = is_top_level(span, first, &found.services);
                    stats.add_span(span, (first, top), context.resource, peer_tags);
                } else if is_top_of_plain(&record, &found.services)
                    && let Some(meta) = record.head.metadata()
                    && let Some(site) = self.sites.known(meta)
                {
                    if !first && !is_plain(&record, &site.fields, &mut found.walk.cleaner) {
                        let span = found.walk.span(&record);
                        stats.add_span(&span, (first, true), context.resource, peer_tags);
                        continue;
                    }
                    let root = first && record.head.parent == 0;
                    let nanos = context.batch.anchor.between(record.head.start, record.head.end);
                    let ended = context.batch.anchor.at(record.head.start).plus(nanos);
                    let key = || plain_key(context.resource, meta.name(), root);
                    stats.add_plain(&mut site.counted[usize::from(root)], (ended, nanos), key);
                }
            }
        }
        let unsampled = self.groups.chunks.iter().filter(|chunk| !chunk.sampled);
        unsampled.fold([0; 2], |[traces, spans], chunk| {
            [traces + chunk.firsts as usize, spans + chunk.spans as usize]
        })
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
            Writer::new(&mut open.bytes).array(chunk.spans as usize);
            let mut speaks_for = Some(chunk);
            for entry in groups.of(chunk) {
                let mut records = context.batch.spans_from(entry.at as usize, entry.spans as usize);
                if let Some(chunk) = speaks_for.take()
                    && let Some(front) = records.next()
                {
                    self.write_speaker((entry, &front, chunk), (&mut *context, &mut *found), &mut open.bytes);
                }
                self.write_silent(entry, records, (&mut *context, &mut *found), &mut open.bytes);
            }
            if open.bytes.len() > PAYLOAD_BYTES && open.chunks > 0 {
                let mut next = begin(door);
                next.bytes.extend_from_slice(&open.bytes[before..]);
                open.bytes.truncate(before);
                finish(std::mem::replace(open, next), door);
            }
            open.chunks += 1;
            open.kept += if chunk.sampled { u64::from(chunk.spans) } else { 0 };
            if open.bytes.len() >= BODY_BYTES {
                body.take().into_iter().for_each(|body| finish(body, door));
            }
        }
        body.into_iter().for_each(|body| finish(body, door));
    }

    /// Writes the span that speaks for a chunk, with what it says for all.
    fn write_speaker<'b>(
        &mut self,
        (entry, record, chunk): (Entry, &Record<'b>, &Chunk),
        (context, found): (&mut Context<'b>, &mut Found<'b>),
        out: &mut Vec<u8>,
    ) {
        if entry.slow().is_none() {
            let top = is_top_of_plain(record, &found.services);
            let (speaker, decision, upstream) = speaker(chunk, entry, record, context, found);
            // What came from above is another thing each time.
            let has_form = upstream.is_none();
            let speech = Speech { speaker, decision, high_half: record.head.trace_high != 0 };
            let role = Role::speaker(top, &speech);
            if has_form && self.write_plain(record, &role, (context, found), out) {
                return;
            }
        }
        self.write_whole((entry, record, Some(chunk)), (context, found), out);
    }

    /// Writes spans of an entry that say nothing for others.
    fn write_silent<'b>(
        &mut self,
        entry: Entry,
        records: impl Iterator<Item = Record<'b>>,
        (context, found): (&mut Context<'b>, &mut Found<'b>),
        out: &mut Vec<u8>,
    ) {
        let is_slow = entry.slow().is_some();
        for record in records {
            let role = Role::silent(is_top_of_plain(&record, &found.services));
            if is_slow || !self.write_plain(&record, &role, (context, found), out) {
                self.write_whole((entry, &record, None), (context, found), out);
            }
        }
    }

    /// Writes a span by the frames of its call site; false if none fits.
    #[inline(always)]
    fn write_plain<'b>(
        &mut self,
        record: &Record<'b>,
        role: &Role<'_>,
        (context, found): (&mut Context<'b>, &mut Found<'b>),
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(site) = record.head.metadata().and_then(|meta| self.sites.known(meta)) else { return false };
        let mut common = Common {
            shared: &found.shared,
            sender: &context.sender,
            anchor: &context.batch.anchor,
            cleaner: &mut found.walk.cleaner,
        };
        site.write(record, role, (&mut common, &mut self.forms), out)
    }

    /// The same for a span that is not plain.
    #[inline(never)]
    fn write_whole<'b>(
        &mut self,
        (entry, record, speaks_for): (Entry, &Record<'b>, Option<&Chunk>),
        (context, found): (&mut Context<'b>, &mut Found<'b>),
        out: &mut Vec<u8>,
    ) {
        let speech = speaks_for.map(|chunk| {
            let (speaker, decision, upstream) = speaker(chunk, entry, record, context, found);
            speaker_tags(&speaker, (&decision, upstream), context.sender)
        });
        let mut late = None;
        let span = match entry.slow() {
            Some(slow) => &mut found.slow[slow],
            None => late.insert(found.walk.span(record)),
        };
        let top = is_top_level(span, record.head.tag & FIRST != 0, &found.services);
        let speaks = speech.is_some();
        decorate(span, top, context.resource, (context.app, &mut *context.form));
        span.attrs.extend(speech.into_iter().flatten());
        encode::write(span, &found.shared, speaks, out);
    }
}

/// Who speaks for a chunk, and what is known of its trace.
fn speaker<'f>(
    chunk: &Chunk,
    front: Entry,
    record: &Record<'_>,
    context: &Context<'_>,
    found: &'f mut Found<'_>,
) -> (Speaker, Decision, Option<&'f Upstream>) {
    let speaker = Speaker {
        sampled: chunk.sampled,
        first: record.head.tag & FIRST != 0,
        decided_here: record.head.tag & FOREIGN == 0,
        is_root: record.head.parent == 0,
        worth: chunk.worth,
    };
    let decision = found.decision.unwrap_or_else(|| match front.slow() {
        Some(slow) => context.sampler.explain(&found.slow[slow]),
        None => context.sampler.explain(&found.walk.span(record)),
    });
    // A trace that left this process and came back was decided here all the same.
    let upstream = found.upstreams.get(chunk.trace).filter(|_| !speaker.begins());
    (speaker, decision, upstream)
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
            || SAID.contains(&name)
            || is_shared(name, shared)
    };
    if SAID.iter().any(|name| is_shared(name, shared)) {
        return None;
    }
    let fields = fields(meta, &mut walk.cleaner, has_place)?;
    let is_clean = walk.cleaner.is_clean(meta.name().as_bytes(), PlainName::NONE);
    is_clean.then(|| Site::new(meta, fields))
}

fn is_shared(name: &str, shared: &Shared<'_>) -> bool {
    shared.tags.iter().chain(&shared.of_sender).any(|(tag, _)| tag == name)
}

/// Attributes that decide how a span is counted or shown.
const MEANT: [&str; 8] = [
    OPERATION,
    "http.status_code",
    "http.response.status_code",
    "rpc.grpc.status_code",
    "rpc.response.status_code",
    "http.method",
    "http.request.method",
    "http.route",
];

/// The services of all spans, where a plain span has the resource's.
fn services_of(entries: &[Entry], slow: &[Span<'_>], batch: &Batch) -> HashMap<SpanId, String> {
    services(entries.iter().flat_map(|entry| {
        let service = entry.slow().and_then(|slow_at| slow[slow_at].service.as_deref());
        let spans = batch.spans_from(entry.at as usize, entry.spans as usize);
        spans.map(move |record| (SpanId(record.head.span), service))
    }))
}

/// Whether a span that names no service is the first of its service in its trace.
fn is_top_of_plain(record: &Record<'_>, services: &HashMap<SpanId, String>) -> bool {
    let parent = || services.get(&SpanId(record.head.parent));
    record.head.tag & FIRST != 0 || (record.head.parent != 0 && parent().is_some_and(|name| !name.is_empty()))
}
