//! The table `ledger`: what intake counted, as rows. The counters live in another room, which hands them in.

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Int64Array, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::TableType;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

/// Where the counters come from.
pub trait Ledger: Send + Sync + Debug {
    /// All counters as they stand.
    fn rows(&self) -> Vec<LedgerRow>;
}

/// One counter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerRow {
    /// The protocol it is about.
    pub protocol: String,
    /// What is counted (`received`, `stored`, `rejected`, ...).
    pub counter: String,
    /// Why, where there is a why; else empty.
    pub reason: String,
    /// The count.
    pub value: u64,
}

/// Columns: name, SQL type and meaning.
pub(crate) const COLUMNS: [(&str, &str, &str); 4] = [
    ("protocol", "text", "the door the records came in by"),
    ("counter", "text", "what is counted: received, stored, filtered, rejected, dropped, in_flight, ..."),
    ("reason", "text", "why, where there is a why"),
    ("value", "integer", "the count since the daemon started"),
];

/// The counters as a table, read afresh by every statement.
#[derive(Debug)]
pub(crate) struct LedgerTable {
    ledger: Arc<dyn Ledger>,
}

impl LedgerTable {
    pub(crate) fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger }
    }

    fn batch(&self) -> Result<RecordBatch> {
        let rows = self.ledger.rows();
        let text = |of: fn(&LedgerRow) -> Option<&str>| -> ArrayRef {
            Arc::new(rows.iter().map(of).collect::<StringViewArray>())
        };
        let columns = vec![
            text(|row| Some(&row.protocol)),
            text(|row| Some(&row.counter)),
            text(|row| Some(row.reason.as_str()).filter(|reason| !reason.is_empty())),
            Arc::new(rows.iter().map(|row| i64::try_from(row.value).ok()).collect::<Int64Array>()),
        ];
        Ok(RecordBatch::try_new(schema(), columns)?)
    }
}

fn schema() -> SchemaRef {
    static SCHEMA: OnceLock<SchemaRef> = OnceLock::new();
    let make = || {
        let field = |(name, kind, _): (&str, &str, &str)| {
            Field::new(name, if kind == "text" { DataType::Utf8View } else { DataType::Int64 }, true)
        };
        Arc::new(Schema::new(COLUMNS.map(field).to_vec()))
    };
    SCHEMA.get_or_init(make).clone()
}

#[async_trait]
impl TableProvider for LedgerTable {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = MemorySourceConfig::try_new_exec(&[vec![self.batch()?]], schema(), projection.cloned())?;
        Ok(plan)
    }
}
