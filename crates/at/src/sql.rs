//! `at sql`: rows as a table for a person, as NDJSON for a pipe. The daemon decides what may be asked.

use crate::Context;
use crate::api::{AskError, Lines, refusal};
use crate::grid::Grid;
use crate::limits::{CELL_WIDTH_MAX, STATEMENT_BYTES_MAX};
use crate::text::{clean, counted, cut};
use anyhow::{Context as _, ensure};
use serde_json::{Map, Value, json};
use std::io::Read;

pub(crate) fn run(context: &mut Context<'_>, statement: &str, limit: u32) -> anyhow::Result<()> {
    let statement = if statement == "-" { from_stdin()? } else { statement.to_owned() };
    let lines = context.api.post_lines("/api/sql", &json!({"sql": statement, "limit": limit}))?;
    match context.paint.terminal {
        true => table(context, lines, limit),
        false => pass(context, lines),
    }
}

fn from_stdin() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .take(STATEMENT_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .context("cannot read the statement")?;
    ensure!(
        text.len() as u64 <= STATEMENT_BYTES_MAX,
        "the statement is longer than {STATEMENT_BYTES_MAX} bytes"
    );
    Ok(text)
}

/// A line that is the stream's error, not a row: errors come last and alone, rows may have any column.
fn error_in(line: &str) -> Option<AskError> {
    if !line.starts_with("{\"error\"") {
        return None;
    }
    let value: Value = serde_json::from_str(line).ok()?;
    value.as_object().filter(|fields| fields.len() == 1).and_then(|_| refusal(&value))
}

fn pass(context: &mut Context<'_>, lines: Lines) -> anyhow::Result<()> {
    for line in lines {
        let line = line?;
        if let Some(error) = error_in(&line) {
            context.out.flush()?;
            return Err(error.into());
        }
        writeln!(context.out, "{line}")?;
    }
    Ok(())
}

fn table(context: &mut Context<'_>, lines: Lines, limit: u32) -> anyhow::Result<()> {
    let mut rows: Vec<Map<String, Value>> = Vec::new();
    for line in lines {
        let line = line?;
        if let Some(error) = error_in(&line) {
            return Err(error.into());
        }
        if !line.is_empty() {
            rows.push(serde_json::from_str(&line).context("a row is not a JSON object")?);
        }
    }
    let grid = grid(&rows);
    if !rows.is_empty() {
        let paint = context.paint;
        grid.write(context.out, paint, |_, line| line.to_owned())?;
    }
    let full = rows.len() as u64 == u64::from(limit);
    let more = if full { ", perhaps more: raise --limit" } else { "" };
    let told = format!("({}{more})", counted(rows.len() as u64, "row"));
    writeln!(context.out, "{}", context.paint.dim(&told))?;
    Ok(())
}

fn grid(rows: &[Map<String, Value>]) -> Grid {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        // Every row has the same columns as a rule; NULLs may be left out.
        if row.len() != names.len() || !row.keys().zip(&names).all(|(a, b)| a == b) {
            for name in row.keys() {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
        }
    }
    let mut grid = Grid::default();
    for name in &names {
        let mut cells =
            rows.iter().filter_map(|row| row.get(*name)).filter(|cell| !cell.is_null()).peekable();
        let numbers = cells.peek().is_some() && cells.all(Value::is_number);
        let head = clean(name);
        grid = if numbers { grid.number(&head) } else { grid.long_text(&head) };
    }
    for row in rows {
        grid.row(names.iter().map(|name| cell(row.get(*name))).collect());
    }
    grid
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => cut(&clean(text), CELL_WIDTH_MAX),
        Some(other) => cut(&clean(&other.to_string()), CELL_WIDTH_MAX),
    }
}
