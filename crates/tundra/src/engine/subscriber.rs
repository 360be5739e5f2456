//! The `tracing::Subscriber` itself: what happens on the application's threads, call by call.
#![expect(
    unsafe_code,
    reason = "slots, scratch and ring are written through raw pointers; see their modules"
)]

use super::change::{borrow_scratch, keep_on_span, link, record_values};
use super::contexts::Entry;
use super::end::{lose, release};
use super::fields::Encoder;
use super::filter::ActiveFilter;
use super::local::{Local, UNDECIDED};
use super::slot::{
    EVENT, FIRST, FOREIGN, HEAD, Head, INLINE, Identity, SPAN, Slot, TRUNCATED, UNSAMPLED, find, identity,
    metadata, units,
};
use crate::clock::Clock;
use crate::health::{DONE, Dropped, Kind};
use crate::limits::SCRATCH_BYTES;
use crate::rng;
use crate::sampling::{KEEP_ALL, Sampler};
use std::num::NonZeroU64;
use std::ptr::{self, null_mut};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tracing_core::span::{Attributes, Current, Id, Record};
use tracing_core::{Event, Interest, Level, LevelFilter, Metadata, Subscriber};

/// The id of spans that could not be recorded: generation 0 never exists, so every later call on it does nothing.
pub(super) const NOBODY: u64 = 0xffff_ffff;

/// The root subscriber of one pipeline.
#[derive(Debug)]
pub(crate) struct Engine {
    pipeline: u16,
    sampler: Arc<Sampler>,
    filter: Arc<ActiveFilter>,
}

impl Engine {
    pub(crate) fn new(pipeline: u16, filter: Arc<ActiveFilter>, sampler: Arc<Sampler>) -> Self {
        Self { pipeline, sampler, filter }
    }

    pub(super) fn pipeline(&self) -> u16 {
        self.pipeline
    }

    /// Whether nothing but this entry can be the context: it is of this pipeline, and no other API is at work.
    #[inline(always)]
    fn is_inside(&self, last: &Entry) -> bool {
        cfg!(not(feature = "opentelemetry")) && last.who.tag & !(UNSAMPLED | FOREIGN) == self.pipeline
    }

    /// The identity that a new span begins with: its parent's, or that of a new trace with no span, or with one of another
    /// process that left it to us whether the trace is kept. `id_of` translates the id of an explicit parent.
    fn above(
        &self,
        attributes: &Attributes<'_>,
        local: &Local,
        slot: &'static Slot,
        id_of: impl FnOnce(&Id) -> u64,
    ) -> Identity {
        if attributes.is_contextual() {
            let top = local.top(self.pipeline).map(|entry| entry.who);
            #[cfg(feature = "opentelemetry")]
            let top = crate::bridge::opentelemetry::further_in(top).or(top);
            return match top {
                Some(who) if who.tag & !UNSAMPLED == UNDECIDED => {
                    let trace = Some([who.trace_high, who.trace_low]);
                    let root = self.root(local, slot, attributes, trace);
                    Identity { tag: root.tag | who.tag & UNSAMPLED, span: who.span, ..root }
                }
                Some(who) => who,
                None => self.root(local, slot, attributes, None),
            };
        }
        let explicit = attributes.parent().map(id_of);
        let parent = explicit.and_then(identity);
        if explicit.is_some() && parent.is_none() {
            DONE.stale_parents.fetch_add(1, Relaxed);
        }
        parent.unwrap_or_else(|| self.root(local, slot, attributes, None))
    }

    /// A new trace, which may have an id already.
    fn root(
        &self,
        local: &Local,
        slot: &'static Slot,
        attributes: &Attributes<'_>,
        trace: Option<[u64; 2]>,
    ) -> Identity {
        let [trace_high, trace_low] = trace.unwrap_or_else(|| [rng::next(&local.rng), rng::next(&local.rng)]);
        let word = self.sampler.word();
        let dropped = word != KEEP_ALL && self.drops(word, trace_low, slot, attributes);
        Identity {
            trace_high,
            trace_low,
            span: 0,
            tag: if dropped { self.pipeline | FIRST | UNSAMPLED } else { self.pipeline | FIRST },
        }
    }

    #[cold]
    fn drops(&self, word: u64, trace_low: u64, slot: &'static Slot, attributes: &Attributes<'_>) -> bool {
        let mut guard = Unpublished { slot: Some(slot), uncounted: 1 };
        let drops = self.sampler.drops(word, trace_low, attributes);
        guard.slot = None;
        drops
    }
}

/// Gives an unpublished slot back if a value's `Debug` panics.
struct Unpublished {
    slot: Option<&'static Slot>,
    /// Spans that are not yet counted as created.
    uncounted: u64,
}

impl Drop for Unpublished {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            slot.abandon();
            DONE.created[Kind::Span as usize].fetch_add(self.uncounted, Relaxed);
            DONE.drop_record(Kind::Span, Dropped::Panicked, 1);
        }
    }
}

