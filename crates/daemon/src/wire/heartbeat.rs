//! The daemon's gauges about itself, every ten seconds.

use crate::usage::Usage;
use crate::view::View;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

const PERIOD: Duration = Duration::from_secs(10);

pub(super) async fn run(
    view: Arc<View>,
    open: Arc<AtomicUsize>,
    begun: Instant,
    mut stop: watch::Receiver<bool>,
) {
    let mut before = (Instant::now(), Usage::now(), 0_u64);
    loop {
        let usage = Usage::now();
        let requests = view.requests.load(Ordering::Relaxed);
        let seconds = before.0.elapsed().as_secs_f64();
        tundra::gauge!("daemon.uptime", begun.elapsed().as_secs_f64());
        tundra::gauge!("daemon.memory.resident_bytes", usage.resident_bytes as f64);
        tundra::gauge!("daemon.connections.open", open.load(Ordering::Relaxed) as f64);
        if seconds > 0.5 {
            tundra::gauge!(
                "daemon.cpu.percent",
                (usage.cpu_seconds - before.1.cpu_seconds) / seconds * 100.0
            );
            tundra::gauge!("daemon.requests.per_second", requests.saturating_sub(before.2) as f64 / seconds);
            before = (Instant::now(), usage, requests);
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}
