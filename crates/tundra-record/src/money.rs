//! Money as whole numbers.

use std::fmt;

/// Pico-US-dollars: one dollar is 10^12 of them, so that a single cached token still has an exact price.
/// An `i64` holds up to about 9.2 million dollars; sums saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PicoUsd(pub i64);

impl PicoUsd {
    /// One dollar.
    pub const DOLLAR: i64 = 1_000_000_000_000;

    /// From dollars, rounded to the nearest pico-dollar; `None` if it is not a number or does not fit.
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        let pico = (dollars * Self::DOLLAR as f64).round();
        (pico.is_finite() && pico.abs() < 9.2e18).then_some(Self(pico as i64))
    }

    /// In dollars, for showing.
    pub fn dollars(self) -> f64 {
        self.0 as f64 / Self::DOLLAR as f64
    }
}

impl fmt::Display for PicoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} USD", self.dollars())
    }
}
