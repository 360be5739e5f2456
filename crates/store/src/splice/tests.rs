//! Files put one behind the other hold the same rows, and readers find in them what they found before.

use super::*;
use crate::fs::fault::FaultFs;
use crate::parquet_file::times;
use crate::testing::{NOW, TestClock, all_rows, open, quiet_config};
use object_store::ObjectStoreExt as _;
use parquet::file::reader::FileReader as _;
use parquet::file::serialized_reader::{ReadOptionsBuilder, SerializedFileReader};
use std::collections::BTreeSet;
use tundra_record::{Source, Span, SpanId, TraceId, UnixNanos};

/// Spans whose names no compressor makes smaller; their times reach into those of the next batch.
fn batch(seed: u64, rows: u64) -> crate::Batch {
    let mut batch = crate::Batch::new(UnixNanos(NOW), Source::Otlp);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for row in 0..rows {
        let name: String = (0..8).map(|_| format!("{:016x}", random())).collect();
        let span = Span {
            trace_id: TraceId(u128::from(random())),
            span_id: SpanId(seed * 1_000_000 + row + 1),
            name: name.into(),
            start: UnixNanos(NOW + (seed * rows + row * 3 % (2 * rows)) as i64),
            ..Span::default()
        };
        batch.push_span(&span, None);
    }
    batch
}

async fn ids(store: &crate::Store) -> Vec<String> {
    let rows = all_rows(&store.snapshot(), Table::Spans).await;
    let mut ids = crate::testing::span_ids(&rows);
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn large_row_groups_are_kept_and_small_ones_merged() {
    let (mut config, fs, clock) = (quiet_config(), FaultFs::default(), TestClock::new());
    config.merge_files = 3;
    let store = open(&config, &fs, &clock).await.unwrap();
    for seed in 0..3 {
        store.append(batch(seed, 6_000)).await.unwrap();
        store.flush().await.unwrap();
    }
    let before = ids(&store).await;
    let parts = store.snapshot().files(Table::Spans).to_vec();
    assert!(fits(&parts), "{parts:?}");
    store.maintain().await.unwrap();
    let files = store.snapshot().files(Table::Spans).to_vec();
    let [whole] = files.as_slice() else { panic!("one file is left: {files:?}") };
    assert_eq!((whole.row_groups, whole.sorted, whole.level, whole.rows), (3, false, 1, 18_000));
    assert_eq!(
        (whole.min_ns, whole.max_ns),
        (
            parts.iter().map(|file| file.min_ns).min().unwrap(),
            parts.iter().map(|file| file.max_ns).max().unwrap()
        )
    );
    assert_eq!(ids(&store).await, before);
    // What readers skip by is all there.
    let object = store.snapshot().objects().get(&Path::from(whole.path.as_str())).await.unwrap();
    let bytes = object.bytes().await.unwrap();
    assert_eq!(bytes.len() as u64, whole.bytes);
    let options = ReadOptionsBuilder::new().with_page_index().build();
    let reader = SerializedFileReader::new_with_options(bytes.clone(), options).unwrap();
    let metadata = reader.metadata();
    assert_eq!((metadata.num_row_groups(), metadata.column_index().map(Vec::len)), (3, Some(3)));
    for group in metadata.row_groups() {
        let column =
            group.columns().iter().find(|column| column.column_path().string() == "trace_id").unwrap();
        assert!(column.statistics().is_some());
        assert!(Sbbf::read_from_column_chunk(column, &bytes).unwrap().is_some());
    }
    // Another such file and one of a few rows: now the rows are sorted into each other.
    for seed in 3..6 {
        store.append(batch(seed, 6_000)).await.unwrap();
        store.flush().await.unwrap();
        store.maintain().await.unwrap();
    }
    for seed in 10..13 {
        store.append(batch(seed, 5)).await.unwrap();
        store.flush().await.unwrap();
        store.maintain().await.unwrap();
    }
    let before = ids(&store).await;
    store.maintain().await.unwrap();
    let files = store.snapshot().files(Table::Spans).to_vec();
    let [sorted] = files.as_slice() else { panic!("one file is left: {files:?}") };
    assert_eq!((sorted.sorted, sorted.level, sorted.rows), (true, 2, 36_015));
    assert_eq!(ids(&store).await, before);
    let rows = all_rows(&store.snapshot(), Table::Spans).await;
    let order: Vec<i64> = rows.iter().flat_map(|batch| times(Table::Spans, batch).to_vec()).collect();
    assert!(order.is_sorted());
    assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), 36_015);
}
