//! The token of a daemon that others can reach: programs send it as a bearer, browsers hold it as a cookie that
//! `/login` sets. Without a token every caller is the loopback's user, and may do everything.

use crate::App;
use crate::error::ApiError;
use crate::page;
use crate::permission::Level;
use axum::Extension;
use axum::extract::{Query, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

/// Host-only and unreadable to scripts; lives as long as the browser's session.
const COOKIE: &str = "tundra_token";

/// The secret, if there is one.
#[derive(Clone)]
pub(crate) struct Token(Option<Box<str>>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Token(set)" } else { "Token(none)" })
    }
}

impl Token {
    pub(crate) fn new(secret: Option<String>) -> Self {
        Self(secret.filter(|secret| !secret.is_empty()).map(String::into_boxed_str))
    }

    /// Whether callers must show it.
    pub(crate) fn is_set(&self) -> bool {
        self.0.is_some()
    }

    fn is(&self, said: &str) -> bool {
        let Some(secret) = &self.0 else { return true };
        // Every byte is compared, so that the time tells nothing about how many were right.
        let differences =
            secret.bytes().zip(said.bytes()).fold(0, |differences, (own, said)| differences | (own ^ said));
        secret.len() == said.len() && differences == 0
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let text = |value: &'_ HeaderValue| value.to_str().ok().map(str::to_owned);
        let bearer = headers.get(header::AUTHORIZATION).and_then(text);
        let bearer = bearer.as_deref().and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(text);
        !self.is_set()
            || bearer.is_some_and(|said| self.is(said))
            || cookies.into_iter().any(|cookies| {
                let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
                pairs
                    .any(|(name, value)| name == COOKIE && unescape(value).is_some_and(|said| self.is(&said)))
            })
    }
}

/// A token may hold what a cookie may not: percent signs carry it.
fn escape(token: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    token
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn unescape(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        if *first == b'%' {
            let (digits, behind) = behind.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = behind;
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    String::from_utf8(bytes).ok()
}

/// Passes a request on if its caller may use a route of this level.
pub(crate) async fn check(
    State(app): State<App>,
    Extension(level): Extension<Level>,
    request: Request,
    next: Next,
) -> Response {
    if level == Level::Public || app.token.admits(request.headers()) {
        return next.run(request).await;
    }
    let hint = "send `authorization: Bearer <AT_API_TOKEN>`, or open /login in a browser";
    let error = ApiError::new(StatusCode::UNAUTHORIZED, "no_token", "this daemon asks for a token", hint);
    let mut response = error.into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

#[derive(Deserialize)]
pub(crate) struct Login {
    token: Option<String>,
}

/// Takes the token from a person, gives the browser a cookie, and leads to the UI.
pub(crate) async fn login(State(app): State<App>, Query(login): Query<Login>) -> Response {
    match login.token.as_deref().map(str::trim) {
        _ if !app.token.is_set() => Redirect::to("/").into_response(),
        Some(said) if app.token.is(said) => {
            let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", escape(said));
            let mut response = Redirect::to("/").into_response();
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        said => page::login(said.is_some()),
    }
}

#[cfg(test)]
mod tests;
