//! The routes under `/api`, each with its permission. `router` mounts them; the files below answer them.

pub(crate) mod ask;
pub(crate) mod numbers;
pub(crate) mod sample;
pub(crate) mod state;
pub(crate) mod tasks;
pub(crate) mod traces;
pub(crate) mod words;

use crate::App;
use crate::live;
use crate::permission::{Content, Doors, Public, Read, Write};
use utoipa::OpenApi;
use utoipa_axum::routes;

/// The description's head; the paths come from the routes.
#[derive(OpenApi)]
#[openapi(info(
    title = "Tundra",
    description = "Traces, logs, metrics and model calls: what was stored, and SQL over it. Absolute times are \
        nanoseconds since 1970 UTC as strings, durations and offsets nanoseconds as numbers, money whole pico-USD, \
        unknown is null. Errors are `{\"error\": {\"code\", \"message\", \"hint\", \"position\"?}}`."
))]
struct Head;

/// All routes.
pub(crate) fn doors(app: &App) -> Doors {
    Doors::new(app, Head::openapi())
        .open::<Public>(routes!(state::health))
        .open::<Public>(routes!(state::openapi))
        .open::<Read>(routes!(numbers::overview))
        .open::<Read>(routes!(numbers::services))
        .open::<Read>(routes!(numbers::operations))
        .open::<Read>(routes!(numbers::llm_usage))
        .open::<Read>(routes!(numbers::connect))
        .open::<Read>(routes!(traces::list))
        .open::<Read>(routes!(traces::skeleton))
        .open::<Content>(routes!(traces::span))
        .open::<Content>(routes!(ask::sql))
        .open::<Read>(routes!(ask::tables))
        .open::<Read>(routes!(tasks::profiles))
        .open::<Write>(routes!(tasks::start))
        .open::<Content>(routes!(tasks::list))
        .open::<Content>(routes!(tasks::one))
        .open::<Write>(routes!(sample::load, sample::remove))
        .open::<Read>(routes!(live::socket::live))
        .open::<Read>(routes!(live::sse::live_traces))
}
