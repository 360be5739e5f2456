//! What is added to a span while it is open: values, links, long values, errors that were logged inside of it.
//!
//! Called by the doors and by the extension traits, on any thread. Values are written before the span is locked, for that
//! may run code of the application.
#![expect(unsafe_code, reason = "fields and spill are reached through raw pointers, under the slot's lock")]

use super::fields::{Decoder, Encoder, Raw};
use super::local::{Local, Scratch};
use super::slot::{Head, INLINE, TRUNCATED, find, identity};
use super::spill::{Spill, SpillEvent};
use crate::limits::SCRATCH_BYTES;
use std::ptr;
use tracing_core::Metadata;
use tracing_core::span::Record;

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
    change_spill(id, |spill| spill.link(trace, other.span, Vec::new()));
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
pub(super) fn keep_on_span(
    id: u64,
    tick: u64,
    meta: &'static Metadata<'static>,
    fields: &[u8],
    spill: Option<&Spill>,
) {
    let long = spill.map(|spill| spill.long.clone()).unwrap_or_default();
    let event = SpillEvent { tick, meta, fields: fields.to_vec(), long };
    change_spill(id, |spill| spill.event(event));
}

/// A scratch buffer that goes back when dropped, even when a value's `Debug` panics.
pub(super) struct Borrowed(pub(super) *mut Scratch, &'static Local);

impl Drop for Borrowed {
    #[inline(always)]
    fn drop(&mut self) {
        self.1.return_scratch(self.0);
    }
}

#[inline(always)]
pub(super) fn borrow_scratch(local: &'static Local) -> Borrowed {
    let scratch = local.take_scratch();
    if scratch.is_null() { Borrowed(second_scratch(), local) } else { Borrowed(scratch, local) }
}

/// An event inside the `Debug` of another event's value.
#[cold]
fn second_scratch() -> *mut Scratch {
    Box::into_raw(Box::new(Scratch([0; SCRATCH_BYTES])))
}
