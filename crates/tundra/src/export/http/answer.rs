//! What a server answers, read from any stream: a bounded head, a bounded body, and whether it ended where it should.

use crate::limits::{RESPONSE_BODY_BYTES, RESPONSE_HEAD_BYTES};
use std::io::{Error, ErrorKind, Read, Result};
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

    /// How long the server wants to be left alone from now on.
    pub(crate) fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        let told = self.header("retry-after")?;
        let until = |date: SystemTime| date.duration_since(now).unwrap_or_default();
        told.parse().ok().map(Duration::from_secs).or_else(|| date(told).map(until))
    }
}

/// An HTTP date in the form that servers have to use: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(text: &str) -> Option<SystemTime> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let words: Vec<&str> = text.split(' ').collect();
    let [_, day, month, year, time, "GMT"] = words[..] else { return None };
    let number = |text: &str, limits: RangeInclusive<u64>| {
        text.parse().ok().filter(|number| text.len() <= 4 && limits.contains(number))
    };
    let mut times = time.split(':');
    let mut next = |most| number(times.next()?, 0..=most);
    let (hour, minute, second) = (next(23)?, next(59)?, next(60)?);
    let (day, year) = (number(day, 1..=31)?, number(year, 1970..=9999)?);
    let month = MONTHS.find(month).filter(|at| month.len() == 3 && at % 3 == 0)? as u64 / 3;
    // Years begin with March here, so that a leap day is the last one of its year.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let since_1970 = (days.checked_sub(DAYS_TO_1970)?) * 86_400 + hour * 3600 + minute * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(since_1970))
}

/// Days from the first of March of the year 0 to the first of January 1970, counted from one.
const DAYS_TO_1970: u64 = 719_469;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_to_come_back() {
        // 1994-11-06T08:49:37Z
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let check = |told: &str, expect: Option<u64>| {
            let headers = vec![("retry-after".to_owned(), told.to_owned())];
            let response = Response { status: 503, headers, body: Vec::new() };
            assert_eq!(response.retry_after(now), expect.map(Duration::from_secs), "{told}");
        };
        check("120", Some(120));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(0));
        check("Sun, 06 Nov 1994 08:51:39 GMT", Some(122));
        check("Tue, 08 Nov 1994 08:49:37 GMT", Some(2 * 86_400));
        check("Tue, 29 Feb 2000 00:00:00 GMT", Some(951_782_400 - 784_111_777));
        check("Sat, 01 Jan 2028 12:00:01 GMT", Some(1_830_340_801 - 784_111_777));
        // It is over.
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        check("Sun, 06 Nov 1994 08:49:36 GMT", Some(0));
        let odd = ["", "never", "-1", "1.5", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET"];
        let wrong = [
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 ovD 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov 18446744073709551615 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
        ];
        odd.into_iter().chain(wrong).for_each(|told| check(told, None));
    }
}
