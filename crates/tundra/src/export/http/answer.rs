//! What a server answers, read from any stream: a bounded head, a bounded body, and whether it ended where it should.

use crate::limits::{RESPONSE_BODY_BYTES, RESPONSE_HEAD_BYTES};
use std::io::{Error, ErrorKind, Read, Result};
use std::time::Duration;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// How long the server wants to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.parse().ok().map(Duration::from_secs)
    }
}

fn bad(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

/// Interim answers that are skipped.
const INTERIM: usize = 4;

/// Reads an answer; gives also whether another one can follow on the same stream. A body that only ends with the connection
/// is waited for if it is a success's and `wants_body`: nobody looks at any other, and some servers never hang up.
pub(crate) fn read(stream: &mut impl Read, wants_body: bool) -> Result<(Response, bool)> {
    let mut bytes = Vec::new();
    let mut skipped = 0;
    let (head, body_at) = loop {
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if bytes.len() > RESPONSE_HEAD_BYTES {
                return Err(bad("the head is too long"));
            }
            match read_some(stream, &mut bytes) {
                Ok(0) if bytes.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(0) => return Err(bad("the head is cut")),
                Ok(_) => {}
                // Only a server that has not said a word may not have had the request.
                Err(error) if bytes.is_empty() && skipped == 0 => return Err(error),
                Err(_) => return Err(bad("the head is cut")),
            }
        };
        let head = Head::parse(&bytes[..end])?;
        if head.status >= 200 {
            break (head, end);
        }
        skipped += 1;
        if skipped > INTERIM {
            return Err(bad("too many interim answers"));
        }
        bytes.drain(..end);
    };
    let raw = bytes.split_off(body_at);
    let waits = wants_body && matches!(head.status, 200..300);
    let (body, whole) = match head.body {
        Framing::Open if !waits => (raw, false),
        framing => read_body(&framing, raw, stream),
    };
    Ok((Response { status: head.status, headers: head.headers, body }, whole && head.persists))
}

/// How an answer says where its body ends.
enum Framing {
    Bytes(usize),
    Chunked,
    /// With the connection.
    Open,
}

/// Reads a body that begins with what came already; gives also whether it ended where it should, and nothing came behind it.
fn read_body(framing: &Framing, mut raw: Vec<u8>, stream: &mut impl Read) -> (Vec<u8>, bool) {
    loop {
        let (body, end) = match framing {
            Framing::Bytes(bytes) if raw.len() >= *bytes => (None, End::At(*bytes)),
            Framing::Bytes(_) | Framing::Open => (None, End::Open),
            Framing::Chunked => {
                let (body, end) = unchunk(&raw);
                (Some(body), end)
            }
        };
        let more = matches!(end, End::Open) && raw.len() < RESPONSE_BODY_BYTES;
        let came = if more { read_some(stream, &mut raw) } else { Ok(0) };
        match came {
            // The status is what counts; a body that stalls or breaks is cut.
            Ok(0) | Err(_) => {
                let end = if let End::At(end) = end { end } else { usize::MAX };
                let whole = end == raw.len();
                raw.truncate(end.min(RESPONSE_BODY_BYTES));
                return (body.unwrap_or(raw), whole);
            }
            Ok(_) => {}
        }
    }
}

fn read_some(stream: &mut impl Read, into: &mut Vec<u8>) -> Result<usize> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(read) => {
                into.extend_from_slice(&buffer[..read]);
                return Ok(read);
            }
        }
    }
}

struct Head {
    status: u16,
    headers: Vec<(String, String)>,
    body: Framing,
    /// Whether the server means to keep the connection.
    persists: bool,
}

impl Head {
    fn parse(head: &[u8]) -> Result<Self> {
        let head = std::str::from_utf8(head).map_err(|_| bad("the head is no text"))?;
        let mut lines = head.split("\r\n");
        let (minor, status) = lines
            .next()
            .and_then(|line| line.strip_prefix("HTTP/1."))
            .and_then(|line| Some((line.get(..1)?, line.get(2..5)?.parse().ok()?)))
            .ok_or_else(|| bad("no status line"))?;
        let (mut length, mut chunked, mut closes, mut headers) = (None, None, minor == "0", Vec::new());
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let (name, value) = (name.to_ascii_lowercase(), value.trim());
            match &*name {
                "content-length" => {
                    let told = value.parse().map_err(|_| bad("`content-length` is no number"))?;
                    if length.replace(told).is_some_and(|before| before != told) {
                        return Err(bad("`content-length` says two things"));
                    }
                }
                "transfer-encoding" => {
                    let last = value.rsplit(',').next();
                    chunked = last.map(|coding| coding.trim().eq_ignore_ascii_case("chunked"));
                }
                "connection" => {
                    closes |= value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"));
                }
                _ => {}
            }
            headers.push((name, value.to_owned()));
        }
        // As RFC 9112 says in section 6.3: no body, the last transfer coding, the length, else the end of the connection.
        let body = match (status, chunked, length) {
            (..200 | 204 | 304, ..) => Framing::Bytes(0),
            (_, Some(true), _) => Framing::Chunked,
            (_, None, Some(length)) => Framing::Bytes(length),
            _ => Framing::Open,
        };
        Ok(Self { status, headers, body, persists: !closes })
    }
}

/// Where chunks come to an end.
enum End {
    /// Here.
    At(usize),
    /// More is to come.
    Open,
    /// They are no chunks; whatever follows means nothing.
    Nowhere,
}

/// The chunks put together, as far as they are well-formed and came.
fn unchunk(raw: &[u8]) -> (Vec<u8>, End) {
    let (mut body, mut at) = (Vec::new(), 0);
    while let Some(line) = line(raw, at) {
        at += line.len() + 2;
        let text = std::str::from_utf8(line).unwrap_or_default();
        let size = text.split(';').next().and_then(|hex| usize::from_str_radix(hex.trim(), 16).ok());
        match size {
            None => return (body, End::Nowhere),
            Some(0) => return (body, end_of_trailers(raw, at).map_or(End::Open, End::At)),
            Some(size) => {
                let data = &raw[at..];
                body.extend_from_slice(&data[..size.min(data.len())]);
                at = at.saturating_add(size).saturating_add(2).min(raw.len());
            }
        }
    }
    (body, End::Open)
}

/// What stands from here on up to the end of the line.
fn line(raw: &[u8], at: usize) -> Option<&[u8]> {
    let rest = &raw[at..];
    rest.windows(2).position(|two| two == b"\r\n").map(|end| &rest[..end])
}

/// Behind the last chunk come lines, and an empty one.
fn end_of_trailers(raw: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let line = line(raw, at)?;
        at += line.len() + 2;
        if line.is_empty() {
            return Some(at);
        }
    }
}
