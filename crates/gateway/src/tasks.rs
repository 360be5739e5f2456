//! Tasks: one model call each, ordered by a person, run in turn, shown as an agent's run in a trace. A bounded queue in
//! front, a bounded number at work, every state kept through [`TaskKeeper`]. What is kept is redacted; the model gets
//! the words as they were given.

mod call;
mod telemetry;
mod work;

use crate::http::Http;
use crate::limits::{INPUT_BYTES_MAX, LISTED_MAX, NAME_BYTES_MAX, QUEUE_LEN, RUNNING_MAX};
use crate::profiles::Profiles;
use llm::Prices;
use std::fmt;
use std::sync::Arc;
use tokio::sync::{OnceCell, mpsc};
use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;
use tundra_record::env::{Clock, Rng};
use tundra_record::redact::Redactor;
use tundra_record::{Task, TaskState, TraceId, UnixNanos};

/// What to do when no profile works.
pub(crate) const HOW_TO_GET_ONE: &str = "set `OPENAI_API_KEY`, `ANTHROPIC_API_KEY` or `GEMINI_API_KEY` and restart, or start Ollama on port 11434";
/// What became of a task that was under way when the daemon went.
const STOPPED: &str = "daemon stopped while it ran: start it again";

/// Where tasks are kept. Fulfilled over `state` by `daemon`. Calls may block for the time of a disk write.
pub trait TaskKeeper: Send + Sync + fmt::Debug {
    /// Keeps a new task, or the new state of a known one.
    fn save(&self, task: &Task) -> Result<(), KeepError>;
    /// The task called `id`.
    fn get(&self, id: &str) -> Result<Option<Task>, KeepError>;
    /// The newest tasks, newest first.
    fn list(&self, limit: u32) -> Result<Vec<Task>, KeepError>;
    /// Ends every task that is queued or running with `error`; says how many there were.
    fn fail_unfinished(&self, error: &str, now: UnixNanos) -> Result<usize, KeepError>;
}

/// A task could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[error("tasks cannot be kept: {0}")]
pub struct KeepError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// What a person orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTask {
    /// The agent on whose behalf it runs; at most 200 bytes.
    pub agent_name: String,
    /// What kind of work it is; at most 200 bytes.
    pub task_type: String,
    /// What the model is asked; at most 256 KiB.
    pub input: String,
    /// The profile to use; by default the chosen one.
    pub profile: Option<String>,
}

/// A task that is not taken.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A text is missing or too long.
    #[error("`{field}` must have 1 to {limit} bytes, it has {given}")]
    Text {
        /// Which one.
        field: &'static str,
        /// What it has.
        given: usize,
        /// What it may have.
        limit: usize,
    },
    /// Nothing to run it with.
    #[error("no LLM profile works: {HOW_TO_GET_ONE}")]
    NoProfile,
    /// The one that was asked for is not there.
    #[error("no LLM profile is called `{name}`: `GET /api/profiles` lists them ({known})")]
    UnknownProfile {
        /// What was asked for.
        name: String,
        /// Those that are there.
        known: String,
    },
    /// Too many wait already.
    #[error("{waiting} tasks wait already: try again when some are done")]
    Busy {
        /// How many.
        waiting: usize,
    },
    /// It could not be kept.
    #[error(transparent)]
    Keep(#[from] KeepError),
}

/// Takes orders and tells what became of them.
#[derive(Debug)]
pub struct Tasks {
    doing: Arc<Doing>,
    orders: mpsc::Sender<Order>,
    /// Set once what an earlier daemon left is ended: before the first order is kept, whichever comes first.
    recovered: OnceCell<()>,
}

/// The other end of the orders; `run` needs it.
#[derive(Debug)]
pub(crate) struct Queue(mpsc::Receiver<Order>);

/// What running a task takes.
pub(crate) struct Doing {
    pub(crate) profiles: Arc<Profiles>,
    pub(crate) http: Http,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) prices: Arc<Prices>,
    pub(crate) keeper: Arc<dyn TaskKeeper>,
    pub(crate) current_trace: fn() -> Option<TraceId>,
}

impl fmt::Debug for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doing").field("profiles", &self.profiles).finish_non_exhaustive()
    }
}

/// A task under way, with the words as they were given.
struct Order {
    task: Task,
    wanted: Option<String>,
    agent_name: String,
    input: String,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order").field("id", &self.task.id).finish_non_exhaustive()
    }
}

impl Tasks {
    pub(crate) fn new(doing: Doing) -> (Self, Queue) {
        let (orders, queue) = mpsc::channel(QUEUE_LEN);
        (Self { doing: Arc::new(doing), orders, recovered: OnceCell::new() }, Queue(queue))
    }

