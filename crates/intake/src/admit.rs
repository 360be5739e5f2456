//! Admission: requests are limited by bytes in work, not by their number, and are refused at once when full.
//! Nothing queues in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes of requests are in work, and how many may be.
#[derive(Clone, Debug)]
pub struct Gate {
    used: Arc<AtomicUsize>,
    limit: usize,
}

/// The right to hold so many bytes; given back on drop.
#[derive(Debug)]
pub struct Permit {
    used: Arc<AtomicUsize>,
    bytes: usize,
}

impl Gate {
    /// A gate that lets `limit` bytes in.
    pub fn new(limit: usize) -> Self {
        Self { used: Arc::default(), limit }
    }

    /// Room for `bytes`, or nothing. A single request larger than the whole limit is let in when it is alone.
    pub fn admit(&self, bytes: usize) -> Option<Permit> {
        let mut permit = Permit { used: Arc::clone(&self.used), bytes: 0 };
        permit.grow(bytes, self.limit).then_some(permit)
    }

    /// Room for `bytes` more under the same permit (a body turned out larger once inflated).
    pub fn extend(&self, permit: &mut Permit, bytes: usize) -> bool {
        permit.grow(bytes, self.limit)
    }

    /// Bytes in work now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

impl Permit {
    fn grow(&mut self, bytes: usize, limit: usize) -> bool {
        let own = self.bytes;
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= limit || used == own);
        let grown = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if grown {
            self.bytes += bytes;
        }
        grown
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Gate;

    #[test]
    fn gives_back_what_it_took() {
        let gate = Gate::new(100);
        let first = gate.admit(60).expect("fits");
        assert!(gate.admit(50).is_none());
        let mut second = gate.admit(40).expect("fits");
        assert!(!gate.extend(&mut second, 1));
        drop(first);
        assert!(gate.extend(&mut second, 60));
        drop(second);
        assert_eq!(gate.used(), 0);
        let alone = gate.admit(1000).expect("a single large request is let in when alone");
        assert!(gate.admit(1).is_none());
        drop(alone);
    }
}
