//! The list of what is too large today and how large it may stay: `xtask/tidy.ratchet`. It may only shrink.
//! Used by the size check. Nobody adds a line without saying why in the commit.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Where the list lies.
pub(crate) const PATH: &str = "xtask/tidy.ratchet";

const HEAD: &str = "\
# What is larger than STYLE.md allows, and the size it has today. `cargo xtask tidy` holds each line to its number;
# numbers and lines may only go down (`cargo xtask tidy --shrink`). Form: path[::function] = code lines
";

/// Allowed sizes by place (`path` or `path::function`).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ratchet {
    pub(crate) allowed: BTreeMap<String, usize>,
}

impl Ratchet {
    /// Reads the list; the answer holds the lines that make no sense beside it.
    pub(crate) fn parse(text: &str) -> (Self, Vec<usize>) {
        let mut ratchet = Self::default();
        let mut bad = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = line.split_once(" = ").and_then(|(place, size)| Some((place, size.parse().ok()?)));
            match entry {
                Some((place, size)) => drop(ratchet.allowed.insert(place.to_owned(), size)),
                None => bad.push(index + 1),
            }
        }
        (ratchet, bad)
    }

    /// The same list with every number lowered to what is measured, and without what has become small enough.
    pub(crate) fn lowered(&self, measured: &BTreeMap<String, usize>) -> Self {
        let kept = self.allowed.iter().filter_map(|(place, allowed)| {
            measured.get(place).map(|size| (place.clone(), *size.min(allowed)))
        });
        Self { allowed: kept.collect() }
    }

    /// As text.
    pub(crate) fn write(&self) -> String {
        let mut out = HEAD.to_owned();
        for (place, size) in &self.allowed {
            let _ = writeln!(out, "{place} = {size}");
        }
        out
    }
}

#[cfg(test)]
mod tests;
