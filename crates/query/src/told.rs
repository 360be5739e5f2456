//! `spans` as people see it where events tell spans beside their trace: of a span that both told, the trace's telling.
//! `engine` registers this in the table's place if, and only if, some span of the snapshot was told by an event.
//!
//! Which spans were told twice is found by joining the few that events told with all others of about the same time.

use crate::prune::{self, Bounds};
use crate::table::SnapshotTable;
use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, Result};
use datafusion::datasource::{TableType, provider_as_source};
use datafusion::logical_expr::{
    Expr, JoinType, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, TableSource, lit,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::col;
use std::sync::Arc;
use store::told_by_events;
use tundra_record::EVENT_SCOPE;

/// How far apart the two tellings of a span may start.
const SLACK_NS: i64 = 60_000_000_000;

/// Every span once.
#[derive(Debug)]
pub(crate) struct ToldOnce {
    stored: Arc<SnapshotTable>,
}

/// Whether some spans were told by events.
pub(crate) fn by_events(spans: &SnapshotTable) -> bool {
    spans.data.files().iter().any(|file| file.has_events) || spans.data.hot().iter().any(told_by_events)
}

/// Whether a row was told by an event; also where it has no scope.
fn is_event(scope: Expr) -> Expr {
    scope.clone().is_not_null().and(scope.eq(crate::columns::word(EVENT_SCOPE)))
}

impl ToldOnce {
    pub(crate) fn new(stored: Arc<SnapshotTable>) -> Self {
        Self { stored }
    }

    fn source(&self) -> Arc<dyn TableSource> {
        provider_as_source(self.stored.clone())
    }

    /// Ids of the spans that both an event and the trace told.
    fn twice(&self, filters: &[Expr]) -> Result<LogicalPlan> {
        let bounds = Bounds::of(filters, "start_ns");
        let (from, to) = bounds.widened(SLACK_NS);
        let of_traces = |filter: &&Expr| Expr::column_refs(filter).iter().all(|c| c.name == "trace_id");
        let side = |name: &str, wanted: Expr| {
            let mut rows = LogicalPlanBuilder::scan(name, self.source(), None)?.filter(wanted)?;
            if bounds.from != i64::MIN || bounds.to != i64::MAX {
                rows = rows.filter(col("start_ns").between(lit(from), lit(to)))?;
            }
            if let Some(traces) = filters.iter().filter(of_traces).cloned().reduce(Expr::and) {
                rows = rows.filter(traces)?;
            }
            Ok::<_, datafusion::common::DataFusionError>(rows)
        };
        let others = side("others", is_event(col("scope_name")).is_not_true())?
            .project([col("trace_id").alias("other_trace"), col("span_id").alias("other_span")])?
            .build()?;
        let same = [col("told_trace").eq(col("other_trace")), col("told_span").eq(col("other_span"))];
        side("told", is_event(col("scope_name")))?
            .project([col("trace_id").alias("told_trace"), col("span_id").alias("told_span")])?
            .join_on(others, JoinType::LeftSemi, same)?
            .build()
    }
}

#[async_trait]
impl TableProvider for ToldOnce {
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
        let mut rows = LogicalPlanBuilder::scan("spans", self.source(), None)?;
        if let Some(filter) = filters.iter().cloned().reduce(Expr::and) {
            rows = rows.filter(filter)?;
        }
        let told_again = [
            col("spans.trace_id").eq(col("told_trace")),
            col("spans.span_id").eq(col("told_span")),
            is_event(col("spans.scope_name")),
        ];
        rows = rows.join_on(self.twice(filters)?, JoinType::LeftAnti, told_again)?;
        if let Some(projection) = projection {
            let schema = self.schema();
            let column = |at: &usize| Expr::Column(Column::new(Some("spans"), schema.field(*at).name()));
            rows = rows.project(projection.iter().map(column).collect::<Vec<_>>())?;
        }
        rows = rows.limit(0, limit)?;
        state.create_physical_plan(&rows.build()?).await
    }
}

#[cfg(test)]
mod tests;
