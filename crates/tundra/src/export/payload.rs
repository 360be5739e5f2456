//! Requests on their way: what an exporter puts into an outbox, and those of them that go together.
//!
//! Small payloads keep memory low while the target is quick; put together they keep up with a target that is far away.
//! Nothing is copied for that, and each stays what it was, should the target not take them all at once.

use super::http::{Client, Request, Response};
use crate::health::Load;
use crate::limits::ANSWERED_TRIES;
use std::time::Instant;
use tundra_wire::msgpack::{Reader, Writer};

/// How the bodies of several payloads become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joins {
    Never,
    /// Protobuf: a message behind another of its type is one with everything in both.
    Messages,
    /// Arrays of msgpack: one array with the items of all.
    Arrays,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) headers: Vec<(String, String)>,
    /// Headers that count something inside.
    pub(crate) counts: Vec<(&'static str, u64)>,
    pub(crate) body: Vec<u8>,
    pub(crate) joins: Joins,
    /// Whether the body is still to be compressed.
    pub(crate) gzip: bool,
    /// What is lost with it.
    pub(crate) load: Load,
    /// Whether it is worth another try; a question is asked anew instead.
    pub(crate) retry: bool,
    /// How often it went alone and was answered that another time is better.
    pub(crate) tries: u32,
}

impl Payload {
    /// Something to be delivered.
    pub(crate) fn post(
        path: &'static str,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        load: Load,
    ) -> Self {
        let (method, counts, joins) = ("POST", Vec::new(), Joins::Never);
        Self { method, path, headers, counts, body, joins, gzip: false, load, retry: true, tries: 0 }
    }

    /// Something to be answered.
    pub(crate) fn ask(
        (method, path): (&'static str, &'static str),
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Self {
        Self { method, retry: false, ..Self::post(path, headers, body, [0; 3]) }
    }

    /// Compresses the body, if that is wanted and was not done; from then on it stands for itself.
    pub(crate) fn pack(&mut self) {
        if std::mem::take(&mut self.gzip)
            && let Some(packed) = squeeze(&[&self.body])
        {
            self.body = packed;
            self.joins = Joins::Never;
            self.headers.push(gzipped());
        }
    }
}

/// The number of an array's items, and the items.
fn items(array: &[u8]) -> Option<(usize, &[u8])> {
    let mut reader = Reader::new(array);
    let count = reader.array().ok()?;
    Some((count, array.get(reader.offset()..)?))
}

/// Payloads that go as one request: at least one, and all of a kind.
#[derive(Debug)]
pub(crate) struct Group {
    first: Payload,
    others: Vec<Payload>,
    len_bytes: usize,
}

impl Group {
    pub(crate) fn of(first: Payload) -> Self {
        Self { len_bytes: first.body.len(), first, others: Vec::new() }
    }

    pub(crate) fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// Whether it is of one payload.
    pub(crate) fn is_single(&self) -> bool {
        self.others.is_empty()
    }

    pub(crate) fn path(&self) -> &'static str {
        self.first.path
    }

    /// Whether it is worth another try.
    pub(crate) fn retry(&self) -> bool {
        self.first.retry
    }

    /// Notes an answer that asks for another try; true if that is worth it. What went with others was not tried for itself.
    pub(crate) fn tries_again(&mut self, answered: bool) -> bool {
        self.first.tries += u32::from(answered && self.is_single());
        self.first.retry && self.first.tries < ANSWERED_TRIES
    }

    /// Whether another payload can go with it.
    pub(crate) fn takes(&self, other: &Payload) -> bool {
        let first = &self.first;
        let alike = (first.method, first.path, first.gzip, first.retry, first.joins)
            == (other.method, other.path, other.gzip, other.retry, other.joins);
        let joins = match first.joins {
            Joins::Never => false,
            Joins::Messages => true,
            Joins::Arrays => items(&first.body).is_some() && items(&other.body).is_some(),
        };
        alike && joins && first.headers == other.headers
    }

    /// Adds one that it takes.
    pub(crate) fn push(&mut self, other: Payload) {
        self.len_bytes += other.body.len();
        self.others.push(other);
    }

    /// What is lost with it.
    pub(crate) fn load(&self) -> Load {
        self.iter().fold([0; 3], |sum, payload| [0, 1, 2].map(|at| sum[at] + payload.load[at]))
    }

    fn iter(&self) -> impl Iterator<Item = &Payload> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// All of them, in the order they came.
    pub(crate) fn into_payloads(self) -> impl DoubleEndedIterator<Item = Payload> {
        std::iter::once(self.first).chain(self.others)
    }

    /// The headers that count, summed up.
    fn counts(&self) -> Vec<(&'static str, u64)> {
        let mut sums: Vec<(&'static str, u64)> = Vec::new();
        for (name, count) in self.iter().flat_map(|payload| &payload.counts) {
            match sums.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += count,
                None => sums.push((name, *count)),
            }
        }
        sums
    }

