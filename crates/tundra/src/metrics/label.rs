//! Names and labels as they stand in the registry: labels sorted, one of each name, and nothing longer than its limit.

use super::registry::Labels;
use crate::limits::{LABEL_CHARS, LABELS, METRIC_NAME_CHARS};
use std::fmt::{Display, Write};

/// Labels in the form that the registry knows.
pub(super) struct Written {
    pub(super) labels: Labels,
    /// Whether they were longer or more than that.
    pub(super) is_cut: bool,
}

/// In whatever order they are written they are the same series. Of two with one name the last one counts.
pub(super) fn labels<'a>(written: impl Iterator<Item = (&'a str, &'a dyn Display)>) -> Written {
    let mut is_cut = false;
    let cut = |(key, value): (&str, &dyn Display)| {
        let (mut key, value) = (plain(key), Beginning::of(value));
        let fits = beginning(&key, LABEL_CHARS).len();
        is_cut |= value.is_cut || fits < key.len();
        key.truncate(fits);
        (key, value.text)
    };
    let mut labels: Labels = written.map(cut).collect();
    labels.sort_by(|(left, _), (right, _)| left.cmp(right));
    labels.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
    is_cut |= labels.len() > LABELS;
    labels.truncate(LABELS);
    Written { labels, is_cut }
}

/// As much of a metric's name as it may have.
pub(super) fn name(text: &str) -> &str {
    beginning(text, METRIC_NAME_CHARS)
}

/// Macros write a name that is a keyword as Rust does, `r#type`.
fn plain(key: &str) -> String {
    key.strip_prefix("r#").unwrap_or(key).replace(".r#", ".")
}

/// The first characters of a text.
fn beginning(text: &str, chars: usize) -> &str {
    // No character takes less than a byte.
    if text.len() <= chars {
        return text;
    }
    text.char_indices().nth(chars).map_or(text, |(at, _)| &text[..at])
}

/// The beginning of a value's text. What is longer is not even made.
struct Beginning {
    text: String,
    /// Characters that still have room.
    left: usize,
    is_cut: bool,
}

impl Beginning {
    fn of(value: &dyn Display) -> Self {
        let mut beginning = Self { text: String::new(), left: LABEL_CHARS, is_cut: false };
        // An error says that it is complete, or that the value has no text.
        let _ = write!(beginning, "{value}");
        beginning
    }
}

impl Write for Beginning {
    fn write_str(&mut self, more: &str) -> std::fmt::Result {
        let fits = beginning(more, self.left);
        self.text.push_str(fits);
        self.left -= fits.chars().count();
        self.is_cut |= fits.len() < more.len();
        if self.is_cut { Err(std::fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form() {
        let check = |written: &[(&str, &str)], expect: &[(&str, &str)]| {
            let found = labels(written.iter().map(|(key, value)| (*key, value as &dyn Display)));
            let texts: Vec<_> = found.labels.iter().map(|(key, value)| (&**key, &**value)).collect();
            assert_eq!(texts, expect);
            let is_long = |(key, text): &(&str, &str)| key.len().max(text.len()) > 400;
            assert_eq!(found.is_cut, written.iter().any(is_long) || written.len() > LABELS);
        };
        check(&[], &[]);
        check(&[("b", "2"), ("a", "1")], &[("a", "1"), ("b", "2")]);
        check(&[("a", "1"), ("b", "2"), ("a", "3"), ("a", "4")], &[("a", "4"), ("b", "2")]);
        check(&[("r#type", "1"), ("a.r#fn", "2"), ("r#", "3")], &[("", "3"), ("a.fn", "2"), ("type", "1")]);
        let long = "é".repeat(500);
        check(&[("a", &long), ("b", &long[..400])], &[("a", &long[..400]), ("b", &long[..400])]);
        check(&[("a", &long[..400])], &[("a", &long[..400])]);
        // Names that become the same are one name.
        let other = format!("{long}2");
        check(&[(&long, "1"), (&other, "2"), ("a", "3")], &[("a", "3"), (&long[..400], "2")]);
        let keys: Vec<_> = (100..300).map(|n| n.to_string()).collect();
        let many: Vec<_> = keys.iter().rev().map(|key| (&**key, "1")).collect();
        let first: Vec<_> = keys[..LABELS].iter().map(|key| (&**key, "1")).collect();
        check(&many, &first);
    }

    #[test]
    fn names_are_cut_between_characters() {
        let check = |text: &str, expect: usize| assert_eq!(name(text), &text[..expect]);
        check("", 0);
        check(&"x".repeat(200), 200);
        check(&"x".repeat(201), 200);
        check(&"é".repeat(200), 400);
        check(&"é".repeat(201), 400);
        check(&format!("{}🦀🦀", "x".repeat(199)), 203);
    }

    #[test]
    fn values_in_pieces_are_cut() {
        let check = |value: &dyn Display, expect: usize| {
            let found = Beginning::of(value);
            assert_eq!((found.text.chars().count(), found.is_cut), (expect, expect == LABEL_CHARS));
        };
        check(&format_args!("{}{}{}", "x".repeat(150), "é".repeat(50), 1), 200);
        check(&format_args!("{}{}", "x".repeat(150), "é".repeat(49)), 199);
        check(&1.5, 3);
        check(&"", 0);
    }
}
