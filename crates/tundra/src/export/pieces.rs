//! Cuts what is to be sent into pieces of a sensible size, by an estimate of what each record will weigh encoded.

use crate::limits::PAYLOAD_BYTES;
use tundra_record::{Attrs, Span, Value};

/// What a record weighs beside its attributes.
const FIXED: usize = 200;
/// What an attribute weighs beside its texts.
const EACH: usize = 16;

fn value(value: &Value<'_>) -> usize {
    match value {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.iter().map(self::value).sum(),
        Value::Map(entries) => attrs(entries),
        Value::Bool(_) | Value::Int(_) | Value::Double(_) => 8,
    }
}

fn attrs(list: &Attrs<'_>) -> usize {
    list.iter().map(|(key, item)| EACH + key.len() + value(item)).sum()
}

pub(super) fn span(span: &Span<'_>) -> usize {
    let events: usize = span.events.iter().map(|event| FIXED + attrs(&event.attrs)).sum();
    FIXED + attrs(&span.attrs) + events + span.links.len() * FIXED
}

/// The items in pieces of about `PAYLOAD_BYTES`; one that is larger goes alone.
pub(super) fn cut<T>(mut items: &[T], weigh: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut pieces = Vec::new();
    while !items.is_empty() {
        let mut bytes = 0;
        let fits = |item: &&T| {
            bytes += weigh(item);
            bytes <= PAYLOAD_BYTES
        };
        let count = items.iter().take_while(fits).count().max(1);
        let (piece, rest) = items.split_at(count);
        pieces.push(piece);
        items = rest;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hold_everything_in_order() {
        let check = |weights: &[usize], expect: &[usize]| {
            let pieces = cut(weights, |weight| *weight);
            assert_eq!(pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>(), expect);
            assert_eq!(pieces.concat(), weights);
        };
        let half = PAYLOAD_BYTES / 2;
        check(&[], &[]);
        check(&[1, 2, 3], &[3]);
        check(&[half, half, 1], &[2, 1]);
        check(&[10 * half], &[1]);
        check(&[1, 10 * half, 1, 1], &[1, 1, 2]);
    }
}
