//! The `tracing::Subscriber` itself: what happens on the application's threads, call by call.
#![expect(
    unsafe_code,
    reason = "slots, scratch and ring are written through raw pointers; see their modules"
)]

use super::fields::{Decoder, Encoder, Raw};
use super::filter::ActiveFilter;
use super::local::{Entry, Local, Scratch};
use super::slot::{
    EVENT, FIRST, HEAD, Head, INLINE, Identity, SPAN, Slot, TRUNCATED, UNSAMPLED, find, identity, metadata,
};
use super::spill::{Spill, SpillEvent};
use crate::health::{DONE, Dropped, Kind};
use crate::limits::SCRATCH_BYTES;
use crate::sampling::{KEEP_ALL, Sampler};
use crate::{clock, rng};
use std::ptr::{self, null_mut};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tracing_core::span::{Attributes, Current, Id, Record};
use tracing_core::{Event, Interest, Level, LevelFilter, Metadata, Subscriber};

/// The id of spans that could not be recorded: generation 0 never exists, so every later call on it does nothing.
const NOBODY: u64 = 0xffff_ffff;

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

    /// Whose trace a new span joins; `id_of` translates the id of an explicit parent.
    #[inline(always)]
    fn parent_of(
        &self,
        attributes: &Attributes<'_>,
        local: &Local,
        id_of: impl FnOnce(&Id) -> u64,
    ) -> Option<Identity> {
        if attributes.is_contextual() {
            let top = local.top(self.pipeline).map(|entry| entry.who);
            #[cfg(feature = "opentelemetry")]
            let top = crate::bridge::opentelemetry::further_in(top).or(top);
            return top;
        }
        let parent = identity(id_of(attributes.parent()?));
        if parent.is_none() {
            DONE.stale_parents.fetch_add(1, Relaxed);
        }
        parent
    }

    #[inline(always)]
    fn root(&self, local: &Local, slot: &'static Slot, attributes: &Attributes<'_>) -> Identity {
        let trace_low = rng::next(&local.rng);
        let word = self.sampler.word();
        let dropped = word != KEEP_ALL && self.drops(word, trace_low, slot, attributes);
        Identity {
            trace_high: rng::next(&local.rng),
            trace_low,
            span: 0,
            tag: if dropped { self.pipeline | FIRST | UNSAMPLED } else { self.pipeline | FIRST },
        }
    }

    #[cold]
    fn drops(&self, word: u64, trace_low: u64, slot: &'static Slot, attributes: &Attributes<'_>) -> bool {
        let mut guard = Unpublished(Some(slot));
        let drops = self.sampler.drops(word, trace_low, attributes);
        guard.0 = None;
        drops
    }
}

