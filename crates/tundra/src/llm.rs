//! Typed spans for model calls, embeddings, tools, retrieval, agents and workflows, with OpenTelemetry's GenAI names.
//!
//! ```
//! let call = tundra::llm::chat("openai", "gpt-4o");
//! call.input(tundra::llm::Message::user("What is the weather?"));
//! let answer = call.in_scope(|| "Sunny.".to_owned());
//! call.output(tundra::llm::Message::assistant(answer));
//! call.usage(tundra::llm::Usage { input: Some(12), output: Some(3), ..Default::default() });
//! call.finish_reason("stop");
//! ```
//!
//! Futures run inside a call by [`Call::run`]; of a stream each piece is told, and its end:
//!
//! ```
//! # use tundra::llm::{self, Message};
//! # async fn ask() -> Vec<&'static str> { vec!["Sun", "ny."] }
//! # async fn example() {
//! let call = llm::chat("openai", "gpt-4o");
//! let mut said = String::new();
//! for piece in call.run(ask()).await {
//!     call.chunk(); // the first one sets the time to first token
//!     said.push_str(piece);
//! }
//! call.stream_ended(); // without it the call counts as cancelled
//! call.output(Message::assistant(said));
//! # }
//! ```
//!
//! A call is a `tracing` span and ends when it is dropped. Texts are moved into it, not copied. Content is recorded
//! unless [`capture_content`] said no (or `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=false`); everything else
//! is recorded either way.

mod adopted;
mod evaluation;
mod message;

pub use adopted::adoptable;
pub(crate) use evaluation::EVALUATION;
pub use evaluation::{Evaluation, evaluation};
pub use message::{Message, Part};

use crate::SpanExt;
use crate::clock::ticks;
use crate::collector::CUT;
use crate::engine::{Local, SpanIdentity, change_spill, metadata};
use crate::env::captures_content;
use crate::export::datadog::llmobs;
use crate::propagation::{CALL, carried_by, innermost};
use crate::span_ext::own_id;
use std::future::Future;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use tracing::{Instrument, Span, info, info_span};
use tundra_record::{TraceId, Value};

const UNKNOWN: u8 = 0;
const CAPTURE: u8 = 1;
const OMIT: u8 = 2;
static CONTENT: AtomicU8 = AtomicU8::new(UNKNOWN);

/// The `error.type` of what nobody waited for any more.
const CANCELLED: &str = "cancelled";

/// Whether prompts, answers, tool arguments and results are recorded, also those that other libraries put into their
/// spans. Holds at once and for the whole process. Default: `TUNDRA_CAPTURE_CONTENT`, else
/// `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`, else yes. `NO_CONTENT`, `EVENT_ONLY` and words that are not known
/// mean no.
pub fn capture_content(yes: bool) {
    CONTENT.store(if yes { CAPTURE } else { OMIT }, Relaxed);
}

pub(crate) fn content_captured() -> bool {
    if CONTENT.load(Relaxed) == UNKNOWN {
        capture_content(captures_content());
    }
    CONTENT.load(Relaxed) == CAPTURE
}

/// Tokens as the provider reported them. `input` and `output` are inclusive: the others are parts of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Everything the model read.
    pub input: Option<u64>,
    /// Everything the model wrote.
    pub output: Option<u64>,
    /// Of the input, from the provider's cache.
    pub cache_read: Option<u64>,
    /// Of the input, written to the provider's cache.
    pub cache_write: Option<u64>,
    /// Of the output, reasoning.
    pub reasoning: Option<u64>,
}

/// What is assembled while the call runs and written when it ends.
#[derive(Debug, Default)]
struct Gathered {
    input: Vec<Message>,
    output: Vec<Message>,
    finish_reasons: Vec<String>,
    first_chunk: bool,
    /// Whether the stream was told to be complete.
    stream_ended: bool,
    failed: bool,
}

/// One operation of a model, a tool or an agent.
#[derive(Debug)]
pub struct Call {
    span: Span,
    /// In ticks, as the span.
    begun: u64,
    /// Whether messages, arguments and results are recorded.
    pub(crate) content: bool,
    gathered: Mutex<Gathered>,
}

