//! Errors of the API: one shape, `{"error": {"code", "message", "hint", "position"?}}`, for every status.

use crate::doors::{Refused, RefusedKind};
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use query::QueryError;
use serde::Serialize;
use utoipa::ToSchema;

/// The body of every answer that is an error.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
}

/// What went wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ErrorDetail {
    /// A word for programs.
    code: &'static str,
    /// What is wrong, for people.
    message: String,
    /// What to do about it; may be empty.
    hint: String,
    /// Where in an SQL statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<ErrorPosition>,
}

/// A place in an SQL statement, counted from 1.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct ErrorPosition {
    line: u64,
    column: u64,
}

/// An error on its way out.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    body: ErrorBody,
}

impl ApiError {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let error = ErrorDetail { code, message: message.into(), hint: hint.into(), position: None };
        Self { status, body: ErrorBody { error } }
    }

    pub(crate) fn not_found(what: impl std::fmt::Display) -> Self {
        let hint = "check the id; data past its retention is gone";
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what}"), hint)
    }

    pub(crate) fn parameter(name: &str, problem: impl std::fmt::Display) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad_parameter",
            format!("`{name}` {problem}"),
            "see /api/openapi.json",
        )
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message, "see the daemon's log")
    }

    /// As the last line of a stream that began well.
    pub(crate) fn line(&self) -> String {
        let mut line = serde_json::to_string(&self.body).unwrap_or_else(|_| r#"{"error":{}}"#.to_owned());
        line.push('\n');
        line
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let (status, code) = match &error {
            QueryError::Invalid { .. } => (StatusCode::BAD_REQUEST, "invalid_sql"),
            QueryError::Refused { .. } => (StatusCode::FORBIDDEN, "refused"),
            QueryError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            QueryError::TimeOut { .. } => (StatusCode::GATEWAY_TIMEOUT, "time_out"),
            QueryError::Memory { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "too_much_memory"),
            QueryError::Busy { .. } => (StatusCode::TOO_MANY_REQUESTS, "busy"),
            QueryError::Parameter { .. } => (StatusCode::BAD_REQUEST, "bad_parameter"),
            QueryError::Failed { .. } => {
                tracing::error!(error = %error, "a query failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        };
        let mut answer = Self::new(status, code, error.to_string(), error.hint());
        answer.body.error.position =
            error.position().map(|place| ErrorPosition { line: place.line, column: place.column });
        answer
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let (status, code) = match refused.kind {
            RefusedKind::Invalid => (StatusCode::BAD_REQUEST, "invalid"),
            RefusedKind::Busy => (StatusCode::TOO_MANY_REQUESTS, "busy"),
            RefusedKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        Self::new(status, code, refused.message, refused.hint)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let busy = self.status == StatusCode::TOO_MANY_REQUESTS;
        let mut response = (self.status, Json(self.body)).into_response();
        if busy {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