/// An event whose values are being written; dropped if a value's `Debug` panics.
struct Unwritten(&'static Local);

impl Drop for Unwritten {
    #[cold]
    fn drop(&mut self) {
        self.0.count_dropped(Kind::Log, Dropped::Panicked);
    }
}

/// Encodes the fields of a new span into its slot. The only place where user code runs during creation.
fn encode_fields(slot: &'static Slot, attributes: &Attributes<'_>) {
    let mut guard = Unpublished { slot: Some(slot), uncounted: 0 };
    // SAFETY: nobody else reaches an unpublished slot.
    let mut encoder = unsafe { Encoder::new(slot.buffer.get().cast(), INLINE) };
    attributes.record(&mut encoder);
    guard.slot = None;
    // SAFETY: as above.
    unsafe {
        let head = slot.head.get();
        (*head).fields = encoder.len() as u16;
        (*head).spill = encoder.spill.take().map_or(null_mut(), Box::into_raw);
        if encoder.truncated {
            (*head).flags |= TRUNCATED;
        }
    }
    // Its spill was taken, so there is nothing to drop, and no need to ask on the hot path.
    std::mem::forget(encoder);
}

#[inline(never)]
fn open_with_fields(local: &'static Local, slot: &'static Slot, attributes: &Attributes<'_>) -> u64 {
    encode_fields(slot, attributes);
    open_now(local, slot, slot.identity(), local.clock)
}

/// All but the start is written: the span begins.
#[inline(always)]
fn open_now(local: &Local, slot: &'static Slot, who: Identity, clock: Clock) -> u64 {
    let generation = slot.generation();
    let id = slot.id(generation);
    local.contexts.prepare(Entry { id, slot, who: Identity { tag: who.tag & !FIRST, ..who } });
    // SAFETY: nobody else reaches an unpublished slot.
    unsafe { (*slot.head.get()).start = clock.ticks() };
    slot.publish(generation);
    id
}

#[cold]
fn not_recorded(kind: Kind) {
    if let Some(why) = Local::absence() {
        DONE.created[kind as usize].fetch_add(1, Relaxed);
        DONE.drop_record(kind, why, 1);
    }
}

#[cold]
fn no_slot(local: &Local) -> u64 {
    local.count_created(Kind::Span);
    local.count_dropped(Kind::Span, Dropped::Slots);
    NOBODY
}

impl Engine {
    /// Opens a span and gives its id; `id_of` translates the id of an explicit parent.
    ///
    /// The usual case, a child of the innermost span, calls nothing but what tells whether there are values.
    #[inline(always)]
    pub(crate) fn open(&self, attributes: &Attributes<'_>, id_of: impl FnOnce(&Id) -> u64) -> u64 {
        let empty = attributes.is_empty();
        if let Some(local) = Local::known()
            && let Some(slot) = Slot::at_hand(local)
            && self.is_inside(local.contexts.last())
            && attributes.is_contextual()
            && let clock = local.clock
            && clock.is_quick()
        {
            slot.take_at_hand(local);
            return Self::open_in(local, slot, attributes, local.contexts.last().who, empty, clock);
        }
        self.open_otherwise(attributes, id_of, empty)
    }

    #[inline(never)]
    fn open_otherwise(
        &self,
        attributes: &Attributes<'_>,
        id_of: impl FnOnce(&Id) -> u64,
        empty: bool,
    ) -> u64 {
        let Some(local) = Local::get() else {
            not_recorded(Kind::Span);
            return NOBODY;
        };
        let Some(slot) = Slot::take(local) else { return no_slot(local) };
        let mut above = self.above(attributes, local, slot, id_of);
        above.tag = above.tag & (UNSAMPLED | FIRST | FOREIGN) | self.pipeline;
        Self::open_in(local, slot, attributes, above, empty, local.clock)
    }

    /// `above` is what the new span inherits, its tag included.
    #[inline(always)]
    fn open_in(
        local: &'static Local,
        slot: &'static Slot,
        attributes: &Attributes<'_>,
        above: Identity,
        empty: bool,
        clock: Clock,
    ) -> u64 {
        local.count_created(Kind::Span);
        let who = Identity { span: rng::next(&local.rng), ..above };
        slot.identify(attributes.metadata(), who);
        // SAFETY: nobody else reaches an unpublished slot.
        unsafe {
            let head = slot.head.get();
            (*head).fields = 0;
            (*head).kind = SPAN;
            (*head).flags = 0;
            (*head).parent = above.span;
            (*head).end = 0;
            (*head).spill = null_mut();
        }
        // Also of traces that are not sampled: they are counted by their tags, and may turn out to be worth keeping.
        if !empty {
            return open_with_fields(local, slot, attributes);
        }
        open_now(local, slot, who, clock)
    }

    /// Records an event; `id_of` translates the id of an explicit parent.
    #[inline(always)]
    pub(crate) fn log(&self, event: &Event<'_>, id_of: impl FnOnce(&Id) -> u64) {
        let Some(local) = Local::get() else { return not_recorded(Kind::Log) };
        local.count_created(Kind::Log);
        let scratch = borrow_scratch(local);
        let fields = scratch.0.cast::<u8>();
        // SAFETY: the scratch is ours until it goes back.
        let mut encoder = unsafe { Encoder::new(fields, SCRATCH_BYTES - HEAD) };
        let unwritten = Unwritten(local);
        event.record(&mut encoder);
        std::mem::forget(unwritten);
        let len = encoder.len();
        let meta = event.metadata();
        // Values leave the thread's context as it was; asking now means not to keep the answer while they are written.
        let last = local.contexts.last();
        let (id, who) = if self.is_inside(last) && event.is_contextual() {
            (last.id, last.who)
        } else {
            self.inside_otherwise(event, local, id_of)
        };
        let tick = local.clock.ticks();
        if *meta.level() == Level::ERROR {
            #[cfg(feature = "opentelemetry")]
            let id = if id == 0 { crate::bridge::opentelemetry::id_of(who.span) } else { id };
            // SAFETY: `len` bytes were written.
            let bytes = unsafe { std::slice::from_raw_parts(fields, len) };
            keep_on_span(id, tick, meta, bytes, encoder.spill.as_deref());
        }
        let spill = encoder.spill.take().map_or(null_mut(), Box::into_raw);
        let head = Head {
            units: units(len),
            fields: len as u16,
            kind: EVENT,
            flags: if encoder.truncated { TRUNCATED } else { 0 },
            tag: self.pipeline,
            meta: ptr::from_ref(meta).cast(),
            trace_high: who.trace_high,
            trace_low: who.trace_low,
            span: 0,
            parent: who.span,
            start: tick,
            end: tick,
            spill,
        };
        // As in `encode_fields`.
        std::mem::forget(encoder);
        // SAFETY: this is the ring's thread, and a record of this size fits; the scratch is initialized to its end.
        unsafe {
            let Some(to) = local.ring.begin(head.units) else { return lose(local, Kind::Log, spill) };
            to.cast::<Head>().write(head);
            to.add(HEAD).copy_from_nonoverlapping(fields, usize::from(head.units) * 8 - HEAD);
            local.ring.finish(head.units);
        }
    }

    /// The span that an event is in: its id, zero if it has none of ours, and what it is.
    #[inline(never)]
    fn inside_otherwise(
        &self,
        event: &Event<'_>,
        local: &Local,
        id_of: impl FnOnce(&Id) -> u64,
    ) -> (u64, Identity) {
        let (id, who) = if event.is_contextual() {
            let top = local.top(self.pipeline).map_or((0, None), |entry| (entry.id, Some(entry.who)));
            #[cfg(feature = "opentelemetry")]
            let top = crate::bridge::opentelemetry::further_in(top.1).map_or(top, |who| (0, Some(who)));
            top
        } else {
            let id = event.parent().map_or(0, id_of);
            (id, identity(id))
        };
        let none = Identity { trace_high: 0, trace_low: 0, span: 0, tag: 0 };
        who.map_or((0, none), |who| (id, who))
    }
}

/// The thread is inside the span from now on.
#[inline(always)]
pub(crate) fn enter(id: u64) {
    match Local::known() {
        Some(local) if local.contexts.at_hand().id == id => local.contexts.enter(),
        _ => enter_another(id),
    }
}

#[inline(never)]
fn enter_another(id: u64) {
    let Some(local) = Local::get() else { return };
    let (Some(who), Some(slot)) = (identity(id), find(id)) else { return };
    local.push(Entry { id, slot, who });
}

/// The thread leaves the span.
#[inline(always)]
pub(crate) fn exit(id: u64) {
    if let Some(local) = Local::known() {
        local.contexts.leave(id);
    }
}

/// As `Id::from_u64`, which is a call with a panic in it.
#[inline(always)]
fn id_from(id: u64) -> Id {
    debug_assert!(id != 0);
    // SAFETY: no id of ours is zero: generations begin with one, and `NOBODY` is not zero either.
    Id::from_non_zero_u64(unsafe { NonZeroU64::new_unchecked(id) })
}

impl Subscriber for Engine {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.filter.enables(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enables(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.filter.max_level())
    }

    #[inline]
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        id_from(self.open(attributes, Id::into_u64))
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        record_values(id.into_u64(), values);
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        link(span.into_u64(), follows.into_u64());
    }

    #[inline]
    fn event(&self, event: &Event<'_>) {
        self.log(event, Id::into_u64);
    }

    #[inline]
    fn enter(&self, id: &Id) {
        enter(id.into_u64());
    }

    #[inline]
    fn exit(&self, id: &Id) {
        exit(id.into_u64());
    }

    fn clone_span(&self, id: &Id) -> Id {
        if let Some(slot) = find(id.into_u64()) {
            slot.retain(id.into_u64());
        }
        id.clone()
    }

    #[inline]
    fn try_close(&self, id: Id) -> bool {
        release(id.into_u64())
    }

    fn current_span(&self) -> Current {
        let top = Local::get().and_then(|local| local.top(self.pipeline));
        match top.and_then(|entry| Some((entry.id, metadata(entry.id)?))) {
            Some((id, meta)) => Current::new(Id::from_u64(id), meta),
            None => Current::none(),
        }
    }
}
