//! Numbers over a time range: services, operations, model usage, the overview and who is connected. `serve` asks.
//!
//! These are fixed SQL statements with parameters; nothing that came from outside is ever written into one.

mod senders;

pub use senders::Sender;

use crate::columns::{Columns, int_at, text_at};
use crate::engine::{Query, View};
use crate::error::QueryError;
use crate::limits::{LIST_ROWS, SERIES_POINTS};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::ScalarValue;

/// Starts from `from_ns` (inclusive) to `to_ns` (exclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the two ends")]
pub struct Range {
    pub from_ns: i64,
    pub to_ns: i64,
}

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the API's and explained there")]
pub struct ServiceStats {
    pub service: String,
    pub spans: i64,
    pub errors: i64,
    pub traces: i64,
    pub p50_ns: Option<i64>,
    pub p95_ns: Option<i64>,
    pub last_seen_ns: i64,
}

/// An operation of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the API's and explained there")]
pub struct OperationStats {
    pub name: String,
    pub kind: String,
    pub spans: i64,
    pub errors: i64,
    pub p50_ns: Option<i64>,
    pub p95_ns: Option<i64>,
}

/// What usage is grouped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as the API names them")]
pub enum UsageBy {
    #[default]
    Model,
    Provider,
    Service,
    Agent,
}

/// Model usage of one group. Sample data is never counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the API's and explained there")]
pub struct UsageRow {
    pub key: Option<String>,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub calls: i64,
    pub errors: i64,
    pub input_tokens: Option<i64>,
    pub cache_read_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    pub reasoning_tokens: Option<i64>,
    pub cost_pusd: Option<i64>,
    pub unpriced_calls: i64,
    pub p50_ns: Option<i64>,
    pub p95_ns: Option<i64>,
    pub ttft_p50_ns: Option<i64>,
}

/// All model calls of a range together. Sample data is never counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the API's and explained there")]
pub struct LlmTotals {
    pub calls: i64,
    pub tokens: Option<i64>,
    pub cost_pusd: Option<i64>,
    pub unpriced_calls: i64,
}

/// Spans over time. A point without spans has no percentiles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the API's and explained there")]
pub struct Series {
    pub start_ns: i64,
    pub step_ns: i64,
    pub spans: Vec<i64>,
    pub errors: Vec<i64>,
    pub p50_ns: Vec<Option<i64>>,
    pub p95_ns: Vec<Option<i64>>,
}

/// A range at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the API's and explained there")]
pub struct Overview {
    pub spans: i64,
    pub traces: i64,
    pub errors: i64,
    pub llm: LlmTotals,
    pub series: Series,
    pub services: Vec<ServiceStats>,
}

const SERVICES: &str =
    "SELECT service, count(*) AS spans, count(*) FILTER (WHERE status = 'error') AS errors,
  approx_distinct(trace_id) AS traces, approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ns) AS p50,
  approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ns) AS p95, max(start_ns) AS last_seen
  FROM spans WHERE start_ns >= $from AND start_ns < $to AND service IS NOT NULL
  GROUP BY service ORDER BY spans DESC, service LIMIT $rows";

const OPERATIONS: &str =
    "SELECT name, kind, count(*) AS spans, count(*) FILTER (WHERE status = 'error') AS errors,
  approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ns) AS p50,
  approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ns) AS p95
  FROM spans WHERE start_ns >= $from AND start_ns < $to AND service = $service
  GROUP BY name, kind ORDER BY spans DESC, name LIMIT $rows";

const TOTALS: &str = "SELECT count(*) AS spans, count(*) FILTER (WHERE status = 'error') AS errors,
  approx_distinct(trace_id) AS traces FROM spans WHERE start_ns >= $from AND start_ns < $to";

const SERIES: &str = "SELECT (start_ns - $from) / $step AS slot, count(*) AS spans,
  count(*) FILTER (WHERE status = 'error') AS errors,
  approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ns) AS p50,
  approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ns) AS p95
  FROM spans WHERE start_ns >= $from AND start_ns < $to GROUP BY 1 ORDER BY 1";

const LLM_TOTALS: &str = "SELECT count(*) AS calls,
  sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) FILTER
    (WHERE input_tokens IS NOT NULL OR output_tokens IS NOT NULL) AS tokens,
  sum(coalesce(cost_pusd, cost_reported_pusd)) AS cost,
  count(*) FILTER (WHERE cost_pusd IS NULL AND cost_reported_pusd IS NULL) AS unpriced
  FROM llm_calls WHERE start_ns >= $from AND start_ns < $to AND NOT sample";

