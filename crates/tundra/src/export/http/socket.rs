//! A socket that keeps to a deadline. Below TLS, where there is TLS.

use crate::export::endpoint::{Endpoint, Way};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

trait Socket: Read + Write + Send {
    fn time_reads(&self, timeout: Duration) -> Result<()>;
    fn time_writes(&self, timeout: Duration) -> Result<()>;
    fn block(&self, yes: bool) -> Result<()>;
    fn hang_up(&self);
}

macro_rules! socket {
    ($stream:ty) => {
        impl Socket for $stream {
            fn time_reads(&self, timeout: Duration) -> Result<()> {
                self.set_read_timeout(Some(timeout))
            }

            fn time_writes(&self, timeout: Duration) -> Result<()> {
                self.set_write_timeout(Some(timeout))
            }

            fn block(&self, yes: bool) -> Result<()> {
                self.set_nonblocking(!yes)
            }

            fn hang_up(&self) {
                let _ = self.shutdown(Shutdown::Both);
            }
        }
    };
}

socket!(TcpStream);
#[cfg(unix)]
socket!(UnixStream);

/// A stream that stops at a deadline, however little at a time the other side sends.
pub(crate) struct Timed {
    stream: Box<dyn Socket>,
    deadline: Instant,
}

impl std::fmt::Debug for Timed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timed").finish_non_exhaustive()
    }
}

impl Timed {
    pub(super) fn connect(endpoint: &Endpoint, deadline: Instant) -> Result<Self> {
        let stream: Box<dyn Socket> = match &endpoint.way {
            Way::Tcp { authority } | Way::Tls { authority, .. } => {
                Box::new(connect_tcp(authority, deadline)?)
            }
            #[cfg(unix)]
            Way::Unix { path } => Box::new(UnixStream::connect(path)?),
            #[cfg(not(unix))]
            Way::Unix { .. } => return Err(ErrorKind::Unsupported.into()),
        };
        Ok(Self { stream, deadline })
    }

    /// From now on this is the deadline.
    pub(super) fn until(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Whether the other side is there and has said nothing that was not asked for. What it said is lost.
    pub(super) fn is_silent(&mut self) -> bool {
        let said = self.stream.block(false).and_then(|()| self.stream.read(&mut [0]));
        let silent = matches!(said, Err(error) if error.kind() == ErrorKind::WouldBlock);
        silent && self.stream.block(true).is_ok()
    }

    fn left(&self) -> Result<Duration> {
        left_until(self.deadline)
    }
}

fn left_until(deadline: Instant) -> Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn connect_tcp(authority: &str, deadline: Instant) -> Result<TcpStream> {
    let mut last = Error::from(ErrorKind::AddrNotAvailable);
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left_until(deadline)?) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        self.stream.time_reads(self.left()?)?;
        self.stream.read(into)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.stream.time_writes(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.stream.flush()
    }
}

impl Drop for Timed {
    /// A forked child has the socket, too: closing it here alone would not tell the server.
    fn drop(&mut self) {
        self.stream.hang_up();
    }
}
