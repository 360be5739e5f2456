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

    /// Year, month and day in UTC.
    pub fn date(self) -> (i64, u8, u8) {
        // Years are counted from March, so that the leap day comes last, in eras of 400 years.
        let days = self.0.div_euclid(86_400_000_000_000) + 719_468;
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let date = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        // In range by construction: months 1 to 12, days 1 to 31.
        (era * 400 + year + i64::from(month <= 2), month as u8, date as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::UnixNanos;

    #[test]
    fn dates() {
        const DAY: i64 = 86_400_000_000_000;
        for (nanos, expected) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (DAY * 59, (1970, 3, 1)),
            (DAY * 11_016, (2000, 2, 29)),
            (DAY * 11_017 - 1, (2000, 2, 29)),
            (DAY * 19_782, (2024, 2, 29)),
            (1_795_219_200_000_000_000, (2026, 11, 21)),
            (i64::MAX, (2262, 4, 11)),
            (i64::MIN, (1677, 9, 21)),
        ] {
            assert_eq!(UnixNanos(nanos).date(), expected, "{nanos}");
        }
    }
}
