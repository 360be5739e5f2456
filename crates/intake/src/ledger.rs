//! The ledger: what came in and what became of it, exactly.
//!
//! In decoded records, for each protocol: `received = stored + rejected + dropped + in_flight`. Requests that could not
//! be decoded are counted apart (`requests_refused`, by reason), since nobody knows how many records they held.

use crate::path::Protocol;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Counters by protocol, counter and reason. Cheap enough to bump a few times per request, never per record.
#[derive(Debug, Default)]
pub struct Ledger {
    rows: Mutex<BTreeMap<(&'static str, &'static str, &'static str), u64>>,
}

/// One counter as `/api/health` and the SQL table `ledger` show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// The door.
    pub protocol: &'static str,
    /// What is counted.
    pub counter: &'static str,
    /// Why; empty where there is nothing to explain.
    pub reason: &'static str,
    /// How many.
    pub value: u64,
}

impl Ledger {
    /// Adds `n` to a counter.
    pub fn add(&self, protocol: Protocol, counter: &'static str, reason: &'static str, n: u64) {
        if n > 0 {
            *self.rows.lock().entry((protocol.as_str(), counter, reason)).or_default() += n;
        }
    }

    /// Records now in work: counted `received`, not yet anything else.
    pub(crate) fn enter(&self, protocol: Protocol, n: u64) {
        let mut rows = self.rows.lock();
        *rows.entry((protocol.as_str(), "received", "")).or_default() += n;
        *rows.entry((protocol.as_str(), "in_flight", "")).or_default() += n;
    }

    /// Records that left work: into `counter` for `reason`.
    pub(crate) fn leave(&self, protocol: Protocol, counter: &'static str, reason: &'static str, n: u64) {
        let mut rows = self.rows.lock();
        if let Some(in_flight) = rows.get_mut(&(protocol.as_str(), "in_flight", "")) {
            *in_flight = in_flight.saturating_sub(n);
        }
        if n > 0 {
            *rows.entry((protocol.as_str(), counter, reason)).or_default() += n;
        }
    }

    /// All counters, sorted.
    pub fn rows(&self) -> Vec<LedgerRow> {
        let row = |(&(protocol, counter, reason), &value): (&(_, _, _), &u64)| LedgerRow {
            protocol,
            counter,
            reason,
            value,
        };
        self.rows.lock().iter().map(row).collect()
    }

    /// One counter, all reasons together.
    pub fn total(&self, counter: &str) -> u64 {
        self.rows.lock().iter().filter(|((_, name, _), _)| *name == counter).map(|(_, value)| value).sum()
    }
}
