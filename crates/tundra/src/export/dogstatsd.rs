//! DogStatsD: metrics as datagrams over UDP or a Unix socket. Spans and logs go by other doors.
//!
//! Sending never waits: what a full or absent socket does not take is counted as undelivered. A name is looked up on a
//! thread of its own, as that may take as long as it likes.

use super::endpoint::{with_port, without_user};
use super::{EndpointError, ExportError, Exported, Exporter};
use crate::engine::Local;
use crate::env::Container;
use crate::health::{DONE, Undelivered};
use crate::limits::{DATAGRAM_UDP_BYTES, DATAGRAM_UNIX_BYTES};
use std::net::{ToSocketAddrs, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;
use tundra_record::Resource;
use tundra_wire::dogstatsd::encode::{Packets, Sender};

/// Sends metrics to a DogStatsD server: `udp://localhost:8125` or `unix:///var/run/datadog/dsd.socket`.
///
/// Counters are counts, gauges gauges, histograms sampled distributions. `service`, `env` and `version` go along as tags,
/// the container and what `DD_EXTERNAL_ENV` and `DD_CARDINALITY` say as fields.
///
/// ```
/// let statsd = tundra::DogStatsD::new("udp://localhost:8125")?;
/// # drop(statsd);
/// # Ok::<(), tundra::EndpointError>(())
/// ```
#[derive(Debug)]
pub struct DogStatsD {
    target: Target,
    socket: Option<Socket>,
    /// A connection being made.
    coming: Option<Receiver<std::io::Result<Socket>>>,
    sender: Option<Sender>,
    cardinality: String,
}

#[derive(Clone, Debug)]
enum Target {
    Udp(String),
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no such sockets here"))]
    Unix(PathBuf),
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixDatagram),
}

const STATSD_PORT: u16 = 8125;
/// What making a connection may hold the collector up for; names that are known locally take less.
const CONNECT_TIME: Duration = Duration::from_millis(50);

impl DogStatsD {
    /// The server at a URL; a bare `host` or `host:port` means UDP.
    pub fn new(url: &str) -> Result<Self, EndpointError> {
        let form = || EndpointError::Datagram { url: without_user(url) };
        let target =
            if let Some(path) = url.strip_prefix("unix://").or_else(|| url.strip_prefix("unixgram://")) {
                let path = PathBuf::from(path);
                if !path.is_absolute() {
                    return Err(form());
                }
                Target::Unix(path)
            } else {
                let authority = url.strip_prefix("udp://").unwrap_or(url).trim_end_matches('/');
                if authority.is_empty()
                    || authority.contains("//")
                    || !authority.bytes().all(|b| b.is_ascii_graphic())
                {
                    return Err(form());
                }
                Target::Udp(with_port(authority, STATSD_PORT).ok_or_else(form)?)
            };
        Ok(Self { target, socket: None, coming: None, sender: None, cardinality: crate::env::cardinality() })
    }

    fn sender(&self, resource: &Resource<'_>) -> Sender {
        let container = Container::read();
        let known =
            [("service", resource.service()), ("env", resource.env()), ("version", resource.version())];
        let tags = known.into_iter().filter_map(|(key, text)| Some(format!("{key}:{}", text?)));
        Sender {
            tags: tags.collect(),
            container: container.entity,
            external: container.external,
            cardinality: self.cardinality.clone(),
        }
    }

    /// The socket, if there is one by now.
    fn socket(&mut self) -> Option<Socket> {
        if self.socket.is_some() {
            return self.socket.take();
        }
        let coming = self.coming.take().or_else(|| {
            let ((sender, coming), target) = (sync_channel(1), self.target.clone());
            let thread = std::thread::Builder::new().name("tundra-sender".to_owned());
            let connect = move || {
                Local::suppress();
                let _gone = sender.send(Self::connect(&target));
            };
            thread.spawn(connect).ok().map(|_| coming)
        })?;
        match coming.recv_timeout(CONNECT_TIME) {
            Ok(made) => made.ok(),
            // A thread that died is tried again with the next batch.
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                self.coming = Some(coming);
                None
            }
        }
    }

    fn connect(target: &Target) -> std::io::Result<Socket> {
        match target {
            Target::Udp(authority) => {
                let address = authority.to_socket_addrs()?.next();
                let address = address.ok_or(std::io::ErrorKind::AddrNotAvailable)?;
                let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any)?;
                socket.set_nonblocking(true)?;
                socket.connect(address)?;
                Ok(Socket::Udp(socket))
            }
            #[cfg(unix)]
            Target::Unix(path) => {
                let socket = std::os::unix::net::UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                socket.connect(path)?;
                Ok(Socket::Unix(socket))
            }
            #[cfg(not(unix))]
            Target::Unix(_) => Err(std::io::ErrorKind::Unsupported.into()),
        }
    }
}

impl Socket {
    fn send(&self, packet: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Udp(socket) => socket.send(packet),
            #[cfg(unix)]
            Self::Unix(socket) => socket.send(packet),
        }
    }
}

impl Exporter for DogStatsD {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        // Not `records`: spans and logs would be translated and redacted for nothing.
        let points = &batch.batch.points;
        if points.is_empty() {
            return Ok(());
        }
        let sender = self.sender.take().unwrap_or_else(|| self.sender(batch.resource()));
        // A server that was started again has a new socket under the same path.
        let socket = self.socket();
        let limit =
            if matches!(self.target, Target::Udp(_)) { DATAGRAM_UDP_BYTES } else { DATAGRAM_UNIX_BYTES };
        let (mut packets, mut broken) = (Packets::new(limit), socket.is_none());
        let mut send = |packet: &[u8]| {
            let sent = socket.as_ref().is_some_and(|socket| socket.send(packet).is_ok());
            broken |= !sent;
            sent
        };
        points.iter().for_each(|point| packets.add(point, &sender, &mut send));
        packets.finish(&mut send);
        DONE.lose([0, 0, packets.lost], Undelivered::Refused);
        DONE.lose([0, 0, packets.too_long], Undelivered::TooLarge);
        DONE.export_errors.fetch_add(u64::from(packets.lost > 0), Relaxed);
        self.sender = Some(sender);
        self.socket = socket.filter(|_| !broken);
        Ok(())
    }

    fn takes(&self) -> [bool; 2] {
        [false; 2]
    }

    fn after_fork(&mut self) {
        self.socket = None;
        // Dropping it would tell a thread that no longer exists, under a lock that it may have held.
        std::mem::forget(self.coming.take());
    }
}
