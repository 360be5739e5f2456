//! `at traces`: the newest traces as a table or as NDJSON, once or as they come in.

use crate::arguments::Filter;
use crate::grid::Grid;
use crate::text::{ago, clean, count, counted, duration, money};
use crate::{Context, follow};
use serde::Deserialize;
use serde_json::Value;
use std::io;
use tundra_record::UnixNanos;
use tundra_record::env::Clock;

/// One row of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TraceRow {
    pub(crate) trace_id: String,
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) start_ns: String,
    pub(crate) duration_ns: i64,
    pub(crate) spans: u64,
    pub(crate) errors: u64,
    pub(crate) llm_calls: u64,
    pub(crate) tokens: Option<u64>,
    pub(crate) cost_pusd: Option<i64>,
    pub(crate) partial: bool,
    pub(crate) sample: bool,
}

#[derive(Debug, Deserialize)]
struct Page {
    traces: Vec<Value>,
    next_cursor: Option<String>,
}

/// Columns from which tokens and cost are shown, too.
const WIDE: usize = 110;

pub(crate) fn run(context: &mut Context<'_>, filter: &Filter) -> anyhow::Result<()> {
    if filter.follow {
        return follow::run(context, filter);
    }
    let page: Page = context.api.get("/api/traces", &query(filter, context.clock))?;
    if filter.json {
        for trace in &page.traces {
            writeln!(context.out, "{trace}")?;
        }
        return Ok(());
    }
    let rows: Vec<TraceRow> =
        page.traces.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?;
    table(context, &rows)?;
    let link = link(filter);
    let more = if page.next_cursor.is_some() { ", more with a higher --limit" } else { "" };
    let told = format!("{}{more} · {}", counted(rows.len() as u64, "trace"), context.api.link(&link));
    writeln!(context.out, "\n{}", context.paint.dim(&told))?;
    Ok(())
}

/// The filter in the API's words.
pub(crate) fn query(filter: &Filter, clock: &dyn Clock) -> Vec<(&'static str, String)> {
    let mut query = vec![("limit", filter.limit.to_string())];
    if let Some(since) = filter.since {
        query.push(("from_ns", clock.now().0.saturating_sub(since).to_string()));
    }
    query.extend(filter.service.iter().map(|service| ("service", service.clone())));
    query.extend(filter.status.iter().map(|status| ("status", status.clone())));
    query
}

/// The same view in the UI.
fn link(filter: &Filter) -> String {
    let service = filter.service.as_ref().map(|service| ("service", service));
    let status = filter.status.as_ref().map(|status| ("status", status));
    let parts: Vec<String> =
        service.into_iter().chain(status).map(|(key, value)| format!("{key}={}", escape(value))).collect();
    if parts.is_empty() { "/traces".to_owned() } else { format!("/traces?{}", parts.join("&")) }
}

/// Percent-encodes what has a meaning in an address.
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escaped = text.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    escaped.collect()
}

fn table(context: &mut Context<'_>, rows: &[TraceRow]) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(
            context.out,
            "no traces: widen the filter, or connect a program (`at connect otel`)"
        );
    }
    let paint = context.paint;
    let wide = paint.width >= WIDE;
    let grid = Grid::default().text("trace").number("ago").number("duration").number("spans");
    let grid = if wide { grid.number("calls").number("tokens").number("cost") } else { grid };
    let grid = grid.long_text("name");
    let mut grid = if wide { grid.long_text("service") } else { grid };
    for row in rows {
        grid.row(cells(row, context.clock.now(), wide));
    }
    let failed = |index: usize, line: &str| match rows[index].errors {
        0 => line.to_owned(),
        _ => paint.red(line),
    };
    grid.write(context.out, paint, failed)
}

/// Tokens, cost and service come only where there is room for them.
fn cells(row: &TraceRow, now: UnixNanos, wide: bool) -> Vec<String> {
    let start: i64 = row.start_ns.parse().unwrap_or(now.0);
    let errors = if row.errors > 0 { format!("✗{} ", count(row.errors)) } else { String::new() };
    let mut cells = vec![clean(&row.trace_id).into_owned(), ago(now.0.saturating_sub(start))];
    cells.extend([duration(row.duration_ns), errors + &count(row.spans)]);
    if wide {
        let calls = if row.llm_calls == 0 { String::new() } else { count(row.llm_calls) };
        cells.extend([
            calls,
            row.tokens.map_or(String::new(), count),
            row.cost_pusd.map_or(String::new(), money),
        ]);
        cells.extend([name(row), clean(&row.service).into_owned()]);
    } else {
        cells.push(format!("{} · {}", clean(&row.service), name(row)));
    }
    cells
}

/// The root's name, with what is odd about the trace.
pub(crate) fn name(row: &TraceRow) -> String {
    let partial = if row.partial { "(no root yet) " } else { "" };
    let sample = if row.sample { " (sample)" } else { "" };
    format!("{partial}{}{sample}", clean(&row.name))
}
