//! `llm_calls` as people see it: of all revisions of a call, the latest. A call is written again when its log record or a
//! later report says more, so the stored table holds revisions; `engine` registers this in its place.
//!
//! A row is dropped if a later revision of its call exists. Filters reach the stored table; the list of calls with more
//! than one revision is read over a slightly wider time, since revisions may differ in their start.

use crate::prune::{self, Bounds};
use crate::table::SnapshotTable;
use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, Result};
use datafusion::datasource::{TableType, provider_as_source};
use datafusion::functions_aggregate::expr_fn::{count, max};
use datafusion::logical_expr::{
    Expr, JoinType, LogicalPlanBuilder, TableProviderFilterPushDown, TableSource, lit,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::col;
use std::sync::Arc;

/// How far apart revisions of one call may start.
const SLACK_NS: i64 = 3_600_000_000_000;

/// The latest revision of every call.
#[derive(Debug)]
pub(crate) struct LatestCalls {
    stored: Arc<SnapshotTable>,
}

impl LatestCalls {
    pub(crate) fn new(stored: Arc<SnapshotTable>) -> Self {
        Self { stored }
    }

    fn source(&self) -> Arc<dyn TableSource> {
        provider_as_source(self.stored.clone())
    }

    /// Calls that were written more than once, with their last revision.
    fn revised(&self, filters: &[Expr]) -> Result<LogicalPlanBuilder> {
        let bounds = Bounds::of(filters, "start_ns");
        let (from, to) = bounds.widened(SLACK_NS);
        let mut rows = LogicalPlanBuilder::scan("all_calls", self.source(), None)?;
        if bounds.from != i64::MIN || bounds.to != i64::MAX {
            rows = rows.filter(col("start_ns").between(lit(from), lit(to)))?;
        }
        rows.aggregate(
            [col("call_key")],
            [max(col("revision")).alias("last"), count(col("revision")).alias("times")],
        )?
        .filter(col("times").gt(lit(1_i64)))?
        .project([col("call_key").alias("revised_key"), col("last")])
    }
}

#[async_trait]
impl TableProvider for LatestCalls {
    fn schema(&self) -> SchemaRef {
        self.stored.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(prune::taken_by_a_view(&self.schema(), filters))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut rows = LogicalPlanBuilder::scan("calls", self.source(), None)?;
        if let Some(filter) = filters.iter().cloned().reduce(Expr::and) {
            rows = rows.filter(filter)?;
        }
        let superseded =
            [col("calls.call_key").eq(col("revised_key")), col("calls.revision").lt(col("last"))];
        rows = rows.join_on(self.revised(filters)?.build()?, JoinType::LeftAnti, superseded)?;
        if let Some(projection) = projection {
            let schema = self.schema();
            let column = |at: &usize| Expr::Column(Column::new(Some("calls"), schema.field(*at).name()));
            rows = rows.project(projection.iter().map(column).collect::<Vec<_>>())?;
        }
        rows = rows.limit(0, limit)?;
        state.create_physical_plan(&rows.build()?).await
    }
}
