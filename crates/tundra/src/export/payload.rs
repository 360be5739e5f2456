//! One request on its way: what an exporter puts into an outbox, and how those that wait are put together.
//!
//! Small payloads keep memory low while the target is quick; joined ones keep up with a target that is far away.

use crate::health::Load;
use crate::limits::PAYLOAD_BYTES;
use tundra_wire::msgpack;

/// How the body of a payload takes in another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joins {
    Never,
    /// Protobuf: a message behind another of its type is one with everything in both.
    Messages,
    /// An array of msgpack takes in the items of the other.
    Arrays,
}

/// A part of a body.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) buffer: Vec<u8>,
    /// Where in the buffer it begins.
    from: usize,
}

impl Piece {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.from..).unwrap_or_default()
    }
}

/// One request.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) headers: Vec<(String, String)>,
    /// Headers that count something inside.
    pub(crate) counts: Vec<(&'static str, u64)>,
    /// Its body, piece by piece: one for each payload that it was.
    pub(crate) pieces: Vec<Piece>,
    pub(crate) joins: Joins,
    /// Whether the body is still to be compressed.
    pub(crate) gzip: bool,
    /// What is lost with it.
    pub(crate) load: Load,
    /// Whether it is worth another try; a question is asked anew instead.
    pub(crate) retry: bool,
}

impl Payload {
    /// Something to be delivered.
    pub(crate) fn post(
        path: &'static str,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        load: Load,
    ) -> Self {
        let (method, pieces, counts) = ("POST", vec![Piece { buffer: body, from: 0 }], Vec::new());
        Self { method, path, headers, counts, pieces, joins: Joins::Never, gzip: false, load, retry: true }
    }

    pub(crate) fn len_bytes(&self) -> usize {
        self.pieces.iter().map(|piece| piece.bytes().len()).sum()
    }

    /// Something to be answered.
    pub(crate) fn ask(
        (method, path): (&'static str, &'static str),
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Self {
        Self { method, retry: false, ..Self::post(path, headers, body, [0; 3]) }
    }

    /// Whether the other can go with it when it has this length.
    pub(crate) fn can_take(&self, len_bytes: usize, other: &Self) -> bool {
        self.joins != Joins::Never
            && self.joins == other.joins
            && len_bytes + other.len_bytes() <= PAYLOAD_BYTES
            && (self.method, self.path, self.gzip, self.retry)
                == (other.method, other.path, other.gzip, other.retry)
            && self.headers == other.headers
    }

    /// Takes in another one that it can take.
    pub(crate) fn take(&mut self, mut other: Self) {
        if self.joins == Joins::Arrays
            && let (Some(whole), Some(next)) = (self.pieces.first_mut(), other.pieces.first_mut())
        {
            let items = msgpack::join_arrays(&mut whole.buffer, &next.buffer);
            debug_assert!(items.is_some(), "whoever says that it is an array wrote one");
            next.from = items.unwrap_or_default();
        }
        self.pieces.append(&mut other.pieces);
        for (name, count) in other.counts {
            match self.counts.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += count,
                None => self.counts.push((name, count)),
            }
        }
        for (sum, count) in self.load.iter_mut().zip(other.load) {
            *sum += count;
        }
    }

    /// Compresses the body, if that is wanted and was not done; from then on it stands for itself.
    pub(crate) fn pack(&mut self) {
        if std::mem::take(&mut self.gzip)
            && let Some(buffer) = squeeze(&self.pieces)
        {
            self.pieces = vec![Piece { buffer, from: 0 }];
            self.joins = Joins::Never;
            self.headers.push(("Content-Encoding".to_owned(), "gzip".to_owned()));
        }
    }
}

#[cfg(feature = "gzip")]
fn squeeze(pieces: &[Piece]) -> Option<Vec<u8>> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    pieces.iter().try_for_each(|piece| encoder.write_all(piece.bytes())).ok()?;
    encoder.finish().ok()
}

#[cfg(not(feature = "gzip"))]
fn squeeze(_: &[Piece]) -> Option<Vec<u8>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(joins: Joins, body: &[u8], counts: &[(&'static str, u64)]) -> Payload {
        let headers = vec![("a".to_owned(), "b".to_owned())];
        let counts = counts.to_vec();
        Payload { joins, counts, ..Payload::post("/x", headers, body.to_vec(), [1, 0, 0]) }
    }

    #[test]
    fn those_that_wait_go_together() {
        let check = |joins, [one, other]: [&[u8]; 2], expect: &[u8]| {
            let mut first = payload(joins, one, &[("chunks", 2)]);
            let second = payload(joins, other, &[("chunks", 3), ("dropped", 7)]);
            assert!(first.can_take(one.len(), &second));
            first.take(second);
            let bytes: Vec<_> = first.pieces.iter().map(Piece::bytes).collect();
            assert_eq!(bytes.concat(), expect);
            assert_eq!(first.len_bytes(), expect.len());
            assert_eq!(first.counts, [("chunks", 5), ("dropped", 7)]);
            assert_eq!(first.load, [2, 0, 0]);
        };
        check(Joins::Messages, [b"\x0a\x01a", b"\x0a\x01b"], b"\x0a\x01a\x0a\x01b");
        check(Joins::Arrays, [b"\xdd\0\0\0\x02ab", b"\xdd\0\0\x01\0cd"], b"\xdd\0\0\x01\x02abcd");
    }

    #[test]
    fn those_of_another_kind_do_not() {
        let first = payload(Joins::Messages, b"", &[]);
        let check = |change: fn(&mut Payload), expect: bool| {
            let mut other = payload(Joins::Messages, b"x", &[]);
            change(&mut other);
            assert_eq!(first.can_take(0, &other), expect, "{other:?}");
        };
        check(|_| (), true);
        check(|other| other.path = "/y", false);
        check(|other| other.headers.clear(), false);
        check(|other| other.joins = Joins::Arrays, false);
        check(|other| other.gzip = true, false);
        check(|other| other.retry = false, false);
        check(|other| other.pieces[0].buffer = vec![0; PAYLOAD_BYTES], true);
        check(|other| other.pieces[0].buffer = vec![0; PAYLOAD_BYTES + 1], false);
        let alone = payload(Joins::Never, b"", &[]);
        assert!(!alone.can_take(0, &payload(Joins::Never, b"", &[])));
    }
}