/// A chat completion.
pub fn chat(provider: &str, model: impl Into<String>) -> Call {
    Call::of_model("chat", provider, model.into())
}

/// A plain text completion.
pub fn text_completion(provider: &str, model: impl Into<String>) -> Call {
    Call::of_model("text_completion", provider, model.into())
}

/// An embedding.
pub fn embeddings(provider: &str, model: impl Into<String>) -> Call {
    Call::of_model("embeddings", provider, model.into())
}

/// The execution of a tool; `call_id` as the model gave it, empty if it did not.
pub fn tool(name: impl Into<String>, call_id: impl Into<String>) -> Call {
    let (name, call_id) = (name.into(), call_id.into());
    let span = info_span!(
        "execute_tool",
        otel.name = named("execute_tool", &name),
        otel.kind = "internal",
        gen_ai.operation.name = "execute_tool",
        gen_ai.tool.name = said(&name)
    );
    if !call_id.is_empty() {
        span.set_attribute("gen_ai.tool.call.id", call_id);
    }
    Call::from_span(span)
}

/// A run of an agent.
pub fn agent(name: impl Into<String>) -> Call {
    let name = name.into();
    Call::from_span(info_span!(
        "invoke_agent",
        otel.name = named("invoke_agent", &name),
        otel.kind = "internal",
        gen_ai.operation.name = "invoke_agent",
        gen_ai.agent.name = said(&name)
    ))
}

/// A workflow of several agents or steps.
pub fn workflow(name: impl Into<String>) -> Call {
    let name = name.into();
    Call::from_span(info_span!(
        "invoke_workflow",
        otel.name = named("invoke_workflow", &name),
        otel.kind = "internal",
        gen_ai.operation.name = "invoke_workflow",
        gen_ai.workflow.name = said(&name)
    ))
}

/// A search for documents in a data source.
pub fn retrieval(source: impl Into<String>) -> Call {
    let source = source.into();
    Call::from_span(info_span!(
        "retrieval",
        otel.name = named("retrieval", &source),
        otel.kind = "client",
        gen_ai.operation.name = "retrieval",
        gen_ai.data_source.id = said(&source)
    ))
}

/// A span's name, for sampling rules known from the beginning.
fn named(operation: &str, what: &str) -> String {
    said(what).map_or_else(|| operation.to_owned(), |what| format!("{operation} {what}"))
}

/// An empty name is none.
fn said(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.is_empty())
}

impl Call {
    fn of_model(operation: &'static str, provider: &str, model: String) -> Self {
        Self::from_span(info_span!(
            "llm",
            otel.name = named(operation, &model),
            otel.kind = "client",
            gen_ai.operation.name = operation,
            gen_ai.provider.name = provider,
            gen_ai.request.model = said(&model)
        ))
    }

    fn from_span(span: Span) -> Self {
        if let Some(parent) = parent_to_tell() {
            span.set_attribute(llmobs::PARENT, parent);
        }
        Self { span, begun: ticks(), content: content_captured(), gathered: Mutex::default() }
    }

