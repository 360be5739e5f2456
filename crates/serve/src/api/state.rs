//! How the daemon is, and what its API looks like.

use crate::App;
use crate::doors::HealthState;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How the daemon is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthBody {
    /// `ok` once everything is bound and recovered, before that `starting`.
    status: &'static str,
    version: String,
    uptime_ms: u64,
    startup: StartupBody,
    /// Bound addresses by listener; null for a listener that is off.
    addresses: BTreeMap<&'static str, Option<String>>,
    data_dir: String,
    forwarder: ForwarderBody,
    ledger: Vec<LedgerBody>,
    pid: u32,
}

/// How the start went, in microseconds from the begin of `main`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StartupBody {
    ports_bound_us: u64,
    ready_us: Option<u64>,
}

/// Where the daemon forwards.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ForwarderBody {
    state: String,
    target: Option<String>,
    detail: String,
}

/// One counter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerBody {
    protocol: String,
    counter: String,
    reason: String,
    value: u64,
}

impl From<HealthState> for HealthBody {
    fn from(state: HealthState) -> Self {
        let forwarder = state.forwarder;
        Self {
            status: if state.ready { "ok" } else { "starting" },
            version: state.version,
            uptime_ms: state.uptime_ms,
            startup: StartupBody { ports_bound_us: state.ports_bound_us, ready_us: state.ready_us },
            addresses: state.addresses.into_iter().collect(),
            data_dir: state.data_dir,
            forwarder: ForwarderBody {
                state: forwarder.state,
                target: forwarder.target,
                detail: forwarder.detail,
            },
            ledger: state
                .ledger
                .into_iter()
                .map(|row| LedgerBody {
                    protocol: row.protocol,
                    counter: row.counter,
                    reason: row.reason,
                    value: row.value,
                })
                .collect(),
            pid: state.pid,
        }
    }
}

/// How the daemon is: addresses, counters, forwarder.
#[utoipa::path(get, path = "/api/health", tag = "daemon",
    responses((status = 200, body = HealthBody), (status = 503, description = "still starting", body = HealthBody)))]
pub(crate) async fn health(State(app): State<App>) -> Response {
    let state = app.health.state();
    let status = if state.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(HealthBody::from(state))).into_response()
}

/// This description.
#[utoipa::path(get, path = "/api/openapi.json", tag = "daemon", responses((status = 200, description = "OpenAPI 3.1")))]
pub(crate) async fn openapi(State(app): State<App>) -> Response {
    let headers = [(http::header::CONTENT_TYPE, "application/json")];
    (headers, app.openapi.get().cloned().unwrap_or_default()).into_response()
}
