//! The SDK's only clock: a tick count cheap enough to read twice a span, and its translation to wall time.
//!
//! `ticks` is called on the application's threads, everything else on the collector's. Ticks are the processor's
//! counter where it runs at a constant rate (x86-64 with an invariant TSC, aarch64), else monotonic nanoseconds. No
//! calibration delays the start: the rate is measured between the first reading and now. Nothing here may block.
#![expect(unsafe_code, reason = "reading the processor's counter has no safe form")]

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tundra_record::UnixNanos;

const UNDECIDED: u8 = 0;
const COUNTER: u8 = 1;
const SYSTEM: u8 = 2;
static SOURCE: AtomicU8 = AtomicU8::new(UNDECIDED);
static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// The current tick count.
#[inline(always)]
pub(crate) fn ticks() -> u64 {
    if SOURCE.load(Relaxed) == COUNTER { counter() } else { system_ticks() }
}

/// The decision, for whoever keeps it at hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    counts: bool,
}

impl Clock {
    /// Decides if nobody did.
    pub(crate) fn chosen() -> Self {
        choose();
        Self { counts: SOURCE.load(Relaxed) == COUNTER }
    }

    /// Whether a reading is one instruction and calls nothing.
    #[inline(always)]
    pub(crate) fn is_quick(self) -> bool {
        self.counts
    }

    /// As the function.
    #[inline(always)]
    pub(crate) fn ticks(self) -> u64 {
        if self.counts { counter() } else { system_ticks() }
    }
}

/// Decides for the processor's counter or against it; later calls change nothing.
pub(crate) fn choose() {
    if SOURCE.load(Relaxed) == UNDECIDED {
        ORIGIN.get_or_init(Instant::now);
        SOURCE.store(if counter_is_steady() { COUNTER } else { SYSTEM }, Relaxed);
    }
}

/// What ticks are made of, for people.
pub(crate) fn source_name() -> &'static str {
    if SOURCE.load(Relaxed) == COUNTER { "processor counter" } else { "system clock" }
}