    fn gather(&self, change: impl FnOnce(&mut Gathered)) {
        change(&mut self.gathered.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The span itself, for whatever has no method here.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Any further attribute.
    pub fn attribute(&self, key: &'static str, value: impl Into<Value<'static>>) {
        self.span.set_attribute(key, value);
    }

    /// A message that goes in, in order.
    pub fn input(&self, message: Message) {
        if self.content {
            self.gather(|gathered| gathered.input.push(message));
        }
    }

    /// A message that came out, in order.
    pub fn output(&self, message: Message) {
        if self.content {
            self.gather(|gathered| gathered.output.push(message));
        }
    }

    /// What the model was told about itself.
    pub fn system_instructions(&self, text: impl Into<String>) {
        if self.content {
            tell(&self.span, "gen_ai.system_instructions", message::instructions(&text.into()));
        }
    }

    /// The arguments of a tool, usually JSON. As any single text they are cut at 1 MiB.
    pub fn arguments(&self, json: impl Into<String>) {
        if self.content {
            self.span.set_attribute("gen_ai.tool.call.arguments", json.into());
        }
    }

    /// The result of a tool. As any single text it is cut at 1 MiB.
    pub fn result(&self, text: impl Into<String>) {
        if self.content {
            self.span.set_attribute("gen_ai.tool.call.result", text.into());
        }
    }

    /// Tokens, as the provider reported them.
    pub fn usage(&self, usage: Usage) {
        self.gather(|gathered| gathered.stream_ended = true);
        let named = [
            ("gen_ai.usage.input_tokens", usage.input),
            ("gen_ai.usage.output_tokens", usage.output),
            ("gen_ai.usage.cache_read.input_tokens", usage.cache_read),
            ("gen_ai.usage.cache_creation.input_tokens", usage.cache_write),
            ("gen_ai.usage.reasoning.output_tokens", usage.reasoning),
        ];
        for (key, tokens) in named {
            if let Some(tokens) = tokens {
                self.span.set_attribute(key, i64::try_from(tokens).unwrap_or(i64::MAX));
            }
        }
    }

    /// The model that answered, and the answer's id; empty if unknown.
    pub fn response(&self, model: impl Into<String>, id: impl Into<String>) {
        for (key, text) in [("gen_ai.response.model", model.into()), ("gen_ai.response.id", id.into())] {
            if !text.is_empty() {
                self.span.set_attribute(key, text);
            }
        }
    }

    /// Why the model stopped; once for each choice.
    pub fn finish_reason(&self, reason: impl Into<String>) {
        self.gather(|gathered| gathered.finish_reasons.push(reason.into()));
    }

    /// The conversation it belongs to.
    pub fn conversation(&self, id: impl Into<String>) {
        self.span.set_attribute("gen_ai.conversation.id", id.into());
    }

    /// A piece of a streamed answer came: the first one sets the time to first token.
    pub fn chunk(&self) {
        let mut first = false;
        self.gather(|gathered| first = !std::mem::replace(&mut gathered.first_chunk, true));
        if first && let Some(id) = own_id(&self.span) {
            let waited = ("gen_ai.response.time_to_first_chunk", [self.begun, ticks()]);
            change_spill(id, |spill| {
                spill.waited = Some(waited);
                true
            });
        }
    }

    /// The stream came to its end. A call that had chunks and neither this, nor a failure, nor a finish reason, nor usage is
    /// marked as cancelled: its numbers are partial.
    pub fn stream_ended(&self) {
        self.gather(|gathered| gathered.stream_ended = true);
    }

    /// Whether its end was told.
    #[cfg(feature = "genai")]
    pub(crate) fn is_over(&self) -> bool {
        let mut over = false;
        self.gather(|gathered| over = gathered.stream_ended);
        over
    }

    /// A judgement on this call, see [`evaluation`].
    pub fn evaluated(&self, evaluation: &Evaluation) {
        self.span.in_scope(|| evaluation.tell());
    }

    /// It was left before its end. What failed before that stays a failure: whoever hears of one stops listening.
    #[cfg(any(feature = "async-openai", feature = "genai"))]
    pub(crate) fn cancelled(&self) {
        let mut failed = false;
        self.gather(|gathered| failed = gathered.failed);
        if !failed {
            self.span.set_attribute("error.type", CANCELLED);
        }
    }

    /// It failed.
    pub fn failed(&self, error_type: impl Into<String>, message: impl Into<String>) {
        self.gather(|gathered| gathered.failed = true);
        self.span.set_attribute("error.type", error_type.into());
        self.span.set_attribute("otel.status_code", "ERROR");
        self.span.set_attribute("otel.status_description", message.into());
    }

    /// Runs `work` inside the call.
    pub fn in_scope<R>(&self, work: impl FnOnce() -> R) -> R {
        self.span.in_scope(work)
    }

    /// Runs a future inside the call.
    pub fn run<F: Future>(&self, future: F) -> tracing::instrument::Instrumented<F> {
        future.instrument(self.span.clone())
    }
}

/// Writes content, and whether part of it is missing.
fn tell(span: &Span, key: &'static str, (json, is_cut): (String, bool)) {
    span.set_attribute(key, json);
    if is_cut {
        span.set_attribute(CUT, true);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let gathered = self.gathered.get_mut().unwrap_or_else(PoisonError::into_inner);
        let over = gathered.stream_ended || gathered.failed || !gathered.finish_reasons.is_empty();
        let cancelled = gathered.first_chunk && !over;
        let broken = gathered.failed || cancelled;
        message::give_reasons(&mut gathered.output, &gathered.finish_reasons, broken);
        for (key, messages) in
            [("gen_ai.input.messages", &gathered.input), ("gen_ai.output.messages", &gathered.output)]
        {
            if !messages.is_empty() {
                tell(&self.span, key, message::to_json(messages));
            }
        }
        if cancelled {
            self.span.set_attribute("error.type", CANCELLED);
        }
        if !gathered.finish_reasons.is_empty() {
            let reasons = gathered.finish_reasons.drain(..).map(Value::from).collect();
            self.span.set_attribute("gen_ai.response.finish_reasons", Value::List(reasons));
        }
    }
}

/// The innermost span of this thread's context that is a call, too.
fn enclosing() -> Option<SpanIdentity> {
    let is_call = |name: &str| {
        ["llm", "execute_tool", "invoke_agent", "invoke_workflow", "retrieval", "gen_ai"].contains(&name)
    };
    let ours = |id| {
        metadata(id).is_some_and(|meta| meta.target().starts_with(module_path!()) && is_call(meta.name()))
    };
    Local::get()?.contexts.find(|entry| ours(entry.id)).map(|entry| entry.who)
}

/// The call of this trace that the thread is inside of.
pub(crate) fn enclosing_call(trace: TraceId) -> Option<u64> {
    let call = enclosing().filter(|call| [call.trace_high, call.trace_low] == [trace.high(), trace.low()])?;
    Some(call.span)
}

/// What Datadog's LLM product is to take for the parent of a call that begins here, if that is not the span above: an HTTP
/// request, say, never gets there.
fn parent_to_tell() -> Option<String> {
    let above = innermost()?;
    let call = enclosing().map(|call| call.span);
    if call == Some(above.span) {
        return None;
    }
    Some(
        call.map(|call| call.to_string())
            .or_else(|| told_from_above(above))
            .unwrap_or(llmobs::NO_PARENT.to_owned()),
    )
}

/// The LLM span in the service above, if the trace came with one.
fn told_from_above(who: SpanIdentity) -> Option<String> {
    let trace = TraceId(u128::from(who.trace_high) << 64 | u128::from(who.trace_low));
    let carried = carried_by(trace)?;
    let said = carried.datadog_tags.split(',').find_map(|tag| tag.strip_prefix(CALL));
    said.filter(|id| id.parse::<u64>().is_ok_and(|id| id != 0)).map(str::to_owned)
}

/// Tells that profiles were looked for and one was chosen: event `llm_profile_bootstrap`.
pub fn profile_bootstrap(profile: &str, provider: &str, available: u64) {
    info!(name: "llm_profile_bootstrap", profile, provider, available, "llm_profile_bootstrap");
}

/// Tells that a request begins: event `llm_request_start`.
pub fn request_start(provider: &str, model: &str, agent_name: &str, task_type: &str) {
    info!(name: "llm_request_start", provider, model, agent_name, task_type, "llm_request_start");
}

/// Tells that a request ended: event `llm_request_complete`.
pub fn request_complete(
    (provider, model): (&str, &str),
    (agent_name, task_type): (&str, &str),
    tokens_used: u64,
    success: bool,
) {
    info!(name: "llm_request_complete", provider, model, agent_name, task_type, tokens_used, success,
        "llm_request_complete");
}

/// Tells that an agent ran: event `llm_agent_execution`.
pub fn agent_execution(
    (provider, model): (&str, &str),
    (agent_name, task_type): (&str, &str),
    tokens_used: u64,
    success: bool,
) {
    info!(name: "llm_agent_execution", provider, model, agent_name, task_type, tokens_used, success,
        "llm_agent_execution");
}
