//! A child measures itself: one short round of one row whenever the referee says so.
//!
//! Protocol: a line `ROW` in, a line of numbers out, or `-` where the side has no such row.

use crate::bursts::{self, Burst};
use crate::sides::{self, Side};
use crate::{allocator, cpu, meters, peers};
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

/// Bursts of one round.
const BURSTS: usize = 10;
/// Single operations of one round with cold caches.
const COLD: u64 = 40;
/// Bytes walked before a cold operation.
const JUNK: usize = 4 << 20;
/// Spans held open.
const HELD: u64 = 10_000;

/// Answers the referee until it goes away.
pub fn answer(name: &str) {
    let side = sides::open(name);
    let peer = name.split('+').next().unwrap_or(name);
    let mut output = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let Ok(row) = line else { break };
        let numbers = round(&side, peer, &row).unwrap_or_default();
        let text: Vec<String> = numbers.iter().map(f64::to_string).collect();
        let text = if text.is_empty() { "-".to_owned() } else { text.join(" ") };
        if writeln!(output, "{text}").and_then(|()| output.flush()).is_err() {
            break;
        }
    }
}

fn burst_of(side: &Side, peer: &str, row: &str) -> Option<Burst> {
    match (peer, &side.tracer) {
        _ if ["counter", "histogram"].contains(&row) => meters::through_meters(row, peer),
        ("fastrace", _) => peers::through_fastrace(row, true),
        ("fastrace_span", _) => peers::through_fastrace(row, false),
        ("otel", Some(tracer)) => peers::through_otel(row, tracer),
        _ if peer.starts_with("metrics_") => None,
        _ => bursts::through_tracing(row),
    }
}

fn round(side: &Side, peer: &str, row: &str) -> Option<Vec<f64>> {
    match row {
        "cold0" | "cold4" => cold(side, peer, row),
        "held" => held(side, peer),
        "background" => background(side, burst_of(side, peer, "span4")?, 100, 10),
        "background_text" => background(side, burst_of(side, peer, "text")?, 100, 10),
        _ => Some(warm(side, burst_of(side, peer, row)?)),
    }
}

/// Least, middle, allocations, their bytes; each per operation.
fn warm(side: &Side, mut burst: Burst) -> Vec<f64> {
    let mut times = [0.0; BURSTS];
    (burst.run)();
    (side.flush)();
    let (mut allocations, mut bytes) = (0, 0);
    for time in &mut times {
        let before = allocator::counts();
        let start = Instant::now();
        (burst.run)();
        *time = start.elapsed().as_nanos() as f64 / f64::from(burst.operations);
        let after = allocator::counts();
        allocations += after.0 - before.0;
        bytes += after.1 - before.1;
        (side.flush)();
    }
    times.sort_by(f64::total_cmp);
    let all = BURSTS as f64 * f64::from(burst.operations);
    vec![times[0], times[BURSTS / 2], allocations as f64 / all, bytes as f64 / all]
}

/// Least and middle of single operations, the caches walked out before each, the clock's own time taken off.
fn cold(side: &Side, peer: &str, row: &str) -> Option<Vec<f64>> {
    let mut operation: Box<dyn FnMut(u64)> = match (peer, &side.tracer) {
        ("fastrace", _) => peers::fastrace_once(row, true)?,
        ("fastrace_span", _) => peers::fastrace_once(row, false)?,
        ("otel", Some(tracer)) => peers::otel_once(row, tracer)?,
        _ if peer.starts_with("metrics_") => return None,
        _ if row == "cold0" => Box::new(|_| bursts::span0()),
        _ => Box::new(bursts::span4),
    };
    let mut junk = vec![1_u8; JUNK];
    let mut times = |operation: &mut dyn FnMut(u64)| {
        let mut times: Vec<f64> = (0..COLD)
            .map(|n| {
                junk.iter_mut().step_by(64).for_each(|byte| *byte = byte.wrapping_add(1));
                black_box(&junk);
                let start = Instant::now();
                operation(n);
                start.elapsed().as_nanos() as f64
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let root = (side.tracer.is_none() && !peer.starts_with("fastrace"))
        .then(|| tracing::info_span!("root").entered());
    let (empty, full) = (
        times(&mut |n| {
            black_box(n);
        }),
        times(&mut *operation),
    );
    drop(root);
    (side.flush)();
    let middle = COLD as usize / 2;
    Some(vec![full[COLD as usize / 20], full[middle], empty[middle]])
}

/// Bytes of heap per open span with one field, its handle apart; and the handle.
fn held(side: &Side, peer: &str) -> Option<Vec<f64>> {
    // What a thread has whether or not it holds spans is not counted.
    if let Some(mut burst) = burst_of(side, peer, "span0") {
        (burst.run)();
    }
    (side.flush)();
    let before = allocator::counts().2;
    let (spans, handle): (Box<dyn std::any::Any>, usize) = match (peer, &side.tracer) {
        ("fastrace_span", _) => peers::fastrace_held(HELD),
        ("fastrace", _) => return None,
        ("otel", Some(tracer)) => peers::otel_held(tracer, HELD),
        _ => {
            let spans: Vec<_> = (0..HELD).map(|n| tracing::info_span!("held", n)).collect();
            (Box::new(spans), size_of::<tracing::Span>())
        }
    };
    let bytes = (allocator::counts().2 - before) as f64 / HELD as f64 - handle as f64;
    drop(spans);
    Some(vec![bytes, handle as f64])
}

/// CPU of all other threads, and of the SDK's own, per operation; and what this thread took.
fn background(side: &Side, mut burst: Burst, bursts: u32, pause: u64) -> Option<Vec<f64>> {
    let quiet = || {
        (side.flush)();
        std::thread::sleep(Duration::from_millis(700));
    };
    (burst.run)();
    quiet();
    let clocks = || [cpu::process(), cpu::thread(), cpu::thread_called("tundra")];
    let before = clocks();
    for _ in 0..bursts {
        (burst.run)();
        std::thread::sleep(Duration::from_millis(pause));
    }
    quiet();
    let after = clocks();
    let all = f64::from(bursts) * f64::from(burst.operations);
    let [process, thread, own] = std::array::from_fn(|at| (after[at] - before[at]) as f64 / all);
    let lost = tundra::health().spans.dropped_for(tundra::Dropped::RingFull);
    Some(vec![process - thread, own, thread, lost as f64])
}

#[inline(never)]
fn measured(burst: &mut dyn FnMut()) {
    burst();
}

/// Ten bursts inside `measured`, for valgrind to count; prints how many operations that were.
pub fn count(side: &str, row: &str) {
    let opened = sides::open(side);
    let Some(mut burst) = burst_of(&opened, if side == "layer" { "tundra" } else { side }, row) else {
        return;
    };
    (burst.run)();
    (opened.flush)();
    for _ in 0..10 {
        measured(&mut *burst.run);
        (opened.flush)();
    }
    println!("{}", 10 * burst.operations);
}