    /// The one body of all: pieces to be written one behind the other, for whose head there is room in `head`.
    fn pieces<'p>(&'p self, head: &'p mut Vec<u8>) -> Vec<&'p [u8]> {
        if self.is_single() || self.first.joins != Joins::Arrays {
            return self.iter().map(|payload| &payload.body[..]).collect();
        }
        let arrays = || self.iter().filter_map(|payload| items(&payload.body));
        Writer::new(head).array(arrays().map(|(count, _)| count).sum());
        std::iter::once(&head[..]).chain(arrays().map(|(_, items)| items)).collect()
    }

    /// Sends it and reads the answer. One that is compressed by itself stays so.
    pub(crate) fn send(&mut self, client: &mut Client<'_>, deadline: Instant) -> std::io::Result<Response> {
        if self.is_single() {
            self.first.pack();
            self.len_bytes = self.first.body.len();
        }
        let (mut head, counts) = (Vec::new(), self.counts());
        let mut pieces = self.pieces(&mut head);
        let packed = if self.first.gzip { squeeze(&pieces) } else { None };
        let Payload { method, path, ref headers, .. } = self.first;
        let mut headers = headers.clone();
        if let Some(packed) = &packed {
            pieces = vec![packed];
            headers.push(gzipped());
        }
        client
            .request(Request { method, path, headers: &headers, counts: &counts, pieces: &pieces }, deadline)
    }
}

fn gzipped() -> (String, String) {
    ("Content-Encoding".to_owned(), "gzip".to_owned())
}

#[cfg(feature = "gzip")]
fn squeeze(pieces: &[&[u8]]) -> Option<Vec<u8>> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    pieces.iter().try_for_each(|piece| encoder.write_all(piece)).ok()?;
    encoder.finish().ok()
}

#[cfg(not(feature = "gzip"))]
fn squeeze(_: &[&[u8]]) -> Option<Vec<u8>> {
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
    fn bodies_become_one() {
        let check = |joins, [one, other]: [&[u8]; 2], expect: &[u8]| {
            let mut group = Group::of(payload(joins, one, &[("chunks", 2)]));
            let second = payload(joins, other, &[("chunks", 3), ("dropped", 7)]);
            assert!(group.takes(&second));
            group.push(second);
            assert_eq!(group.pieces(&mut Vec::new()).concat(), expect);
            assert_eq!(group.counts(), [("chunks", 5), ("dropped", 7)]);
            assert_eq!((group.load(), group.len_bytes()), ([2, 0, 0], one.len() + other.len()));
            let bodies: Vec<_> = group.into_payloads().map(|payload| payload.body).collect();
            assert_eq!(bodies, [one, other], "each stays what it was");
        };
        check(Joins::Messages, [b"\x0a\x01a", b"\x0a\x01b"], b"\x0a\x01a\x0a\x01b");
        // Heads of every width.
        check(Joins::Arrays, [b"\x92\x01\x02", b"\xdd\0\0\0\x01\x03"], b"\x93\x01\x02\x03");
        let (long, longer) = ([&[0xdc, 0, 20][..], &[7; 20]].concat(), [&[0x9f][..], &[8; 15]].concat());
        check(Joins::Arrays, [&long, &longer], &[&[0xdc, 0, 35][..], &[7; 20], &[8; 15]].concat());
    }

    // Whoever made room for it, or went before it, has had tries of its own.
    #[test]
    fn tries_are_a_payloads_own() {
        let mut group = Group::of(payload(Joins::Messages, b"a", &[]));
        let again = (1..=ANSWERED_TRIES).map(|_| group.tries_again(true)).collect::<Vec<_>>();
        assert_eq!(again.iter().filter(|again| **again).count() as u32, ANSWERED_TRIES - 1);
        let mut next = Group::of(payload(Joins::Messages, b"b", &[]));
        assert!(next.tries_again(true));
        // Together they are no payload's, and where nobody answers nothing is counted.
        next.push(payload(Joins::Messages, b"c", &[]));
        assert!((0..2 * ANSWERED_TRIES).all(|_| next.tries_again(true)));
        let mut alone = Group::of(payload(Joins::Never, b"d", &[]));
        assert!((0..2 * ANSWERED_TRIES).all(|_| alone.tries_again(false)));
    }

    #[test]
    fn those_of_another_kind_go_apart() {
        let group = Group::of(payload(Joins::Messages, b"", &[]));
        let check = |change: fn(&mut Payload), expect: bool| {
            let mut other = payload(Joins::Messages, b"x", &[]);
            change(&mut other);
            assert_eq!(group.takes(&other), expect, "{other:?}");
        };
        check(|_| (), true);
        check(|other| other.path = "/y", false);
        check(|other| other.headers.clear(), false);
        check(|other| other.joins = Joins::Arrays, false);
        check(|other| other.gzip = true, false);
        check(|other| other.retry = false, false);
        assert!(!Group::of(payload(Joins::Never, b"", &[])).takes(&payload(Joins::Never, b"", &[])));
        // What is no array stays by itself.
        let arrays = |one: &[u8], other: &[u8]| {
            Group::of(payload(Joins::Arrays, one, &[])).takes(&payload(Joins::Arrays, other, &[]))
        };
        assert!(arrays(b"\x90", b"\x90") && !arrays(b"\x90", b"") && !arrays(b"\x80", b"\x90"));
    }
}
