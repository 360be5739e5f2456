//! `at traces --follow`: new traces as the daemon's live stream tells them. Ends when either side hangs up.

use crate::Context;
use crate::arguments::Filter;
use crate::text::{clean, counted, cut, duration};
use crate::traces::{TraceRow, name, query};
use serde_json::Value;
use std::io;

pub(crate) fn run(context: &mut Context<'_>, filter: &Filter) -> anyhow::Result<()> {
    let lines = context.api.get_lines("/api/live/traces", &query(filter, context.clock))?;
    for line in lines {
        let line = line?;
        let Some(trace) = trace_of(&line).filter(|trace| wanted(trace, filter)) else { continue };
        match filter.json {
            true => writeln!(context.out, "{trace}")?,
            false => short(context, &serde_json::from_value(trace)?)?,
        }
        context.out.flush()?;
    }
    Ok(())
}

/// The trace in a line of the event stream: bare, or in the envelope that the WebSocket uses.
fn trace_of(line: &str) -> Option<Value> {
    let mut data: Value = serde_json::from_str(line.strip_prefix("data:")?.trim_start()).ok()?;
    if data.get("trace_id").is_some() {
        return Some(data);
    }
    (data["type"] == "trace").then(|| data["trace"].take())
}

fn wanted(trace: &Value, filter: &Filter) -> bool {
    let service = filter.service.as_ref().is_none_or(|service| trace["service"] == service.as_str());
    let status = filter.status.is_none() || trace["errors"].as_u64().unwrap_or(0) > 0;
    service && status
}

fn short(context: &mut Context<'_>, row: &TraceRow) -> io::Result<()> {
    let paint = context.paint;
    let (id, took) = (clean(&row.trace_id), duration(row.duration_ns));
    let errors = if row.errors > 0 { format!(", {}", counted(row.errors, "error")) } else { String::new() };
    let spans = counted(row.spans, "span");
    let line = format!("{id}  {took:>8}  {} · {} · {spans}{errors}", clean(&row.service), name(row));
    let line = cut(&line, paint.width);
    writeln!(context.out, "{}", if row.errors > 0 { paint.red(&line) } else { line })
}

#[cfg(test)]
mod tests;
