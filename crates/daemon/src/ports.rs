//! Binds every listener before anything slow is built, and names who holds a port that is taken.

mod holder;
pub(crate) mod unix;

use crate::config::Listen;
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};

/// Sockets that are bound and not yet served.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) ui: Option<TcpListener>,
    pub(crate) api: Option<TcpListener>,
    pub(crate) otlp_http: Option<TcpListener>,
    pub(crate) otlp_grpc: Option<TcpListener>,
    pub(crate) datadog: Option<TcpListener>,
    pub(crate) dogstatsd: Option<UdpSocket>,
    pub(crate) datadog_socket: Option<unix::Bound<UnixListener>>,
    pub(crate) dogstatsd_socket: Option<unix::Bound<UnixDatagram>>,
    /// What a person should know: Datadog's ports were taken and others are used.
    pub(crate) moved: Vec<Moved>,
}

/// A listener that could not have its usual port.
#[derive(Clone, Debug)]
pub(crate) struct Moved {
    pub(crate) name: &'static str,
    pub(crate) wanted: SocketAddr,
    pub(crate) got: SocketAddr,
    pub(crate) holder: Option<String>,
}

/// A port that is needed and cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    #[error("{addr} is taken{}: stop it, or set {variable} to another `host:port`", by(.holder))]
    Taken { addr: SocketAddr, variable: &'static str, holder: Option<String> },
    #[error("cannot listen on {addr}: {source}; set {variable} to another `host:port`")]
    Other { addr: SocketAddr, variable: &'static str, source: io::Error },
    #[error(transparent)]
    Socket(#[from] unix::SocketError),
}

fn by(holder: &Option<String>) -> String {
    holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default()
}

/// How many ports after Datadog's are tried.
const NEXT_PORTS: u16 = 20;
/// What the kernel may hold of DogStatsD datagrams while we append.
const DATAGRAM_BUFFER: usize = 4 << 20;
const BACKLOG: i32 = 1024;

impl Bound {
    /// Binds what `listen` names.
    pub(crate) fn bind(listen: &Listen) -> Result<Self, BindError> {
        let mut moved = Vec::new();
        let must = |addr: Option<SocketAddr>, variable| addr.map(|addr| needed(addr, variable)).transpose();
        Ok(Self {
            ui: must(listen.ui, "AT_LISTEN_UI")?,
            api: must(listen.api, "AT_LISTEN_API")?,
            otlp_http: must(listen.otlp_http, "AT_LISTEN_OTLP_HTTP")?,
            otlp_grpc: must(listen.otlp_grpc, "AT_LISTEN_OTLP_GRPC")?,
            datadog: next_free(
                listen.datadog,
                "Datadog traces",
                "AT_LISTEN_DATADOG",
                tcp,
                |s| s.local_addr(),
                &mut moved,
            )?,
            dogstatsd: next_free(
                listen.dogstatsd,
                "DogStatsD",
                "AT_LISTEN_DOGSTATSD",
                udp,
                |s| s.local_addr(),
                &mut moved,
            )?,
            datadog_socket: (listen.datadog_socket.as_deref())
                .map(|path| unix::stream(path, "AT_LISTEN_DATADOG_SOCKET"))
                .transpose()?,
            dogstatsd_socket: (listen.dogstatsd_socket.as_deref())
                .map(|path| unix::datagram(path, "AT_LISTEN_DOGSTATSD_SOCKET"))
                .transpose()?,
            moved,
        })
    }
}

fn needed(addr: SocketAddr, variable: &'static str) -> Result<TcpListener, BindError> {
    tcp(addr).map_err(|source| failure(addr, variable, "tcp", source))
}

fn failure(addr: SocketAddr, variable: &'static str, protocol: &str, source: io::Error) -> BindError {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            BindError::Taken { addr, variable, holder: holder::of(protocol, addr.port()) }
        }
        _ => BindError::Other { addr, variable, source },
    }
}

/// The wanted address, or the next free port after it if somebody (a Datadog Agent, usually) holds it.
fn next_free<S>(
    addr: Option<SocketAddr>,
    name: &'static str,
    variable: &'static str,
    bind: impl Fn(SocketAddr) -> io::Result<S>,
    bound: impl Fn(&S) -> io::Result<SocketAddr>,
    moved: &mut Vec<Moved>,
) -> Result<Option<S>, BindError> {
    let Some(wanted) = addr else { return Ok(None) };
    let protocol = if name == "DogStatsD" { "udp" } else { "tcp" };
    let last = wanted.port().saturating_add(NEXT_PORTS);
    for port in wanted.port()..=last {
        match bind(SocketAddr::new(wanted.ip(), port)) {
            Ok(socket) => {
                if port != wanted.port() {
                    let got = bound(&socket).unwrap_or(wanted);
                    moved.push(Moved { name, wanted, got, holder: holder::of(protocol, wanted.port()) });
                }
                return Ok(Some(socket));
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(failure(wanted, variable, protocol, error)),
        }
    }
    Err(failure(wanted, variable, protocol, io::ErrorKind::AddrInUse.into()))
}

fn tcp(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn udp(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, None)?;
    let _as_much_as_the_kernel_grants = socket.set_recv_buffer_size(DATAGRAM_BUFFER);
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    Ok(socket.into())
}
