//! Sample data: load it, remove it.

use crate::App;
use crate::error::{ApiError, ErrorBody};
use crate::sample;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// What was loaded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoadedBody {
    /// The agent run, to be opened.
    trace_id: String,
    /// The trace of 10,000 spans.
    large_trace_id: String,
    spans: usize,
}

/// What was removed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RemovedBody {
    removed_spans: u64,
}

/// Loads sample data: an agent run with tools and three models, and a trace of 10,000 spans. Loading again replaces it.
#[utoipa::path(post, path = "/api/sample", tag = "daemon", operation_id = "load_sample",
    responses((status = 200, body = LoadedBody), (status = 500, body = ErrorBody)))]
pub(crate) async fn load(State(app): State<App>) -> Result<Json<LoadedBody>, ApiError> {
    app.samples.remove().await.map_err(ApiError::failed)?;
    let samples = sample::build(app.clock.now());
    let body = LoadedBody {
        trace_id: samples.run.to_string(),
        large_trace_id: samples.large.to_string(),
        spans: samples.parts.iter().map(|(_, spans)| spans.len()).sum(),
    };
    for (resource, spans) in samples.parts {
        app.samples.submit(resource, spans).await.map_err(ApiError::failed)?;
    }
    Ok(Json(body))
}

/// Removes all sample data.
#[utoipa::path(delete, path = "/api/sample", tag = "daemon", operation_id = "remove_sample",
    responses((status = 200, body = RemovedBody), (status = 500, body = ErrorBody)))]
pub(crate) async fn remove(State(app): State<App>) -> Result<Json<RemovedBody>, ApiError> {
    let removed_spans = app.samples.remove().await.map_err(ApiError::failed)?;
    Ok(Json(RemovedBody { removed_spans }))
}
