//! The page in Markdown: tables, and a list of what does not meet its goal or loses to a peer.

use std::fmt::Write as _;

/// What is printed at the end.
#[derive(Default)]
pub struct Page {
    text: String,
    lost: Vec<String>,
}

/// A number with as many digits as it deserves.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size.is_nan() => "-".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.4}"),
    }
}

impl Page {
    pub fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.text, "\n{text}");
    }

    pub fn table(&mut self, head: &[&str]) {
        let lines = "|---".repeat(head.len());
        let _ = writeln!(self.text, "\n| {} |\n{lines}|", head.join(" | "));
    }

    pub fn row(&mut self, cells: &[String]) {
        let _ = writeln!(self.text, "| {} |", cells.join(" | "));
    }

    /// A row of one figure beside its goal.
    pub fn figure(&mut self, what: &str, value: f64, unit: &str, goal: Option<f64>, peers: &str) {
        let goal_text = goal.map_or(String::new(), |goal| format!("≤ {} {unit}", number(goal)));
        self.row(&[what.to_owned(), goal_text, format!("{} {unit}", number(value)), peers.to_owned()]);
        self.judge(what, value, unit, goal);
    }

    /// Notes a goal that is not met.
    pub fn judge(&mut self, what: &str, value: f64, unit: &str, goal: Option<f64>) {
        if let Some(goal) = goal.filter(|goal| value.is_nan() || value > *goal) {
            self.lost.push(format!("{what}: {} {unit}, the goal is {} {unit}.", number(value), number(goal)));
        }
    }

    /// Notes a peer that is better.
    pub fn compare(&mut self, what: &str, peer: &str, ratio: f64) {
        if ratio < 1.0 {
            self.lost.push(format!("{what}: {peer} takes {:.2} of what Tundra takes.", ratio));
        }
    }

    pub fn print(self) {
        println!("{}", self.text.trim_start());
        println!("\n**Where this falls short:**\n");
        if self.lost.is_empty() {
            println!("nowhere in this run.");
        }
        self.lost.iter().for_each(|line| println!("- {line}"));
    }
}
