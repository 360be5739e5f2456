//! One word per idea: no declared name may use a word that docs/words.md bans in favor of another.

use super::Problem;
use super::rust_text::RustText;
use super::sizes::is_test;
use crate::house::{File, House};
use std::collections::BTreeMap;

const PATH: &str = "docs/words.md";

/// Names that use a banned word.
pub(crate) fn check(house: &House) -> Vec<Problem> {
    let Some(words) = house.file(PATH) else {
        return vec![Problem::new(PATH, "missing: it holds one word per idea and the words it replaces")];
    };
    let banned = banned(&words.text);
    if banned.is_empty() {
        return vec![Problem::new(PATH, "no table with the columns `word` and `not`")];
    }
    house.rust().filter(|file| !is_test(&file.path)).flat_map(|file| in_file(file, &banned)).collect()
}

/// The banned words, each with the word to use.
fn banned(markdown: &str) -> BTreeMap<String, String> {
    let mut columns = None;
    let mut found = BTreeMap::new();
    for line in markdown.lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let column = |name: &str| cells.iter().position(|cell| *cell == name);
        match columns {
            _ if !line.starts_with('|') => columns = None,
            None => columns = column("word").zip(column("not")),
            Some((word, not)) => {
                let cell = |at: usize| cells.get(at).copied().unwrap_or_default().replace('`', "");
                let words = cell(not);
                let words = words.split(',').map(str::trim);
                let words = words.filter(|word| !word.is_empty() && !word.starts_with('-'));
                found.extend(words.map(|banned| (banned.to_owned(), cell(word))));
            }
        }
    }
    found
}

fn in_file(file: &File, banned: &BTreeMap<String, String>) -> Vec<Problem> {
    let declared = RustText::new(&file.text).declared();
    let problems = declared.iter().filter_map(|declared| {
        let parts = parts(&declared.name);
        let (bad, good) = parts.iter().find_map(|part| banned.get_key_value(part))?;
        let what = format!("`{}` says `{bad}`: our word is `{good}` ({PATH})", declared.name);
        Some(Problem::at(&file.path, declared.line, what))
    });
    problems.collect()
}

/// `SpanBatch`, `span_batch` and `SPAN_BATCH` are `span` and `batch`.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars() {
        if letter == '_' || (letter.is_uppercase() && was_lower) {
            parts.push(String::new());
        }
        was_lower = letter.is_lowercase() || letter.is_ascii_digit();
        if let Some(last) = parts.last_mut().filter(|_| letter != '_') {
            last.extend(letter.to_lowercase());
        }
    }
    parts
}

#[cfg(test)]
mod tests;
