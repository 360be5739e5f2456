//! What ring and slots synchronize with, in one place: `crates/tundra/loom` builds both files with loom's in its stead.
//! Nothing here may cost anything.

pub(super) use std::alloc::{alloc_zeroed, dealloc};
pub(super) use std::hint::spin_loop;
pub(super) use std::sync::atomic::{
    AtomicPtr, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    fence,
};

/// The next bytes are about to be written.
#[inline(always)]
pub(super) fn writes(_: *const u8, _: usize) {}

/// The next bytes are about to be read.
#[inline(always)]
pub(super) fn reads(_: *const u8, _: usize) {}
