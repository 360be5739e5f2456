//! Whatever the rows are, an ordinary reader finds them in the file again, and what statistics, indexes and filters say of
//! them is true.

use super::*;
use crate::Batch;
use crate::parquet_file::DAY_NS;
use crate::wal::payload::with_seq;
use arrow_array::cast::AsArray;
use arrow_select::concat::concat_batches;
use arrow_select::interleave::interleave_record_batch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use proptest::prelude::*;
use tundra_record::{
    EVENT_SCOPE, LogRecord, MetricPoint, MetricValue, Resource, Scope, Source, Span, SpanId, TraceId,
    UnixNanos,
};

/// How the texts of some spans are.
#[derive(Clone, Debug)]
struct Shape {
    rows: usize,
    batches: usize,
    /// Different texts.
    words: u64,
    /// Of ten texts so many are missing.
    missing: u64,
    /// How long a text is at most.
    length: usize,
    attrs: u64,
    seed: u64,
}

fn mix(seed: u64) -> u64 {
    let mixed = (seed ^ seed >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}

fn word(shape: &Shape, at: u64) -> String {
    let number = mix(shape.seed ^ at) % shape.words.max(1);
    let text: String =
        (0..).map(|n| format!("ä{}é", mix(number * 31 + n))).take(shape.length / 20 + 1).collect();
    let mut end = (mix(number) as usize % (shape.length + 1)).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

fn batches(shape: &Shape) -> Vec<RecordBatch> {
    let mut out = Vec::new();
    for seq in 0..shape.batches as u64 {
        let mut batch = Batch::new(UnixNanos(7), Source::Otlp);
        for row in 0..(shape.rows / shape.batches) as u64 {
            let at = seq << 32 | row << 8;
            if row % 64 == 0 {
                let attrs = vec![("service.name".into(), word(shape, at).into())];
                batch.push_resource(&Resource { attrs });
                let name =
                    if mix(at).is_multiple_of(8) { EVENT_SCOPE.into() } else { word(shape, at | 7).into() };
                batch.push_scope(&Scope { name, ..Scope::default() });
            }
            let present = |what: u64| mix(shape.seed ^ at ^ what) % 10 >= shape.missing;
            let attrs = (0..mix(at) % (shape.attrs + 1))
                .map(|n| (word(shape, n % 5).into(), word(shape, at | n).into()))
                .collect();
            let span = Span {
                trace_id: TraceId(u128::from(mix(at >> 11))),
                span_id: SpanId(mix(at)),
                parent_id: present(1).then(|| SpanId(mix(at >> 11))),
                name: word(shape, at | 101).into(),
                resource: present(2).then(|| word(shape, at | 102).into()),
                status_message: if present(3) { word(shape, at | 103).into() } else { "".into() },
                start: UnixNanos((mix(at) % (DAY_NS as u64 / 2)) as i64),
                duration: (mix(at | 1) % 1_000_000) as i64,
                attrs,
                ..Span::default()
            };
            batch.push_span(&span, None);
        }
        let (_, rows) = batch.finish().remove(0);
        out.push(crate::wal::payload::with_seq(Table::Spans, rows, seq + 5).unwrap());
    }
    out
}

fn read(bytes: Bytes) -> (Vec<RecordBatch>, std::sync::Arc<ParquetMetaData>) {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let metadata = ArrowReaderMetadata::load(&bytes, options).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata.clone()).build().unwrap();
    (reader.collect::<Result<_, _>>().unwrap(), metadata.metadata().clone())
}

/// The file holds the rows in the order of time, and everything said about them holds.
fn check(shape: &Shape) {
    let batches = batches(shape);
    let sorted = Sorted::new(Table::Spans, batches.clone());
    let rows = sorted.places(0..batches.iter().map(RecordBatch::num_rows).sum());
    let (bytes, facts) = encode(Table::Spans, &sorted, 0..rows.len()).unwrap();
    let bytes = Bytes::from(bytes);
    let (found, metadata) = read(bytes.clone());
    let found = concat_batches(&Table::Spans.schema(), &found).unwrap();
    let places: Vec<_> = rows.iter().map(|(_, batch, row)| (*batch as usize, *row as usize)).collect();
    let expected = interleave_record_batch(&batches.iter().collect::<Vec<_>>(), &places).unwrap();
    for (at, field) in Table::Spans.schema().fields().iter().enumerate() {
        assert_eq!(found.column(at).as_ref(), expected.column(at).as_ref(), "{} of {shape:?}", field.name());
    }
    check_facts(&facts, &expected, shape);
    check_skipping(&bytes, &expected);
    let mut from = 0;
    for (group, of_group) in metadata.row_groups().iter().enumerate() {
        let length = of_group.num_rows() as usize;
        check_group(&bytes, &metadata, group, &expected.slice(from, length));
        from += length;
    }
}

fn check_facts(facts: &Facts, expected: &RecordBatch, shape: &Shape) {
    let times = crate::parquet_file::times(Table::Spans, expected);
    assert_eq!(facts.times, times.first().copied().zip(times.last().copied()));
    assert_eq!(facts.rows, expected.num_rows() as u64);
    assert_eq!(facts.seqs, Some((5, 4 + shape.batches as u64)));
    let told_by_events = crate::parquet_file::told_by_events(expected);
    assert!(facts.events || !told_by_events);
    // Where there are few texts, nothing has to be assumed.
    assert!(told_by_events || !facts.events || shape.words > 10);
    let services = expected.column_by_name("service").unwrap().as_string_view();
    for service in facts.services().into_iter().flatten() {
        assert!(services.iter().any(|known| known.unwrap_or_default() == service), "{service}");
    }
    if let Some(listed) = facts.services() {
        assert!(services.iter().all(|known| listed.iter().any(|name| name == known.unwrap_or_default())));
    }
}

/// Rows can be read from the middle of the file, by its page indexes.
fn check_skipping(bytes: &Bytes, expected: &RecordBatch) {
    let rows = expected.num_rows();
    let (skipped, taken) = (rows / 2, rows.div_ceil(7).min(rows - rows / 2));
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes.clone(), options).unwrap();
    let selection = RowSelection::from(vec![RowSelector::skip(skipped), RowSelector::select(taken)]);
    let read: Vec<_> = reader.with_row_selection(selection).build().unwrap().map(Result::unwrap).collect();
    let read = concat_batches(&Table::Spans.schema(), &read).unwrap();
    assert_eq!(read.num_rows(), taken);
    for at in 0..read.num_columns() {
        assert_eq!(read.column(at).as_ref(), expected.column(at).slice(skipped, taken).as_ref());
    }
}

