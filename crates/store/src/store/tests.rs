//! The whole store over a real folder.

use super::*;
use crate::fs::RealFs;
use crate::objects::FolderObjects;
use crate::table::Table;
use crate::testing::{span_batch, span_ids};
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
