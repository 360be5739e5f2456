//! HTTP/1.1 to one server over a socket (plain, or with TLS if that feature is on): requests one after the other, each with a
//! deadline for all of it and bounds on what comes back. The connection stays open for the next one.
//!
//! Used by the sender threads of network exporters. Follows no redirect, keeps no cookie, and believes nothing the server
//! says about sizes.

mod answer;
mod socket;

use super::endpoint::Endpoint;
#[cfg(feature = "tls")]
use super::endpoint::Way;
pub(crate) use answer::Response;
pub(super) use answer::read;
pub(crate) use socket::Timed;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::time::{Duration, Instant};

/// What a request is, beside where it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'r> {
    pub(crate) method: &'r str,
    /// Behind the endpoint's own.
    pub(crate) path: &'r str,
    pub(crate) headers: &'r [(String, String)],
    /// More of them.
    pub(crate) counts: &'r [(&'static str, u64)],
    /// The body, piece by piece.
    pub(crate) pieces: &'r [&'r [u8]],
}

/// An open connection.
enum Connection {
    Plain(Timed),
    #[cfg(feature = "tls")]
    Tls(Box<super::tls::Stream>),
}

/// Speaks to one server. Belongs to one thread: in a forked child nobody uses the parent's connection.
pub(crate) struct Client<'e> {
    endpoint: &'e Endpoint,
    /// Whether somebody looks at the bodies of successes.
    wants_bodies: bool,
    /// The connection that can take the next request, and since when it rests.
    open: Option<(Connection, Instant)>,
}

/// A connection that rested for longer is not trusted: who is in between may have forgotten it.
const REST: Duration = Duration::from_secs(4);

impl<'e> Client<'e> {
    pub(crate) fn new(endpoint: &'e Endpoint, wants_bodies: bool) -> Self {
        Self { endpoint, wants_bodies, open: None }
    }

    /// Sends a request and reads the answer.
    pub(crate) fn request(&mut self, request: Request<'_>, deadline: Instant) -> Result<Response> {
        if let Some((mut connection, since)) = self.open.take()
            && since.elapsed() < REST
            && connection.socket().is_silent()
        {
            match self.converse(connection, request, deadline) {
                // The server gave the connection up meanwhile, and has said nothing to this request.
                Err(error) if is_gone(&error) => {}
                answer => return answer,
            }
        }
        let connection = Connection::open(self.endpoint, deadline)?;
        self.converse(connection, request, deadline)
    }

    fn converse(
        &mut self,
        mut connection: Connection,
        request: Request<'_>,
        deadline: Instant,
    ) -> Result<Response> {
        connection.socket().until(deadline);
        let (head, wants_body) = (self.head(request), self.wants_bodies);
        let (response, stays_open) = match &mut connection {
            Connection::Plain(stream) => match write(stream, head, request.pieces) {
                Ok(()) => read(stream, wants_body)?,
                Err(error) => last_word(stream, error)?,
            },
            #[cfg(feature = "tls")]
            Connection::Tls(stream) => match write(&mut **stream, head, request.pieces) {
                Ok(()) => read(&mut **stream, wants_body)?,
                Err(error) => last_word(&mut super::tls::Heard(stream), error)?,
            },
        };
        self.open = stays_open.then(|| (connection, Instant::now()));
        Ok(response)
    }

    fn head(&self, request: Request<'_>) -> Vec<u8> {
        let Request { method, path, headers, counts, pieces } = request;
        let (base, host) = (&self.endpoint.base, self.endpoint.host());
        let len_bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        let mut head =
            format!("{method} {base}{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len_bytes}\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        for (name, count) in counts {
            head.push_str(&format!("{name}: {count}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

impl Connection {
    fn open(endpoint: &Endpoint, deadline: Instant) -> Result<Self> {
        let socket = Timed::connect(endpoint, deadline)?;
        #[cfg(feature = "tls")]
        if let Way::Tls { name, roots, .. } = &endpoint.way {
            return Ok(Self::Tls(Box::new(super::tls::wrap(socket, name, roots)?)));
        }
        Ok(Self::Plain(socket))
    }

    fn socket(&mut self) -> &mut Timed {
        match self {
            Self::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => &mut stream.sock,
        }
    }
}

/// Whether it says that the other side does not hold the connection any more.
fn is_gone(error: &Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof)
}

/// The answer of a server that did not take all of a request: it may have said why before it hung up.
fn last_word(stream: &mut impl Read, error: Error) -> Result<(Response, bool)> {
    match is_gone(&error).then(|| read(stream, false)) {
        Some(Ok((response, _))) => Ok((response, false)),
        _ => Err(error),
    }
}

/// So much of a body goes with the head: a head alone would wake the server for nothing.
const WITH_HEAD: usize = 16 * 1024;

/// Not by `write_vectored`: where the other side is gone, that raises a signal, which ends a program that does not ignore it.
fn write(stream: &mut impl Write, mut head: Vec<u8>, pieces: &[&[u8]]) -> Result<()> {
    let mut with_head = 0;
    if let Some(first) = pieces.first() {
        with_head = first.len().min(WITH_HEAD);
        head.extend_from_slice(&first[..with_head]);
    }
    stream.write_all(&head)?;
    for piece in pieces {
        stream.write_all(&piece[with_head..])?;
        with_head = 0;
    }
    stream.flush()
}
