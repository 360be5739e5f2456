//! Merging, ageing and sample data.

use super::*;
use crate::config::Config;
use crate::fs::fault::FaultFs;
use crate::store::Store;
use crate::testing::{NOW, TestClock, all_ids, all_rows, open, quiet_config, span_batch, spans_at};
use arrow_array::RecordBatch;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

async fn store_with(change: impl FnOnce(&mut Config)) -> (Store, Config, FaultFs, TestClock) {
    let (mut config, fs, clock) = (quiet_config(), FaultFs::default(), TestClock::new());
    change(&mut config);
    let store = open(&config, &fs, &clock).await.unwrap();
    (store, config, fs, clock)
}

fn span_of(start: i64) -> crate::Batch {
    let mut batch = crate::Batch::new(tundra_record::UnixNanos(NOW), tundra_record::Source::Otlp);
    let start = tundra_record::UnixNanos(start);
    batch.push_span(&tundra_record::Span { start, name: "s".into(), ..Default::default() }, None);
    batch
}

/// Rows in an order that does not depend on the files they lie in.
fn sorted(batches: &[RecordBatch]) -> RecordBatch {
    let all = crate::merge::merge(batches).unwrap();
    let ids = all.column_by_name("span_id").unwrap();
    let order = arrow_ord::sort::sort_to_indices(ids, None, None).unwrap();
    arrow_select::take::take_record_batch(&all, &order).unwrap()
}

#[tokio::test]
async fn merged_files_hold_the_same_rows_in_order() {
    let (store, config, fs, clock) = store_with(|config| config.grace = Duration::from_secs(60)).await;
    for seed in 1..=9 {
        store.append(span_batch(10 - seed, 700 + seed as usize)).await.unwrap();
        store.flush().await.unwrap();
    }
    let old = store.snapshot();
    let before = sorted(&all_rows(&old, Table::Spans).await);
    store.maintain().await.unwrap();
    assert_eq!((store.stats().files, store.stats().counts.merges), (1, 1));
    let merged = all_rows(&store.snapshot(), Table::Spans).await;
    let times: Vec<i64> =
        merged.iter().flat_map(|batch| crate::parquet_file::times(Table::Spans, batch).to_vec()).collect();
    assert!(times.is_sorted());
    assert_eq!(sorted(&merged), before);
    // A reader of the old view is undisturbed until the grace period is over.
    assert_eq!(sorted(&all_rows(&old, Table::Spans).await), before);
    clock.pass(Duration::from_secs(61));
    store.maintain().await.unwrap();
    let first = object_store::path::Path::from(old.files(Table::Spans)[0].path.as_str());
    assert!(matches!(store.snapshot().objects().head(&first).await, Err(Error::NotFound { .. })));
    assert!(store.snapshot().files(Table::Spans)[0].services.is_some());
    drop(store);
    let store = open(&config, &fs, &clock).await.unwrap();
    assert_eq!(sorted(&all_rows(&store.snapshot(), Table::Spans).await), before);
}

#[tokio::test]
async fn many_edits_leave_few_objects_and_the_same_state() {
    let (store, config, fs, clock) = store_with(|config| config.merge_files = 4).await;
    for seed in 1..=200 {
        store.append(span_batch(seed, 1)).await.unwrap();
        store.flush().await.unwrap();
        store.maintain().await.unwrap();
    }
    let ids = all_ids(&store).await;
    let number = store.snapshot().manifest_number();
    assert!(number > 250 && store.stats().files < 20);
    drop(store);
    let edits = crate::fs::Fs::list(&fs, &config.dir.join("data/manifest")).unwrap();
    assert!(edits.len() < 140, "{}", edits.len());
    let store = open(&config, &fs, &clock).await.unwrap();
    assert_eq!((store.snapshot().manifest_number(), all_ids(&store).await), (number, ids));
}

