//! The parameters of a request's query string: each known by name, each checked, errors that say which one is wrong.

use crate::App;
use crate::error::ApiError;
use crate::limits::{DEFAULT_RANGE_NS, QUERY_BYTES};
use axum::extract::{FromRequestParts, Query};
use http::StatusCode;
use http::request::Parts;
use query::stats::Range;
use std::str::FromStr;

/// Names and values in the order they came.
#[derive(Clone, Debug)]
pub(crate) struct Params(Vec<(String, String)>);

impl FromRequestParts<App> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, ApiError> {
        if parts.uri.query().is_some_and(|query| query.len() > QUERY_BYTES) {
            let message = format!("the query string is longer than {QUERY_BYTES} bytes");
            return Err(ApiError::new(StatusCode::URI_TOO_LONG, "too_large", message, "use POST /api/sql"));
        }
        let pairs = Query::try_from_uri(&parts.uri).map_err(|error| ApiError::parameter("query", error))?;
        Ok(Self(pairs.0))
    }
}

impl Params {
    /// Refuses parameters that the route does not know, so that a typo is not a silent no-op.
    pub(crate) fn only(self, known: &[&str]) -> Result<Self, ApiError> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => {
                let name: String = name.chars().take(100).collect();
                Err(ApiError::parameter(&name, format!("is not known here; known are {}", known.join(", "))))
            }
            None => Ok(self),
        }
    }

    /// The text under `name`; an empty one counts as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|v| !v.is_empty())
    }

    /// All texts under `name`.
    pub(crate) fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The number under `name`.
    pub(crate) fn number<N: FromStr>(&self, name: &str) -> Result<Option<N>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| ApiError::parameter(name, "is not a whole number in range"))
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)], default: T) -> Result<T, ApiError> {
        let Some(text) = self.text(name) else { return Ok(default) };
        words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            ApiError::parameter(name, format!("is one of {}", words.join(", ")))
        })
    }

    /// `from_ns` and `to_ns`, by default the hour before now.
    pub(crate) fn range(&self, now_ns: i64) -> Result<Range, ApiError> {
        // A span that begins this very moment is part of "until now".
        let to_ns = self.number("to_ns")?.unwrap_or(now_ns.saturating_add(1));
        let from_ns = self.number("from_ns")?.unwrap_or(to_ns.saturating_sub(DEFAULT_RANGE_NS));
        if from_ns > to_ns {
            return Err(ApiError::parameter("from_ns", "is after `to_ns`"));
        }
        Ok(Range { from_ns, to_ns })
    }
}
