//! Rows as NDJSON: whole numbers as numbers, maps as objects, NULL as null. `sql` streams the pieces.

use crate::error::QueryError;
use arrow_json::writer::{LineDelimited, WriterBuilder};
use bytes::Bytes;
use datafusion::arrow::record_batch::RecordBatch;
use futures::{Stream, stream};

/// Rows that become one piece: long texts make rows of 64 KiB and more, so pieces are short.
const PIECE_ROWS: usize = 256;

/// The rows of a batch, piece by piece, made when the reader is ready for them.
pub(super) fn pieces(
    batch: RecordBatch,
) -> Result<impl Stream<Item = Result<Bytes, QueryError>> + Send + 'static, QueryError> {
    let starts = (0..batch.num_rows()).step_by(PIECE_ROWS);
    Ok(stream::iter(starts.map(move |start| {
        let rows = PIECE_ROWS.min(batch.num_rows() - start);
        piece(&batch.slice(start, rows))
    })))
}

fn piece(batch: &RecordBatch) -> Result<Bytes, QueryError> {
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    let written = writer.write(batch).and_then(|()| writer.finish());
    written.map_err(|error| QueryError::Invalid {
        message: format!("a column cannot be written as JSON: {error}"),
        hint: "cast it to text".to_owned(),
        position: None,
    })?;
    Ok(Bytes::from(writer.into_inner()))
}