#[cold]
fn system_ticks() -> u64 {
    let origin = ORIGIN.get_or_init(Instant::now);
    u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn counter() -> u64 {
    // SAFETY: every x86-64 processor has RDTSC, and no system that Rust's std runs on forbids it.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(target_arch = "x86_64")]
fn counter_is_steady() -> bool {
    use std::arch::x86_64::__cpuid;
    const POWER_LEAF: u32 = 0x8000_0007;
    const INVARIANT: u32 = 1 << 8;
    __cpuid(0x8000_0000).eax >= POWER_LEAF && __cpuid(POWER_LEAF).edx & INVARIANT != 0
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn counter() -> u64 {
    let ticks: u64;
    // SAFETY: the virtual counter is readable from user space on every system that Rust's std runs on.
    unsafe {
        std::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags))
    };
    ticks
}

#[cfg(target_arch = "aarch64")]
fn counter_is_steady() -> bool {
    true
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn counter() -> u64 {
    system_ticks()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn counter_is_steady() -> bool {
    false
}

/// The rate is refined until it was measured over this long.
const RATE_NANOS: u64 = 2_000_000_000;
/// A wall clock this far from the prediction was stepped, or the machine slept: start over from it.
const DRIFT_NANOS: i64 = 200_000;

/// A pair of readings of the tick count and the wall clock, and the rate between them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor {
    first_tick: u64,
    first_mono: Instant,
    tick: u64,
    wall: i64,
    /// Nanoseconds in 2^48 ticks: one multiplication translates, exactly enough for months.
    rate: i64,
    settled: bool,
    /// A test's clock: the times that were shown, each from a tick on.
    steps: Option<&'static Steps>,
}

/// Ticks and the wall time that a test's clock showed from there on.
pub(crate) type Steps = Mutex<Vec<(u64, i64)>>;

impl Anchor {
    /// Reads all clocks now.
    pub(crate) fn new() -> Self {
        choose();
        let (tick, (mono, wall)) = at_one_moment(ticks, || (Instant::now(), wall_now()));
        Self { first_tick: tick, first_mono: mono, tick, wall, rate: rate(1, 1), settled: false, steps: None }
    }

    /// Brings rate and offset up to date; called before each batch is translated.
    pub(crate) fn refresh(&mut self) {
        let (tick, (mono, wall)) = at_one_moment(ticks, || (Instant::now(), wall_now()));
        let elapsed = u64::try_from(mono.duration_since(self.first_mono).as_nanos()).unwrap_or(u64::MAX);
        let counted = tick.saturating_sub(self.first_tick);
        if !self.settled && counted > 0 {
            self.rate = rate(elapsed, counted);
            self.settled = elapsed >= RATE_NANOS;
        }
        if (self.at(tick).0 - wall).abs() > DRIFT_NANOS {
            self.rate = if counted > 0 { rate(elapsed, counted) } else { rate(1, 1) };
            (self.tick, self.wall) = (tick, wall);
        }
    }

    /// The wall time of a tick count.
    #[inline]
    pub(crate) fn at(&self, tick: u64) -> UnixNanos {
        if let Some(steps) = self.steps {
            return shown(steps, tick);
        }
        UnixNanos(self.wall.saturating_add(self.nanos(tick.wrapping_sub(self.tick).cast_signed())))
    }

    /// The same, with the times that a test's clock showed.
    pub(crate) fn with_steps(self, steps: Option<&'static Steps>) -> Self {
        Self { steps, ..self }
    }

    /// The nanoseconds between two tick counts.
    #[inline]
    pub(crate) fn between(&self, start: u64, end: u64) -> i64 {
        if self.steps.is_some() {
            return self.at(end).0.saturating_sub(self.at(start).0).max(0);
        }
        self.nanos(end.saturating_sub(start).cast_signed())
    }

    /// The nanoseconds that so many ticks take, or took.
    #[inline(always)]
    fn nanos(&self, ticks: i64) -> i64 {
        ((i128::from(ticks) * i128::from(self.rate)) >> RATE_BITS) as i64
    }
}

const RATE_BITS: u32 = 48;

fn rate(nanos: u64, ticks: u64) -> i64 {
    (nanos as f64 / ticks as f64 * (1_u64 << RATE_BITS) as f64) as i64
}

/// How often clocks are read together, so that one reading at least is not interrupted.
const READINGS: usize = 4;

/// Reads other clocks between two tick counts, and gives the reading between the closest two with the count in their
/// middle. Had the thread been suspended between its clocks, the rate would be wrong by the length of that, and so would
/// every duration until it is measured again.
fn at_one_moment<T>(mut ticks: impl FnMut() -> u64, mut read: impl FnMut() -> T) -> (u64, T) {
    let mut reading = || {
        let (before, read, after) = (ticks(), read(), ticks());
        (after.saturating_sub(before), before, read)
    };
    let mut best = reading();
    for _ in 1..READINGS {
        let next = reading();
        if next.0 < best.0 {
            best = next;
        }
    }
    (best.1 + best.0 / 2, best.2)
}

/// What a test's clock showed at a tick.
#[cold]
fn shown(steps: &Steps, tick: u64) -> UnixNanos {
    let steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
    let shown = steps.partition_point(|(from, _)| *from <= tick).saturating_sub(1);
    UnixNanos(steps.get(shown).map_or(0, |(_, nanos)| *nanos))
}

/// Nanoseconds since 1970 by the system's clock.
pub(crate) fn wall_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clocks that run alike, and a thread that is suspended for 50,000 wherever the list says so.
    #[test]
    fn an_interrupted_reading_is_not_believed() {
        let check = |interrupted: &[usize]| {
            let (now, calls) = (std::cell::Cell::new(1_000_u64), std::cell::Cell::new(0));
            let clock = || {
                let late = if interrupted.contains(&calls.get()) { 50_000 } else { 0 };
                calls.set(calls.get() + 1);
                now.set(now.get() + 10 + late);
                now.get()
            };
            let (tick, read) = at_one_moment(clock, clock);
            assert_eq!(tick, read, "{interrupted:?}");
        };
        check(&[]);
        check(&[1]);
        check(&[2]);
        check(&[0, 1, 2, 4, 5, 7, 8]);
        check(&[1, 4, 7]);
    }
}
