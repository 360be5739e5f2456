//! What this room needs of rooms it may not import, as small traits. `daemon` implements them and hands them in.

use async_trait::async_trait;
use query::LedgerRow;
use std::fmt::Debug;
use tundra_record::{Resource, Span};

/// How the daemon is.
pub trait Health: Send + Sync + Debug {
    /// As of now.
    fn state(&self) -> HealthState;
    /// One request was answered: for the daemon's own metrics.
    fn answered(&self, _request: &Answered<'_>) {}
}

/// How the daemon is, at one moment.
#[derive(Clone, Debug, Default)]
pub struct HealthState {
    /// Whether everything is bound and recovered.
    pub ready: bool,
    /// The daemon's version.
    pub version: String,
    /// Since the process began.
    pub uptime_ms: u64,
    /// From the begin of `main` until every port was bound.
    pub ports_bound_us: u64,
    /// From the begin of `main` until every door was open; `None` before that.
    pub ready_us: Option<u64>,
    /// Bound addresses by listener (`ui`, `api`, `otlp_http`, `otlp_grpc`, `datadog`, `dogstatsd`) and unix
    /// sockets (`datadog_socket`, `dogstatsd_socket`); `None` if off.
    pub addresses: Vec<(&'static str, Option<String>)>,
    /// Where data lies.
    pub data_dir: String,
    /// Where the daemon forwards.
    pub forwarder: Forwarder,
    /// What intake counted.
    pub ledger: Vec<LedgerRow>,
    /// The process.
    pub pid: u32,
}

/// Where the daemon forwards.
#[derive(Clone, Debug, Default)]
pub struct Forwarder {
    /// `off`, `connected`, `waiting`, ...
    pub state: String,
    /// Its address, if there is one.
    pub target: Option<String>,
    /// What is wrong or worth knowing; may be empty.
    pub detail: String,
}

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// `GET`, ...
    pub method: &'a str,
    /// The route's pattern, not the path: few values.
    pub route: &'a str,
    /// The status code.
    pub status: u16,
    /// How long it took.
    pub duration_ns: u64,
}

/// LLM tasks.
#[async_trait]
pub trait Tasks: Send + Sync + Debug {
    /// Starts a task and returns at once.
    async fn start(&self, task: NewTask) -> Result<Task, Refused>;
    /// The latest tasks, newest first.
    fn list(&self) -> Vec<Task>;
    /// One task.
    fn get(&self, id: &str) -> Option<Task>;
}

/// A task to start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the API's")]
pub struct NewTask {
    pub agent_name: String,
    pub task_type: String,
    pub input: String,
    pub profile: Option<String>,
}

/// A task as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the API's")]
pub struct Task {
    pub id: String,
    pub agent_name: String,
    pub task_type: String,
    pub profile: Option<String>,
    pub model: Option<String>,
    /// `queued`, `running`, `succeeded` or `failed`.
    pub state: &'static str,
    pub input: String,
    pub result: Option<String>,
    pub error: Option<String>,
    pub created_ns: i64,
    pub finished_ns: Option<i64>,
    pub trace_id: Option<String>,
    pub tokens: Option<i64>,
    pub cost_pusd: Option<i64>,
}

/// Why something was not done.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// What kind of refusal.
    pub kind: RefusedKind,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// The kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedKind {
    /// The request is wrong.
    Invalid,
    /// Too much is going on.
    Busy,
    /// What it needs is not there (no LLM profile, ...).
    Unavailable,
}

/// LLM profiles.
pub trait Profiles: Send + Sync + Debug {
    /// All that were found.
    fn list(&self) -> ProfileList;
}

/// What discovery found.
#[derive(Clone, Debug, Default)]
pub struct ProfileList {
    /// The name of the one that is used; `None` if there is none.
    pub chosen: Option<String>,
    /// The rule that chose it, for people.
    pub rule: String,
    /// All of them, best first.
    pub profiles: Vec<Profile>,
}

/// One LLM profile.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the fields are the API's")]
pub struct Profile {
    pub name: String,
    pub provider: String,
    /// `cloud`, `local` or `custom`.
    pub kind: &'static str,
    pub base_url: String,
    pub models: Vec<String>,
    pub healthy: Option<bool>,
    pub detail: String,
    pub latency_ms: Option<u64>,
    /// `environment`, `configuration` or `discovered`.
    pub source: &'static str,
}

/// Sample data takes the same path as everybody's; this is where it enters.
#[async_trait]
pub trait Samples: Send + Sync + Debug {
    /// Takes spans in, marked as sample data, and returns when they are stored.
    async fn submit(&self, resource: Resource<'static>, spans: Vec<Span<'static>>) -> Result<(), String>;
    /// Removes all sample data and says how many spans that were.
    async fn remove(&self) -> Result<u64, String>;
}
