//! Counts what an OTLP request holds without decoding it. `intake` uses it for its ledger when it must refuse a request, the
//! SDK for its own when a server did.

use crate::error::DecodeError;
use crate::protobuf::{Message, Wire};

/// How many spans or log records a request holds; both sit in the same fields. Stops where the body breaks.
pub fn records(body: &[u8]) -> usize {
    at_path(body, &[1, 2, 2])
}

/// How many data points a metrics request holds.
pub fn points(body: &[u8]) -> usize {
    KINDS.into_iter().map(|kind| at_path(body, &[1, 2, 2, kind, 1])).sum()
}

/// How many exemplars a metrics request holds; the decoder passes over them.
pub fn exemplars(body: &[u8]) -> usize {
    KINDS.into_iter().zip(EXEMPLARS).map(|(kind, field)| at_path(body, &[1, 2, 2, kind, 1, field])).sum()
}

/// The fields of a metric that hold data: gauge, sum, histogram, exponential histogram, summary.
const KINDS: [u32; 5] = [5, 7, 9, 10, 11];
/// The fields of their points that hold exemplars; a summary has none.
const EXEMPLARS: [u32; 5] = [5, 5, 8, 11, u32::MAX];

/// How many records a server rejected, by its answer to a request that it took otherwise.
pub fn rejected(answer: &[u8]) -> u64 {
    let mut fields = Message::body(answer).fields();
    while let Ok(Some((number, wire))) = fields.next() {
        if let (1, Wire::Bytes(partial_success)) = (number, wire) {
            let mut fields = partial_success.fields();
            while let Ok(Some(field)) = fields.next() {
                if let (1, Wire::Varint(count)) = field {
                    return count;
                }
            }
        }
    }
    0
}

fn at_path(body: &[u8], path: &[u32]) -> usize {
    let mut count = 0;
    let _stops_where_it_breaks = descend(Message::body(body), path, &mut count);
    count
}

fn descend(message: Message<'_>, path: &[u32], count: &mut usize) -> Result<(), DecodeError> {
    let Some((wanted, deeper)) = path.split_first() else {
        *count += 1;
        return Ok(());
    };
    let mut fields = message.fields();
    while let Some((number, wire)) = fields.next()? {
        if let Wire::Bytes(inner) = wire
            && number == *wanted
        {
            descend(inner, deeper, count)?;
        }
    }
    Ok(())
}
