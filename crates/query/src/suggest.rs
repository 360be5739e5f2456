//! Nearest names for the typos in an SQL statement. `error` asks; pure.

use crate::limits::SUGGESTIONS;

/// "did you mean ...", or the first names there are.
pub(crate) fn hint<'a>(wrong: &str, names: impl Iterator<Item = &'a str>, what: &str) -> String {
    let mut all: Vec<(usize, &str)> = names.map(|name| (distance(wrong, name), name)).collect();
    all.sort_unstable();
    all.dedup();
    let allowed = (wrong.chars().count() / 2).max(2);
    let near: Vec<_> = all.iter().filter(|(far, _)| *far <= allowed).take(SUGGESTIONS).collect();
    if near.is_empty() {
        let mut some: Vec<_> = all.iter().map(|(_, name)| format!("`{name}`")).collect();
        some.sort_unstable();
        some.truncate(12);
        return format!("{what}: {}", some.join(", "));
    }
    let near: Vec<_> = near.iter().map(|(_, name)| format!("`{name}`")).collect();
    format!("did you mean {}?", near.join(" or "))
}

/// Edits between two names, in any case: insert, delete, replace. A name that contains the other is near.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    if a.len() >= 3 && b.len() >= 3 && (a.contains(&b) || b.contains(&a)) {
        return 1;
    }
    // A name from a statement may be long; what is far is far.
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
