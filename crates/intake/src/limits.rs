//! Every bound of this room, in one place.

use std::time::Duration;

/// What the doors accept. Defaults suit a laptop and a small server alike.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest body as it travels, in bytes; larger ones get 413. Default 25 MiB, as a Datadog Agent has it.
    pub body_bytes: usize,
    /// Largest body after decompression, in bytes. Default 64 MiB.
    pub inflated_bytes: usize,
    /// Bytes of all requests in work at once, counted as they travel and again as they decode; beyond it requests
    /// are refused at once with a retry hint. Default 96 MiB.
    pub in_flight_bytes: usize,
    /// Connections per listener. Default 1,024; further ones wait in the kernel's backlog.
    pub connections: usize,
    /// Time for a client to send its headers. Default 5 s.
    pub header_time: Duration,
    /// Time for a client to send its whole body. Default 30 s.
    pub body_time: Duration,
    /// What clients are told to wait when we are full. Default 1 s.
    pub retry_after: Duration,
    /// Largest DogStatsD datagram, in bytes. Default 64 KiB.
    pub datagram_bytes: usize,
    /// How long DogStatsD lines may wait for company before they are appended. Default 200 ms.
    pub datagram_linger: Duration,
    /// Bounds inside a request (counts, depth, decoded size).
    pub wire: tundra_wire::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 25 << 20,
            inflated_bytes: 64 << 20,
            in_flight_bytes: 96 << 20,
            connections: 1024,
            header_time: Duration::from_secs(5),
            body_time: Duration::from_secs(30),
            retry_after: Duration::from_secs(1),
            datagram_bytes: 64 << 10,
            datagram_linger: Duration::from_millis(200),
            wire: tundra_wire::Limits::default(),
        }
    }
}
