//! The nearest known name, for errors that help.

/// The name among `known` with the fewest edits from `name`, if it is near enough to be meant.
pub(super) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let limit = (name.chars().count() / 3).max(2);
    known
        .into_iter()
        .map(|candidate| (edits(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (to, wanted) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *wanted);
            diagonal = row[to + 1];
            row[to + 1] = replaced.min(diagonal + 1).min(row[to] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn names_what_was_meant() {
        let known = ["listen.ui", "listen.api", "store.durability"];
        assert_eq!(nearest("listen.iu", known), Some("listen.ui"));
        assert_eq!(nearest("store.durabilty", known), Some("store.durability"));
        assert_eq!(nearest("nothing.like.it", known), None);
    }
}