#[tokio::test]
async fn old_rows_go_but_not_because_the_clock_jumped() {
    let (store, _, _, clock) = store_with(|config| {
        config.retention.insert(Table::Spans, 3 * DAY);
    })
    .await;
    store.append(span_batch(1, 5)).await.unwrap();
    store.flush().await.unwrap();
    store.maintain().await.unwrap();
    clock.jump(4 * DAY.as_nanos() as i64);
    store.maintain().await.unwrap();
    assert_eq!(store.stats().file_rows, 5, "a jump is not believed at once");
    clock.jump(-4 * DAY.as_nanos() as i64);
    store.maintain().await.unwrap();
    store.maintain().await.unwrap();
    assert_eq!(store.stats().file_rows, 5);
    clock.pass(2 * DAY);
    store.append(span_batch(2, 1)).await.unwrap();
    store.flush().await.unwrap();
    clock.pass(2 * DAY);
    store.maintain().await.unwrap();
    let stats = store.stats();
    // Both batches lie in the same second by their own word; what counts is that the second came in later.
    assert_eq!((stats.file_rows, stats.counts.rows_expired), (1, 5));
}

#[tokio::test]
async fn rows_age_from_their_arrival_however_old_they_are_and_often_merged() {
    let (store, _, _, clock) = store_with(|config| {
        config.retention.insert(Table::Spans, 3 * DAY);
        config.merge_files = 2;
    })
    .await;
    store.maintain().await.unwrap();
    for (start, left) in [(0, 1), (NOW, 2), (NOW + 90 * DAY.as_nanos() as i64, 3)] {
        store.append(span_of(start)).await.unwrap();
        store.flush().await.unwrap();
        store.maintain().await.unwrap();
        assert_eq!(store.stats().file_rows, left);
    }
    clock.pass(2 * DAY);
    store.maintain().await.unwrap();
    assert_eq!(store.stats().file_rows, 3);
    store.append(span_of(0)).await.unwrap();
    store.flush().await.unwrap();
    store.maintain().await.unwrap();
    clock.pass(2 * DAY);
    store.maintain().await.unwrap();
    // The oldest by its own word was merged with the one that came in last and stays with it.
    assert_eq!(store.stats().file_rows, 2);
    clock.pass(2 * DAY);
    store.maintain().await.unwrap();
    assert_eq!(store.stats().file_rows, 0);
}

#[tokio::test]
async fn sample_rows_go_and_stay_away() {
    let (store, config, fs, clock) = store_with(|_| {}).await;
    let sample = |seed| {
        let mut batch = crate::Batch::new(tundra_record::UnixNanos(NOW), tundra_record::Source::Sdk);
        batch.sample(true);
        let id = tundra_record::SpanId(seed);
        batch.push_span(&tundra_record::Span { span_id: id, name: "s".into(), ..Default::default() }, None);
        batch
    };
    store.append(span_batch(1, 2)).await.unwrap();
    store.append(sample(1)).await.unwrap();
    store.flush().await.unwrap();
    store.append(sample(2)).await.unwrap();
    store.append(span_batch(2, 3)).await.unwrap();
    assert_eq!(all_ids(&store).await.len(), 7);
    assert_eq!(store.remove_samples().await.unwrap(), BTreeMap::from([(Table::Spans, 2)]));
    assert_eq!(all_ids(&store).await.len(), 5);
    assert_eq!(store.remove_samples().await.unwrap(), BTreeMap::new());
    store.append(sample(3)).await.unwrap();
    drop(store);
    let store = open(&config, &fs, &clock).await.unwrap();
    assert_eq!(all_ids(&store).await.len(), 6, "the log brings back only what came later");
    store.close().await.unwrap();
    assert_eq!(store.snapshot().files(Table::Spans).iter().filter(|file| file.has_sample).count(), 1);
}

#[test]
fn rows_of_other_days_go_to_other_folders() {
    let batch = spans_at(1, &[0, NOW]);
    let sorted = crate::parquet_file::Sorted::new(Table::Spans, vec![batch]);
    let days: Vec<String> = sorted.days().iter().map(|(day, _)| crate::parquet_file::date(*day)).collect();
    assert_eq!(days, ["1970-01-01", "2023-11-14"]);
}
