//! Labels as they stand in the registry: sorted, one of each name, none longer than its limit.

use super::registry::Labels;
use crate::limits::LABEL_CHARS;
use std::fmt::{Display, Write};

/// In whatever order they are written they are the same series. Of two with one name the last one counts.
pub(super) fn labels<'a>(written: impl Iterator<Item = (&'a str, &'a dyn Display)>) -> Labels {
    let mut labels: Labels = written.map(|(key, value)| (plain(key), cut(value))).collect();
    labels.sort_by(|(left, _), (right, _)| left.cmp(right));
    labels.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
    labels
}

/// Macros write a name that is a keyword as Rust does, `r#type`.
fn plain(key: &str) -> String {
    key.strip_prefix("r#").unwrap_or(key).replace(".r#", ".")
}

/// The beginning of a value's text. What is longer is not even made.
fn cut(value: &dyn Display) -> String {
    let mut beginning = Beginning { text: String::new(), left: LABEL_CHARS };
    // An error says that it is complete, or that the value has no text.
    let _ = write!(beginning, "{value}");
    beginning.text
}

struct Beginning {
    text: String,
    /// Characters that still have room.
    left: usize,
}

impl Write for Beginning {
    fn write_str(&mut self, more: &str) -> std::fmt::Result {
        let end = more.char_indices().nth(self.left).map_or(more.len(), |(at, _)| at);
        self.text.push_str(&more[..end]);
        self.left -= more[..end].chars().count();
        if end < more.len() { Err(std::fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form() {
        let check = |written: &[(&str, &str)], expect: &[(&str, &str)]| {
            let found = labels(written.iter().map(|(key, value)| (*key, value as &dyn Display)));
            let found: Vec<_> = found.iter().map(|(key, value)| (&**key, &**value)).collect();
            assert_eq!(found, expect);
        };
        check(&[], &[]);
        check(&[("b", "2"), ("a", "1")], &[("a", "1"), ("b", "2")]);
        check(&[("a", "1"), ("b", "2"), ("a", "3"), ("a", "4")], &[("a", "4"), ("b", "2")]);
        check(&[("r#type", "1"), ("a.r#fn", "2"), ("r#", "3")], &[("", "3"), ("a.fn", "2"), ("type", "1")]);
        let long = "é".repeat(500);
        check(&[("a", &long), ("b", &long[..400])], &[("a", &long[..400]), ("b", &long[..400])]);
    }

    #[test]
    fn values_in_pieces_are_cut() {
        let check = |value: &dyn Display, expect: usize| assert_eq!(cut(value).chars().count(), expect);
        check(&format_args!("{}{}{}", "x".repeat(150), "é".repeat(50), 1), 200);
        check(&format_args!("{}{}", "x".repeat(150), "é".repeat(49)), 199);
        check(&1.5, 3);
        check(&"", 0);
    }
}
