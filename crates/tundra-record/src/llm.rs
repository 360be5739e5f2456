//! A model call in our own words, whatever dialect it was told in. `llm` makes these, `store` keeps them.

use crate::id::{SpanId, TraceId};
use crate::money::PicoUsd;
use crate::time::UnixNanos;

/// How a number about a call came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Provenance {
    /// Nobody said; the number is absent, not zero.
    #[default]
    Unknown,
    /// The client or provider said so.
    Reported,
    /// Computed from reported numbers (for example a total from its parts, a cost from tokens and a price).
    Derived,
    /// Guessed by a tokenizer or a rule of thumb.
    Estimated,
}

impl Provenance {
    /// The word that SQL uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Reported => "reported",
            Self::Derived => "derived",
            Self::Estimated => "estimated",
        }
    }
}

/// Tokens of one call. `input` and `output` are inclusive: cache reads, cache writes and reasoning are parts of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Everything the model read.
    pub input: Option<u64>,
    /// Of which from the provider's prompt cache.
    pub cache_read: Option<u64>,
    /// Of which written to the cache, all lifetimes together.
    pub cache_write: Option<u64>,
    /// Of which written to the cache for one hour.
    pub cache_write_1h: Option<u64>,
    /// Everything the model wrote.
    pub output: Option<u64>,
    /// Of which reasoning.
    pub reasoning: Option<u64>,
    /// How these numbers came about.
    pub provenance: Provenance,
}

/// What a call cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// By our price table.
    pub computed: Option<PicoUsd>,
    /// By the client's or provider's own word.
    pub reported: Option<PicoUsd>,
    /// How `computed` came about.
    pub provenance: Provenance,
    /// The price used: provider and model, the date at which it held, and where it is from.
    pub price_ref: Option<String>,
}

/// One leaf model call, counted once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LlmCall {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// The span that is the call.
    pub span_id: SpanId,
    /// When it began.
    pub start: UnixNanos,
    /// How long it took, in nanoseconds.
    pub duration: i64,
    /// `chat`, `text_completion`, `embeddings`, ... as OpenTelemetry names operations.
    pub operation: String,
    /// The convention it was told in (`otel_genai`, `openinference`, `datadog_llmobs`, ...).
    pub dialect: &'static str,
    /// OpenTelemetry's name of the provider (`openai`, `anthropic`, `aws.bedrock`, ...).
    pub provider: Option<String>,
    /// The model asked for.
    pub request_model: Option<String>,
    /// The model that answered.
    pub response_model: Option<String>,
    /// The service tier that the provider reported.
    pub service_tier: Option<String>,
    /// Whether the answer was streamed.
    pub streaming: Option<bool>,
    /// Tokens.
    pub usage: Usage,
    /// Cost.
    pub cost: Cost,
    /// Nanoseconds from the request to the first token.
    pub ttft: Option<i64>,
    /// Why the model stopped (`stop`, `tool_calls`, `length`, ...).
    pub finish_reason: Option<String>,
    /// The class of the error, if it failed.
    pub error_type: Option<String>,
    /// The agent on whose behalf it was made.
    pub agent_name: Option<String>,
    /// The workflow it is part of.
    pub workflow: Option<String>,
    /// The conversation.
    pub session_id: Option<String>,
    /// The end user.
    pub user_id: Option<String>,
    /// The prompt template's name.
    pub prompt_name: Option<String>,
    /// The prompt template's version.
    pub prompt_version: Option<String>,
    /// The LLM profile that was used, if ours chose it.
    pub profile: Option<String>,
    /// What kind of task it was.
    pub task_type: Option<String>,
    /// Whether it went well.
    pub success: Option<bool>,
    /// Free tags, as `key:value` or plain words.
    pub tags: Vec<String>,
    /// Only a shadow of the call: who told it tells the call itself another way. Whatever that says counts, whichever
    /// comes later.
    pub shadow: bool,
}

/// Which side of the conversation a message is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Sent to the model.
    #[default]
    Input,
    /// Written by the model.
    Output,
    /// Standing instructions.
    System,
    /// Tools the model was offered.
    Tools,
}

impl Direction {
    /// The word that SQL uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::System => "system",
            Self::Tools => "tools",
        }
    }
}

/// One part of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LlmMessage {
    /// Which side it is on.
    pub direction: Direction,
    /// The message's place in the conversation, from 0 within its direction.
    pub idx: u32,
    /// The part's place in the message, from 0.
    pub part: u32,
    /// `system`, `user`, `assistant`, `tool`; empty if unknown.
    pub role: String,
    /// `text`, `tool_call`, `tool_result`, `reasoning`, `image`, `audio`, `document`, `json`.
    pub kind: String,
    /// The text, or the arguments or result as text or JSON.
    pub content: String,
    /// The tool, for calls, results and definitions.
    pub tool_name: Option<String>,
    /// The call's id, to join a call and its result.
    pub tool_call_id: Option<String>,
}

/// A run of an agent, workflow, task or tool: something that contains model calls or is one step between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentRun {
    /// The agent's, workflow's or tool's name.
    pub agent_name: String,
    /// The agent that called it, if said.
    pub parent_agent: Option<String>,
    /// `agent`, `workflow`, `task`, `tool`, `retrieval`, `guardrail`, `chain`.
    pub kind: String,
    /// The conversation.
    pub session_id: Option<String>,
    /// Whether it went well.
    pub success: Option<bool>,
}

/// A judgement on a call or run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// What was judged (`helpfulness`, ...).
    pub name: String,
    /// The score.
    pub value: Option<f64>,
    /// The verdict in a word.
    pub label: Option<String>,
    /// The reason given.
    pub explanation: Option<String>,
}

/// Everything that `llm` understood of one span or log record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Understood {
    /// The model call, if the record is a leaf model call.
    pub call: Option<LlmCall>,
    /// The messages, of a call or of a run.
    pub messages: Vec<LlmMessage>,
    /// The run, if the record is an agent, workflow, task or tool.
    pub run: Option<AgentRun>,
    /// Judgements that came along.
    pub evaluations: Vec<Evaluation>,
    /// The conversation, for any record that says so.
    pub session_id: Option<String>,
    /// The end user, for any record that says so.
    pub user_id: Option<String>,
    /// What could not be made sense of: short texts for the span's detail view, never content.
    pub problems: Vec<String>,
}
