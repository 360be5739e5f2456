//! A search as filters, and the traces that pass them. `search` asks; the engine plans and runs.

use super::text::{attr_is, contains};
use super::walk::Step;
use super::{Candidate, Cursor, Sample, Search};
use crate::columns::{Columns, word};
use crate::engine::View;
use crate::error::QueryError;
use crate::limits::{DEFAULT_RANGE_NS, PAGE_MAX};
use datafusion::dataframe::DataFrame;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::col;
use std::collections::HashSet;

/// Attributes that have a column of their own.
const COLUMNS: [(&str, &str); 7] = [
    ("service.name", "service"),
    ("deployment.environment.name", "env"),
    ("deployment.environment", "env"),
    ("env", "env"),
    ("service.version", "version"),
    ("version", "version"),
    ("host.name", "host"),
];

/// Calls that asked a model, or that it answered.
fn asked(model: &str) -> Expr {
    col("request_model").eq(word(model)).or(col("response_model").eq(word(model)))
}

fn among(candidates: &[Candidate]) -> Expr {
    col("trace_id").in_list(candidates.iter().map(|candidate| word(&candidate.trace)).collect(), false)
}

/// Spans that have an attribute, in whatever column it is.
fn has((key, value): &(String, String)) -> Expr {
    let either = attr_is("attrs", key, value).or(attr_is("content", key, value));
    let columns = COLUMNS.iter().filter(|(name, _)| name == key);
    columns.fold(either, |either, (_, column)| either.or(col(*column).eq(word(value))))
}

impl Cursor {
    /// What comes after this place in a ranking.
    fn behind(&self) -> Expr {
        let later = col("key").eq(lit(self.key)).and(col("trace_id").gt(word(&self.trace)));
        col("key").lt(lit(self.key)).or(later)
    }
}

impl Search {
    /// The conditions on one span.
    fn span_filters(&self) -> Vec<Expr> {
        let mut filters = Vec::new();
        if let Some(service) = &self.service {
            filters.push(col("service").eq(word(service)));
        }
        if let Some(operation) = &self.operation {
            filters.push(col("name").eq(word(operation)));
        }
        if self.errors {
            filters.push(col("status").eq(word("error")));
        }
        if let Some(text) = self.text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            let places = ["name", "resource", "attrs", "content"].map(|place| contains(place, text));
            filters.extend(places.into_iter().reduce(Expr::or));
        }
        filters.extend(self.attrs.iter().map(has));
        filters
    }

    fn sample_filter(&self) -> Option<Expr> {
        match self.sample {
            Sample::Include => None,
            Sample::Exclude => Some(col("sample").eq(lit(false))),
            Sample::Only => Some(col("sample").eq(lit(true))),
        }
    }

    fn all_filters(&self) -> impl Iterator<Item = Expr> {
        self.span_filters().into_iter().chain(self.sample_filter())
    }
}

impl View {
    /// Traces that match within a step and come after a place, newest first. At most `want` are looked at; the last of
    /// them comes along if there may be more.
    pub(super) async fn candidates(
        &self,
        search: &Search,
        step: &Step,
        after: Option<&Cursor>,
        want: usize,
    ) -> Result<(Vec<Candidate>, Option<Candidate>), QueryError> {
        let within = col("start_ns").gt_eq(lit(step.from)).and(col("start_ns").lt(lit(step.to)));
        let after = after.map(Cursor::behind);
        let more = |found: &[Candidate]| found.last().filter(|_| found.len() >= want).cloned();
        let Some(model) = &search.model else {
            let filter = search.all_filters().fold(within, Expr::and);
            let found = self.ranked("spans", filter, "start_ns", want, after).await?;
            let last = more(&found);
            return Ok((found, last));
        };
        let filter = search.sample_filter().into_iter().fold(within.and(asked(model)), Expr::and);
        let filter = filter.and(col("trace_id").is_not_null());
        let mut found = self.ranked("llm_calls", filter, "start_ns", want, after).await?;
        let last = more(&found);
        if !found.is_empty() && !search.span_filters().is_empty() {
            let filter = search.all_filters().fold(among(&found), Expr::and);
            let passing = self.ranked("spans", filter, "start_ns", want, None).await?;
            let passing: HashSet<String> = passing.into_iter().map(|candidate| candidate.trace).collect();
            found.retain(|candidate| passing.contains(&candidate.trace));
        }
        Ok((found, last))
    }

