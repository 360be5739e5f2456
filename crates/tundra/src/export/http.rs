//! One HTTP/1.1 request over a socket (plain, or with TLS if that feature is on), with a deadline for all of it and bounds on what comes back.
//!
//! Used by the sender threads of network exporters. Follows no redirect, keeps no cookie, reads at most a bounded head
//! and body, and believes nothing the server says about sizes.

use super::endpoint::{Endpoint, Way};
use crate::limits::{RESPONSE_BODY_BYTES, RESPONSE_HEAD_BYTES};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

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

trait Socket: Read + Write + Send {
    fn set_timeouts(&self, timeout: Duration) -> Result<()>;
}

impl Socket for TcpStream {
    fn set_timeouts(&self, timeout: Duration) -> Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }
}

#[cfg(unix)]
impl Socket for std::os::unix::net::UnixStream {
    fn set_timeouts(&self, timeout: Duration) -> Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }
}

/// A stream that stops at a deadline, however little at a time the other side sends.
#[derive(Debug)]
pub(crate) struct Timed {
    stream: Box<dyn Socket>,
    deadline: Instant,
}

impl std::fmt::Debug for dyn Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a socket")
    }
}

impl Timed {
    fn arm(&self) -> Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.set_timeouts(left)
    }
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        self.arm()?;
        self.stream.read(into)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.arm()?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.stream.flush()
    }
}

fn connect(endpoint: &Endpoint, deadline: Instant) -> Result<Timed> {
    let stream: Box<dyn Socket> = match &endpoint.way {
        Way::Tcp { authority } | Way::Tls { authority, .. } => {
            let mut last = Error::from(ErrorKind::AddrNotAvailable);
            let mut open = None;
            for address in authority.to_socket_addrs()? {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(ErrorKind::TimedOut.into());
                }
                match TcpStream::connect_timeout(&address, left) {
                    Ok(stream) => {
                        open = Some(stream);
                        break;
                    }
                    Err(error) => last = error,
                }
            }
            let stream = open.ok_or(last)?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
        #[cfg(unix)]
        Way::Unix { path } => Box::new(std::os::unix::net::UnixStream::connect(path)?),
        #[cfg(not(unix))]
        Way::Unix { .. } => return Err(ErrorKind::Unsupported.into()),
    };
    Ok(Timed { stream, deadline })
}

/// Sends a request and reads the answer.
pub(crate) fn request(
    endpoint: &Endpoint,
    (method, path): (&str, &str),
    headers: &[(String, String)],
    body: &[u8],
    deadline: Instant,
) -> Result<Response> {
    let stream = connect(endpoint, deadline)?;
    match &endpoint.way {
        #[cfg(feature = "tls")]
        Way::Tls { name, roots, .. } => {
            converse(&mut super::tls::wrap(stream, name, roots)?, endpoint, (method, path), headers, body)
        }
        _ => converse(&mut { stream }, endpoint, (method, path), headers, body),
    }
}

fn converse(
    stream: &mut (impl Read + Write),
    endpoint: &Endpoint,
    (method, path): (&str, &str),
    headers: &[(String, String)],
    body: &[u8],
) -> Result<Response> {
    let mut head = format!("{method} {}{path} HTTP/1.1\r\nHost: {}\r\n", endpoint.base, endpoint.host());
    head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n", body.len()));
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    stream.flush()?;
    read_response(stream)
}

fn bad(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

/// Interim answers that are skipped.
const INTERIM: usize = 4;

/// Reads a response from any stream.
pub(crate) fn read_response(stream: &mut impl Read) -> Result<Response> {
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
            if read_some(stream, &mut bytes)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        };
        let head = parse_head(&bytes[..end])?;
        if head.status >= 200 {
            break (head, end);
        }
        skipped += 1;
        if skipped > INTERIM {
            return Err(bad("too many interim answers"));
        }
        bytes.drain(..end);
    };
    let Head { status, headers, length, chunked } = head;
    let mut body = bytes.split_off(body_at);
    let want = length.unwrap_or(usize::MAX).min(RESPONSE_BODY_BYTES);
    while body.len() < want && !(chunked && body.ends_with(b"0\r\n\r\n")) {
        match read_some(stream, &mut body) {
            Ok(0) => break,
            Ok(_) => {}
            // The status is what counts; a body that stalls is cut.
            Err(_) if length.is_none() => break,
            Err(error) => return Err(error),
        }
    }
    body.truncate(want);
    let body = if chunked { unchunk(&body) } else { body };
    Ok(Response { status, headers, body })
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
    length: Option<usize>,
    chunked: bool,
}

fn parse_head(head: &[u8]) -> Result<Head> {
    let head = std::str::from_utf8(head).map_err(|_| bad("the head is no text"))?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1."))
        .and_then(|line| line.get(2..5)?.parse().ok())
        .ok_or_else(|| bad("no status line"))?;
    let (mut length, mut chunked, mut headers) = (None, false, Vec::new());
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse().map_err(|_| bad("`content-length` is no number"))?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = value.trim().eq_ignore_ascii_case("chunked");
        }
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Head { status, headers, length: if chunked { None } else { length }, chunked })
}

/// The chunks put together, as far as they are well-formed and came.
fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let line = std::str::from_utf8(&rest[..end]).unwrap_or_default();
        let size = line.split(';').next().and_then(|hex| usize::from_str_radix(hex.trim(), 16).ok());
        let Some(size) = size.filter(|size| *size > 0) else { break };
        let data = &rest[end + 2..];
        body.extend_from_slice(&data[..size.min(data.len())]);
        rest = data.get(size.saturating_add(2)..).unwrap_or_default();
    }
    body
}
