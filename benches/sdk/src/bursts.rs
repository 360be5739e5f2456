//! What is measured: about a thousand operations at a time, through the `tracing` API.

use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use tracing::{info, info_span, instrument};

/// Some operations, to be timed together.
pub struct Burst {
    pub operations: u32,
    pub run: Box<dyn FnMut()>,
}

/// So many operations in one go.
pub fn burst(operations: u32, run: impl FnMut() + 'static) -> Option<Burst> {
    Some(Burst { operations, run: Box::new(run) })
}

#[inline(never)]
pub fn span0() {
    info_span!("child0").in_scope(|| black_box(()));
}

#[inline(never)]
pub fn span4(n: u64) {
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

/// Runs a future that never waits for anything.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}

/// Is pending so many times.
pub struct Yield(pub u32);

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

fn in_root(each: impl Fn(u64)) {
    for _ in 0..10 {
        info_span!("root").in_scope(|| (0..100).for_each(&each));
    }
}

/// About 4 kB of prose with an address in it, different each time.
pub fn text(n: u64) -> String {
    let line =
        "The quarterly report is due on Friday; please send the figures to the team and copy the notes. ";
    format!("{n} {}write to jane.doe{n}@example.com", line.repeat(42))
}

/// A row's burst, for whatever subscriber is installed.
pub fn through_tracing(row: &str) -> Option<Burst> {
    match row {
        "span0" => burst(1010, || in_root(|_| span0())),
        "span4" => burst(1010, || in_root(span4)),
        "event" => burst(1010, || in_root(event)),
        "poll" => burst(1000, || block_on(yielder(1000))),
        "text" => {
            let mut n = 0;
            burst(40, move || {
                for _ in 0..40 {
                    n += 1;
                    info_span!("call", prompt = text(n)).in_scope(|| black_box(()));
                }
            })
        }
        _ => None,
    }
}
