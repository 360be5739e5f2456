//! LLM profiles and tasks.

use crate::App;
use crate::api::ask::read_body;
use crate::api::words::ns;
use crate::doors::{NewTask, Profile, Task};
use crate::error::{ApiError, ErrorBody};
use crate::limits::{TASK_INPUT_BYTES, TASK_NAME_BYTES};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// LLM profiles, best first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProfilesBody {
    chosen: Option<String>,
    rule: String,
    profiles: Vec<ProfileBody>,
    total_available: usize,
}

/// One LLM profile.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProfileBody {
    name: String,
    provider: String,
    kind: &'static str,
    base_url: String,
    models: Vec<String>,
    healthy: Option<bool>,
    detail: String,
    latency_ms: Option<u64>,
    source: &'static str,
}

impl From<Profile> for ProfileBody {
    fn from(p: Profile) -> Self {
        Self {
            name: p.name,
            provider: p.provider,
            kind: p.kind,
            base_url: p.base_url,
            models: p.models,
            healthy: p.healthy,
            detail: p.detail,
            latency_ms: p.latency_ms,
            source: p.source,
        }
    }
}

/// A task to start.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartBody {
    agent_name: String,
    task_type: String,
    input: String,
    /// The LLM profile to use; the chosen one if not given.
    profile: Option<String>,
}

/// A task that was started.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StartedBody {
    id: String,
    state: &'static str,
}

/// Tasks, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TasksBody {
    tasks: Vec<TaskBody>,
}

/// A task as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TaskBody {
    id: String,
    agent_name: String,
    task_type: String,
    profile: Option<String>,
    model: Option<String>,
    /// `queued`, `running`, `succeeded` or `failed`.
    state: &'static str,
    input: String,
    result: Option<String>,
    error: Option<String>,
    created_ns: String,
    finished_ns: Option<String>,
    trace_id: Option<String>,
    tokens: Option<i64>,
    cost_pusd: Option<i64>,
}

impl From<Task> for TaskBody {
    fn from(task: Task) -> Self {
        Self {
            id: task.id,
            agent_name: task.agent_name,
            task_type: task.task_type,
            profile: task.profile,
            model: task.model,
            state: task.state,
            input: task.input,
            result: task.result,
            error: task.error,
            created_ns: ns(task.created_ns),
            finished_ns: task.finished_ns.map(ns),
            trace_id: task.trace_id,
            tokens: task.tokens,
            cost_pusd: task.cost_pusd,
        }
    }
}

/// LLM profiles that were found, and the one that is used.
#[utoipa::path(get, path = "/api/profiles", tag = "llm", responses((status = 200, body = ProfilesBody)))]
pub(crate) async fn profiles(State(app): State<App>) -> Json<ProfilesBody> {
    let list = app.profiles.list();
    let total_available = list.profiles.iter().filter(|profile| profile.healthy == Some(true)).count();
    let profiles = list.profiles.into_iter().map(ProfileBody::from).collect();
    Json(ProfilesBody { chosen: list.chosen, rule: list.rule, profiles, total_available })
}

/// Starts one LLM task through the chosen profile, as a traced agent execution.
#[utoipa::path(post, path = "/api/tasks", tag = "llm", request_body = StartBody,
    responses((status = 202, body = StartedBody), (status = 400, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn start(
    State(app): State<App>,
    body: Bytes,
) -> Result<(StatusCode, Json<StartedBody>), ApiError> {
    let ask: StartBody = read_body(&body)?;
    for (name, text, most) in [
        ("agent_name", &ask.agent_name, TASK_NAME_BYTES),
        ("task_type", &ask.task_type, TASK_NAME_BYTES),
        ("input", &ask.input, TASK_INPUT_BYTES),
    ] {
        if text.trim().is_empty() {
            return Err(ApiError::parameter(name, "is empty"));
        }
        if text.len() > most {
            return Err(ApiError::parameter(name, format!("has more than {most} bytes")));
        }
    }
    let task = NewTask {
        agent_name: ask.agent_name,
        task_type: ask.task_type,
        input: ask.input,
        profile: ask.profile.filter(|profile| !profile.is_empty()),
    };
    let task = app.tasks.start(task).await?;
    Ok((StatusCode::ACCEPTED, Json(StartedBody { id: task.id, state: task.state })))
}

/// The latest tasks.
#[utoipa::path(get, path = "/api/tasks", tag = "llm", operation_id = "list_tasks",
    responses((status = 200, body = TasksBody)))]
pub(crate) async fn list(State(app): State<App>) -> Json<TasksBody> {
    Json(TasksBody { tasks: app.tasks.list().into_iter().map(TaskBody::from).collect() })
}

/// One task: state and result.
#[utoipa::path(get, path = "/api/tasks/{id}", tag = "llm", operation_id = "get_task", params(("id" = String, Path)),
    responses((status = 200, body = TaskBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn one(State(app): State<App>, Path(id): Path<String>) -> Result<Json<TaskBody>, ApiError> {
    let task = app.tasks.get(&id).ok_or_else(|| ApiError::not_found("task of this id"))?;
    Ok(Json(task.into()))
}
