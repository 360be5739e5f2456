//! Files that served go on serving, and go when nobody needs them.

use crate::config::Config;
use crate::flush::tidy_spares;
use crate::fs::Fs;
use crate::fs::fault::FaultFs;
use crate::limits::SPARES_MAX;
use crate::store::Store;
use crate::testing::{TestClock, all_ids, ids_of, open, quiet_config, span_batch};
use crate::wal::frame::HEADER;

fn names(fs: &FaultFs, config: &Config, end: &str) -> Vec<String> {
    let names = fs.list(&config.dir.join("wal")).unwrap();
    names.into_iter().filter(|name| name.ends_with(end)).collect()
}

async fn append(store: &Store, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        store.append(span_batch(seed, 8)).await.unwrap();
    }
}

/// Whether a segment ends before its file does.
fn served(fs: &FaultFs, config: &Config, store: &Store) -> bool {
    let segments = store.shared().segments.lock();
    segments.iter().any(|segment| {
        let path = super::segment::path(&config.dir.join("wal"), segment.number);
        fs.stat(&path).unwrap().len > segment.bytes + HEADER as u64
    })
}

#[tokio::test]
async fn files_are_written_over_and_nothing_of_before_comes_back() {
    let (mut config, fs, clock) = (quiet_config(), FaultFs::default(), TestClock::new());
    config.segment_bytes = 20_000;
    let mut store = open(&config, &fs, &clock).await.unwrap();
    let (mut seed, mut again) = (1, 0);
    for round in 0..8_u64 {
        append(&store, seed..seed + 9).await;
        store.flush().await.unwrap();
        // The log thread closes its segment once it is told, and the next flush finds it closed.
        append(&store, seed + 9..seed + 11 + round % 3).await;
        store.flush().await.unwrap();
        assert!(names(&fs, &config, ".spare").len() <= SPARES_MAX);
        seed += 11 + round % 3;
        append(&store, seed..seed + 1 + round).await;
        seed += 1 + round;
        let counts = (store.stats().counts.replay_damaged, store.stats().counts.replay_torn);
        assert_eq!(counts, (0, 0), "round {round}");
        again += usize::from(served(&fs, &config, &store));
        if round % 2 == 1 {
            // The end of the process: what was written over is read without what lies behind it.
            drop(store);
            store = open(&config, &fs, &clock).await.unwrap();
        }
    }
    let mut want: Vec<String> = (1..seed).flat_map(|seed| ids_of(seed, 8)).collect();
    want.sort();
    assert_eq!(all_ids(&store).await, want);
    assert!(again > 4, "{again} segments stood in a file that had served");
    store.close().await.unwrap();
    assert_eq!(names(&fs, &config, "").len(), 0);
}

#[tokio::test]
async fn spares_go_when_nothing_comes() {
    let (mut config, fs, clock) = (quiet_config(), FaultFs::default(), TestClock::new());
    config.segment_bytes = 1_000;
    let store = open(&config, &fs, &clock).await.unwrap();
    append(&store, 1..6).await;
    store.flush().await.unwrap();
    assert_eq!(names(&fs, &config, ".spare").len(), SPARES_MAX);
    let shared = store.shared();
    tidy_spares(shared, false).await.unwrap();
    assert_eq!(names(&fs, &config, ".spare").len(), SPARES_MAX, "they were just made");
    tidy_spares(shared, false).await.unwrap();
    assert_eq!(names(&fs, &config, ".spare").len(), 0);
}

#[tokio::test]
async fn what_an_earlier_process_left_is_removed() {
    let (config, fs, clock) = (quiet_config(), FaultFs::default(), TestClock::new());
    drop(open(&config, &fs, &clock).await.unwrap());
    fs.create_new(&config.dir.join("wal/000000000007.spare")).unwrap();
    let store = open(&config, &fs, &clock).await.unwrap();
    assert!(names(&fs, &config, ".spare").is_empty());
    assert_eq!(store.append(span_batch(1, 1)).await.unwrap().seq, 1);
}

#[tokio::test]
async fn a_large_request_does_not_stay_in_files_that_serve_again() {
    let (mut config, fs, clock) = (quiet_config(), FaultFs::default(), TestClock::new());
    config.segment_bytes = 20_000;
    let store = open(&config, &fs, &clock).await.unwrap();
    let mut seed = 1;
    for large in [true, true, false, false, false, false, false, false] {
        for _ in 0..2 {
            store.append(span_batch(seed, if large { 5_000 } else { 60 })).await.unwrap();
            seed += 1;
            store.flush().await.unwrap();
        }
    }
    let folder = config.dir.join("wal");
    let longest = names(&fs, &config, "").iter().map(|name| fs.stat(&folder.join(name)).unwrap().len).max();
    assert!(longest.unwrap_or_default() < 100_000, "{longest:?}");
}

#[tokio::test]
async fn removed_samples_are_in_no_spare() {
    let (mut config, fs, clock) = (quiet_config(), FaultFs::default(), TestClock::new());
    config.segment_bytes = 1_000;
    let store = open(&config, &fs, &clock).await.unwrap();
    append(&store, 1..6).await;
    store.flush().await.unwrap();
    assert_eq!(names(&fs, &config, ".spare").len(), SPARES_MAX);
    store.remove_samples().await.unwrap();
    assert_eq!(names(&fs, &config, ".spare").len(), 0);
}

// The version before knew no lives: its reader must still find what is not in files yet.
#[tokio::test]
async fn an_older_reader_finds_all_frames() {
    let (config, fs, clock) = (quiet_config(), FaultFs::default(), TestClock::new());
    let store = open(&config, &fs, &clock).await.unwrap();
    append(&store, 1..6).await;
    let bytes = fs.read(&config.dir.join("wal/000000000001.wal"), 0, usize::MAX).unwrap();
    let is_frame = |at: &usize| {
        let header = &bytes[*at..*at + HEADER];
        let checksum = u32::from_le_bytes(header[24..28].try_into().unwrap());
        header.starts_with(b"TDF1") && crc32c::crc32c(&header[..24]) == checksum
    };
    let found: Vec<usize> = (0..bytes.len() - HEADER + 1).step_by(8).filter(is_frame).collect();
    assert_eq!(found.len(), 5 + 1, "five batches and the end");
}
