//! Time as integer nanoseconds since 1970 UTC, as every wire format and every SQL column has it.

/// Nanoseconds since 1970-01-01T00:00:00 UTC. Reaches the year 2262; wire values beyond are clamped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnixNanos(pub i64);

impl UnixNanos {
    /// From an unsigned wire value, clamped to what fits.
    pub fn from_u64(nanos: u64) -> Self {
        Self(i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    /// The time `nanos` later, without overflow.
    pub fn plus(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds from `earlier` to `self`; never negative.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }
}
