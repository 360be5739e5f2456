//! What came in since the last look: the live tail. `serve` looks at most every so often and fans out what it gets.

use crate::columns::Columns;
use crate::engine::Query;
use crate::error::QueryError;
use crate::limits::{TAIL_ROWS, TAIL_TRACES};
use crate::search::TraceSummary;
use datafusion::logical_expr::lit;
use datafusion::prelude::col;
use std::collections::HashSet;
use store::Table;

/// A place in the stream of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    seq: i64,
}

/// What came in since a place.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// The traces that got spans, each once; newest first.
    pub traces: Vec<TraceSummary>,
    /// New spans.
    pub spans: u64,
    /// Traces that got spans but were too many to summarize.
    pub skipped: u64,
}

impl Query {
    /// The place behind everything that is stored now.
    pub fn place(&self) -> Place {
        Place { seq: self.source.last_seq() }
    }

    /// How many spans are stored.
    pub fn spans(&self) -> u64 {
        self.source.spans()
    }

    /// Waits until something came in behind `place`.
    pub async fn changed(&self, place: Place) {
        self.source.changed(place.seq).await;
    }

    /// What came in since `place`, which moves on.
    pub async fn news(&self, place: &mut Place) -> Result<News, QueryError> {
        self.bounded(async {
            let view = self.view();
            let last = self.source.last_seq();
            if last <= place.seq {
                return Ok(News::default());
            }
            let new = col("seq").gt(lit(place.seq));
            let batches = view.read(Table::Spans, &["trace_id", "seq", "start_ns"], new, TAIL_ROWS).await?;
            let mut news = News::default();
            let mut traces: Vec<(i64, String)> = Vec::new();
            let mut seen: HashSet<String> = HashSet::new();
            for batch in &batches {
                let (trace, seq, start) = (
                    Columns(batch).text("trace_id")?,
                    Columns(batch).int("seq")?,
                    Columns(batch).int("start_ns")?,
                );
                news.spans += batch.num_rows() as u64;
                for row in 0..batch.num_rows() {
                    place.seq = place.seq.max(seq.value(row));
                    if !seen.contains(trace.value(row)) {
                        seen.insert(trace.value(row).to_owned());
                        traces.push((start.value(row), trace.value(row).to_owned()));
                    }
                }
            }
            place.seq = place.seq.max(last);
            traces.sort_unstable_by(|a, b| b.cmp(a));
            news.skipped = traces.len().saturating_sub(TAIL_TRACES) as u64;
            traces.truncate(TAIL_TRACES);
            let since = traces.last().map(|(start, _)| *start);
            let ids: Vec<String> = traces.into_iter().map(|(_, trace)| trace).collect();
            news.traces = view.summaries(&ids, since).await?;
            Ok(news)
        })
        .await
    }
}
