//! kill -9 at random moments under load: what was acknowledged is there after the next start, each span once.

use crate::doors::span_json;
use crate::running::Daemon;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How many kills; `TUNDRA_KILLS` asks for more.
fn kills() -> u64 {
    std::env::var("TUNDRA_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(50)
}

/// A small generator, so that a failure can be replayed from its seed.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

#[test]
fn no_acknowledged_span_is_lost() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let mut seed = std::env::var("TUNDRA_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(20_261_121);
    let next = Arc::new(AtomicU64::new(1));
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    for round in 0..kills() {
        let daemon = Daemon::start_in(data.path(), &[]);
        let url = daemon.url("otlp_http", "/v1/traces");
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let (url, stop) = (url.clone(), Arc::clone(&stop));
                let (next, acknowledged) = (Arc::clone(&next), Arc::clone(&acknowledged));
                std::thread::spawn(move || {
                    let http = reqwest::blocking::Client::new();
                    while !stop.load(Ordering::Relaxed) {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let body = span_json("kill", "n", &format!("{at:032x}"), &format!("{at:016x}"));
                        let Ok(answer) = http.post(&url).json(&body).send() else { continue };
                        if answer.status().is_success() {
                            acknowledged.lock().expect("not poisoned").insert(at);
                        }
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(5 + random(&mut seed) % 150));
        daemon.kill();
        stop.store(true, Ordering::Relaxed);
        for sender in senders {
            sender.join().expect("the sender ends");
        }
        if round % 10 == 9 {
            check(&Daemon::start_in(data.path(), &[]), &acknowledged.lock().expect("not poisoned"), round);
        }
    }
    let daemon = Daemon::start_in(data.path(), &[]);
    check(&daemon, &acknowledged.lock().expect("not poisoned"), kills());
}

fn check(daemon: &Daemon, acknowledged: &BTreeSet<u64>, round: u64) {
    let rows = daemon.sql("SELECT span_id FROM spans WHERE service = 'kill'");
    let ids: Vec<u64> = rows
        .iter()
        .map(|row| u64::from_str_radix(row["span_id"].as_str().expect("an id"), 16).expect("hex"))
        .collect();
    let found: BTreeSet<u64> = ids.iter().copied().collect();
    assert_eq!(found.len(), ids.len(), "round {round}: a span was replayed twice");
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "round {round}: {} of {} lost: {lost:?}", lost.len(), acknowledged.len());
    assert!(!acknowledged.is_empty(), "nothing was acknowledged at all");
}

#[test]
fn a_clean_stop_keeps_everything() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = Daemon::start_in(data.path(), &[]);
    let body = span_json("calm", "n", "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let answer = daemon.http().post(daemon.url("otlp_http", "/v1/traces")).json(&body).send();
    assert!(answer.expect("answers").status().is_success());
    assert_eq!(daemon.stop(), 0, "{}", daemon.output());
    assert!(!data.path().join("listening.json").exists(), "the file says nobody listens any more");
    let daemon = Daemon::start_in(data.path(), &[]);
    assert_eq!(daemon.count("SELECT count(*) AS n FROM spans WHERE service = 'calm'"), 1);
}
