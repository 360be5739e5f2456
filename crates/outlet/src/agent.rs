//! A Datadog Agent, as far as a forwarder needs it: is it one, and take these traces.

use crate::limits::{ANSWER_BYTES, REQUEST_TIME};
use reqwest::{Client, Response, StatusCode, Url, redirect};

/// Where an Agent listens.
#[derive(Clone, Debug)]
pub struct Agent {
    http: Client,
    base: Url,
}

/// The address of an Agent cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Not an address.
    #[error("`{url}` is not an Agent's address: write it as http://host:8126")]
    Url {
        /// What was given.
        url: String,
    },
    /// No HTTP client could be made.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// An Agent did not take a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// It may take the same request later.
    #[error("{problem}")]
    Later { problem: String },
    /// It never will.
    #[error("the Agent refused the payload with {status}")]
    Never { status: StatusCode },
}

impl Agent {
    /// The Agent at `url`; asks nobody yet.
    pub fn new(url: &str) -> Result<Self, AgentError> {
        let bad = || AgentError::Url { url: url.to_owned() };
        let base = Url::parse(url).map_err(|_| bad())?;
        if base.scheme() != "http" || base.host_str().is_none() {
            return Err(bad());
        }
        // An Agent is a neighbor: no proxy stands between, and it sends nobody elsewhere.
        let http =
            Client::builder().timeout(REQUEST_TIME).redirect(redirect::Policy::none()).no_proxy().build()?;
        Ok(Self { http, base })
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    /// Whether something answers there that says it is an Agent.
    pub async fn answers(&self) -> bool {
        let Ok(answer) = self.http.get(self.url("/info")).send().await else { return false };
        if answer.status() != StatusCode::OK {
            return false;
        }
        let body = bounded(answer).await;
        let info: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
        info.is_some_and(|info| info["endpoints"].is_array())
    }

    /// Hands a `/v0.4/traces` body over.
    pub(crate) async fn send(&self, body: Vec<u8>, traces: usize) -> Result<(), SendError> {
        let request = self
            .http
            .put(self.url("/v0.4/traces"))
            .header("content-type", "application/msgpack")
            .header("x-datadog-trace-count", traces)
            .header("datadog-meta-tracer-version", env!("CARGO_PKG_VERSION"))
            .header("datadog-meta-lang", "otlp")
            .header("datadog-send-real-http-status", "1")
            .body(body);
        let answer = request.send().await.map_err(|error| SendError::Later { problem: problem(&error) })?;
        let status = answer.status();
        bounded(answer).await;
        match status {
            status if status.is_success() => Ok(()),
            // A new Agent, or one that starts: what it cannot do now it may do later.
            StatusCode::NOT_FOUND | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Err(SendError::Later { problem: format!("the Agent answered {status}") })
            }
            status if status.is_client_error() => Err(SendError::Never { status }),
            status => Err(SendError::Later { problem: format!("the Agent answered {status}") }),
        }
    }
}

fn problem(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "the Agent does not answer in time".to_owned()
    } else if error.is_connect() {
        "nobody listens at the Agent's address".to_owned()
    } else {
        "the connection to the Agent broke".to_owned()
    }
}

/// The start of a body, so that the connection can be used again; a longer one is cut off.
async fn bounded(mut answer: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(part)) = answer.chunk().await {
        if body.len() + part.len() > ANSWER_BYTES {
            break;
        }
        body.extend_from_slice(&part);
    }
    body
}
