//! What every request must pass before a handler sees it: a `Host` that is ours, an `Origin` that is the page's own
//! where something is written or streamed, JSON where a body is read. From the first day, on every port.
//!
//! Without this any web page could reach a daemon on loopback: by a name that resolves to 127.0.0.1, or by a form.

use crate::error::ApiError;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, header};

/// Names under which this daemon may be addressed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    any: bool,
}

impl Names {
    const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

    /// Loopback's names; any name where callers show a token, which a page that found us by a foreign name has not.
    pub(crate) fn new(any: bool) -> Self {
        Self { any }
    }

    fn holds(self, authority: &str) -> bool {
        let name = without_port(authority);
        self.any || Self::LOOPBACK.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => authority,
    }
}

/// Passes a request on, or answers it.
pub(crate) async fn check(State(names): State<Names>, request: Request, next: Next) -> Response {
    match verdict(names, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn verdict(names: Names, request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    let host = host(request)?;
    if !names.holds(host) {
        let message = format!("`{}` is not a name of this daemon", shown(host));
        let hint = "use localhost or 127.0.0.1; with AT_API_TOKEN set any name does";
        return Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", message, hint));
    }
    let path = request.uri().path();
    if !path.starts_with("/api") && !is_read(request.method()) {
        let message = format!("`{}` is not answered here", request.method());
        return Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", message, "use GET"));
    }
    if !is_read(request.method()) || path.starts_with("/api/live") {
        check_origin(headers, host)?;
    }
    if *request.method() == Method::POST
        || *request.method() == Method::PUT
        || *request.method() == Method::PATCH
    {
        check_content(headers)?;
    }
    Ok(())
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn host(request: &Request) -> Result<&str, ApiError> {
    let wrong = || {
        ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "wrong_host",
            "the request names no host",
            "send a Host header",
        )
    };
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next(), request.uri().authority()) {
        (Some(host), None, None) => host.to_str().map_err(|_| wrong()),
        // HTTP/2, or an absolute request line, which wins over the header.
        (_, None, Some(authority)) => Ok(authority.as_str()),
        _ => Err(wrong()),
    }
}

/// A browser says where a request comes from; only our own pages may write or listen. Other programs send no origin.
fn check_origin(headers: &HeaderMap, host: &str) -> Result<(), ApiError> {
    let refuse = |origin: &str| {
        let message = format!("a page of `{}` may not do this", shown(origin));
        ApiError::new(
            StatusCode::FORBIDDEN,
            "wrong_origin",
            message,
            "use the UI of this daemon, or a program",
        )
    };
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if let Some(origin) = origins.next() {
        let origin = origin.to_str().map_err(|_| refuse("?"))?;
        let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if own.is_none_or(|own| !own.eq_ignore_ascii_case(host)) || origins.next().is_some() {
            return Err(refuse(origin));
        }
    }
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    match site {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(refuse("another site")),
    }
}

/// A form of another page cannot send JSON, so nothing else is read. An empty body needs no type.
fn check_content(headers: &HeaderMap) -> Result<(), ApiError> {
    let empty = match headers.get(header::CONTENT_LENGTH) {
        Some(length) => length == "0",
        None => !headers.contains_key(header::TRANSFER_ENCODING),
    };
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let json = kind.is_some_and(|kind| {
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    if json || (kind.is_none() && empty) {
        return Ok(());
    }
    let message = format!("a body of type `{}` is not read here", shown(kind.unwrap_or("none")));
    let hint = "send `content-type: application/json`";
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_content_type", message, hint))
}

/// Foreign text in a message: short.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests;