fn check_group(bytes: &Bytes, metadata: &ParquetMetaData, group: usize, expected: &RecordBatch) {
    let names: Vec<&str> = Table::Spans.columns().map(|column| column.name).collect();
    for (leaf, column) in metadata.row_group(group).columns().iter().enumerate() {
        let name = column.column_descr().path().parts()[0].as_str();
        let at = names.iter().position(|known| *known == name).unwrap();
        let Some(array) = expected.column(at).as_string_view_opt() else { continue };
        let Some(Statistics::ByteArray(statistics)) = column.statistics() else { panic!("{name}") };
        assert_eq!(statistics.null_count_opt(), Some(array.null_count() as u64), "{name}");
        let (low, high) = (array.iter().flatten().min(), array.iter().flatten().max());
        let bound = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        let (least, greatest) = (bound(statistics.min_bytes_opt()), bound(statistics.max_bytes_opt()));
        assert!(
            least.as_deref() <= low && greatest.as_deref() >= high,
            "{name}: {least:?} {low:?} {greatest:?} {high:?}"
        );
        assert!(!statistics.min_is_exact() || least.as_deref() == low, "{name}");
        assert!(!statistics.max_is_exact() || greatest.as_deref() == high, "{name}");
        let pages = &metadata.offset_index().unwrap()[group][leaf];
        let ColumnIndexMetaData::BYTE_ARRAY(index) = &metadata.column_index().unwrap()[group][leaf] else {
            panic!("{name} has no column index");
        };
        for (page, place) in pages.page_locations().iter().enumerate() {
            let from = place.first_row_index as usize;
            let next = pages.page_locations().get(page + 1);
            let to = next.map_or(expected.num_rows(), |next| next.first_row_index as usize);
            let part = array.slice(from, to - from);
            let part = part.iter().flatten();
            assert!(part.clone().all(|text| index.min_value(page).is_some_and(|low| low <= text.as_bytes())));
            assert!(
                part.clone().all(|text| index.max_value(page).is_some_and(|high| high >= text.as_bytes()))
            );
            assert_eq!(part.count() == 0, index.is_null_page(page), "{name}");
        }
        if LOOKED_UP.contains(&name) && low.is_some() {
            let (at, length) = (column.bloom_filter_offset().unwrap(), column.bloom_filter_length().unwrap());
            let filter = Sbbf::from_bytes(&bytes[at as usize..at as usize + length as usize]).unwrap();
            assert!(array.iter().flatten().all(|text| filter.check(text)), "{name}");
        }
    }
}

