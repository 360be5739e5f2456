//! The same text has the same number, different ones have different numbers, and chosen ones cost no more than others.

use super::*;

#[test]
fn texts_have_numbers() {
    let mut dictionary = Dictionary::new(1 << 20);
    let texts: Vec<String> = (0..3_000).map(|n| format!("{}{n}", "x".repeat(n % 40))).collect();
    for round in 0..2 {
        for (at, text) in texts.iter().enumerate() {
            assert_eq!(dictionary.look(text.as_bytes()), Some(at as u32), "{text} in round {round}");
        }
    }
    assert!(dictionary.texts().eq(texts.iter().map(String::as_bytes)));
    assert_eq!(dictionary.look(b""), Some(3_000));
    assert_eq!(dictionary.text(3_000), b"");
}

#[test]
fn a_full_dictionary_gives_up() {
    let mut dictionary = Dictionary::new(20);
    assert_eq!(dictionary.look(b"0123456789"), Some(0));
    assert_eq!(dictionary.look(b"0123456789x"), None);
    assert_eq!(dictionary.look(b"0123456789"), Some(0));
}

/// Texts of two words whose hashes are all the same: the second word undoes what the first did.
#[test]
fn colliding_texts_make_it_give_up() {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let start = 16_u64.wrapping_mul(FACTOR);
    let after = |first: u64| (start ^ first).wrapping_mul(FACTOR).rotate_left(29);
    let mut dictionary = Dictionary::new(usize::MAX);
    let mut numbers = (0..20_000_u64).map(|first| {
        let text = [first.to_le_bytes(), (after(first) ^ 42).to_le_bytes()].concat();
        dictionary.look(&text)
    });
    assert!(numbers.any(|number| number.is_none()));
    assert!(dictionary.steps < 100_000, "{}", dictionary.steps);
}

#[test]
fn names_stand_for_their_texts() {
    use crate::encode::leaf::{Leaf as _, Texts};
    let batches: Vec<_> = (1..=3).map(|seq| crate::testing::batch_of_spans(seq, 200).remove(0).1).collect();
    for column in ["trace_id", "span_id", "service", "name", "kind", "resource_attrs"] {
        let at = batches[0].schema().index_of(column).unwrap();
        let texts = Texts::of(&batches, at).unwrap();
        let mut dictionary = Dictionary::new(1 << 20);
        // Rows of all batches in turns: the same place in another batch is another text.
        for row in 0..200_u32 {
            for batch in 0..3_u32 {
                texts.row((0, batch, row), |(_, _, value)| {
                    let Some(value) = value else { return };
                    let number = dictionary.number(value).unwrap();
                    assert_eq!(dictionary.text(number), value.text, "{column} {batch} {row}");
                });
            }
        }
    }
}
