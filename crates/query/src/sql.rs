//! Read-only SQL: check, plan, run, and hand out NDJSON. `serve` asks; whoever drops the stream stops the query.

pub(crate) mod guard;
mod ndjson;

use crate::engine::Query;
use crate::error::QueryError;
use crate::ledger;
use crate::limits::{SQL_ROWS_DEFAULT, SQL_ROWS_MAX};
use bytes::Bytes;
use datafusion::dataframe::DataFrame;
use datafusion::execution::{SendableRecordBatchStream, context::SQLOptions};
use datafusion::logical_expr::LogicalPlan;
use futures::{Stream, StreamExt, stream};
use store::Table;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

/// A table that SQL can read, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDoc {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<ColumnDoc>,
}

/// A column, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDoc {
    /// Its name.
    pub name: String,
    /// `text`, `integer`, `double`, `boolean` or `map(text, text)`.
    pub kind: &'static str,
    /// What it means.
    pub doc: String,
}

/// A running statement: what its stream needs until the last row.
struct Running {
    batches: SendableRecordBatchStream,
    left: usize,
    deadline: Instant,
    failed: bool,
    _place: OwnedSemaphorePermit,
}

impl Query {
    /// Runs one statement and returns its rows as NDJSON, piece by piece; an error may come after rows.
    pub async fn sql(
        &self,
        sql: &str,
        limit: Option<usize>,
    ) -> Result<impl Stream<Item = Result<Bytes, QueryError>> + Send + 'static + use<>, QueryError> {
        guard::check_size(sql)?;
        let limit = limit.unwrap_or(SQL_ROWS_DEFAULT).min(SQL_ROWS_MAX);
        let places = self.sql_places.clone();
        let busy = QueryError::Busy { running: self.config.sql_concurrent };
        let Ok(Ok(place)) = tokio::time::timeout(self.config.sql_wait, places.acquire_owned()).await else {
            return Err(busy);
        };
        let deadline = Instant::now() + self.config.sql_time;
        let time = self.config.sql_time;
        let plan = tokio::time::timeout_at(deadline, self.plan(sql, limit));
        let batches = plan.await.unwrap_or(Err(QueryError::TimeOut { limit: time }))?;
        let running = Running { batches, left: limit, deadline, failed: false, _place: place };
        let pieces = stream::unfold(running, move |mut running| async move {
            if running.failed || running.left == 0 {
                return None;
            }
            let next = tokio::time::timeout_at(running.deadline, running.batches.next()).await;
            let piece = match next {
                Err(_) => Err(QueryError::TimeOut { limit: time }),
                Ok(None) => return None,
                Ok(Some(Err(error))) => Err(QueryError::from_engine(&error, "running the statement")),
                Ok(Some(Ok(batch))) => {
                    let rows = batch.num_rows().min(running.left);
                    running.left -= rows;
                    ndjson::pieces(batch.slice(0, rows))
                }
            };
            running.failed = piece.is_err();
            let pieces = match piece {
                Ok(pieces) => pieces.left_stream(),
                Err(error) => stream::iter([Err(error)]).right_stream(),
            };
            Some((pieces, running))
        });
        // Fused: a server may ask once more after the end, and an unfolded stream may not be asked then.
        Ok(pieces.flatten().fuse())
    }

    async fn plan(&self, sql: &str, limit: usize) -> Result<SendableRecordBatchStream, QueryError> {
        let view = self.view();
        let tables = view.names();
        let wrong = |error| QueryError::from_planning(&error, &tables);
        let state = view.context()?.state();
        let dialect = state.config().options().sql_parser.dialect;
        let statement = state.sql_to_statement(sql, &dialect).map_err(wrong)?;
        guard::check_kind(&statement, sql)?;
        let plan = state.statement_to_plan(statement).await.map_err(wrong)?;
        // The second lock: whatever the words were, a plan that changes anything does not run.
        let read_only =
            SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        read_only.verify_plan(&plan).map_err(|error| guard::refused_plan(&error))?;
        let whole =
            matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_));
        let mut frame = DataFrame::new(state, plan);
        if !whole {
            frame = frame.limit(0, Some(limit)).map_err(wrong)?;
        }
        frame.execute_stream().await.map_err(wrong)
    }

    /// What SQL can read, with the meaning of each column.
    pub fn tables(&self) -> Vec<TableDoc> {
        let stored = Table::ALL.into_iter().map(|table| TableDoc {
            name: table.name().to_owned(),
            columns: table.columns().map(column_doc).collect(),
        });
        let column = |(name, kind, doc): (&str, &'static str, &str)| ColumnDoc {
            name: name.to_owned(),
            kind,
            doc: doc.to_owned(),
        };
        let ledger = TableDoc { name: "ledger".to_owned(), columns: ledger::COLUMNS.map(column).to_vec() };
        stored.chain([ledger]).collect()
    }
}

fn column_doc(column: &store::table::Column) -> ColumnDoc {
    use store::table::Kind;
    let kind = match column.kind {
        Kind::Text => "text",
        Kind::Int => "integer",
        Kind::Double => "double",
        Kind::Bool => "boolean",
        Kind::Map => "map(text, text)",
    };
    ColumnDoc { name: column.name.to_owned(), kind, doc: column.doc.to_owned() }
}

#[cfg(test)]
mod tests;
