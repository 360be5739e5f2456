//! SQL: statements in, rows out as NDJSON, and what can be asked.

use crate::App;
use crate::error::{ApiError, ErrorBody};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use utoipa::ToSchema;

/// A statement.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlBody {
    /// One SELECT, EXPLAIN, SHOW TABLES or DESCRIBE.
    sql: String,
    /// Rows at most; 1,000 if not given, 100,000 at most.
    limit: Option<usize>,
}

/// What can be asked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TablesBody {
    tables: Vec<TableBody>,
}

/// A table.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TableBody {
    name: String,
    columns: Vec<ColumnBody>,
}

/// A column.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ColumnBody {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    doc: String,
}

/// Reads a JSON body, with an error of ours.
pub(crate) fn read_body<T: serde::de::DeserializeOwned>(body: &Bytes) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("the body cannot be read: {error}");
        ApiError::new(StatusCode::BAD_REQUEST, "bad_body", message, "see /api/openapi.json")
    })
}

/// Runs one read-only statement. An error after the first row comes as the last line.
#[utoipa::path(post, path = "/api/sql", tag = "sql", request_body = SqlBody,
    responses(
        (status = 200, description = "one JSON object for each row", content_type = "application/x-ndjson"),
        (status = 400, body = ErrorBody), (status = 403, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub(crate) async fn sql(State(app): State<App>, body: Bytes) -> Result<Response, ApiError> {
    let ask: SqlBody = read_body(&body)?;
    let mut pieces = Box::pin(app.query.sql(&ask.sql, ask.limit).await?);
    // What fails before the first row is an answer with a status; only later errors come inside the stream.
    let first = match pieces.next().await {
        Some(Err(error)) => return Err(error.into()),
        Some(Ok(piece)) => Some(Ok(piece)),
        None => None,
    };
    let pieces = stream::iter(first).chain(pieces).map(|piece| {
        Ok::<Bytes, Infallible>(piece.unwrap_or_else(|error| ApiError::from(error).line().into()))
    });
    let mut response = Body::from_stream(pieces).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// Tables, columns and their meaning.
#[utoipa::path(get, path = "/api/sql/tables", tag = "sql", responses((status = 200, body = TablesBody)))]
pub(crate) async fn tables(State(app): State<App>) -> Json<TablesBody> {
    let column =
        |column: query::sql::ColumnDoc| ColumnBody { name: column.name, kind: column.kind, doc: column.doc };
    let table = |table: query::sql::TableDoc| TableBody {
        name: table.name,
        columns: table.columns.into_iter().map(column).collect(),
    };
    Json(TablesBody { tables: app.query.tables().into_iter().map(table).collect() })
}
