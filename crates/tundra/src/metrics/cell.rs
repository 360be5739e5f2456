//! Where one thread counts: cells by series number, made in chunks on first use.
//!
//! A cell has a single writer, its thread, so adding needs no locked instruction; the collector reads the same cells and
//! remembers what it saw. Chunks are never freed: a parked thread state keeps its sums.
#![expect(unsafe_code, reason = "chunks are published to the collector through raw pointers")]

use super::sketch::Sketch;
use crate::limits::SERIES;
use std::ptr::null_mut;
use std::sync::atomic::{
    AtomicPtr, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

const CHUNK: usize = 64;
const CHUNKS: usize = SERIES / CHUNK;

type Numbers = [AtomicU64; CHUNK];
type Sketches = [AtomicPtr<Sketch>; CHUNK];

/// One thread's cells.
pub(crate) struct Cells {
    numbers: [AtomicPtr<Numbers>; CHUNKS],
    sketches: [AtomicPtr<Sketches>; CHUNKS],
}

impl Default for Cells {
    fn default() -> Self {
        Self {
            numbers: [const { AtomicPtr::new(null_mut()) }; CHUNKS],
            sketches: [const { AtomicPtr::new(null_mut()) }; CHUNKS],
        }
    }
}

impl Cells {
    /// Adds to a counter. Only the owning thread may call this.
    #[inline(always)]
    pub(crate) fn add(&self, series: u32, amount: u64) {
        let at = series as usize % SERIES;
        let chunk = self.numbers[at / CHUNK].load(Relaxed);
        // SAFETY: chunks are never freed.
        let chunk = match unsafe { chunk.as_ref() } {
            Some(chunk) => chunk,
            None => self.new_numbers(at / CHUNK),
        };
        let cell = &chunk[at % CHUNK];
        cell.store(cell.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    /// Adds a value to a histogram. Only the owning thread may call this.
    #[inline(always)]
    pub(crate) fn observe(&self, series: u32, value: f64) {
        let at = series as usize % SERIES;
        let chunk = self.sketches[at / CHUNK].load(Relaxed);
        // SAFETY: chunks and sketches are never freed.
        let sketch = unsafe { chunk.as_ref().and_then(|chunk| chunk[at % CHUNK].load(Relaxed).as_ref()) };
        match sketch {
            Some(sketch) => sketch.add(value),
            None => self.new_sketch(at).add(value),
        }
    }

    /// A counter's sum on this thread, from any thread.
    pub(crate) fn number(&self, series: usize) -> u64 {
        let chunk = self.numbers[series / CHUNK % CHUNKS].load(Acquire);
        // SAFETY: chunks are never freed.
        unsafe { chunk.as_ref() }.map_or(0, |chunk| chunk[series % CHUNK].load(Relaxed))
    }

    /// A histogram's sketch on this thread, from any thread.
    pub(crate) fn sketch(&self, series: usize) -> Option<&Sketch> {
        let chunk = self.sketches[series / CHUNK % CHUNKS].load(Acquire);
        // SAFETY: chunks and sketches are never freed.
        unsafe { chunk.as_ref()?[series % CHUNK].load(Acquire).as_ref() }
    }

    #[cold]
    #[inline(never)]
    fn new_numbers(&self, at: usize) -> &Numbers {
        let chunk = Box::leak(Box::new([const { AtomicU64::new(0) }; CHUNK]));
        self.numbers[at].store(chunk, Release);
        chunk
    }

    #[cold]
    #[inline(never)]
    fn new_sketch(&self, at: usize) -> &Sketch {
        let mut chunk = self.sketches[at / CHUNK].load(Relaxed);
        if chunk.is_null() {
            chunk = Box::leak(Box::new([const { AtomicPtr::new(null_mut()) }; CHUNK]));
            self.sketches[at / CHUNK].store(chunk, Release);
        }
        let sketch = Box::leak(Sketch::new());
        // SAFETY: just made or found, never freed.
        unsafe { (&(*chunk))[at % CHUNK].store(sketch, Release) };
        sketch
    }
}
