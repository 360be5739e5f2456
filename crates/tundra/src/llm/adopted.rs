//! A span for libraries that record on the span they find.
//!
//! `rig` makes spans of its own only where there is no current span; inside one it records its `gen_ai.*` fields on that,
//! and `tracing` drops fields that a span did not declare. This one declares them all.

use tracing::field::Empty;
use tracing::{Span, info_span};

/// A span that declares every field that libraries record about model calls: run the library's future inside.
///
/// ```
/// # use tracing::Instrument;
/// # async fn ask(agent: Agent) -> String {
/// agent.prompt("What is the weather?").instrument(tundra::llm::adoptable("invoke_agent")).await
/// # }
/// # struct Agent;
/// # impl Agent { async fn prompt(&self, _: &str) -> String { String::new() } }
/// ```
pub fn adoptable(operation: &'static str) -> Span {
    info_span!(
        "gen_ai",
        otel.name = operation,
        gen_ai.operation.name = operation,
        gen_ai.provider.name = Empty,
        gen_ai.system = Empty,
        gen_ai.agent.name = Empty,
        gen_ai.agent.description = Empty,
        gen_ai.request.model = Empty,
        gen_ai.request.max_tokens = Empty,
        gen_ai.request.temperature = Empty,
        gen_ai.response.model = Empty,
        gen_ai.response.id = Empty,
        gen_ai.response.finish_reasons = Empty,
        gen_ai.system_instructions = Empty,
        gen_ai.prompt = Empty,
        gen_ai.completion = Empty,
        gen_ai.input.messages = Empty,
        gen_ai.output.messages = Empty,
        gen_ai.tool.name = Empty,
        gen_ai.tool.call.id = Empty,
        gen_ai.tool.call.arguments = Empty,
        gen_ai.tool.call.result = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.usage.cached_tokens = Empty,
        gen_ai.usage.cache_read.input_tokens = Empty,
        gen_ai.usage.cache_creation.input_tokens = Empty,
        gen_ai.usage.tool_use_prompt_tokens = Empty,
        gen_ai.usage.reasoning_tokens = Empty,
        error.type = Empty,
        otel.status_code = Empty,
    )
}
