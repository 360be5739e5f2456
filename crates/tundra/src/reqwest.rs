//! Requests of `reqwest` as part of the trace: headers alone, or a client span with the result.
//!
//! ```ignore
//! use tundra::reqwest::Traced;
//! let response = client.post(url).json(&body).send_traced().await?; // a span, headers, status, errors
//! let response = client.get(url).with_context().send().await?; // headers only
//! ```

use crate::SpanExt;
use crate::method;
use crate::propagation::http::inject;
use ::reqwest::{Error, Request, RequestBuilder, Response};
use std::error::Error as _;
use std::future::Future;
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};

/// More for a [`RequestBuilder`].
pub trait Traced {
    /// Adds the current span's context to the headers.
    fn with_context(self) -> RequestBuilder;

    /// Sends inside a client span that carries method, address, status and error; `error.type` is `cancelled` if the future is
    /// dropped before the answer.
    fn send_traced(self) -> impl Future<Output = Result<Response, Error>> + Send;
}

impl Traced for RequestBuilder {
    fn with_context(self) -> RequestBuilder {
        let mut headers = ::http::HeaderMap::new();
        inject(&mut headers);
        self.headers(headers)
    }

    async fn send_traced(self) -> Result<Response, Error> {
        let (client, request) = self.build_split();
        let mut request = request?;
        let span = client_span(&request);
        span.in_scope(|| inject(request.headers_mut()));
        let mut waiting = Waiting(Some(span.clone()));
        let result = client.execute(request).instrument(span.clone()).await;
        waiting.0 = None;
        settle(&span, &result);
        result
    }
}

/// A request whose answer is awaited. Dropped before, it was not wanted any more.
struct Waiting(Option<Span>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(span) = &self.0 {
            span.set_attribute("error.type", "cancelled");
        }
    }
}

fn client_span(request: &Request) -> Span {
    let (told, url) = (method::told(request.method()), request.url());
    let mut shown = url.clone();
    // Credentials are nobody's business, with or without redaction.
    let _ = shown.set_username("").and_then(|()| shown.set_password(None));
    // An IPv6 address stands in brackets only beside a port.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    info_span!("http.client", otel.name = told.name, otel.kind = "client", http.request.method = told.method,
        http.request.method_original = told.original, server.address = host,
        server.port = url.port_or_known_default(), url.full = %shown, http.response.status_code = Empty)
}

fn settle(span: &Span, result: &Result<Response, Error>) {
    match result {
        Ok(response) => {
            let status = response.status();
            span.record("http.response.status_code", status.as_u16());
            if status.is_client_error() || status.is_server_error() {
                span.set_attribute("error.type", status.as_str().to_owned());
                span.set_attribute("otel.status_code", "ERROR");
            }
        }
        Err(error) => {
            let kind = if error.is_timeout() {
                "timeout"
            } else if error.is_connect() {
                "connect"
            } else {
                "request"
            };
            span.set_attribute("error.type", kind);
            span.set_attribute("otel.status_code", "ERROR");
            let message = chain(error);
            span.set_attribute("otel.status_description", message.clone());
            span.set_attribute("error.message", message);
        }
    }
}

/// Sources of an error that are followed.
const SOURCES: usize = 16;

/// What an error says and what it came of: by itself it only names the address.
fn chain(error: &Error) -> String {
    let sources = std::iter::successors(error.source(), |source| (**source).source());
    sources.take(SOURCES).fold(error.to_string(), |text, source| format!("{text}: {source}"))
}
