//! What the process itself uses: memory, processor time, open files, threads. Read by the collector each round.
//!
//! Linux only for now (`/proc`); elsewhere there are no such points. Reads four small files each round, and once how many
//! processors there are.
#![cfg_attr(unix, expect(unsafe_code, reason = "the size of a page is the system's to tell"))]

use std::borrow::Cow;
use std::time::Instant;
use tundra_record::{MetricPoint, MetricValue, UnixNanos};

/// `/proc` counts processor time in these, on every Linux that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;
const STAT_UTIME: usize = 11;
const STAT_THREADS: usize = 17;

/// Remembers the processor time of the last round.
#[derive(Debug, Default)]
pub(crate) struct Process {
    last: Option<(Instant, f64)>,
    processors: Option<f64>,
}

impl Process {
    /// Adds this round's points.
    pub(crate) fn points(&mut self, time: UnixNanos, points: &mut Vec<MetricPoint<'static>>) {
        let mut gauge = |name: &'static str, unit: &'static str, value: Option<f64>| {
            points.extend(value.map(|value| MetricPoint {
                name: Cow::Borrowed(name),
                unit: Cow::Borrowed(unit),
                time,
                start: UnixNanos::default(),
                attrs: Vec::new(),
                value: MetricValue::Gauge(value),
            }));
        };
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        gauge("process.memory.usage", "By", memory());
        gauge("process.unix.file_descriptor.count", "{file_descriptor}", open_files());
        gauge("process.thread.count", "{thread}", stat_field(&stat, STAT_THREADS));
        gauge("process.cpu.utilization", "1", self.utilization(&stat));
    }

    fn utilization(&mut self, stat: &str) -> Option<f64> {
        let used = (stat_field(stat, STAT_UTIME)? + stat_field(stat, STAT_UTIME + 1)?) / TICKS_PER_SECOND;
        let now = Instant::now();
        let (then, before) = self.last.replace((now, used))?;
        let elapsed = now.duration_since(then).as_secs_f64();
        let processors = *self.processors.get_or_insert_with(processors);
        (elapsed > 0.0).then(|| share(used - before, elapsed, processors))
    }
}

/// How much of the processors' time was used: 0 to 1, though time is counted in ticks and a limit can lie between two
/// processors.
fn share(used: f64, elapsed: f64, processors: f64) -> f64 {
    (used / (elapsed * processors)).clamp(0.0, 1.0)
}

/// The processors that this process may use.
fn processors() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |number| number.get() as f64)
}

/// The fields after the program's name, which may itself hold blanks and parentheses.
fn stat_field(stat: &str, at: usize) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(at)?.parse().ok()
}

/// From the shortest file that has it: the long ones are made anew for each reader.
fn memory() -> Option<f64> {
    let pages: f64 = std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * page_bytes()?)
}

#[cfg(unix)]
fn page_bytes() -> Option<f64> {
    // SAFETY: asks for a number.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    (bytes > 0).then_some(bytes as f64)
}

#[cfg(not(unix))]
fn page_bytes() -> Option<f64> {
    None
}

fn open_files() -> Option<f64> {
    // The listing itself holds one.
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        let check = |used: f64, elapsed: f64, processors: f64, expect: f64| {
            assert_eq!(share(used, elapsed, processors), expect);
        };
        check(0.0, 10.0, 2.0, 0.0);
        check(10.0, 10.0, 1.0, 1.0);
        check(10.0, 10.0, 4.0, 0.25);
        check(20.01, 10.0, 2.0, 1.0);
        check(-0.01, 10.0, 2.0, 0.0);
    }
}
