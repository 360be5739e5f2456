//! The gateway as the daemon wires it: built from the configuration, its tasks kept by `state`, shown through `serve`.

use crate::config::{Config, ProfileEntry};
use anyhow::Context as _;
use async_trait::async_trait;
use gateway::{KeepError, NewTask, StartError, TaskKeeper, Tasks};
use llm::profile::{Kind, Origin, Profile, Shape};
use serve::doors::{self, ProfileList, Refused, RefusedKind};
use state::State;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tundra::SpanExt as _;
use tundra_record::env::{Clock, Rng};
use tundra_record::redact::Redactor;
use tundra_record::{Task, TraceId, UnixNanos};

/// Profiles and tasks, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    profiles: Arc<gateway::Profiles>,
    tasks: Arc<Tasks>,
    /// Taken once, by `run`.
    idle: Arc<Mutex<Option<gateway::Gateway>>>,
}

impl Gateway {
    pub(crate) async fn build(
        config: &Config,
        variables: BTreeMap<String, String>,
        clock: &Arc<dyn Clock>,
        redactor: &Arc<Redactor>,
    ) -> anyhow::Result<Self> {
        let path = config.data_dir.join("state.sqlite");
        let state = tokio::task::spawn_blocking(move || State::open(&path))
            .await?
            .context("cannot open the task list")?;
        let settings = gateway::Config {
            default_profile: config.profile.clone(),
            profiles: config.profiles.iter().map(profile).collect(),
            discover: config.discover,
            ..gateway::Config::default()
        };
        let parts = gateway::Parts {
            variables,
            clock: Arc::clone(clock),
            rng: Arc::new(SystemRng),
            redactor: Arc::clone(redactor),
            prices: Arc::new(llm::Prices::bundled()),
            keeper: Arc::new(Keeper(state)),
            current_trace,
        };
        let gateway = gateway::Gateway::new(settings, parts)?;
        let (profiles, tasks) = (gateway.profiles(), gateway.tasks());
        Ok(Self { profiles, tasks, idle: Arc::new(Mutex::new(Some(gateway))) })
    }

    pub(crate) fn tasks(&self) -> Arc<dyn doors::Tasks> {
        Arc::new(self.clone())
    }

    pub(crate) fn profiles(&self) -> Arc<dyn doors::Profiles> {
        Arc::new(self.clone())
    }

    /// Looks for profiles and runs tasks until `stop` turns true.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let Some(gateway) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let token = CancellationToken::new();
        let stopped = token.clone();
        let watching = async {
            let _told = stop.wait_for(|stop| *stop).await;
            token.cancel();
        };
        tokio::join!(gateway.run(stopped), watching);
    }

    /// Ready when the first look for profiles is over.
    pub(crate) async fn found(&self) {
        self.profiles.settled().await;
    }

    /// What was found, for the block at start.
    pub(crate) fn sentence(&self) -> String {
        let known = self.profiles.list();
        match known.chosen() {
            Some(chosen) => {
                format!(
                    "{} usable, using {} ({}): {}",
                    known.total_available(),
                    chosen.name,
                    chosen.provider,
                    known.reason
                )
            }
            None => {
                "none: set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, or start Ollama".to_owned()
            }
        }
    }
}

fn current_trace() -> Option<TraceId> {
    tracing::Span::current().ids().map(|(trace, _)| trace)
}

fn profile(entry: &ProfileEntry) -> Profile {
    let known = llm::profile::CLOUD.iter().find(|cloud| cloud.provider_id == entry.provider);
    Profile {
        name: entry.name.clone(),
        provider: known.map_or(entry.provider.as_str(), |cloud| cloud.provider).to_owned(),
        provider_id: entry.provider.clone(),
        kind: Kind::Custom,
        origin: Origin::Configuration,
        base_url: entry.base_url.trim_end_matches('/').to_owned(),
        models: entry.model.iter().cloned().collect(),
        shape: known.map_or(Shape::OpenAiChat, |cloud| cloud.shape),
        key_variable: entry.key_variable.clone(),
        ..Profile::default()
    }
}