fn usage_sql(by: UsageBy) -> String {
    let key = match by {
        UsageBy::Model => "coalesce(response_model, request_model)",
        UsageBy::Provider => "provider",
        UsageBy::Service => "service",
        UsageBy::Agent => "agent_name",
    };
    let (provider, model) = match by {
        UsageBy::Model => ("provider", "coalesce(response_model, request_model)"),
        UsageBy::Provider => ("provider", "CAST(NULL AS VARCHAR)"),
        UsageBy::Service | UsageBy::Agent => ("CAST(NULL AS VARCHAR)", "CAST(NULL AS VARCHAR)"),
    };
    format!(
        "SELECT key, provider, model, count(*) AS calls,
  count(*) FILTER (WHERE error_type IS NOT NULL OR NOT success) AS errors, sum(input_tokens) AS input,
  sum(cache_read_tokens) AS cache_read, sum(output_tokens) AS output, sum(reasoning_tokens) AS reasoning,
  sum(coalesce(cost_pusd, cost_reported_pusd)) AS cost,
  count(*) FILTER (WHERE cost_pusd IS NULL AND cost_reported_pusd IS NULL) AS unpriced,
  approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ns) AS p50,
  approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ns) AS p95,
  approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY ttft_ns) AS ttft
  FROM (SELECT {key} AS key, {provider} AS provider, {model} AS model, error_type, success, input_tokens,
    cache_read_tokens, output_tokens, reasoning_tokens, cost_pusd, cost_reported_pusd, duration_ns, ttft_ns
    FROM llm_calls WHERE start_ns >= $from AND start_ns < $to AND NOT sample)
  GROUP BY key, provider, model ORDER BY cost DESC NULLS LAST, calls DESC, key LIMIT $rows"
    )
}

