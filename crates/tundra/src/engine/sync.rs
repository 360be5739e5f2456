//! What ring and slots synchronize with, in one place: `crates/tundra/loom` builds them with loom's in its stead. Nothing here
//! may cost anything, but for memory of rings, which is asked for once in a while.
#![expect(unsafe_code, reason = "memory comes from the system as an address")]

pub(super) use std::alloc::alloc_zeroed;
pub(super) use std::hint::spin_loop;
pub(super) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    fence,
};

/// The next bytes are about to be written.
#[inline(always)]
pub(super) fn writes(_: *const u8, _: usize) {}

/// The next bytes are about to be read.
#[inline(always)]
pub(super) fn reads(_: *const u8, _: usize) {}

/// Zeroed memory from the system itself, or null. Pages that were never written to cost nothing, and what is given back is
/// gone: an allocator would keep it, and a burst in many threads at once would be kept for good.
#[cfg(unix)]
pub(super) fn map(bytes: usize) -> *mut u8 {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: asks for new memory anywhere.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) };
    if at == libc::MAP_FAILED { std::ptr::null_mut() } else { at.cast() }
}

/// Gives it back.
///
/// # Safety
/// It came from `map` with as many bytes, and nobody uses it any more.
#[cfg(unix)]
pub(super) unsafe fn unmap(at: *mut u8, bytes: usize) {
    // SAFETY: handed up to the caller. It fails for addresses that are not pages only.
    unsafe { libc::munmap(at.cast(), bytes) };
}

/// The same from the allocator.
#[cfg(not(unix))]
pub(super) fn map(bytes: usize) -> *mut u8 {
    // SAFETY: no ring is empty.
    std::alloc::Layout::from_size_align(bytes, 64)
        .map_or(std::ptr::null_mut(), |layout| unsafe { alloc_zeroed(layout) })
}

/// As above.
///
/// # Safety
/// As above.
#[cfg(not(unix))]
pub(super) unsafe fn unmap(at: *mut u8, bytes: usize) {
    if let Ok(layout) = std::alloc::Layout::from_size_align(bytes, 64) {
        // SAFETY: handed up to the caller.
        unsafe { std::alloc::dealloc(at, layout) };
    }
}