/// Gives an unpublished slot back if a value's `Debug` panics.
struct Unpublished(Option<&'static Slot>);

impl Drop for Unpublished {
    fn drop(&mut self) {
        if let Some(slot) = self.0 {
            slot.abandon();
            DONE.drop_record(Kind::Span, Dropped::Slots, 1);
        }
    }
}

/// Encodes the fields of a new span into its slot. The only place where user code runs during creation.
#[inline(always)]
fn encode_fields(slot: &'static Slot, attributes: &Attributes<'_>) {
    let mut guard = Unpublished(Some(slot));
    // SAFETY: nobody else reaches an unpublished slot.
    let mut encoder = unsafe { Encoder::new(slot.buffer.get().cast(), INLINE) };
    attributes.record(&mut encoder);
    guard.0 = None;
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

#[cold]
fn not_recorded(kind: Kind) {
    if let Some(why) = Local::absence() {
        DONE.created[kind as usize].fetch_add(1, Relaxed);
        DONE.drop_record(kind, why, 1);
    }
}

#[cold]
fn no_slot(local: &Local) -> u64 {
    local.count_dropped(Kind::Span, Dropped::Slots);
    NOBODY
}

#[inline(always)]
fn units(fields: usize) -> u16 {
    ((HEAD + fields).div_ceil(8)) as u16
}

impl Engine {
    /// Opens a span and gives its id; `id_of` translates the id of an explicit parent.
    #[inline(always)]
    pub(crate) fn open(&self, attributes: &Attributes<'_>, id_of: impl FnOnce(&Id) -> u64) -> u64 {
        let Some(local) = Local::get() else {
            not_recorded(Kind::Span);
            return NOBODY;
        };
        local.count_created(Kind::Span);
        let Some(slot) = Slot::take(local) else { return no_slot(local) };
        let parent = self.parent_of(attributes, local, id_of);
        let mut who = match parent {
            Some(parent) => parent,
            None => self.root(local, slot, attributes),
        };
        let above = who.span;
        who.span = rng::next(&local.rng);
        who.tag = who.tag & (UNSAMPLED | FIRST) | self.pipeline;
        slot.identify(attributes.metadata(), who);
        // SAFETY: nobody else reaches an unpublished slot.
        unsafe {
            let head = slot.head.get();
            (*head).kind = SPAN;
            (*head).flags = 0;
            (*head).parent = above;
            (*head).fields = 0;
            (*head).end = 0;
            (*head).spill = null_mut();
        }
        // Also of traces that are not sampled: they are counted by their tags, and may turn out to be worth keeping.
        if !attributes.is_empty() {
            encode_fields(slot, attributes);
        }
        // SAFETY: as above.
        unsafe { (*slot.head.get()).start = clock::ticks() };
        slot.publish()
    }

    /// Records an event; `id_of` translates the id of an explicit parent.
    #[inline(always)]
    pub(crate) fn log(&self, event: &Event<'_>, id_of: impl FnOnce(&Id) -> u64) {
        let Some(local) = Local::get() else { return not_recorded(Kind::Log) };
        local.count_created(Kind::Log);
        let (inside, id) = if event.is_contextual() {
            let top = local.top(self.pipeline).map_or((None, 0), |entry| (Some(entry.who), entry.id));
            #[cfg(feature = "opentelemetry")]
            let top = crate::bridge::opentelemetry::further_in(top.0).map_or(top, |who| (Some(who), 0));
            top
        } else {
            let id = event.parent().map_or(0, id_of);
            (identity(id), id)
        };
        let scratch = borrow_scratch(local);
        let fields = scratch.0.cast::<u8>().wrapping_add(HEAD);
        // SAFETY: the scratch is ours until it goes back.
        let mut encoder = unsafe { Encoder::new(fields, SCRATCH_BYTES - HEAD) };
        event.record(&mut encoder);
        let len = encoder.len();
        let meta = event.metadata();
        let tick = clock::ticks();
        if *meta.level() == Level::ERROR && inside.is_some() {
            // SAFETY: `len` bytes were written.
            let bytes = unsafe { std::slice::from_raw_parts(fields, len) };
            keep_on_span(id, tick, meta, bytes, encoder.spill.as_deref());
        }
        let spill = encoder.spill.take().map_or(null_mut(), Box::into_raw);
        let none = Identity { trace_high: 0, trace_low: 0, span: 0, tag: 0 };
        let who = inside.unwrap_or(none);
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
        // SAFETY: the scratch is ours, aligned to 8 and longer than a head; the record is initialized to its end.
        let pushed = unsafe {
            scratch.0.cast::<Head>().write(head);
            local.ring.push(scratch.0.cast(), head.units)
        };
        if !pushed {
            lose(local, Kind::Log, spill);
        }
    }
}

/// Adds values to an open span.
pub(crate) fn record_values(id: u64, values: &Record<'_>) {
    let (Some(slot), Some(local)) = (find(id), Local::get()) else { return };
    let scratch = borrow_scratch(local);
    // SAFETY: the scratch is ours until it goes back.
    let mut encoder = unsafe { Encoder::new(scratch.0.cast(), INLINE) };
    values.record(&mut encoder);
    let len = encoder.len();
    // SAFETY: `with_lock` gives the fields to us alone; `len` bytes of scratch were written.
    slot.with_lock(id, |head, buffer| unsafe {
        append(head, buffer, scratch.0.cast(), len, encoder.spill.take(), encoder.truncated);
    });
}

/// Links an open span to another one.
pub(crate) fn link(id: u64, follows: u64) {
    let Some(other) = identity(follows) else { return };
    let trace = u128::from(other.trace_high) << 64 | u128::from(other.trace_low);
    change_spill(id, |spill| spill.link(trace, other.span));
}

/// The thread is inside the span from now on.
#[inline(always)]
pub(crate) fn enter(id: u64) {
    let Some(local) = Local::get() else { return };
    let Some(who) = identity(id) else { return };
    local.push(Entry { id, who });
}

/// The thread leaves the span.
#[inline(always)]
pub(crate) fn exit(id: u64) {
    if let Some(local) = Local::get() {
        local.pop(id);
    }
}

/// One reference less; true if the span is over.
#[inline(always)]
pub(crate) fn release(id: u64) -> bool {
    let Some(slot) = find(id) else { return false };
    if !slot.release(id) {
        return false;
    }
    close(slot);
    true
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
        Id::from_u64(self.open(attributes, Id::into_u64))
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

/// The span is over and its slot is ours: end time, copy into the ring, slot back.
#[inline(always)]
fn close(slot: &'static Slot) {
    let Some(local) = Local::get() else { return close_without_thread(slot) };
    // SAFETY: the slot is ours alone; readers of a stale id only load atomics of fields that are not written here.
    let (units, spill) = unsafe {
        let head = slot.head.get();
        (*head).end = clock::ticks();
        (*head).units = units(usize::from((*head).fields));
        ((*head).units, (*head).spill)
    };
    // SAFETY: head and buffer lie one after the other and are initialized; `units` is at most that of a slot.
    let pushed = unsafe { local.ring.push(ptr::from_ref(slot).cast(), units) };
    if !pushed {
        lose(local, Kind::Span, spill);
    }
    slot.free(local);
}

#[cold]
fn lose(local: &Local, kind: Kind, spill: *mut Spill) {
    local.count_dropped(kind, Dropped::RingFull);
    drop_spill(spill);
}

fn drop_spill(spill: *mut Spill) {
    if !spill.is_null() {
        // SAFETY: spill pointers come from `Box::into_raw` and have one holder: the record.
        drop(unsafe { Box::from_raw(spill) });
    }
}

#[cold]
fn close_without_thread(slot: &'static Slot) {
    // SAFETY: the slot is ours alone.
    drop_spill(unsafe { (*slot.head.get()).spill });
    // A thread of our own closing an application's span is an ending as well.
    DONE.drop_record(Kind::Span, Local::absence().unwrap_or(Dropped::ThreadEnding), 1);
    slot.free_remotely();
}

/// A scratch buffer that goes back when dropped, even when a value's `Debug` panics.
struct Borrowed(*mut Scratch, &'static Local);

impl Drop for Borrowed {
    #[inline(always)]
    fn drop(&mut self) {
        self.1.return_scratch(self.0);
    }
}

#[inline(always)]
fn borrow_scratch(local: &'static Local) -> Borrowed {
    let scratch = local.take_scratch();
    if scratch.is_null() { Borrowed(second_scratch(), local) } else { Borrowed(scratch, local) }
}

/// An event inside the `Debug` of another event's value.
#[cold]
fn second_scratch() -> *mut Scratch {
    Box::into_raw(Box::new(Scratch([0; SCRATCH_BYTES])))
}

/// Adds encoded fields to a span's.
///
/// # Safety
/// Head and buffer must be the caller's alone, `from` must point to `len` bytes.
unsafe fn append(
    head: *mut Head,
    buffer: *mut u8,
    from: *const u8,
    len: usize,
    spill: Option<Box<Spill>>,
    truncated: bool,
) {
    // SAFETY: handed up to the caller.
    unsafe {
        let mut lost = truncated;
        let old = usize::from((*head).fields);
        if old + len <= INLINE {
            ptr::copy_nonoverlapping(from, buffer.add(old), len);
            (*head).fields = (old + len) as u16;
        } else {
            let spill = spill_of(head);
            for (field, value) in Decoder(std::slice::from_raw_parts(from, len)) {
                let (tag, text) = owned(value);
                lost |= !(*spill).value(field, tag, text);
            }
        }
        if let Some(mut more) = spill {
            let spill = spill_of(head);
            for (field, tag, text) in more.long.drain(..) {
                lost |= !(*spill).value(field, tag, text);
            }
        }
        if lost {
            (*head).flags |= TRUNCATED;
        }
    }
}

fn owned(value: Raw<'_>) -> (u8, String) {
    use super::fields::{BOOL, ERROR, F64, I64, STR, U64};
    match value {
        Raw::U64(number) => (U64, number.to_string()),
        Raw::I64(number) => (I64, number.to_string()),
        Raw::F64(number) => (F64, number.to_string()),
        Raw::Bool(truth) => (BOOL, truth.to_string()),
        Raw::Str(text) => (STR, text.to_owned()),
        Raw::Error(text) => (ERROR, text.to_owned()),
    }
}

/// The spill of a span, made if there is none yet.
///
/// # Safety
/// The head must be the caller's alone.
unsafe fn spill_of(head: *mut Head) -> *mut Spill {
    // SAFETY: handed up to the caller.
    unsafe {
        if (*head).spill.is_null() {
            (*head).spill = Box::into_raw(Box::default());
        }
        (*head).spill
    }
}

/// Changes the heap part of an open span; a refused change marks the span as truncated. False for a stale id.
pub(crate) fn change_spill(id: u64, change: impl FnOnce(&mut Spill) -> bool) -> bool {
    let Some(slot) = find(id).filter(|_| cfg!(feature = "enabled")) else { return false };
    // SAFETY: `with_lock` gives head and spill to us alone.
    let changed = slot.with_lock(id, |head, _| unsafe {
        if !change(&mut *spill_of(head)) {
            (*head).flags |= TRUNCATED;
        }
    });
    changed.is_some()
}

/// An error inside a span belongs to the span, too.
#[cold]
fn keep_on_span(id: u64, tick: u64, meta: &'static Metadata<'static>, fields: &[u8], spill: Option<&Spill>) {
    let long = spill.map(|spill| spill.long.clone()).unwrap_or_default();
    let event = SpillEvent { tick, meta, fields: fields.to_vec(), long };
    change_spill(id, |spill| spill.event(event));
}
