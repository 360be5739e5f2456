//! The router: guards outside, then tracing, then the routes; pages and assets for everything that is not the API.

use crate::App;
use crate::api;
use crate::error::ApiError;
use crate::guard::{self, Names};
use crate::limits::BODY_BYTES;
use crate::permission::Level;
use crate::traced::Route;
use crate::{assets, page, token, traced};
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderValue, Method, StatusCode, header};
use std::convert::Infallible;

/// Everything, for one port.
pub(crate) fn build(app: &App, names: Names) -> Router {
    let (routes, openapi) = api::doors(app).into_parts();
    let route = |path: &str| Route { app: app.clone(), path: path.into() };
    app.openapi.get_or_init(|| openapi.to_json().map(Bytes::from).unwrap_or_default());
    routes
        .route(
            "/status",
            get(page::status)
                .layer::<_, Infallible>(from_fn_with_state(app.clone(), token::check))
                .layer::<_, Infallible>(Extension(Level::Read))
                .layer(from_fn_with_state(route("/status"), traced::trace)),
        )
        .route("/login", get(token::login))
        .fallback_service(
            get(fallback)
                .fallback(fallback)
                .layer(from_fn_with_state(route("/*"), traced::trace))
                .with_state(app.clone()),
        )
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(names, guard::check))
        .layer(map_response(harden))
        .with_state(app.clone())
}

/// A path that is no route: JSON under `/api`, else a file or screen of the UI, else the small page.
async fn fallback(State(app): State<App>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        let path: String = path.chars().take(200).collect();
        let message = format!("`{path}` is no route of this API");
        return ApiError::new(StatusCode::NOT_FOUND, "no_route", message, "see /api/openapi.json")
            .into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return wrong_method(request).await;
    }
    // A request cannot be looked at across an await: its body is not shared between threads.
    match asset_or_page(&request) {
        Some(response) => response,
        None => page::status(State(app)).await,
    }
}

/// A file or screen of the UI; nothing if the small page should answer.
fn asset_or_page(request: &Request) -> Option<Response> {
    let path = request.uri().path();
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let asset = assets::respond(
        path,
        text(header::ACCEPT_ENCODING),
        text(header::IF_NONE_MATCH),
        text(header::COOKIE),
    );
    match asset {
        Some(response) => Some(response.map(Body::from)),
        None if path == "/" => None,
        None => Some(page::not_built(path)),
    }
}

async fn wrong_method(request: Request) -> Response {
    let message = format!("`{}` is not answered here", request.method());
    let hint = "see /api/openapi.json";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", message, hint).into_response()
}

/// What every answer says to browsers, unless it says something stricter itself.
async fn harden(response: Response) -> Response {
    let mut response = in_our_words(response);
    let headers = response.headers_mut();
    let mut say = |name: header::HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    say(header::REFERRER_POLICY, "no-referrer");
    say(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    say(header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    say(header::CACHE_CONTROL, "no-store");
    say(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    response
}

/// The framework's own refusals (a body too large, a path that is no text) are plain text; here they get our shape.
fn in_our_words(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let foreign = kind.is_some_and(|kind| kind.starts_with(b"text/plain"));
    if !foreign || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let message = status.canonical_reason().unwrap_or("refused").to_lowercase();
    let code = if status == StatusCode::PAYLOAD_TOO_LARGE { "too_large" } else { "bad_request" };
    ApiError::new(status, code, message, "see /api/openapi.json").into_response()
}

#[cfg(test)]
mod tests;
