//! The whole store: over a real folder, under faults at every step, and with many at once.

use super::*;
use crate::fs::RealFs;
use crate::fs::fault::{FaultFs, Plan};
use crate::objects::FolderObjects;
use crate::testing::{TestClock, all_ids, ids_of, open, quiet_config, span_batch, span_ids};
use std::collections::BTreeSet;
use std::time::Duration;
use tundra_record::env::SystemClock;

fn parts(dir: &std::path::Path) -> Parts {
    let fs = Arc::new(RealFs);
    let objects = FolderObjects::open(fs.clone(), dir.join("data")).unwrap();
    Parts { fs, clock: Arc::new(SystemClock), objects: Arc::new(objects) }
}

#[tokio::test]
async fn what_was_acknowledged_is_seen_at_once_and_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(dir.path());
    config.reserve_bytes = 0;
    let store = Store::open(config.clone(), parts(dir.path())).await.unwrap();
    let watch = store.subscribe();
    assert_eq!(store.append(span_batch(1, 3)).await, Ok(Appended { seq: 1 }));
    assert_eq!(store.append(span_batch(2, 1)).await, Ok(Appended { seq: 2 }));
    assert_eq!(*watch.borrow(), 2);
    let snapshot = store.snapshot();
    assert_eq!((snapshot.seq(), span_ids(snapshot.hot(Table::Spans)).len()), (2, 4));
    let other = Store::open(config.clone(), parts(dir.path())).await;
    assert!(matches!(other, Err(OpenError::Locked { .. })), "{other:?}");

    drop(store);
    let store = Store::open(config.clone(), parts(dir.path())).await.unwrap();
    assert_eq!(store.stats().counts.replayed_rows, 4);
    assert_eq!(store.append(span_batch(3, 1)).await, Ok(Appended { seq: 3 }));
    store.close().await.unwrap();
    assert_eq!(store.append(span_batch(4, 1)).await, Err(AppendError::Closed));
    let stats = store.stats();
    assert_eq!((stats.file_rows, stats.hot_rows, stats.wal_segments), (5, 0, 0), "{stats:?}");

    drop(store);
    let store = Store::open(config, parts(dir.path())).await.unwrap();
    let stats = store.stats();
    assert_eq!((stats.file_rows, stats.hot_rows, stats.counts.replayed_rows), (5, 0, 0));
    assert_eq!(store.append(span_batch(5, 1)).await, Ok(Appended { seq: 4 }));
}

/// What was sent to a store and what it promised to keep.
#[derive(Debug, Default)]
struct Told {
    sent: BTreeSet<String>,
    kept: BTreeSet<String>,
}

impl Told {
    async fn append(&mut self, store: &Store, seed: u64, rows: usize) {
        self.sent.extend(ids_of(seed, rows));
        if store.append(span_batch(seed, rows)).await.is_ok() {
            self.kept.extend(ids_of(seed, rows));
        }
    }

    /// Everything promised is there once, and nothing that was never sent.
    fn check(&self, found: &[String], what: &str) {
        let unique: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(unique.len(), found.len(), "{what}: rows are doubled");
        let lost: Vec<_> = self.kept.difference(&unique).collect();
        assert!(lost.is_empty(), "{what}: lost {lost:?}");
        assert!(unique.is_subset(&self.sent), "{what}: rows out of nowhere");
    }
}

/// Appends, flushes, merges and more of it, in an order given by the seed, until the end or a crash.
async fn script(fs: &FaultFs, seed: u64, told: &mut Told) {
    let clock = TestClock::new();
    let mut config = quiet_config();
    config.segment_bytes = 8 * 1024;
    config.merge_files = 2;
    config.grace = Duration::ZERO;
    let mut random = seed;
    let mut roll = |sides: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % sides
    };
    let mut number = 0;
    for _ in 0..2 {
        let Ok(store) = open(&config, fs, &clock).await else { return };
        for _ in 0..8 {
            number += 1;
            // Failures are the point: what is not acknowledged is not promised.
            match roll(7) {
                0 => drop(store.flush().await),
                1 => drop(store.maintain().await),
                2 => drop(store.set_cursor("a", Some(number)).await),
                sides => told.append(&store, number, sides as usize).await,
            }
        }
        if roll(2) == 0 {
            drop(store.close().await);
        }
    }
}

