//! Whether a call site is recorded, remembered by call site: a layer must not answer `tracing` for the layers beside it,
//! so it has to ask itself each time.
//!
//! One word per call site holds its address, the number of the filter that was asked, and the answer. Call sites that
//! share a word take turns; nothing depends on the word but time.

use super::filter::ActiveFilter;
use crate::limits::VERDICTS;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tracing_core::Metadata;

const ADDRESS_BITS: u32 = 48;
const CHANGE_MASK: u32 = 0x7fff;

/// Answers by call site.
pub(crate) struct Verdicts {
    filter: Arc<ActiveFilter>,
    words: [AtomicU64; VERDICTS],
}

impl std::fmt::Debug for Verdicts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verdicts").field("filter", &self.filter).finish_non_exhaustive()
    }
}

impl Verdicts {
    pub(crate) fn new(filter: Arc<ActiveFilter>) -> Self {
        Self { filter, words: [const { AtomicU64::new(0) }; VERDICTS] }
    }

    /// Whether the call site is recorded.
    #[inline(always)]
    pub(crate) fn enables(&self, metadata: &'static Metadata<'static>) -> bool {
        let address = std::ptr::from_ref(metadata).addr() as u64;
        let change = u64::from(self.filter.changes() & CHANGE_MASK);
        let word = &self.words[(address >> 4) as usize % VERDICTS];
        let key = address << (64 - ADDRESS_BITS) | change << 1;
        let known = word.load(Relaxed);
        if known & !1 == key { known & 1 == 1 } else { self.ask(metadata, word, key) }
    }

    #[cold]
    #[inline(never)]
    fn ask(&self, metadata: &'static Metadata<'static>, word: &AtomicU64, key: u64) -> bool {
        let enabled = self.filter.enables(metadata);
        // Addresses that do not fit are asked each time.
        if std::ptr::from_ref(metadata).addr() as u64 >> ADDRESS_BITS == 0 {
            word.store(key | u64::from(enabled), Relaxed);
        }
        enabled
    }
}
