//! Code lines per file and per function. What is too large stands in the ratchet and may only shrink.

use super::Problem;
use super::ratchet::{self, Ratchet};
use super::rust_text::RustText;
use crate::house::{File, House};
use anyhow::Result;
use std::collections::BTreeMap;

/// Code lines a file may have; aim at 150.
pub(crate) const FILE_LINES_MAX: usize = 400;
/// Code lines a function may have, its head included.
pub(crate) const FUNCTION_LINES_MAX: usize = 70;

#[derive(Clone, Copy)]
struct Large {
    /// Where to jump to.
    line: usize,
    size: usize,
    limit: usize,
}

/// Files and functions that are too large or whose ratchet entry is stale.
pub(crate) fn check(house: &House) -> Vec<Problem> {
    let text = house.file(ratchet::PATH).map_or("", |file| file.text.as_str());
    let (ratchet, bad) = Ratchet::parse(text);
    let bad = bad.into_iter().map(|line| Problem::at(ratchet::PATH, line, "not `path[::function] = number`"));
    let large: BTreeMap<String, Large> = house.rust().flat_map(large_in).collect();
    bad.chain(too_large(&large, &ratchet)).chain(stale(&large, &ratchet)).collect()
}

/// Writes the ratchet anew with today's sizes.
pub(crate) fn shrink(house: &House) -> Result<()> {
    let text = house.file(ratchet::PATH).map_or("", |file| file.text.as_str());
    let (ratchet, _) = Ratchet::parse(text);
    let sizes = house.rust().flat_map(large_in).map(|(place, large)| (place, large.size)).collect();
    std::fs::write(house.root.join(ratchet::PATH), ratchet.lowered(&sizes).write())?;
    Ok(())
}

fn too_large(large: &BTreeMap<String, Large>, ratchet: &Ratchet) -> Vec<Problem> {
    let allowed = |place: &String| ratchet.allowed.get(place).copied().unwrap_or(0);
    let grown = large.iter().filter(|(place, large)| large.size > allowed(place));
    let say = |(place, large): (&String, &Large)| {
        let path = place.split("::").next().unwrap_or(place);
        let what = place.rsplit_once("::").map_or("the file".to_owned(), |(_, name)| format!("`{name}`"));
        let Large { line, size, limit } = *large;
        match allowed(place) {
            0 => Problem::at(path, line, format!("{what} has {size} code lines, at most {limit}: split it")),
            old => Problem::at(path, line, format!("{what} grew from {old} to {size} code lines: shrink it")),
        }
    };
    grown.map(say).collect()
}

fn stale(large: &BTreeMap<String, Large>, ratchet: &Ratchet) -> Vec<Problem> {
    let stale = ratchet
        .allowed
        .iter()
        .filter(|(place, allowed)| large.get(*place).is_none_or(|large| large.size < **allowed));
    let say = |(place, _): (&String, &usize)| {
        Problem::new(ratchet::PATH, format!("`{place}` is smaller now: run `cargo xtask tidy --shrink`"))
    };
    stale.map(say).collect()
}

/// What is over a limit in one file. Tests may be as long as their tables.
fn large_in(file: &File) -> Vec<(String, Large)> {
    if is_test(&file.path) {
        return Vec::new();
    }
    let text = RustText::new(&file.text);
    let mut found = Vec::new();
    let size = text.code_lines();
    if size > FILE_LINES_MAX {
        found.push((file.path.clone(), Large { line: 1, size, limit: FILE_LINES_MAX }));
    }
    let long = text.functions().into_iter().filter(|function| function.code_lines > FUNCTION_LINES_MAX);
    found.extend(long.map(|function| {
        let place = format!("{}::{}", file.path, function.name);
        (place, Large { line: function.line, size: function.code_lines, limit: FUNCTION_LINES_MAX })
    }));
    found
}

/// Whether a file holds tests only.
pub(crate) fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[cfg(test)]
mod tests;