    /// Takes an order: checked, kept and queued when this returns.
    pub async fn start(&self, new: NewTask) -> Result<Task, StartError> {
        self.check(&new)?;
        let full = |_| StartError::Busy { waiting: QUEUE_LEN };
        let place = self.orders.try_reserve().map_err(full)?;
        let doing = &self.doing;
        let task = Task {
            id: format!("{:016x}", doing.rng.next_u64()),
            agent_name: doing.clean(&new.agent_name),
            task_type: doing.clean(&new.task_type),
            profile: new.profile.clone(),
            input: doing.clean(&new.input),
            created: doing.clock.now(),
            ..Task::default()
        };
        self.recovered.get_or_try_init(|| self.end_unfinished()).await?;
        doing.keep(&task).await?;
        let NewTask { agent_name, input, profile: wanted, .. } = new;
        place.send(Order { task: task.clone(), wanted, agent_name, input });
        Ok(task)
    }

    /// The newest tasks, newest first. Reads the disk for a moment.
    pub fn list(&self) -> Result<Vec<Task>, KeepError> {
        self.doing.keeper.list(LISTED_MAX)
    }

    /// One task. Reads the disk for a moment.
    pub fn get(&self, id: &str) -> Result<Option<Task>, KeepError> {
        self.doing.keeper.get(id)
    }

    /// Runs orders as they come, until `stop`.
    pub(crate) async fn run(&self, queue: Queue, stop: CancellationToken) {
        let Queue(mut queue) = queue;
        warn_of(self.recovered.get_or_try_init(|| self.end_unfinished()).await.map(drop));
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(_) = running.join_next(), if !running.is_empty() => {}
                Some(order) = queue.recv(), if running.len() < RUNNING_MAX => {
                    running.spawn(work::run(Arc::clone(&self.doing), order, stop.clone()));
                }
            }
        }
        // Nobody new gets in, and whoever is in hears of the stop by its token.
        queue.close();
        while running.join_next().await.is_some() {}
        warn_of(self.end_unfinished().await);
    }

    /// Ends what is queued or running in the keeper's eyes.
    async fn end_unfinished(&self) -> Result<(), KeepError> {
        let (keeper, now) = (Arc::clone(&self.doing.keeper), self.doing.clock.now());
        let ended = spawn_blocking(move || keeper.fail_unfinished(STOPPED, now)).await;
        let ended = ended.unwrap_or_else(|error| Err(KeepError(error.into())))?;
        if ended > 0 {
            tracing::warn!(tasks = ended as u64, "tasks ended: {STOPPED}");
        }
        Ok(())
    }

    fn check(&self, new: &NewTask) -> Result<(), StartError> {
        let texts = [
            ("agent_name", &new.agent_name, NAME_BYTES_MAX),
            ("task_type", &new.task_type, NAME_BYTES_MAX),
            ("input", &new.input, INPUT_BYTES_MAX),
        ];
        for (field, text, limit) in texts {
            if text.trim().is_empty() || text.len() > limit {
                return Err(StartError::Text { field, given: text.len(), limit });
            }
        }
        if self.doing.profiles.pick(new.profile.as_deref()).is_some() {
            return Ok(());
        }
        let known = self.doing.profiles.list().profiles.into_iter().map(|profile| profile.name);
        Err(match &new.profile {
            None => StartError::NoProfile,
            Some(name) => StartError::UnknownProfile {
                name: name.chars().take(NAME_BYTES_MAX).collect(),
                known: known.collect::<Vec<_>>().join(", "),
            },
        })
    }
}

fn warn_of(ended: Result<(), KeepError>) {
    if let Err(error) = ended {
        tracing::error!(error = %error, "unfinished tasks stay as they are until the next start");
    }
}

impl Doing {
    fn clean(&self, text: &str) -> String {
        self.redactor.text(text).unwrap_or_else(|| text.to_owned())
    }

    async fn keep(&self, task: &Task) -> Result<(), KeepError> {
        let (keeper, task) = (Arc::clone(&self.keeper), task.clone());
        let kept = spawn_blocking(move || keeper.save(&task)).await;
        kept.unwrap_or_else(|error| Err(KeepError(error.into())))
    }

    /// A finished task has a state that no later one may overwrite.
    fn finish(&self, task: &mut Task, outcome: Result<String, String>) {
        task.finished = Some(self.clock.now());
        match outcome {
            Ok(result) => (task.state, task.result) = (TaskState::Succeeded, Some(self.clean(&result))),
            Err(error) => (task.state, task.error) = (TaskState::Failed, Some(self.clean(&error))),
        }
    }
}

#[cfg(test)]
mod tests;
