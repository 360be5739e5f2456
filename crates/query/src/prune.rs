//! What a filter says about time, service and batch number, so that files are skipped before anything of them is read,
//! and whether it looks for needles. `table` and `read` ask; pure, and always on the safe side: when in doubt, read.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown};
use std::collections::BTreeSet;

/// Columns whose equality picks few rows: only for them does filtering inside the file reader pay.
const NEEDLES: [&str; 4] = ["trace_id", "span_id", "session_id", "user_id"];

/// What all rows that pass a filter have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Earliest time, inclusive.
    pub(crate) from: i64,
    /// Latest time, inclusive.
    pub(crate) to: i64,
    /// Least batch number, inclusive.
    pub(crate) seq: i64,
    /// The services, if the filter names them.
    pub(crate) services: Option<BTreeSet<String>>,
    /// The traces, if the filter names them.
    pub(crate) traces: Option<BTreeSet<String>>,
    /// Whether rows must be, or must not be, sample data.
    pub(crate) sample: Option<bool>,
    /// Whether the filter picks few rows.
    pub(crate) needle: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            from: i64::MIN,
            to: i64::MAX,
            seq: i64::MIN,
            services: None,
            traces: None,
            sample: None,
            needle: false,
        }
    }
}

impl Bounds {
    /// The bounds that all of `filters` together set on a table whose time column is `time`.
    pub(crate) fn of<'e>(filters: impl IntoIterator<Item = &'e Expr>, time: &str) -> Self {
        let mut bounds = Self::default();
        for filter in filters {
            bounds.narrow(filter, time);
        }
        bounds
    }

    /// Whether a row at a time between `first` and `last` can pass.
    pub(crate) fn overlaps(&self, first: i64, last: i64) -> bool {
        first <= self.to && last >= self.from
    }

    /// The same bounds with `slack` nanoseconds more on both sides.
    pub(crate) fn widened(&self, slack: i64) -> (i64, i64) {
        (self.from.saturating_sub(slack), self.to.saturating_add(slack))
    }

    fn narrow(&mut self, filter: &Expr, time: &str) {
        match filter {
            Expr::Alias(alias) => self.narrow(&alias.expr, time),
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                self.narrow(left, time);
                self.narrow(right, time);
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                if let (Some(column), Expr::Literal(value, _)) = (column(left), &**right) {
                    self.compare(column, *op, value, time);
                } else if let (Expr::Literal(value, _), Some(column)) = (&**left, column(right))
                    && let Some(op) = op.swap()
                {
                    self.compare(column, op, value, time);
                }
            }
            Expr::Between(between) if !between.negated => {
                if let (Some(column), Expr::Literal(low, _), Expr::Literal(high, _)) =
                    (column(&between.expr), &*between.low, &*between.high)
                {
                    self.compare(column, Operator::GtEq, low, time);
                    self.compare(column, Operator::LtEq, high, time);
                }
            }
            Expr::InList(list) if !list.negated => {
                let Some(column) = column(&list.expr) else { return };
                let values: Option<BTreeSet<String>> = list.list.iter().map(text).collect();
                self.one_of(column, values);
            }
            Expr::Column(column) if column.name == "sample" => self.sample = Some(true),
            Expr::Not(inner) if column(inner) == Some("sample") => self.sample = Some(false),
            _ => {}
        }
    }

    fn compare(&mut self, column: &str, op: Operator, value: &ScalarValue, time: &str) {
        if column == time || column == "seq" {
            let ScalarValue::Int64(Some(number)) = value else { return };
            let (low, high) = match op {
                Operator::Eq => (*number, *number),
                Operator::Gt => (number.saturating_add(1), i64::MAX),
                Operator::GtEq => (*number, i64::MAX),
                Operator::Lt => (i64::MIN, number.saturating_sub(1)),
                Operator::LtEq => (i64::MIN, *number),
                _ => return,
            };
            if column == "seq" {
                self.seq = self.seq.max(low);
            } else {
                self.from = self.from.max(low);
                self.to = self.to.min(high);
            }
        } else if let ("sample", Operator::Eq, ScalarValue::Boolean(Some(sample))) = (column, op, value) {
            self.sample = Some(*sample);
        } else if op == Operator::Eq
            && let Some(Some(text)) = value.try_as_str()
        {
            self.one_of(column, Some(BTreeSet::from([text.to_owned()])));
        }
    }

    fn one_of(&mut self, column: &str, values: Option<BTreeSet<String>>) {
        self.needle |= NEEDLES.contains(&column);
        let kept = match column {
            "service" => &mut self.services,
            "trace_id" => &mut self.traces,
            _ => return,
        };
        if let Some(values) = values {
            *kept = Some(match kept.take() {
                Some(known) => known.intersection(&values).cloned().collect(),
                None => values,
            });
        }
    }
}

fn column(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Column(Column { name, .. }) => Some(name),
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        _ => None,
    }
}

/// Which filters a view over a stored table applies by itself: those of its own columns. Subqueries cannot be planned a
/// second time in there; they stay above.
pub(crate) fn taken_by_a_view(schema: &SchemaRef, filters: &[&Expr]) -> Vec<TableProviderFilterPushDown> {
    let level = |filter: &&Expr| {
        let columns = Expr::column_refs(filter);
        let own = columns.iter().all(|column| schema.column_with_name(&column.name).is_some());
        if own { TableProviderFilterPushDown::Exact } else { TableProviderFilterPushDown::Unsupported }
    };
    filters.iter().map(level).collect()
}

#[cfg(test)]
mod tests;
