//! Figures beside their goals, printed and kept.

use anyhow::Context as _;
use std::fmt::Write as _;
use std::path::Path;

/// All figures of one run, in the order they were measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    what: String,
    figure: String,
    goal: String,
    ratio: String,
}

/// Whether less or more is better.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Better {
    Less,
    More,
}

const BEGIN: &str = "<!-- figures: written by `cargo xtask bench --write` -->";
const END: &str = "<!-- end of figures -->";

impl Report {
    /// One figure with its goal. The ratio is above 1 where the goal is met with room.
    pub(crate) fn add(&mut self, what: &str, value: f64, unit: &str, goal: f64, better: Better) {
        let ratio = match better {
            Better::Less => goal / value,
            Better::More => value / goal,
        };
        let sign = match better {
            Better::Less => "≤",
            Better::More => "≥",
        };
        self.rows.push(Row {
            what: what.to_owned(),
            figure: format!("{} {unit}", number(value)),
            goal: format!("{sign} {} {unit}", number(goal)),
            ratio: format!("{ratio:.2}"),
        });
    }

    /// One figure without a goal.
    pub(crate) fn note(&mut self, what: &str, value: f64, unit: &str) {
        let figure = format!("{} {unit}", number(value));
        self.rows.push(Row { what: what.to_owned(), figure, goal: String::new(), ratio: String::new() });
    }

    fn table(&self) -> String {
        let mut out = String::from("| figure | measured | goal | room |\n|---|---|---|---|\n");
        for Row { what, figure, goal, ratio } in &self.rows {
            let _infallible = writeln!(out, "| {what} | {figure} | {goal} | {ratio} |");
        }
        out
    }

    pub(crate) fn print(&self) {
        println!("\n{}", self.table());
    }

    /// Replaces the figures in `page` between its markers.
    pub(crate) fn write(&self, page: &Path) -> anyhow::Result<()> {
        replace(page, (BEGIN, END), &self.table())
    }
}

/// Replaces what stands in `page` between two markers.
pub(crate) fn replace(page: &Path, (begin, end): (&str, &str), figures: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(page)?;
    let (before, rest) = text.split_once(begin).context("no begin marker in the page")?;
    let (_, after) = rest.split_once(end).context("no end marker in the page")?;
    std::fs::write(page, format!("{before}{begin}\n\n{figures}\n{end}{after}"))?;
    Ok(())
}

fn number(value: f64) -> String {
    if value >= 1000.0 {
        let digits = format!("{value:.0}");
        let mut out = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        out
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

/// The middle and the 95th percentile.
pub(crate) fn p50_p95(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at =
        |q: f64| values.get(((values.len() as f64 - 1.0) * q).round() as usize).copied().unwrap_or(f64::NAN);
    (at(0.5), at(0.95))
}
