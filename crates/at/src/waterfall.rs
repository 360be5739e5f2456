//! `at trace <id>`: the skeleton of a trace as a waterfall of Unicode bars that fits the width it gets.
//!
//! ```text
//! POST /ask · shop                 ████████████████████████████  1.24 s
//! ├─ load user                     ██▌                            110 ms
//! └─ ◆ chat gpt-4o · agent            ████████████████████        900 ms
//! ```

mod skeleton;

use crate::Context;
use crate::api::AskError;
use crate::limits::{DEPTH_SHOWN, SPANS_SHOWN};
use crate::text::{clean, count, counted, cut, duration, fit, money, utc, width};
use serde_json::Value;
use skeleton::{Skeleton, SpanRow};
use std::io;
use tundra_record::TraceId;

/// Columns for a duration at the right.
const DURATION_WIDTH: usize = 9;
/// Columns of the names at most.
const LABEL_WIDTH_MAX: usize = 56;
/// A block filled from the left by eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

pub(crate) fn run(context: &mut Context<'_>, id: &str, all: bool, json: bool) -> anyhow::Result<()> {
    let id: TraceId = id.trim().to_ascii_lowercase().parse().map_err(|_| AskError::Refused {
        message: format!("`{}` is not a trace id: it has 32 hex digits", clean(id)),
        hint: "`at traces` lists them".to_owned(),
    })?;
    let answer: Value = context.api.get(&format!("/api/traces/{id}"), &[])?;
    if json {
        writeln!(context.out, "{answer}")?;
        return Ok(());
    }
    let skeleton: Skeleton = serde_json::from_value(answer)?;
    let shown = if all { usize::MAX } else { SPANS_SHOWN };
    write(context, &skeleton, shown, &format!("/traces/{id}"))?;
    Ok(())
}

fn write(context: &mut Context<'_>, skeleton: &Skeleton, shown: usize, path: &str) -> io::Result<()> {
    let paint = context.paint;
    head(context, skeleton)?;
    let rows = skeleton.rows();
    let scale = Scale::new(&rows, skeleton.duration_ns, paint.width);
    let mut guides = Vec::new();
    for (index, row) in rows.iter().take(shown).enumerate() {
        skeleton::move_guides(&mut guides, &rows, index);
        writeln!(context.out, "{}", line(context, &scale, row, &guides))?;
    }
    if rows.len() > shown {
        let more = counted((rows.len() - shown) as u64, "more span");
        writeln!(context.out, "{}", paint.dim(&format!("… {more}: --all shows them")))?;
    }
    writeln!(context.out, "\n{}", paint.dim(&context.api.link(path)))
}

fn head(context: &mut Context<'_>, skeleton: &Skeleton) -> io::Result<()> {
    let paint = context.paint;
    let totals = &skeleton.totals;
    let start = skeleton.start_ns.parse().unwrap_or(0);
    let mut facts = vec![utc(start), duration(skeleton.duration_ns), counted(totals.spans, "span")];
    if totals.errors > 0 {
        facts.push(paint.red(&counted(totals.errors, "error")));
    }
    if totals.llm_calls > 0 {
        facts.push(counted(totals.llm_calls, "model call"));
        facts.push(
            totals.tokens.map_or("tokens unknown".to_owned(), |tokens| format!("{} tokens", count(tokens))),
        );
        facts.push(totals.cost_pusd.map_or("cost unknown".to_owned(), money));
    }
    if skeleton.partial {
        facts.push("no root yet".to_owned());
    }
    if skeleton.sample {
        facts.push("sample data".to_owned());
    }
    writeln!(context.out, "{}\n", facts.join(" · "))
}

fn line(context: &Context<'_>, scale: &Scale, row: &SpanRow<'_>, guides: &[bool]) -> String {
    let paint = context.paint;
    let guide = guide(guides);
    let mark = match (row.failed, row.is_call, row.orphan) {
        (true, ..) => "✗ ",
        (_, true, _) => "◆ ",
        (.., true) => "? ",
        _ => "",
    };
    let service = if row.new_service { format!(" · {}", clean(row.service)) } else { String::new() };
    let room = scale.label_width.saturating_sub(width(&guide));
    let label = fit(&format!("{mark}{}{service}", clean(row.name)), room);
    let bar = scale.bar(row.start_ns, row.duration_ns);
    let color = |text: &str| match (row.failed, row.is_call) {
        (true, _) => paint.red(text),
        (_, true) => paint.magenta(text),
        _ => paint.service(row.service_index, text),
    };
    let label = if row.failed { paint.red(&label) } else { label };
    let took = duration(row.duration_ns);
    format!("{}{label} {} {took:>DURATION_WIDTH$}", paint.dim(&guide), color(&bar))
}

/// The lines that lead from a span to its parent. `guides` says for each level whether a sibling follows below.
fn guide(guides: &[bool]) -> String {
    let Some((own, above)) = guides.split_last() else { return String::new() };
    let hidden = above.len().saturating_sub(DEPTH_SHOWN);
    let mut out = if hidden > 0 { format!("⋯{hidden} ") } else { String::new() };
    for goes_on in &above[hidden..] {
        out.push_str(if *goes_on { "│ " } else { "  " });
    }
    out.push_str(if *own { "├ " } else { "└ " });
    out
}

/// How time becomes columns.
#[derive(Debug)]
struct Scale {
    label_width: usize,
    bar_width: usize,
    start_ns: i64,
    span_ns: i64,
}

impl Scale {
    fn new(rows: &[SpanRow<'_>], duration_ns: i64, columns: usize) -> Self {
        let label_width = (columns * 9 / 20).min(LABEL_WIDTH_MAX);
        // A span may begin before the root (clocks differ) or end after it.
        let start_ns = rows.iter().map(|row| row.start_ns).min().unwrap_or(0).min(0);
        let end = rows.iter().map(|row| row.start_ns.saturating_add(row.duration_ns)).max().unwrap_or(0);
        let span_ns = end.max(duration_ns).saturating_sub(start_ns).max(1);
        Self {
            label_width,
            bar_width: columns.saturating_sub(label_width + DURATION_WIDTH + 2),
            start_ns,
            span_ns,
        }
    }

    /// A bar in exactly `bar_width` columns; the shortest is an eighth of one.
    fn bar(&self, start_ns: i64, duration_ns: i64) -> String {
        let eighths = |ns: i64| {
            let share = ns.max(0) as f64 / self.span_ns as f64;
            (share * self.bar_width as f64 * 8.0).round() as usize
        };
        let last = (self.bar_width * 8).saturating_sub(1);
        let from = eighths(start_ns.saturating_sub(self.start_ns)).min(last) / 8 * 8;
        let to = eighths(start_ns.saturating_add(duration_ns).saturating_sub(self.start_ns));
        let filled = to.min(self.bar_width * 8).saturating_sub(from).max(1);
        let bar = format!("{}{}{}", " ".repeat(from / 8), "█".repeat(filled / 8), EIGHTHS[filled % 8]);
        fit(&cut(&bar, self.bar_width), self.bar_width)
    }
}
