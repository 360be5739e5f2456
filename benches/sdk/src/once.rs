//! What can be measured once per process only: starting, stopping, and doing nothing.

use crate::{cpu, sides};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};
use tracing::info_span;

/// How long nothing is done.
const IDLE: Duration = Duration::from_secs(20);
/// Until everybody has come to rest.
const REST: Duration = Duration::from_secs(5);
/// Threads that record, for the memory of one.
const THREADS: usize = 16;
/// Spans of each of them.
const SPANS: usize = 1000;

fn one_span(name: &str) {
    if name.starts_with("fastrace") {
        let root = crate::peers::fastrace_root();
        drop(root.set_local_parent());
    } else {
        info_span!("first").in_scope(|| ());
    }
}

/// Microseconds from before the set-up until the first span is closed. Prints them and leaves without ceremony.
pub fn start(name: &str, _: Instant) {
    let begun = Instant::now();
    let side = sides::open(name);
    one_span(name);
    println!("{}", begun.elapsed().as_nanos() as f64 / 1e3);
    std::mem::forget(side);
    std::process::exit(0);
}

/// Milliseconds that the end takes, with a hundred spans to deliver.
pub fn stop(name: &str, shape: &str) {
    let side = sides::open(name);
    let work = move || {
        (0..100).for_each(|_| one_span(name));
        let begun = Instant::now();
        (side.end)();
        println!("{}", begun.elapsed().as_secs_f64() * 1e3);
        std::process::exit(0);
    };
    let current = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match shape {
        "current_thread" => {
            let runtime = current();
            let _inside = runtime.enter();
            work();
        }
        "block_on" => current().block_on(async { work() }),
        "multi_thread" => tokio::runtime::Runtime::new().expect("a runtime").block_on(async { work() }),
        _ => work(),
    }
}

/// CPU share in percent, threads beside the main one, kB of memory, kB per further thread that records.
pub fn idle(name: &str) {
    let side = sides::open(name);
    one_span(name);
    (side.flush)();
    std::thread::sleep(REST);
    let before = cpu::process();
    std::thread::sleep(IDLE);
    let share = (cpu::process() - before) as f64 / IDLE.as_nanos() as f64 * 100.0;
    let (threads, memory) = (cpu::status("Threads") - 1.0, cpu::status("RssAnon"));
    // What so many spans at once leave in the allocator is not the threads'.
    (0..SPANS * THREADS).for_each(|_| one_span(name));
    (side.flush)();
    std::thread::sleep(REST);
    let before = cpu::status("RssAnon");
    let together = Arc::new(Barrier::new(THREADS + 1));
    for _ in 0..THREADS {
        let (together, name) = (Arc::clone(&together), name.to_owned());
        std::thread::spawn(move || {
            (0..SPANS).for_each(|_| one_span(&name));
            together.wait();
            std::thread::park();
        });
    }
    together.wait();
    std::thread::sleep(REST);
    let each = (cpu::status("RssAnon") - before) / THREADS as f64;
    println!("{share} {threads} {memory} {each}");
    std::process::exit(0);
}