async fn check_after(fs: &FaultFs, told: &Told, what: &str) {
    let (config, clock) = (quiet_config(), TestClock::new());
    let store = open(&config, fs, &clock).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    let found = all_ids(&store).await;
    told.check(&found, what);
    let before = store.stats().visible_seq;
    let next = store.append(span_batch(9999, 1)).await.unwrap();
    assert!(next.seq > before, "{what}");
    store.close().await.unwrap();
    drop(store);
    let store = open(&config, fs, &clock).await.unwrap();
    assert_eq!(all_ids(&store).await.len(), found.len() + 1, "{what}: after a clean close");
}

#[tokio::test]
async fn power_lost_at_every_step_loses_and_doubles_nothing() {
    power_campaign(0..1).await;
}

async fn power_campaign(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        for step in 1.. {
            let fs = FaultFs::new(Plan { crash_at: Some(step), seed, ..Plan::default() });
            let mut told = Told::default();
            script(&fs, seed, &mut told).await;
            let done = fs.ops() < step;
            check_after(&fs.after_crash(seed ^ step), &told, &format!("seed {seed}, step {step}")).await;
            if done {
                break;
            }
        }
    }
}

#[tokio::test]
async fn an_error_at_every_step_loses_and_doubles_nothing() {
    // Two orders that once found a fault each.
    error_campaign(2..3).await;
    error_campaign(200..201).await;
}

#[tokio::test]
#[ignore = "minutes long: many orders of work, each with a fault at every step"]
async fn long_campaign_of_faults() {
    power_campaign(100..112).await;
    error_campaign(200..212).await;
}

