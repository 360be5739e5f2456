//! Whether and where copies go: decided at start, carried out by `outlet`.

use crate::config::{Config, Forward, is_ourselves};
use crate::ports::{Bound, Moved};
use outlet::{Agent, Forwarder, State};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::watch;

/// How long the start waits for a program on Datadog's port to say that it is an Agent.
const PROBE_MAX: Duration = Duration::from_millis(500);

/// The plan, and the forwarder if there is one.
#[derive(Debug)]
pub(crate) struct Forwarding {
    forwarder: Option<Forwarder>,
    /// Why there is none, or where it goes.
    reason: String,
}

impl Forwarding {
    /// Decides where copies go. Asks the network only if somebody else holds Datadog's port.
    pub(crate) async fn plan(config: &Config, bound: &Bound, store: Store) -> Self {
        let nowhere = |reason: String| Self { forwarder: None, reason };
        let url = match &config.forward {
            Forward::Off => return nowhere("off".to_owned()),
            Forward::To(url) => url.clone(),
            Forward::Auto => match neighbor(&bound.moved).await {
                Ok(url) => url,
                Err(reason) => return nowhere(reason),
            },
        };
        let own: Vec<SocketAddr> =
            [&bound.ui, &bound.api, &bound.otlp_http, &bound.otlp_grpc, &bound.datadog]
                .into_iter()
                .filter_map(|socket| socket.as_ref()?.local_addr().ok())
                .collect();
        let own_socket = bound.datadog_socket.as_ref().is_some_and(|bound| bound.file.url() == url);
        if own_socket || is_ourselves(&url, &own) {
            return nowhere(format!("{url} is this daemon itself: keeping everything here"));
        }
        match Agent::new(&url) {
            Err(error) => nowhere(format!("{error}: keeping everything here")),
            Ok(agent) => match Forwarder::open(store, agent).await {
                Ok(forwarder) => Self { forwarder: Some(forwarder), reason: url },
                Err(error) => nowhere(format!("{error}: keeping everything here")),
            },
        }
    }

    /// Forwards until `stop` turns true.
    pub(crate) async fn run(self: Arc<Self>, stop: watch::Receiver<bool>) {
        if let Some(forwarder) = &self.forwarder {
            forwarder.run(stop).await;
        }
    }

    /// For the block at start.
    pub(crate) fn sentence(&self) -> String {
        match &self.forwarder {
            Some(_) => format!("to the Datadog Agent at {}", self.reason),
            None => self.reason.clone(),
        }
    }

    /// What was forwarded and what could not be, as rows of the ledger.
    pub(crate) fn ledger(&self) -> Vec<query::LedgerRow> {
        let Some(forwarder) = &self.forwarder else { return Vec::new() };
        let row = |(counter, reason, value): (&'static str, &'static str, u64)| query::LedgerRow {
            protocol: "forward_datadog".to_owned(),
            counter: counter.to_owned(),
            reason: reason.to_owned(),
            value,
        };
        forwarder.counts().into_iter().map(row).collect()
    }
}

impl From<&Forwarding> for serve::doors::Forwarder {
    fn from(forwarding: &Forwarding) -> Self {
        match &forwarding.forwarder {
            None => Self { state: "off".to_owned(), target: None, detail: forwarding.reason.clone() },
            Some(forwarder) => {
                let (state, detail) = match forwarder.state() {
                    State::Waiting { problem } => ("waiting", problem),
                    State::Connected => ("connected", String::new()),
                };
                Self { state: state.to_owned(), target: Some(forwarding.reason.clone()), detail }
            }
        }
    }
}

/// The Agent that holds Datadog's port, if somebody does and it is one.
async fn neighbor(moved: &[Moved]) -> Result<String, String> {
    let Some(taken) = moved.iter().find(|moved| moved.name == "Datadog traces") else {
        return Err("no Datadog Agent at localhost:8126: keeping everything here".to_owned());
    };
    let url = format!("http://{}", taken.wanted);
    let answers = match Agent::new(&url) {
        Ok(agent) => tokio::time::timeout(PROBE_MAX, agent.answers()).await.unwrap_or(false),
        Err(_) => false,
    };
    if answers {
        Ok(url)
    } else {
        Err(format!("what holds {} is no Datadog Agent: keeping everything here", taken.wanted))
    }
}