    /// Drops traces that an earlier page has shown already: they match with a span newer than the cursor.
    pub(super) async fn drop_shown(
        &self,
        search: &Search,
        found: &mut Vec<Candidate>,
    ) -> Result<(), QueryError> {
        let Some(cursor) = search.cursor.as_ref().filter(|_| !found.is_empty()) else { return Ok(()) };
        // Of the spans that begin at the cursor's own moment, those up to the cursor's trace were shown.
        let start = || col("start_ns");
        let at_cursor = start().eq(lit(cursor.key)).and(col("trace_id").lt_eq(word(&cursor.trace)));
        let newer = start().gt(lit(cursor.key)).or(at_cursor).and(start().gt_eq(lit(cursor.key)));
        let newer = newer.and(start().lt(lit(search.to_ns.unwrap_or(i64::MAX)))).and(among(found));
        let (table, filter) = match &search.model {
            None => ("spans", search.all_filters().fold(newer, Expr::and)),
            Some(model) => ("llm_calls", newer.and(asked(model))),
        };
        let shown = self.ranked(table, filter, "start_ns", found.len(), None).await?;
        found.retain(|candidate| !shown.iter().any(|shown| shown.trace == candidate.trace));
        Ok(())
    }

    /// Drops traces in which some span has what none may have.
    pub(super) async fn drop_excluded(
        &self,
        search: &Search,
        found: &mut Vec<Candidate>,
    ) -> Result<(), QueryError> {
        let Some(any) = search.not_attrs.iter().map(has).reduce(Expr::or).filter(|_| !found.is_empty())
        else {
            return Ok(());
        };
        let excluded = self.ranked("spans", among(found).and(any), "start_ns", found.len(), None).await?;
        let excluded: HashSet<String> = excluded.into_iter().map(|candidate| candidate.trace).collect();
        found.retain(|candidate| !excluded.contains(&candidate.trace));
        Ok(())
    }

    /// The traces of a range with the longest matching spans; without conditions on spans, the longest roots.
    pub(super) async fn slow_candidates(&self, search: &Search) -> Result<Vec<Candidate>, QueryError> {
        let to = search.to_ns.unwrap_or(i64::MAX);
        let from = search.from_ns.unwrap_or_else(|| {
            let newest = self.newest_start().unwrap_or(0);
            newest.min(to).saturating_sub(DEFAULT_RANGE_NS)
        });
        let mut filter = col("start_ns").gt_eq(lit(from)).and(col("start_ns").lt(lit(to)));
        filter = search.all_filters().fold(filter, Expr::and);
        if search.span_filters().is_empty() {
            filter = filter.and(col("parent_id").is_null());
            if let Some(least) = search.min_duration_ns {
                filter = filter.and(col("duration_ns").gt_eq(lit(least)));
            }
            if let Some(most) = search.max_duration_ns {
                filter = filter.and(col("duration_ns").lt_eq(lit(most)));
            }
        }
        if let Some(model) = &search.model {
            let within = col("start_ns").gt_eq(lit(from)).and(col("start_ns").lt(lit(to)));
            let calls =
                self.ranked("llm_calls", within.and(asked(model)), "start_ns", PAGE_MAX * 10, None).await?;
            filter = filter.and(among(&calls));
        }
        let after = search.cursor.as_ref().map(Cursor::behind);
        self.ranked("spans", filter, "duration_ns", search.page(), after).await
    }

    /// `select trace_id, max(by) as key from table where filter group by trace_id having ... order by key desc, trace_id`
    async fn ranked(
        &self,
        table: &str,
        filter: Expr,
        by: &str,
        want: usize,
        having: Option<Expr>,
    ) -> Result<Vec<Candidate>, QueryError> {
        let failed = QueryError::failed("searching traces");
        let frame: DataFrame = self.context()?.table(table).await.map_err(&failed)?;
        let frame = frame.filter(filter).map_err(&failed)?;
        let mut frame =
            frame.aggregate(vec![col("trace_id")], vec![max(col(by)).alias("key")]).map_err(&failed)?;
        if let Some(having) = having {
            frame = frame.filter(having).map_err(&failed)?;
        }
        let order = vec![col("key").sort(false, false), col("trace_id").sort(true, false)];
        let frame = frame.sort(order).and_then(|frame| frame.limit(0, Some(want))).map_err(&failed)?;
        let mut found = Vec::new();
        for batch in frame.collect().await.map_err(&failed)? {
            let (trace, key) = (Columns(&batch).text("trace_id")?, Columns(&batch).int("key")?);
            let row = |row| Candidate { trace: trace.value(row).to_owned(), key: key.value(row) };
            found.extend((0..batch.num_rows()).map(row));
        }
        Ok(found)
    }

    fn newest_start(&self) -> Result<i64, QueryError> {
        let table = self.table(store::Table::Spans)?;
        let files = table.data.files().iter().map(|file| file.max_ns).max().unwrap_or(0);
        let mut newest = files;
        for batch in table.data.hot() {
            let times = Columns(batch).int("start_ns")?;
            newest = newest.max(datafusion::arrow::compute::max(&times).unwrap_or(0));
        }
        Ok(newest)
    }
}
