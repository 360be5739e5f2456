//! DogStatsD over UDP on 8125 and over a unix socket. There is no answer to give: lines that cannot be kept are counted.

use crate::path::{Form, Intake, Protocol, Received};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use std::io;
use std::time::Duration;
use tokio::net::{UdpSocket, UnixDatagram};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Lines that wait to be appended together; a full buffer goes at once.
const BATCH_BYTES: usize = 256 << 10;

/// A socket that datagrams come in by.
pub trait Datagrams: Send + 'static {
    /// Puts the next datagram into `buffer` and says how long it is; what does not fit is cut off.
    fn next(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;
}

impl Datagrams for UdpSocket {
    fn next(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send {
        self.recv(buffer)
    }
}

impl Datagrams for UnixDatagram {
    fn next(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send {
        self.recv(buffer)
    }
}

/// Reads datagrams until `stop` turns true; what was read is appended before it returns.
pub async fn serve(socket: impl Datagrams, intake: Intake, mut stop: watch::Receiver<bool>) {
    let limits = &intake.limits;
    let mut datagram = vec![0; limits.datagram_bytes + 1];
    let mut waiting = BytesMut::new();
    let mut due: Option<Instant> = None;
    // Appends run beside the socket, which must not overflow while one waits for the store; the gate bounds them in bytes.
    let mut appends = JoinSet::new();
    loop {
        while appends.try_join_next().is_some() {}
        let wait = due.map_or(Duration::from_secs(3600), |due| due.saturating_duration_since(Instant::now()));
        tokio::select! {
            received = socket.next(&mut datagram) => match received {
                Ok(len) if len > limits.datagram_bytes => {
                    intake.ledger().add(Protocol::DogStatsd, "requests_refused", "too_large", 1);
                }
                Ok(len) => {
                    waiting.extend_from_slice(&datagram[..len]);
                    waiting.extend_from_slice(b"\n");
                    due.get_or_insert_with(|| Instant::now() + limits.datagram_linger);
                }
                Err(error) => {
                    tracing::warn!(%error, "dogstatsd receive failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            () = tokio::time::sleep(wait), if due.is_some() => {}
            () = told_to_stop(&mut stop) => {
                append(intake, waiting.split().freeze()).await;
                while appends.join_next().await.is_some() {}
                return;
            }
        }
        if waiting.len() >= BATCH_BYTES || due.is_some_and(|due| due <= Instant::now()) {
            due = None;
            appends.spawn(append(intake.clone(), waiting.split().freeze()));
        }
    }
}

async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    let _or_nobody_is_left_to_tell = stop.wait_for(|stop| *stop).await;
}

async fn append(intake: Intake, lines: Bytes) {
    if lines.is_empty() {
        return;
    }
    let Ok(permit) = intake.permit(lines.len()) else {
        intake.ledger().add(Protocol::DogStatsd, "requests_refused", "overloaded", 1);
        return;
    };
    let received = Received {
        protocol: Protocol::DogStatsd,
        form: Form::DogStatsd,
        encoding: None,
        body: lines,
        headers: HeaderMap::new(),
    };
    // Refusals were counted on the way; UDP has nobody to tell.
    let _counted = intake.take(received, permit).await;
}
