//! One model call on the wire, tried again only while nothing of an answer has been read.
//!
//! ```text
//! connecting ──▶ waiting for status ──▶ reading the body ──▶ done
//!     └─ retry ◀──── 429, 5xx             never a retry
//! ```

use super::Doing;
use crate::address::{self, AddressError};
use crate::http::{HttpError, Reply};
use crate::limits::{ANSWER_BYTES_MAX, FOREIGN_TEXT_CHARS, RETRIES_MAX, RETRY_AFTER_MAX, RETRY_PAUSE};
use llm::chat::{self, Answer, AnswerError};
use llm::profile::Profile;
use reqwest::header::{HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Request, StatusCode};
use std::time::Duration;

/// What came of a call.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) answer: Answer,
    /// Attempts after the first.
    pub(super) retries: u32,
}

impl Called {
    /// Input and output together; unknown unless both are known.
    pub(super) fn tokens(&self) -> Option<u64> {
        Some(self.answer.usage.input?.saturating_add(self.answer.usage.output?))
    }
}

/// Why there is no answer, for the person who ordered it.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error("profile `{profile}` has no usable key: set `{variable}` and restart")]
    NoKey { profile: String, variable: String },
    #[error("profile `{profile}` refused the key (status {status}): check `{variable}`")]
    KeyRefused { profile: String, status: u16, variable: String },
    #[error("profile `{profile}` answered with status {status} after {attempts} attempts: {words}")]
    Status { profile: String, status: u16, attempts: u32, words: String },
    #[error("profile `{profile}`: {source}: check that `{base_url}` can be reached")]
    Http { profile: String, base_url: String, source: HttpError },
    #[error("profile `{profile}`: {source}")]
    Answer { profile: String, source: AnswerError },
}

/// Asks `model` once, with retries as far as they are safe.
pub(super) async fn call(
    doing: &Doing,
    profile: &Profile,
    model: &str,
    input: &str,
) -> Result<Called, CallError> {
    let mut retries = 0;
    let reply = loop {
        let sent = doing.http.send(request(doing, profile, model, input)?).await;
        let pause = match &sent {
            Ok(reply) if may_retry(reply.status) => pause_after(doing, reply, retries),
            Err(HttpError::Connect(_)) => Some(pause(doing, retries)),
            _ => None,
        };
        match pause.filter(|_| retries < RETRIES_MAX) {
            Some(pause) => {
                tracing::debug!(
                    profile = profile.name,
                    retries,
                    pause_ms = pause.as_millis() as u64,
                    "trying again"
                );
                tokio::time::sleep(pause).await;
                retries += 1;
            }
            None => break sent.map_err(|source| http_error(profile, source))?,
        }
    };
    if !reply.status.is_success() {
        return Err(refused(profile, reply, retries + 1).await);
    }
    let body = reply.body(ANSWER_BYTES_MAX).await.map_err(|source| http_error(profile, source))?;
    let wrong = |source| CallError::Answer { profile: profile.name.clone(), source };
    Ok(Called { answer: chat::answer(profile.shape, &body).map_err(wrong)?, retries })
}

fn request(doing: &Doing, profile: &Profile, model: &str, input: &str) -> Result<Request, CallError> {
    let wanted = chat::request(profile.shape, model, "", input);
    let mut request = Request::new(Method::POST, address::url(&profile.base_url, &wanted.path)?);
    for (name, value) in wanted.headers {
        request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Some(variable) = &profile.key_variable {
        let missing = || CallError::NoKey { profile: profile.name.clone(), variable: variable.clone() };
        let (name, value) = doing.profiles.header(profile).ok_or_else(missing)?;
        request.headers_mut().insert(name, value);
    }
    *request.body_mut() = Some(wanted.body.into());
    Ok(request)
}

fn may_retry(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

/// What the provider asks for, else our own pause; nothing if it asks for too much.
fn pause_after(doing: &Doing, reply: &Reply, retries: u32) -> Option<Duration> {
    let asked = reply.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    match asked.map(Duration::from_secs) {
        Some(asked) => (asked <= RETRY_AFTER_MAX).then(|| asked.max(pause(doing, retries))),
        None => Some(pause(doing, retries)),
    }
}

/// Anything from nothing to twice as much as last time, so that many callers do not come back together.
fn pause(doing: &Doing, retries: u32) -> Duration {
    let most = RETRY_PAUSE.saturating_mul(1 << retries.min(8)).as_millis() as u64;
    Duration::from_millis(doing.rng.next_u64() % (most + 1))
}

fn http_error(profile: &Profile, source: HttpError) -> CallError {
    CallError::Http { profile: profile.name.clone(), base_url: profile.base_url.clone(), source }
}

async fn refused(profile: &Profile, reply: Reply, attempts: u32) -> CallError {
    let (profile_name, status) = (profile.name.clone(), reply.status.as_u16());
    if let (401 | 403, Some(variable)) = (status, &profile.key_variable) {
        return CallError::KeyRefused { profile: profile_name, status, variable: variable.clone() };
    }
    let body = reply.body(ANSWER_BYTES_MAX).await.unwrap_or_default();
    let words = match chat::answer(profile.shape, &body) {
        Err(AnswerError::Provider { message }) => message.chars().take(FOREIGN_TEXT_CHARS).collect(),
        _ => "it gave no reason".to_owned(),
    };
    CallError::Status { profile: profile_name, status, attempts, words }
}
