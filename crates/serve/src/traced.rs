//! The daemon's own requests, traced and counted like any service's. Live streams and health checks are neither, and what
//! an open page of the UI fetches by itself is counted only: watching must not fill what is watched.

use crate::App;
use crate::doors::Answered;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, Method};
use std::sync::Arc;
use tracing::{Instrument, Span};

/// The route that a request was for: its pattern, of which there are few, not its path.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) app: App,
    pub(crate) path: Arc<str>,
}

/// Browsers say so of reads that a page of ours makes, which no person asked for one by one: its files, its refreshes.
fn is_fetched_by_a_page(request: &Request) -> bool {
    let says = |headers: &HeaderMap, name: &str, word: &str| {
        headers.get(name).is_some_and(|value| value.as_bytes() == word.as_bytes())
    };
    let headers = request.headers();
    matches!(*request.method(), Method::GET | Method::HEAD)
        && says(headers, "sec-fetch-site", "same-origin")
        && !says(headers, "sec-fetch-mode", "navigate")
}

/// Wraps a request in a span and reports it.
pub(crate) async fn trace(
    State(Route { app, path: route }): State<Route>,
    request: Request,
    next: Next,
) -> Response {
    if route.starts_with("/api/live") || &*route == "/api/health" {
        return next.run(request).await;
    }
    let method = request.method().clone();
    let span = if is_fetched_by_a_page(&request) {
        Span::none()
    } else {
        tracing::info_span!(
            "http.server.request",
            otel.name = format!("{method} {route}"),
            otel.kind = "server",
            otel.status_code = tracing::field::Empty,
            http.request.method = method.as_str(),
            http.route = &*route,
            url.path = request.uri().path(),
            http.response.status_code = tracing::field::Empty,
        )
    };
    let began = app.clock.monotonic();
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    let took = app.clock.monotonic().saturating_duration_since(began);
    app.health.answered(&Answered {
        method: method.as_str(),
        route: &route,
        status: status.as_u16(),
        duration_ns: u64::try_from(took.as_nanos()).unwrap_or(u64::MAX),
    });
    response
}
