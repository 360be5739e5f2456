//! A small axum service: ten spans and twenty events a request around a given amount of work.

use crate::{cpu, sides};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;
use tracing::{Instrument, info, info_span};

/// What the work walks through: more than the first cache holds, less than the second.
const WORDS: usize = 1 << 14;

thread_local! {
    static MEMORY: RefCell<Vec<u64>> = RefCell::new(vec![1; WORDS]);
}

/// Always the same work for the same number, part arithmetic, part memory.
fn work(steps: u64) -> u64 {
    MEMORY.with_borrow_mut(|memory| {
        let mut state = 88_172_645_463_325_252_u64;
        for _ in 0..steps {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = state as usize % WORDS;
            memory[at] = memory[at].wrapping_add(state);
        }
        black_box(state)
    })
}

async fn step(depth: u32, steps: u64) -> u64 {
    if depth == 0 {
        return work(steps);
    }
    let model = "gpt-4o-2024-08-06";
    let span = info_span!("step", depth, model, temperature = 0.7_f64, stream = true);
    let inside = async {
        info!(depth, kind = "begin", "step begins");
        tokio::task::yield_now().await;
        let done = Box::pin(step(depth - 1, steps)).await;
        info!(depth, kind = "end", "step ends");
        done
    };
    inside.instrument(span).await
}

async fn answer(Path(steps): Path<u64>) -> String {
    step(10, steps).await.to_string()
}

async fn used() -> String {
    cpu::process().to_string()
}

/// Serves on a free port until it is killed; prints the port. `/cpu` tells the process's CPU nanoseconds, `/flush` exports what
/// was recorded before it tells them, `/switch/true` and `/switch/false` switch recording on or off.
pub fn serve(name: &str) {
    let side = sides::open(name);
    let (switch, flush) = (side.switch, Arc::new(side.flush));
    let switched = move |Path(on): Path<bool>| {
        switch(on);
        used()
    };
    let flushed = move || {
        flush();
        used()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("bound").port());
        let app = Router::new()
            .route("/steps/{steps}", get(answer))
            .route("/cpu", get(used))
            .route("/flush", get(flushed))
            .route("/switch/{on}", get(switched));
        let _ = axum::serve(listener, app).await;
    });
}