#[test]
fn rows_of_every_shape_are_found_again() {
    let shape = Shape { rows: 1, batches: 1, words: 1, missing: 0, length: 5, attrs: 0, seed: 1 };
    let cases = [
        shape.clone(),
        Shape { missing: 10, rows: 9, ..shape.clone() },
        // One row more and one less than a page and a row group.
        Shape { rows: crate::limits::PAGE_ROWS - 1, missing: 3, words: 3, attrs: 2, ..shape.clone() },
        Shape { rows: crate::limits::PAGE_ROWS + 1, missing: 3, words: 300, attrs: 3, ..shape.clone() },
        Shape { rows: ROW_GROUP_ROWS + 1, missing: 5, words: 40, length: 30, attrs: 4, ..shape.clone() },
        // Every text is different, and long: no dictionary, pages that end by their bytes.
        Shape { rows: 2_000, words: u64::MAX, length: 400, attrs: 4, ..shape.clone() },
        Shape { rows: ROW_GROUP_ROWS, batches: 4, words: 3_000, length: 600, attrs: 2, ..shape.clone() },
        Shape { rows: 300, batches: 3, words: 2, length: 40_000, missing: 1, attrs: 1, ..shape },
    ];
    cases.iter().for_each(check);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_rows_are_found_again(
        rows in 1_usize..3_000,
        batches in 1_usize..5,
        words in prop_oneof![1_u64..4, 1_u64..300, Just(u64::MAX)],
        missing in 0_u64..11,
        length in prop_oneof![0_usize..20, 0_usize..300],
        attrs in 0_u64..6,
        seed in any::<u64>(),
    ) {
        check(&Shape { rows: rows.max(batches), batches, words, missing, length, attrs, seed });
    }
}

#[test]
fn truth_values_are_gathered_as_the_general_way_does() {
    let one = BooleanArray::from(vec![Some(true), None, Some(false), None]);
    let other = BooleanArray::from(vec![true, false]);
    let places = [(1, 1), (0, 0), (0, 1), (1, 0), (0, 2), (0, 3), (0, 0)];
    let general = interleave(&[&one, &other], &places).unwrap();
    assert_eq!(&gather(&[&one, &other], &places), &general);
}

/// Bytes of a column in a file of these batches.
fn column_bytes(table: Table, batches: Vec<RecordBatch>, column: &str) -> i64 {
    let sorted = Sorted::new(table, batches);
    let (_, rows) = sorted.days().into_iter().next().expect("there are rows");
    let (bytes, _) = encode(table, &sorted, rows).expect("it can be encoded");
    let reader = ArrowReaderMetadata::load(&Bytes::from(bytes), ArrowReaderOptions::new()).expect("a file");
    let groups = reader.metadata().row_groups().iter();
    let columns = groups.flat_map(|group| group.columns().to_vec());
    columns.filter(|one| one.column_path().string() == column).map(|one| one.compressed_size()).sum()
}

fn filled(table: Table, each: impl Fn(&mut Batch, u64)) -> Vec<RecordBatch> {
    let batch = |seq: u64| {
        let mut batch = Batch::new(UnixNanos(7), Source::Otlp);
        (0..256).for_each(|row| each(&mut batch, seq << 8 | row));
        let (_, rows) = batch.finish().into_iter().find(|(found, _)| *found == table).expect("rows of it");
        with_seq(table, rows, seq + 1).expect("the columns of the table")
    };
    (0..64).map(batch).collect()
}

#[test]
fn what_repeats_is_small_however_late_it_repeats() {
    let time = |n: u64| UnixNanos((n << 8) as i64);
    let check = |table, batches, column, most: i64| {
        let bytes = column_bytes(table, batches, column);
        assert!(bytes < most, "{column}: {bytes} bytes");
    };
    let bodies = filled(Table::Logs, |batch, n| {
        let body: String = (0..7).map(|part| format!("{:x} ", mix(mix(n) % 400 * 31 + part))).collect();
        batch.push_log(&LogRecord { time: time(n), body: body.into(), ..LogRecord::default() }, None);
    });
    check(Table::Logs, bodies, "body", 80_000);
    let gauges = filled(Table::Metrics, |batch, n| {
        batch.push_metric(&MetricPoint {
            name: "m".into(),
            unit: "s".into(),
            time: time(n),
            start: UnixNanos(0),
            attrs: Vec::new(),
            value: MetricValue::Gauge((n % 3) as f64),
        });
    });
    check(Table::Metrics, gauges, "value", 10_000);
}
