//! What a span, an event, a poll and a metric cost: `cargo run --release --example bench_spans`.
//!
//! Each figure is the least and the middle of many bursts of about 1000 operations; the collector is given time to
//! empty the rings between bursts, so nothing is dropped. `CALLGRIND=1` runs a fixed number of bursts inside
//! `measured`, for `valgrind --tool=callgrind --toggle-collect='*measured*'`. With `--features layer`, `DOOR=layer`
//! measures the same through a `Registry`, and `DOOR=registry` a `Registry` with an empty layer alone.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::hint::black_box;
use std::io::Write;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tracing::{info, info_span, instrument};
use tundra::{ExportError, Exported, Exporter};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "counting allocations needs an allocator")]
// SAFETY: every call is handed to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        LIVE.with(|live| live.set(live.get() + layout.size() as i64));
        // SAFETY: handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.with(|live| live.set(live.get() - layout.size() as i64));
        // SAFETY: handed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Takes everything and looks at nothing.
struct Nowhere;

impl Exporter for Nowhere {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        black_box(batch.spans());
        Ok(())
    }
}

#[inline(never)]
fn child0() {
    info_span!("child0").in_scope(|| black_box(()));
}

#[inline(never)]
fn child4(n: u64) {
    let span = info_span!(
        "child4",
        model = "gpt-4o-2024-08-06",
        input_tokens = n,
        temperature = 0.7_f64,
        stream = true
    );
    span.in_scope(|| black_box(()));
}

#[inline(never)]
fn event(n: u64) {
    info!(tokens = n, kind = "chunk", "stream chunk");
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}

struct Yield(u32);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        Poll::Pending
    }
}

#[instrument(skip_all)]
#[inline(never)]
async fn yielder(polls: u32) {
    Yield(polls).await;
}

#[inline(never)]
async fn yielder_plain(polls: u32) {
    Yield(polls).await;
}

fn in_root(each: impl Fn(u64)) {
    for _ in 0..10 {
        info_span!("root").in_scope(|| (0..100).for_each(&each));
    }
}

#[inline(never)]
fn measured(bursts: usize, burst: &mut dyn FnMut()) {
    for _ in 0..bursts {
        burst();
    }
}

fn report(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn bench(name: &str, operations: u32, guard: &tundra::Guard, mut burst: impl FnMut()) {
    let flush = || guard.flush(Duration::from_secs(10)).expect("nothing is exported anywhere");
    if std::env::var_os("CALLGRIND").is_some() {
        if std::env::var("ONLY").is_ok_and(|only| only != name) {
            return;
        }
        for _ in 0..10 {
            measured(1, &mut burst);
            flush();
        }
        return report(format_args!("{name}: {} operations", 10 * operations));
    }
    for _ in 0..20 {
        burst();
        flush();
    }
    let mut times = Vec::new();
    let mut allocations = 0;
    for _ in 0..200 {
        let before = ALLOCATIONS.get();
        let start = Instant::now();
        burst();
        times.push(start.elapsed().as_nanos() as f64 / f64::from(operations));
        allocations += ALLOCATIONS.get() - before;
        flush();
    }
    times.sort_by(f64::total_cmp);
    let each = allocations as f64 / 200.0 / f64::from(operations);
    report(format_args!("{name:<22} {:>7.1} {:>7.1} {each:>10.3}", times[0], times[times.len() / 2]));
}

/// The caches are walked out before each operation.
fn bench_cold(name: &str, guard: &tundra::Guard, mut operation: impl FnMut(u64)) {
    let mut junk = vec![1_u8; 4 << 20];
    let mut times: Vec<f64> = (0..400)
        .map(|n| {
            junk.iter_mut().step_by(64).for_each(|byte| *byte = byte.wrapping_add(1));
            black_box(&junk);
            let start = Instant::now();
            operation(n);
            start.elapsed().as_nanos() as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    report(format_args!("{name:<22} {:>7.1} {:>7.1}", times[20], times[200]));
    guard.flush(Duration::from_secs(10)).expect("nothing is exported anywhere");
}

#[cfg(feature = "layer")]
fn open_door(builder: tundra::Builder) -> tundra::Guard {
    use tracing_subscriber::prelude::*;
    use tracing_subscriber::registry;
    let set = |stack: tracing::Dispatch| {
        tracing::dispatcher::set_global_default(stack).expect("nobody else did");
    };
    match std::env::var("DOOR").as_deref() {
        Ok("layer") => {
            let (layer, guard) = builder.layer().expect("it can be made");
            set(registry().with(layer).into());
            guard
        }
        Ok("registry") => {
            set(registry().with(registry_only::Empty).into());
            builder.build().expect("it can be made").1
        }
        _ => builder.install().expect("nobody else did"),
    }
}

#[cfg(feature = "layer")]
mod registry_only {
    pub(super) struct Empty;

    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Empty {}
}

#[cfg(not(feature = "layer"))]
fn open_door(builder: tundra::Builder) -> tundra::Guard {
    builder.install().expect("nobody else did")
}

fn main() {
    let start = Instant::now();
    let builder = tundra::builder().service("bench").filter("info").no_log_output();
    let guard = open_door(builder.exporter(Box::new(Nowhere)));
    info_span!("first").in_scope(|| ());
    let first = start.elapsed();
    report(format_args!("{:<22} {:>7} {:>7} {:>10}", "ns per operation", "least", "middle", "allocations"));
    bench("span, 0 fields", 1010, &guard, || in_root(|_| child0()));
    bench("span, 4 fields", 1010, &guard, || in_root(child4));
    bench("event, 2 fields", 1010, &guard, || in_root(event));
    bench("poll, instrumented", 1000, &guard, || block_on(yielder(1000)));
    bench("poll, plain", 1000, &guard, || block_on(yielder_plain(1000)));
    bench("counter", 1000, &guard, || {
        for _ in 0..1000 {
            tundra::increment_counter!(
                "llm.requests",
                model = "gpt-4o",
                provider = "openai",
                success = "true"
            );
        }
    });
    bench("histogram", 1000, &guard, || {
        for n in 0..1000 {
            tundra::histogram!("llm.duration_ms", black_box(n), model = "gpt-4o");
        }
    });
    if std::env::var_os("CALLGRIND").is_none() {
        let root = info_span!("root").entered();
        bench_cold("cold: clock alone", &guard, |n| {
            black_box(n);
        });
        bench_cold("cold: 0 fields", &guard, |_| child0());
        bench_cold("cold: 4 fields", &guard, child4);
        drop(root);
    }
    let before = LIVE.get();
    let held: Vec<_> = (0..10_000).map(|n| info_span!("held", n)).collect();
    let live = (LIVE.get() - before) as f64 / 10_000.0 - size_of::<tracing::Span>() as f64;
    drop(held);
    report(format_args!("bytes per open span {live:.0}; init to first span {first:?}"));
    let health = tundra::health();
    report(format_args!("clock: {}; dropped: {:?}", health.clock, health.spans.dropped));
}