async fn error_campaign(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        for step in 1.. {
            let fs = FaultFs::new(Plan { fail_at: Some(step), seed, ..Plan::default() });
            let mut told = Told::default();
            script(&fs, seed, &mut told).await;
            let done = fs.ops() < step;
            fs.plan(Plan::default());
            check_after(&fs.copy(), &told, &format!("seed {seed}, step {step}")).await;
            check_after(&fs.after_crash(seed ^ step), &told, &format!("power, seed {seed}, step {step}"))
                .await;
            if done {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_resumes() {
    let (config, clock) = (quiet_config(), TestClock::new());
    for space in (0..40_000).step_by(1711) {
        let fs = FaultFs::new(Plan { space: Some(space), ..Plan::default() });
        let store = open(&config, &fs, &clock).await.unwrap();
        let mut told = Told::default();
        let mut full = false;
        for seed in 1..=40 {
            told.sent.extend(ids_of(seed, 3));
            match store.append(span_batch(seed, 3)).await {
                Ok(_) => told.kept.extend(ids_of(seed, 3)),
                Err(error) => {
                    assert!(matches!(error, AppendError::DiskFull { .. }), "{error}");
                    assert!(error.is_retryable() && error.retry_after().is_some());
                    full = true;
                }
            }
        }
        assert!(full && store.stats().disk_full, "space {space}");
        told.check(&all_ids(&store).await, "while full");
        fs.plan(Plan::default());
        let again = store.append(span_batch(100, 3)).await;
        assert!(matches!(again, Err(AppendError::DiskFull { .. })), "the disk is not asked for every append");
        clock.pass(Duration::from_secs(2));
        told.append(&store, 101, 3).await;
        assert!(told.kept.contains(&ids_of(101, 1).next().unwrap()) && !store.stats().disk_full);
        drop(store);
        check_after(&fs.after_crash(space), &told, &format!("space {space}")).await;
    }
}

#[tokio::test]
async fn no_flipped_bit_of_the_log_is_silent() {
    let (config, clock) = (quiet_config(), TestClock::new());
    let fs = FaultFs::default();
    let store = open(&config, &fs, &clock).await.unwrap();
    let mut told = Told::default();
    for seed in 1..=4 {
        told.append(&store, seed, 2).await;
    }
    drop(store);
    let log = crate::wal::segment::path(&config.dir.join("wal"), 1);
    let bits = crate::fs::Fs::read(&fs, &log, 0, usize::MAX).unwrap().len() * 8;
    for bit in (0..bits).step_by(211) {
        let fs = fs.copy();
        fs.flip(&log, bit);
        let store = open(&config, &fs, &clock).await.unwrap();
        let (found, counts) = (all_ids(&store).await, store.stats().counts);
        assert!(found.iter().all(|id| told.sent.contains(id)), "bit {bit}");
        let lost = told.kept.len() - found.len();
        assert!(
            lost == 0 || (lost == 2 && counts.replay_damaged + counts.replay_torn == 1),
            "bit {bit}: {lost}"
        );
    }
}

#[tokio::test]
async fn a_missing_segment_is_counted_and_the_rest_is_kept() {
    let clock = TestClock::new();
    let mut config = quiet_config();
    config.segment_bytes = 1;
    let fs = FaultFs::default();
    let store = open(&config, &fs, &clock).await.unwrap();
    for seed in 1..=5 {
        store.append(span_batch(seed, 1)).await.unwrap();
    }
    drop(store);
    crate::fs::Fs::remove(&fs, &crate::wal::segment::path(&config.dir.join("wal"), 3)).unwrap();
    let store = open(&config, &fs, &clock).await.unwrap();
    assert_eq!((all_ids(&store).await.len(), store.stats().counts.replay_missing_segments), (4, 1));
    assert_eq!(store.append(span_batch(6, 1)).await, Ok(Appended { seq: 6 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_get_each_their_own_number() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(dir.path());
    (config.reserve_bytes, config.flush_bytes) = (0, 64 * 1024);
    let store = Store::open(config, parts(dir.path())).await.unwrap();
    let tasks: Vec<_> = (1..=16u64)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut seqs = Vec::new();
                for at in 0..20 {
                    let appended = store.append(span_batch(task * 100 + at, 3)).await.unwrap();
                    assert!(store.snapshot().seq() >= appended.seq);
                    seqs.push(appended.seq);
                }
                seqs
            })
        })
        .collect();
    let mut seqs = Vec::new();
    for task in tasks {
        seqs.extend(task.await.unwrap());
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=320).collect::<Vec<u64>>());
    let ids = all_ids(&store).await;
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 960);
    store.close().await.unwrap();
    assert_eq!(all_ids(&store).await, ids);
}

#[tokio::test]
async fn too_much_in_memory_is_refused_until_it_is_flushed() {
    let (mut config, clock) = (quiet_config(), TestClock::new());
    config.hot_bytes_max = 100_000;
    let store = open(&config, &FaultFs::default(), &clock).await.unwrap();
    let mut kept = 0;
    let refused = loop {
        match store.append(span_batch(kept + 1, 10)).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::Overloaded { .. }), "{refused}");
    assert!(kept > 2 && store.stats().hot_bytes < 100_000);
    store.flush().await.unwrap();
    assert!(store.append(span_batch(kept + 1, 10)).await.is_ok());
}

#[tokio::test]
async fn appends_wait_for_room_rather_than_fail() {
    let (mut config, clock) = (quiet_config(), TestClock::new());
    config.hot_bytes_max = 100_000;
    config.flush_bytes = 50_000;
    config.append_wait = std::time::Duration::from_secs(60);
    config.background = true;
    let store = open(&config, &FaultFs::default(), &clock).await.unwrap();
    let all: Vec<_> = (1..=200)
        .map(|seed| {
            let store = store.clone();
            tokio::spawn(async move { store.append(span_batch(seed, 10)).await })
        })
        .collect();
    for one in all {
        one.await.unwrap().unwrap();
    }
    let stats = store.stats();
    assert_eq!((stats.hot_rows + stats.file_rows, stats.counts.refused_overloaded), (2_000, 0));
    assert!(stats.counts.flushes > 2, "{stats:?}");
}
