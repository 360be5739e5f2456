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
        let mut seen: usize = 0;
        let end = loop {
            // The end may have begun with what came before.
            let from = seen.saturating_sub(3);
            if let Some(at) = bytes[from..].windows(4).position(|four| four == b"\r\n\r\n") {
                break from + at + 4;
            }
            seen = bytes.len();
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
    let mut chunks = Chunks::default();
    loop {
        let end = match framing {
            Framing::Bytes(bytes) if raw.len() >= *bytes => End::At(*bytes),
            Framing::Bytes(_) | Framing::Open => End::Open,
            Framing::Chunked => chunks.read(&raw),
        };
        let more = matches!(end, End::Open) && raw.len() < RESPONSE_BODY_BYTES;
        let came = if more { read_some(stream, &mut raw) } else { Ok(0) };
        match came {
            // The status is what counts; a body that stalls or breaks is cut.
            Ok(0) | Err(_) => {
                let end = if let End::At(end) = end { end } else { usize::MAX };
                let whole = end == raw.len();
                raw.truncate(end.min(RESPONSE_BODY_BYTES));
                return (if matches!(framing, Framing::Chunked) { chunks.body } else { raw }, whole);
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

/// Chunks, read as they come: nothing is looked at twice, however little comes at a time.
#[derive(Default)]
struct Chunks {
    /// They put together, as far as they are well-formed and came.
    body: Vec<u8>,
    /// Where the line begins that is read.
    at: usize,
    /// How far its end was searched for.
    seen: usize,
    /// Bytes of a chunk before that line, and the end of the line behind it, that have not come yet.
    left: usize,
    /// Whether the last chunk came. Behind it come lines, and an empty one.
    last: bool,
}

impl Chunks {
    /// Goes on in what came so far.
    fn read(&mut self, raw: &[u8]) -> End {
        loop {
            self.fill(raw);
            let Some(line) = self.line(raw) else { return End::Open };
            match (self.last, size(line)) {
                (true, _) if line.is_empty() => return End::At(self.at),
                (true, _) => {}
                (false, None) => return End::Nowhere,
                (false, Some(0)) => self.last = true,
                (false, Some(size)) => self.left = size.saturating_add(2),
            }
        }
    }

    /// Takes what is there of a chunk.
    fn fill(&mut self, raw: &[u8]) {
        let came = &raw[self.at..][..self.left.min(raw.len() - self.at)];
        self.body.extend_from_slice(&came[..came.len().min(self.left.saturating_sub(2))]);
        self.left -= came.len();
        self.at += came.len();
        self.seen = self.seen.max(self.at);
    }

    /// The line that is read, once it is there as a whole.
    fn line<'r>(&mut self, raw: &'r [u8]) -> Option<&'r [u8]> {
        while let Some(end) = raw[self.seen..].iter().position(|byte| *byte == b'\n') {
            self.seen += end + 1;
            if let Some(line) = raw[self.at..self.seen].strip_suffix(b"\r\n") {
                self.at = self.seen;
                return Some(line);
            }
        }
        self.seen = raw.len();
        None
    }
}

/// The length of the chunk that this line stands before.
fn size(line: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(line).ok()?;
    usize::from_str_radix(text.split(';').next()?.trim(), 16).ok()
}
