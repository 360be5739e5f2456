//! The one way out: no redirects, bounded answers, bounded waits. Called by probes and tasks.

use crate::address::is_near;
use crate::limits::CONNECT_WAIT;
use reqwest::header::HeaderMap;
use reqwest::{Client, Request, Response, StatusCode};

/// Two clients: for this machine, and for the world, which may lie behind a proxy.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    near: Client,
    far: Client,
}

/// What came back, before a byte of the body was read.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    rest: Response,
}

/// Nothing came back, or too much.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("no connection: {0}")]
    Connect(String),
    #[error("no answer in time")]
    TimedOut,
    #[error("the answer broke off: {0}")]
    Broken(String),
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

impl Http {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let plain = || {
            Client::builder()
                .connect_timeout(CONNECT_WAIT)
                // A redirect could carry the key to a stranger.
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .user_agent(concat!("tundra/", env!("CARGO_PKG_VERSION")))
        };
        Ok(Self { near: plain().no_proxy().build()?, far: plain().build()? })
    }

    /// Sends, and returns as soon as status and headers are there. Time-outs are the caller's.
    pub(crate) async fn send(&self, request: Request) -> Result<Reply, HttpError> {
        let client = if is_near(request.url()) { &self.near } else { &self.far };
        let rest = client.execute(request).await.map_err(|error| told(&error))?;
        Ok(Reply { status: rest.status(), headers: rest.headers().clone(), rest })
    }
}

impl Reply {
    /// The body, at most `limit` bytes of it.
    pub(crate) async fn body(mut self, limit: usize) -> Result<Vec<u8>, HttpError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.rest.chunk().await.map_err(|error| HttpError::Broken(cause(&error)))? {
            if body.len() + chunk.len() > limit {
                return Err(HttpError::TooLong(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn told(error: &reqwest::Error) -> HttpError {
    if error.is_timeout() {
        HttpError::TimedOut
    } else if error.is_connect() {
        HttpError::Connect(cause(error))
    } else {
        HttpError::Broken(cause(error))
    }
}

/// The innermost cause; the outer layers repeat the address.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
