//! A task: one model call that a person asked the daemon to make. `gateway` runs it, `state` keeps it, `serve` shows it.

use crate::id::TraceId;
use crate::money::PicoUsd;
use crate::time::UnixNanos;

/// One task, from its order to its end. Texts are redacted before they get here to stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// 16 lower-case hex digits.
    pub id: String,
    /// The agent on whose behalf it runs.
    pub agent_name: String,
    /// What kind of work it is.
    pub task_type: String,
    /// The LLM profile asked for, or chosen once it runs.
    pub profile: Option<String>,
    /// The model that was called.
    pub model: Option<String>,
    /// How far it is.
    pub state: TaskState,
    /// What the model is asked.
    pub input: String,
    /// What the model answered.
    pub result: Option<String>,
    /// Why it failed and what to do.
    pub error: Option<String>,
    /// When it was ordered.
    pub created: UnixNanos,
    /// When it ended.
    pub finished: Option<UnixNanos>,
    /// The trace that shows it.
    pub trace_id: Option<TraceId>,
    /// Input and output tokens together, as the provider reported them.
    pub tokens: Option<u64>,
    /// What it cost.
    pub cost: Option<PicoUsd>,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// Waits for its turn.
    #[default]
    Queued,
    /// Its model call is under way.
    Running,
    /// Ended with a result.
    Succeeded,
    /// Ended with an error.
    Failed,
}

impl TaskState {
    /// The word that the API and the files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// From the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed]
            .into_iter()
            .find(|state| word == state.as_str())
    }

    /// Whether nothing more will happen to it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}
