//! Readers with a place in the log.

use crate::error::CursorError;
use crate::fs::fault::FaultFs;
use crate::limits::CURSORS_MAX;
use crate::table::Table;
use crate::testing::{TestClock, open, quiet_config, span_batch};

#[tokio::test]
async fn a_reader_gets_every_batch_once_and_in_order() {
    let (mut config, fs, clock) = (quiet_config(), FaultFs::default(), TestClock::new());
    config.segment_bytes = 4096;
    let store = open(&config, &fs, &clock).await.unwrap();
    store.set_cursor("agent", Some(0)).await.unwrap();
    for seed in 1..=30 {
        store.append(span_batch(seed, 2)).await.unwrap();
        if seed % 7 == 0 {
            store.flush().await.unwrap();
        }
    }
    drop(store);
    let store = open(&config, &fs, &clock).await.unwrap();
    let mut cursor = store.cursor("agent").unwrap();
    let mut seqs = Vec::new();
    loop {
        let read = store.read_from(cursor, 6000).await.unwrap();
        assert_eq!(read.skipped, 0);
        if read.batches.is_empty() {
            break;
        }
        for batch in &read.batches {
            assert_eq!(batch.tables[0].0, Table::Spans);
            for row in crate::read::spans(&batch.tables[0].1) {
                let row = row.unwrap();
                assert_eq!((row.seq, row.resource.service()), (batch.seq, Some("checkout service")));
            }
            seqs.push(batch.seq);
        }
        cursor = read.next;
        store.set_cursor("agent", Some(cursor)).await.unwrap();
    }
    assert_eq!(seqs, (1..=30).collect::<Vec<u64>>());
    store.close().await.unwrap();
    assert_eq!(store.stats().wal_segments, 0);
}

#[tokio::test]
async fn a_reader_that_is_too_far_behind_skips_and_is_told() {
    let (mut config, fs, clock) = (quiet_config(), FaultFs::default(), TestClock::new());
    (config.segment_bytes, config.pin_bytes) = (1, 10_000);
    let store = open(&config, &fs, &clock).await.unwrap();
    store.set_cursor("slow", Some(0)).await.unwrap();
    for seed in 1..=30 {
        store.append(span_batch(seed, 1)).await.unwrap();
    }
    store.close().await.unwrap();
    let read = store.read_from(0, usize::MAX).await.unwrap();
    assert!(!read.batches.is_empty() && read.skipped > 0);
    assert_eq!((read.next, read.batches.len() as u64 + read.skipped), (30, 30));
    assert!(store.stats().wal_bytes <= 10_000);
}

#[tokio::test]
async fn cursors_are_bounded_and_can_be_forgotten() {
    let store = open(&quiet_config(), &FaultFs::default(), &TestClock::new()).await.unwrap();
    for at in 0..CURSORS_MAX {
        store.set_cursor(&at.to_string(), Some(1)).await.unwrap();
    }
    let more = store.set_cursor("more", Some(1)).await;
    assert!(matches!(more, Err(CursorError::TooMany { .. })));
    store.set_cursor("0", None).await.unwrap();
    store.set_cursor("more", Some(1)).await.unwrap();
    assert_eq!((store.cursor("0"), store.cursor("more")), (None, Some(1)));
}
