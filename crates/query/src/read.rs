//! Direct reads: rows of one stored table that pass a simple filter, without SQL and without the optimizer. The way to a
//! trace, a span and the summaries of a page.
//!
//! Filters here must be such that the file reader evaluates them whole: comparisons and lists over plain columns.

use crate::columns::project;
use crate::engine::View;
use crate::error::QueryError;
use crate::prune::Bounds;
use crate::table::SnapshotTable;
use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execute_stream;
use futures::TryStreamExt;
use std::sync::Arc;
use store::Table;

impl View {
    /// At most about `limit` rows of `table` that pass `filter`, with the named columns; hot rows come last, and among
    /// rows of the same place a later batch is a later write.
    pub(crate) async fn read(
        &self,
        table: Table,
        columns: &[&str],
        filter: Expr,
        limit: usize,
    ) -> Result<Vec<RecordBatch>, QueryError> {
        let table = self.table(table)?;
        self.read_rows(table, columns, filter, limit).await.map_err(QueryError::failed("reading the store"))
    }

    async fn read_rows(
        &self,
        table: &SnapshotTable,
        columns: &[&str],
        filter: Expr,
        limit: usize,
    ) -> Result<Vec<RecordBatch>> {
        let schema = table.data.schema();
        let projection = columns.iter().map(|name| schema.index_of(name)).collect::<Result<Vec<_>, _>>()?;
        let mut bounds = Bounds::of([&filter], table.data.table.time_column());
        bounds.needle = true;
        let names = DFSchema::try_from(schema)?;
        let predicate = self.shared.template.create_physical_expr(filter, &names)?;
        let mut rows = 0;
        let mut found = Vec::new();
        if let Some(plan) =
            table.scan_files(&bounds, Some(&projection), None, Some(predicate.clone())).await?
        {
            let mut stream = execute_stream(plan, self.shared.task.clone())?;
            while rows < limit
                && let Some(batch) = stream.try_next().await?
            {
                rows += batch.num_rows();
                found.push(batch);
            }
        }
        for batch in table.data.hot() {
            if rows >= limit {
                break;
            }
            let kept = keep(batch, &projection, &predicate)?;
            rows += kept.num_rows();
            found.push(kept);
        }
        found.retain(|batch| batch.num_rows() > 0);
        Ok(found)
    }
}

fn keep(batch: &RecordBatch, projection: &[usize], predicate: &Arc<dyn PhysicalExpr>) -> Result<RecordBatch> {
    let verdict = predicate.evaluate(batch)?.into_array(batch.num_rows())?;
    let verdict: &BooleanArray = as_boolean_array(&verdict)?;
    if verdict.true_count() == 0 {
        return Ok(project(&batch.slice(0, 0), projection)?);
    }
    Ok(filter_record_batch(&project(batch, projection)?, verdict)?)
}