type Parameters = Vec<(&'static str, ScalarValue)>;

fn in_range(range: Range) -> Parameters {
    vec![("from", ScalarValue::from(range.from_ns)), ("to", ScalarValue::from(range.to_ns))]
}

fn listed(mut parameters: Parameters) -> Parameters {
    parameters.push(("rows", ScalarValue::from(LIST_ROWS as i64)));
    parameters
}

impl View {
    async fn rows(&self, sql: &str, parameters: Parameters) -> Result<Vec<RecordBatch>, QueryError> {
        let failed = QueryError::failed("summing up");
        let frame = self.context()?.sql(sql).await.map_err(&failed)?;
        let frame = frame.with_param_values(parameters).map_err(&failed)?;
        frame.collect().await.map_err(&failed)
    }

    async fn services(&self, range: Range) -> Result<Vec<ServiceStats>, QueryError> {
        let mut services = Vec::new();
        for batch in self.rows(SERVICES, listed(in_range(range))).await? {
            let columns = Columns(&batch);
            for row in 0..batch.num_rows() {
                services.push(ServiceStats {
                    service: columns.text("service")?.value(row).to_owned(),
                    spans: columns.int("spans")?.value(row),
                    errors: columns.int("errors")?.value(row),
                    traces: columns.int("traces")?.value(row),
                    p50_ns: int_at(&columns.int("p50")?, row),
                    p95_ns: int_at(&columns.int("p95")?, row),
                    last_seen_ns: columns.int("last_seen")?.value(row),
                });
            }
        }
        Ok(services)
    }

    async fn series(&self, range: Range) -> Result<Series, QueryError> {
        let width = range.to_ns.saturating_sub(range.from_ns).max(1);
        let step = (width / SERIES_POINTS).max(1) + i64::from(width % SERIES_POINTS != 0);
        let points = usize::try_from(width / step + i64::from(width % step != 0)).unwrap_or(0);
        let mut series = Series {
            start_ns: range.from_ns,
            step_ns: step,
            spans: vec![0; points],
            errors: vec![0; points],
            p50_ns: vec![None; points],
            p95_ns: vec![None; points],
        };
        let mut parameters = in_range(range);
        parameters.push(("step", ScalarValue::from(step)));
        for batch in self.rows(SERIES, parameters).await? {
            let columns = Columns(&batch);
            let slots = columns.int("slot")?;
            for row in 0..batch.num_rows() {
                let Some(at) = usize::try_from(slots.value(row)).ok().filter(|at| *at < points) else {
                    continue;
                };
                series.spans[at] = columns.int("spans")?.value(row);
                series.errors[at] = columns.int("errors")?.value(row);
                series.p50_ns[at] = int_at(&columns.int("p50")?, row);
                series.p95_ns[at] = int_at(&columns.int("p95")?, row);
            }
        }
        Ok(series)
    }

    async fn llm_totals(&self, range: Range) -> Result<LlmTotals, QueryError> {
        let batches = self.rows(LLM_TOTALS, in_range(range)).await?;
        let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else {
            return Ok(LlmTotals::default());
        };
        let columns = Columns(batch);
        Ok(LlmTotals {
            calls: columns.int("calls")?.value(0),
            tokens: int_at(&columns.int("tokens")?, 0),
            cost_pusd: int_at(&columns.int("cost")?, 0),
            unpriced_calls: columns.int("unpriced")?.value(0),
        })
    }
}

impl Query {
    /// The services that sent spans, the busiest first.
    pub async fn services(&self, range: Range) -> Result<Vec<ServiceStats>, QueryError> {
        self.bounded(async { self.view().services(range).await }).await
    }

    /// The operations of a service, the busiest first.
    pub async fn operations(&self, service: &str, range: Range) -> Result<Vec<OperationStats>, QueryError> {
        self.bounded(async {
            let mut parameters = listed(in_range(range));
            parameters.push(("service", ScalarValue::Utf8View(Some(service.to_owned()))));
            let mut operations = Vec::new();
            for batch in self.view().rows(OPERATIONS, parameters).await? {
                let columns = Columns(&batch);
                for row in 0..batch.num_rows() {
                    operations.push(OperationStats {
                        name: columns.text("name")?.value(row).to_owned(),
                        kind: columns.text("kind")?.value(row).to_owned(),
                        spans: columns.int("spans")?.value(row),
                        errors: columns.int("errors")?.value(row),
                        p50_ns: int_at(&columns.int("p50")?, row),
                        p95_ns: int_at(&columns.int("p95")?, row),
                    });
                }
            }
            Ok(operations)
        })
        .await
    }

    /// Model usage by group, the costliest first. Sample data is never counted.
    pub async fn llm_usage(&self, range: Range, by: UsageBy) -> Result<Vec<UsageRow>, QueryError> {
        self.bounded(async {
            let mut usage = Vec::new();
            for batch in self.view().rows(&usage_sql(by), listed(in_range(range))).await? {
                let columns = Columns(&batch);
                for row in 0..batch.num_rows() {
                    usage.push(usage_row(columns, row)?);
                }
            }
            Ok(usage)
        })
        .await
    }

    /// A range at a glance.
    pub async fn overview(&self, range: Range) -> Result<Overview, QueryError> {
        // Boxed: four statements at once are much for one future's frame.
        self.bounded(Box::pin(async {
            let view = self.view();
            let (totals, llm, series, services) = tokio::try_join!(
                view.rows(TOTALS, in_range(range)),
                view.llm_totals(range),
                view.series(range),
                view.services(range),
            )?;
            let mut overview = Overview { llm, series, services, ..Overview::default() };
            if let Some(batch) = totals.iter().find(|batch| batch.num_rows() > 0) {
                let columns = Columns(batch);
                overview.spans = columns.int("spans")?.value(0);
                overview.errors = columns.int("errors")?.value(0);
                overview.traces = columns.int("traces")?.value(0);
            }
            Ok(overview)
        }))
        .await
    }
}

fn usage_row(columns: Columns<'_>, row: usize) -> Result<UsageRow, QueryError> {
    let text = |name| -> Result<Option<String>, QueryError> { Ok(text_at(&columns.text(name)?, row)) };
    let int = |name| -> Result<Option<i64>, QueryError> { Ok(int_at(&columns.int(name)?, row)) };
    Ok(UsageRow {
        key: text("key")?,
        provider: text("provider")?,
        model: text("model")?,
        calls: int("calls")?.unwrap_or(0),
        errors: int("errors")?.unwrap_or(0),
        input_tokens: int("input")?,
        cache_read_tokens: int("cache_read")?,
        output_tokens: int("output")?,
        reasoning_tokens: int("reasoning")?,
        cost_pusd: int("cost")?,
        unpriced_calls: int("unpriced")?.unwrap_or(0),
        p50_ns: int("p50")?,
        p95_ns: int("p95")?,
        ttft_p50_ns: int("ttft")?,
    })
}

#[cfg(test)]
mod tests;
