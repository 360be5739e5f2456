//! Vercel's AI SDK up to version 6 (`ai.*`). Its outer spans (`ai.generateText`) repeat the sum of their inner calls'
//! tokens under the same names: only the inner ones (`.doGenerate`, `.doStream`, `.doEmbed`) are calls. The cache
//! lifetime and the service tier survive in `ai.response.providerMetadata` alone.

use crate::draft::{Draft, json_of};
use crate::fields::{find, inside, opened, text, word};
use crate::keys::Keys;
use crate::raw::{self, Response};
use tundra_record::llm::Direction;
use tundra_record::{Attrs, Scope, Span, Value};

const DIALECT: &str = "vercel_ai";

const KEYS: Keys = Keys {
    provider: &["ai.model.provider", "gen_ai.system"],
    request_model: &["ai.model.id", "gen_ai.request.model"],
    response_model: &["ai.response.model", "gen_ai.response.model"],
    input: &["ai.usage.inputTokens", "gen_ai.usage.input_tokens", "ai.usage.promptTokens", "ai.usage.tokens"],
    output: &["ai.usage.outputTokens", "gen_ai.usage.output_tokens", "ai.usage.completionTokens"],
    cache_read: &["ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens"],
    cache_write: &["ai.usage.inputTokenDetails.cacheWriteTokens"],
    reasoning: &["ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens"],
    ttft: &["ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"],
    ttft_unit: 1e6,
    finish: &["ai.response.finishReason", "gen_ai.response.finish_reasons"],
    agent: &["ai.telemetry.functionId"],
    session: &["ai.telemetry.metadata.sessionId", "ai.telemetry.metadata.session_id", "session.id"],
    user: &["ai.telemetry.metadata.userId", "ai.telemetry.metadata.user_id", "user.id"],
    tags: &["ai.telemetry.metadata.tags"],
    metadata_prefix: &["ai.telemetry.metadata."],
    ..Keys::NONE
};

/// What only leaf calls have: nothing of it is read from the outer spans.
const OUTER: Keys = Keys {
    agent: KEYS.agent,
    session: KEYS.session,
    user: KEYS.user,
    tags: KEYS.tags,
    metadata_prefix: KEYS.metadata_prefix,
    ..Keys::NONE
};

pub(super) fn span(_scope: &Scope<'_>, span: &Span<'_>) -> Option<Draft> {
    let operation = span.attr_str("ai.operationId")?;
    let mut draft = Draft::of_span(DIALECT, span);
    let inner = operation.rsplit('.').next().unwrap_or_default();
    match inner {
        "doGenerate" | "doStream" => call(&mut draft, span, "chat", inner == "doStream"),
        "doEmbed" => call(&mut draft, span, "embeddings", false),
        "toolCall" => tool(&mut draft, span),
        outer => {
            draft.fill(&OUTER, &span.attrs);
            let kind = if outer.starts_with("embed") { "task" } else { "agent" };
            draft.run(kind, text(&span.attrs, KEYS.agent), span);
            prompt(&mut draft, span);
            answer(&mut draft, span);
        }
    }
    Some(draft)
}

fn call(draft: &mut Draft, span: &Span<'_>, operation: &str, streaming: bool) {
    draft.leaf(operation);
    draft.fill(&KEYS, &span.attrs);
    if operation == "chat" {
        draft.call.streaming = Some(streaming);
    }
    if let Some(metadata) = json_of(&span.attrs, &["ai.response.providerMetadata"]) {
        draft.mine(of_provider(&metadata));
    }
    prompt(draft, span);
    answer(draft, span);
}

/// The metadata hold one object for each provider that took part.
fn of_provider(metadata: &Value<'_>) -> Response {
    let Value::Map(providers) = metadata else { return Response::default() };
    let first = providers.iter().map(|(_, said)| raw::response(said)).find(|r| *r != Response::default());
    first.unwrap_or_default()
}

fn prompt(draft: &mut Draft, span: &Span<'_>) {
    if let Some(messages) = find(&span.attrs, &["ai.prompt.messages", "ai.prompt"]) {
        draft.parts.conversation(Direction::Input, "user", messages);
    }
    if let Some(tools) = find(&span.attrs, &["ai.prompt.tools"]) {
        draft.parts.tools(tools);
    }
    let values = find(&span.attrs, &["ai.values", "ai.value"]);
    match values {
        Some(Value::List(items)) => {
            items.iter().filter_map(word).for_each(|t| draft.parts.text(Direction::Input, "user", &t));
        }
        Some(one) => word(one).iter().for_each(|t| draft.parts.text(Direction::Input, "user", t)),
        None => {}
    }
}

/// Text, reasoning and tool calls stand apart; they are one message.
fn answer(draft: &mut Draft, span: &Span<'_>) {
    let mut message = Attrs::new();
    for (key, name) in [
        ("ai.response.reasoning", "reasoning"),
        ("ai.response.text", "content"),
        ("ai.response.object", "content"),
        ("ai.response.toolCalls", "tool_calls"),
    ] {
        if let Some(value) = find(&span.attrs, &[key]) {
            let value = if name == "tool_calls" { opened(value).into_owned() } else { value.clone() };
            message.push((name.into(), value));
        }
    }
    if !message.is_empty() {
        message.push(("role".into(), Value::from("assistant")));
        draft.parts.conversation(Direction::Output, "assistant", &Value::Map(message));
    }
}

fn tool(draft: &mut Draft, span: &Span<'_>) {
    draft.fill(&OUTER, &span.attrs);
    draft.run("tool", text(&span.attrs, &["ai.toolCall.name"]), span);
    let map = |pairs: [(&'static str, &str); 4]| {
        let value = |key: &str| find(&span.attrs, &[key]).cloned().unwrap_or(Value::from(""));
        Value::Map(pairs.into_iter().map(|(name, key)| (name.into(), value(key))).collect())
    };
    let [name, id] = [("name", "ai.toolCall.name"), ("id", "ai.toolCall.id")];
    let mut call = map([name, id, ("arguments", "ai.toolCall.args"), ("", "")]);
    let mut result = map([name, id, ("result", "ai.toolCall.result"), ("", "")]);
    for (part, kind) in [(&mut call, "tool_call"), (&mut result, "tool_result")] {
        if let Value::Map(entries) = part {
            entries.push(("type".into(), Value::from(kind)));
        }
    }
    draft.parts.conversation(Direction::Input, "assistant", &call);
    if inside(&result, &["result"]).is_some() {
        draft.parts.conversation(Direction::Output, "tool", &result);
    }
}
