//! A `tower` layer that makes the server span of each request: parent from the headers, `http.*` attributes, status.
//!
//! ```ignore
//! let app = axum::Router::new().route("/tasks/{id}", get(task)).layer(tundra::tower::ServerLayer::new());
//! ```
//!
//! With feature `axum` the span is named by the route (`GET /tasks/{id}`), else by the method, for paths are without
//! number; a method that nobody knows is called `HTTP` there. It lasts until the last byte of the answer's body was handed
//! on, so that an answer that streams shows its whole duration, and what the body does to make more of it happens inside
//! the span. A request that is dropped before its answer, or an answer that is dropped before its end because the client is
//! gone, ends its span with `error.type = "cancelled"`, one whose service panics fails with `panic`. gRPC requests carry
//! `rpc.*` attributes besides, their status also from the trailers.

mod asked;
mod inside;
mod served;

pub use served::Served;

use crate::SpanExt;
use crate::method;
use crate::propagation::http::extract;
use ::http::uri::Authority;
use ::http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body;
use inside::Inside;
use pin_project_lite::pin_project;
use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tower_layer::Layer;
use tower_service::Service;
use tracing::field::Empty;
use tracing::{Span, info_span};

/// Puts a server span around every request.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerLayer(());

impl ServerLayer {
    /// There is nothing to set.
    pub fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Server(inner)
    }
}

/// What [`ServerLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct Server<S>(S);

impl<S, B, R> Service<Request<B>> for Server<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    type Response = Response<Served<R>>;
    type Error = S::Error;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inside = server_span(&request);
        let for_head = request.method() == Method::HEAD;
        let inner = inside.run(|| self.0.call(request));
        Answer { inner, inside, for_head, open: true }
    }
}

pin_project! {
    /// The answer that is awaited, inside its span.
    #[derive(Debug)]
    pub struct Answer<F> {
        #[pin]
        inner: F,
        inside: Inside,
        // Whether the body will not be sent.
        for_head: bool,
        open: bool,
    }

    impl<F> PinnedDrop for Answer<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if *this.open {
                leave(this.inside.span());
            }
        }
    }
}

impl<F, R, E> Future for Answer<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    type Output = Result<Response<Served<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let inner = this.inner;
        let result = ready!(this.inside.run(|| inner.poll(context)));
        *this.open = false;
        let inside = std::mem::take(this.inside);
        Poll::Ready(match result {
            Ok(response) => {
                let failed = settle(inside.span(), response.status(), response.headers());
                let bare = *this.for_head || is_bare(response.status());
                let length =
                    text(response.headers(), header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
                Ok(response.map(|body| Served::new(body, (inside, failed), (bare, length))))
            }
            Err(error) => {
                fail(inside.span(), "service");
                Err(error)
            }
        })
    }
}

/// Whether no body follows, whatever the service made.
fn is_bare(status: StatusCode) -> bool {
    status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

#[cfg(feature = "axum")]
fn route<B>(request: &Request<B>) -> Option<String> {
    Some(request.extensions().get::<axum::extract::MatchedPath>()?.as_str().to_owned())
}

#[cfg(not(feature = "axum"))]
fn route<B>(_: &Request<B>) -> Option<String> {
    None
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The method that a gRPC request calls, with its service's name in front.
fn called<'r>(uri: &'r Uri, headers: &HeaderMap) -> Option<&'r str> {
    let kind = text(headers, header::CONTENT_TYPE)?;
    kind.starts_with("application/grpc").then(|| uri.path().trim_start_matches('/'))
}

/// The span has its name and all that is known from the beginning, for sampling rules look at nothing else.
fn server_span<B>(request: &Request<B>) -> Inside {
    let (uri, headers) = (request.uri(), request.headers());
    let (authority, told) = (asked::authority(uri, headers), method::told(request.method()));
    let (called, route) = (called(uri, headers), route(request));
    let route = route.as_deref().filter(|_| called.is_none());
    let name: Cow<'_, str> = match route {
        Some(route) => format!("{} {route}", told.name).into(),
        None => called.unwrap_or(told.name).into(),
    };
    let make = || {
        info_span!(
            "http.server",
            otel.name = &*name,
            otel.kind = "server",
            http.request.method = told.method,
            http.request.method_original = told.original,
            url.scheme = uri.scheme_str().unwrap_or("http"),
            url.path = uri.path(),
            url.query = uri.query(),
            http.route = route,
            rpc.system.name = called.map(|_| "grpc"),
            rpc.method = called,
            server.address = authority.as_ref().map(asked::host),
            server.port = authority.as_ref().and_then(Authority::port_u16),
            user_agent.original = text(headers, header::USER_AGENT),
            http.response.status_code = Empty,
            http.response.body.size = Empty
        )
    };
    Inside::make(extract(headers).as_ref(), make)
}

/// Whether the head tells of a failure.
fn settle(span: &Span, status: StatusCode, headers: &HeaderMap) -> bool {
    span.record("http.response.status_code", status.as_u16());
    let failed = status.as_u16() >= 500;
    if failed {
        fail(span, status.as_str());
    }
    settle_grpc(span, headers) || failed
}

/// gRPC's own status, from the head or the trailers; whether it is a failure. OpenTelemetry has names for it, Datadog numbers.
fn settle_grpc(span: &Span, headers: &HeaderMap) -> bool {
    let grpc = headers.get("grpc-status").and_then(|code| code.to_str().ok()?.parse::<u16>().ok());
    let Some(code) = grpc else { return false };
    let name = GRPC_CODES.get(usize::from(code)).map_or_else(|| code.to_string(), |name| (*name).to_owned());
    span.set_attribute("rpc.grpc.status_code", i64::from(code));
    span.set_attribute("rpc.response.status_code", name.clone());
    // The codes that are the server's fault: unknown, deadline, unimplemented, internal, unavailable, data loss.
    let failed = matches!(code, 2 | 4 | 12 | 13 | 14 | 15);
    if failed {
        fail(span, &name);
    }
    failed
}

/// The answer was let go of before its end: its client is gone, or whoever made it panicked.
fn leave(span: &Span) {
    if std::thread::panicking() {
        fail(span, "panic");
    } else {
        span.set_attribute("error.type", "cancelled");
    }
}

/// gRPC's codes in their order.
const GRPC_CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

fn fail(span: &Span, kind: &str) {
    span.set_attribute("error.type", kind.to_owned());
    span.set_attribute("otel.status_code", "ERROR");
}
