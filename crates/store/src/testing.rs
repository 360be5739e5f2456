//! Rows and stores for this room's tests.

use crate::batch::Batch;
use crate::table::Table;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use tundra_record::{Resource, Source, Span, SpanId, TraceId, UnixNanos};

/// A resource of a service.
pub(crate) fn resource(service: &str) -> Resource<'_> {
    Resource { attrs: vec![("service.name".into(), service.into()), ("host.name".into(), "box-1".into())] }
}

/// Spans whose ids are unique by `seed` (which need not be a sequence) and place.
pub(crate) fn span_batch(seed: u64, rows: usize) -> Batch {
    let mut batch = Batch::new(UnixNanos(1_700_000_000_000_000_000 + seed as i64), Source::Otlp);
    batch.push_resource(&resource("checkout service"));
    for row in 0..rows as u64 {
        let span = Span {
            trace_id: TraceId(u128::from(seed) << 64 | 7),
            span_id: SpanId(seed << 20 | (row + 1)),
            name: "GET /api/orders/{id}".into(),
            start: UnixNanos(1_700_000_000_000_000_000 + (seed * 1000 + row) as i64),
            duration: 5,
            attrs: vec![("http.method".into(), "GET".into()), ("http.status".into(), 200i64.into())],
            ..Span::default()
        };
        batch.push_span(&span, None);
    }
    batch
}

fn numbered(batch: Batch, seq: u64) -> Vec<(Table, RecordBatch)> {
    let with_seq = |(table, rows)| (table, crate::wal::payload::with_seq(table, rows, seq).unwrap());
    batch.finish().into_iter().map(with_seq).collect()
}

/// The same as finished rows.
pub(crate) fn batch_of_spans(seq: u64, rows: usize) -> Vec<(Table, RecordBatch)> {
    numbered(span_batch(seq, rows), seq)
}

/// Spans that begin at these times.
pub(crate) fn spans_at(seq: u64, times: &[i64]) -> RecordBatch {
    let mut batch = Batch::new(UnixNanos(1), Source::Sdk);
    for time in times {
        batch.push_span(&Span { start: UnixNanos(*time), name: "n".into(), ..Span::default() }, None);
    }
    numbered(batch, seq).remove(0).1
}

/// The span ids of batches.
pub(crate) fn span_ids(batches: &[RecordBatch]) -> Vec<String> {
    let ids = |batch: &RecordBatch| -> Vec<String> {
        let column = batch.column_by_name("span_id").unwrap();
        column.as_string_view().iter().flatten().map(str::to_owned).collect()
    };
    batches.iter().flat_map(ids).collect()
}
