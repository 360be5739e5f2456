//! Where each signal goes by OTLP, and with what: endpoint, headers, compression, time.
//!
//! Set up by the builder's calls, read for each payload. Signals with the same endpoint and time share one way out.

use crate::export::endpoint::{Endpoint, EndpointError, check_header};
use crate::export::http::Response;
use crate::export::outbox::{Outbox, Watch};
use std::sync::Arc;
use std::time::Duration;
use tundra_wire::otlp::count;

/// What OpenTelemetry calls a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Metric points.
    Metrics,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Logs, Self::Metrics];

    fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Logs => "/v1/logs",
            Self::Metrics => "/v1/metrics",
        }
    }
}

const OTLP_HTTP_PORT: u16 = 4318;

/// The way of one signal.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) endpoint: Endpoint,
    /// What is added to the endpoint's own path.
    pub(super) path: &'static str,
    pub(super) headers: Vec<(String, String)>,
    pub(super) gzip: bool,
    pub(super) timeout: Duration,
    /// Whether it is sent at all.
    pub(super) on: bool,
}

impl Target {
    pub(super) fn new(url: &str, signal: Signal) -> Result<Self, EndpointError> {
        Ok(Self {
            endpoint: Endpoint::parse(url, OTLP_HTTP_PORT)?,
            path: signal.path(),
            headers: vec![("Content-Type".to_owned(), "application/x-protobuf".to_owned())],
            gzip: false,
            timeout: Duration::from_secs(10),
            on: true,
        })
    }

    /// Takes a URL to the letter.
    pub(super) fn aim(&mut self, url: &str) -> Result<(), EndpointError> {
        self.endpoint = Endpoint::parse_whole(url, OTLP_HTTP_PORT)?;
        self.path = "";
        Ok(())
    }

    pub(super) fn header(&mut self, name: &str, value: &str) -> Result<(), EndpointError> {
        check_header(name, value)?;
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    #[cfg(feature = "tls")]
    pub(super) fn trust(&mut self, trusted: &crate::export::tls::Roots) {
        if let crate::export::endpoint::Way::Tls { roots, .. } = &mut self.endpoint.way {
            *roots = trusted.clone();
        }
    }
}

/// What a collector says of a request that it took.
struct Answers;

impl Watch for Answers {
    fn rejected(&self, answer: &Response) -> u64 {
        count::rejected(&answer.body)
    }

    /// Whoever rejects something says how long the answer is.
    fn waits_for_bodies(&self) -> bool {
        false
    }
}

/// The ways out that are in use, made with the first payload of each.
#[derive(Default)]
pub(super) struct Ways(Vec<(Endpoint, Duration, Outbox)>);

impl Ways {
    pub(super) fn of(&mut self, target: &Target) -> &Outbox {
        let same = |(endpoint, time, _): &(Endpoint, Duration, Outbox)| {
            *endpoint == target.endpoint && *time == target.timeout
        };
        let at = self.0.iter().position(same).unwrap_or_else(|| {
            let outbox = Outbox::new(target.endpoint.clone(), Arc::new(Answers)).within(target.timeout);
            self.0.push((target.endpoint.clone(), target.timeout, outbox));
            self.0.len() - 1
        });
        &self.0[at].2
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Outbox> {
        self.0.iter().map(|(_, _, outbox)| outbox)
    }
}