#[async_trait]
impl doors::Tasks for Gateway {
    async fn start(&self, task: doors::NewTask) -> Result<doors::Task, Refused> {
        let new = NewTask {
            agent_name: task.agent_name,
            task_type: task.task_type,
            input: task.input,
            profile: task.profile,
        };
        self.tasks.start(new).await.map(shown).map_err(|error| refused(&error))
    }

    fn list(&self) -> Vec<doors::Task> {
        let kept = self.tasks.list().inspect_err(|error| tracing::error!(%error, "tasks cannot be listed"));
        kept.unwrap_or_default().into_iter().map(shown).collect()
    }

    fn get(&self, id: &str) -> Option<doors::Task> {
        let kept = self.tasks.get(id).inspect_err(|error| tracing::error!(%error, "a task cannot be read"));
        kept.ok().flatten().map(shown)
    }
}

fn shown(task: Task) -> doors::Task {
    doors::Task {
        id: task.id,
        agent_name: task.agent_name,
        task_type: task.task_type,
        profile: task.profile,
        model: task.model,
        state: task.state.as_str(),
        input: task.input,
        result: task.result,
        error: task.error,
        created_ns: task.created.0,
        finished_ns: task.finished.map(|at| at.0),
        trace_id: task.trace_id.map(|id| id.to_string()),
        tokens: task.tokens.and_then(|tokens| i64::try_from(tokens).ok()),
        cost_pusd: task.cost.map(|cost| cost.0),
    }
}

fn refused(error: &StartError) -> Refused {
    let (kind, hint) = match error {
        StartError::Text { .. } => (RefusedKind::Invalid, "change the field and send again"),
        StartError::UnknownProfile { .. } => {
            (RefusedKind::Invalid, "leave `profile` out to use the chosen one")
        }
        StartError::NoProfile => (RefusedKind::Unavailable, "see /api/profiles for what was found"),
        StartError::Busy { .. } => (RefusedKind::Busy, "try again in a moment"),
        StartError::Keep(_) => (RefusedKind::Unavailable, "look at the disk of the data folder"),
    };
    Refused { kind, message: error.to_string(), hint: hint.to_owned() }
}

impl doors::Profiles for Gateway {
    fn list(&self) -> ProfileList {
        let known = self.profiles.list();
        let shown = |profile: &Profile| doors::Profile {
            name: profile.name.clone(),
            provider: profile.provider.clone(),
            kind: profile.kind.as_str(),
            base_url: profile.base_url.clone(),
            models: profile.models.clone(),
            healthy: profile.health.healthy,
            detail: profile.health.detail.clone(),
            latency_ms: profile.health.latency_ms.map(u64::from),
            source: profile.origin.as_str(),
        };
        ProfileList {
            chosen: known.chosen().map(|profile| profile.name.clone()),
            rule: known.rule().to_owned(),
            profiles: known.profiles.iter().map(shown).collect(),
        }
    }
}

/// Tasks on SQLite.
#[derive(Debug)]
struct Keeper(State);

fn keep<T>(result: Result<T, state::StateError>) -> Result<T, KeepError> {
    result.map_err(|error| KeepError(Box::new(error)))
}

impl TaskKeeper for Keeper {
    fn save(&self, task: &Task) -> Result<(), KeepError> {
        keep(self.0.save_task(task))
    }

    fn get(&self, id: &str) -> Result<Option<Task>, KeepError> {
        keep(self.0.task(id))
    }

    fn list(&self, limit: u32) -> Result<Vec<Task>, KeepError> {
        keep(self.0.tasks(limit))
    }

    fn fail_unfinished(&self, error: &str, now: UnixNanos) -> Result<usize, KeepError> {
        keep(self.0.fail_unfinished_tasks(error, now))
    }
}

/// Randomness of the standard library's hasher keys: good enough for ids and pauses, never for secrets.
#[derive(Debug)]
struct SystemRng;

impl Rng for SystemRng {
    fn next_u64(&self) -> u64 {
        use std::hash::{BuildHasher as _, RandomState};
        RandomState::new().hash_one(0_u8)
    }
}
