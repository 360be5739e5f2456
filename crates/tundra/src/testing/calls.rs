//! Model calls, tools and agents as tests want to see them: operation, model, tokens, what was said.
//!
//! Made by `Collector::calls` from finished spans; knows today's names of OpenTelemetry only.

use tundra_record::value::from_json;
use tundra_record::{Span, SpanId, Status, Value};

/// One span with a `gen_ai.operation.name`.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelCall {
    /// `chat`, `execute_tool`, `invoke_agent`, ...
    pub operation: String,
    /// The provider; empty for tools and agents.
    pub provider: String,
    /// The model that was asked for, else the tool, agent, workflow or data source.
    pub name: String,
    /// Tokens in, if they were told.
    pub input_tokens: Option<i64>,
    /// Tokens out, if they were told.
    pub output_tokens: Option<i64>,
    /// The texts that went in, or a tool's arguments; one line each.
    pub input: String,
    /// The texts that came out, or a tool's result; one line each.
    pub output: String,
    /// Whether it failed.
    pub failed: bool,
    /// The span above it.
    pub parent: Option<SpanId>,
    /// All of it.
    pub span: Span<'static>,
}

impl ModelCall {
    /// From a span; `None` if it is no such call.
    pub fn of(span: Span<'static>) -> Option<Self> {
        let text = |keys: &[&str]| {
            let found = keys.iter().find_map(|key| span.attr(key)).map(Value::to_text);
            found.map(std::borrow::Cow::into_owned).unwrap_or_default()
        };
        let operation = text(&["gen_ai.operation.name"]);
        if operation.is_empty() {
            return None;
        }
        let number = |key: &str| span.attr(key).and_then(Value::as_int);
        let names = [
            "gen_ai.request.model",
            "gen_ai.tool.name",
            "gen_ai.agent.name",
            "gen_ai.workflow.name",
            "gen_ai.data_source.id",
            "gen_ai.evaluation.name",
        ];
        Some(Self {
            provider: text(&["gen_ai.provider.name", "gen_ai.system"]),
            name: text(&names),
            input_tokens: number("gen_ai.usage.input_tokens"),
            output_tokens: number("gen_ai.usage.output_tokens"),
            input: said(&text(&["gen_ai.input.messages", "gen_ai.tool.call.arguments", "gen_ai.prompt"])),
            output: said(&text(&["gen_ai.output.messages", "gen_ai.tool.call.result", "gen_ai.completion"])),
            failed: span.status == Status::Error,
            parent: span.parent_id,
            operation,
            span,
        })
    }
}

/// The texts of a list of messages; what is no such list stays as it is, for arguments and results may be any JSON.
fn said(text: &str) -> String {
    let Some(Value::List(messages)) = from_json(text) else { return text.to_owned() };
    if messages.iter().all(|message| message.get("parts").is_none()) {
        return text.to_owned();
    }
    let mut lines = Vec::new();
    for message in &messages {
        let Some(Value::List(parts)) = message.get("parts") else { continue };
        let said = ["content", "response", "name"];
        lines.extend(
            parts.iter().filter_map(|part| Some(said.iter().find_map(|key| part.get(key))?.to_text())),
        );
    }
    lines.join("\n")
}
