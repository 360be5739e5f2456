//! OpenTelemetry's GenAI conventions on spans: today's names and those of the years before, content as attributes
//! (structured or JSON text), as flattened `gen_ai.prompt.N.*`, or on span events. Also the base of OpenLLMetry's
//! dialect and of whoever adds to these names (OpenLIT, Laminar, AI SDK 7, Logfire, Pydantic AI).

use crate::draft::{Draft, json_of};
use crate::fields::{Pairs, find, nanos, text, unflatten, word};
use crate::keys::Keys;
use crate::raw;
use crate::words;
use tundra_record::llm::{Direction, Evaluation};
use tundra_record::{Attrs, Event, Scope, Span, Value};

pub(super) const DIALECT: &str = "otel_genai";

pub(super) const KEYS: Keys = Keys {
    provider: &[
        "langsmith.metadata.ls_provider",
        "gen_ai.provider.name",
        "gen_ai.system",
        "llm.system",
        "llm.vendor",
    ],
    request_model: &["gen_ai.request.model", "llm.request.model", "langsmith.metadata.ls_model_name"],
    response_model: &["gen_ai.response.model", "llm.response.model"],
    service_tier: &[
        "openai.response.service_tier",
        "gen_ai.openai.response.service_tier",
        "gen_ai.response.service_tier",
    ],
    streaming: &[
        "gen_ai.request.stream",
        "gen_ai.is_streaming",
        "gen_ai.request.is_stream",
        "llm.is_streaming",
    ],
    input: &["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens"],
    output: &["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens"],
    total: &["gen_ai.usage.total_tokens", "llm.usage.total_tokens"],
    cache_read: &[
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.details.cache_read_tokens",
        "gen_ai.usage.input_tokens.cached",
    ],
    cache_write: &[
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.details.cache_write_tokens",
    ],
    cache_write_1h: &["gen_ai.usage.cache_creation.ephemeral_1h_input_tokens"],
    reasoning: &[
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.reasoning_output_tokens",
        "gen_ai.usage.details.reasoning_tokens",
    ],
    cost: &["operation.cost", "gen_ai.usage.cost", "gen_ai.usage.total_cost"],
    ttft: &[
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.server.time_to_first_token",
        "gen_ai.streaming.time_to_first_token",
    ],
    ttft_event: &["gen_ai.content.completion.chunk", "First Token Stream Event"],
    finish: &[
        "gen_ai.response.finish_reasons",
        "gen_ai.response.finish_reason",
        "gen_ai.completion.0.finish_reason",
    ],
    agent: &["gen_ai.agent.name", "langsmith.metadata.lc_agent_name"],
    workflow: &["gen_ai.workflow.name"],
    session: &[
        "gen_ai.conversation.id",
        "session.id",
        "langsmith.metadata.session_id",
        "lmnr.association.properties.session_id",
    ],
    user: &[
        "user.id",
        "enduser.id",
        "usr.id",
        "gen_ai.user",
        "gen_ai.request.user",
        "llm.user",
        "langsmith.metadata.user_id",
        "lmnr.association.properties.user_id",
    ],
    prompt_name: &["gen_ai.prompt.name"],
    prompt_version: &["gen_ai.prompt.version"],
    profile: &["tundra.profile"],
    task_type: &["tundra.task.type"],
    ..Keys::NONE
};

/// Operations that are one call to a model.
const LEAVES: &[&str] = &[
    "chat",
    "embeddings",
    "generate_content",
    "image_generation",
    "moderation",
    "rerank",
    "speech",
    "text_completion",
    "transcription",
];

/// Operations that contain calls or stand between them, and what we call the run.
const RUNS: &[(&str, &str)] = &[
    ("invoke_agent", "agent"),
    ("create_agent", "agent"),
    ("agent", "agent"),
    ("invoke_workflow", "workflow"),
    ("workflow", "workflow"),
    ("execute_tool", "tool"),
    ("tool", "tool"),
    ("tool_call", "tool"),
    ("agent_call", "agent"),
    ("retrieval", "retrieval"),
    ("plan", "task"),
    ("task", "task"),
    ("agent_step", "task"),
    ("chain", "chain"),
    ("guardrail", "guardrail"),
];

pub(super) fn span(_scope: &Scope<'_>, span: &Span<'_>) -> Option<Draft> {
    if span.attr_str("logfire.span_type") == Some("pending_span") {
        return None;
    }
    let mut draft = Draft::of_span(DIALECT, span);
    read(&mut draft, span);
    logfire_stream(&mut draft, span);
    Some(draft)
}

/// Logfire tells a streamed call twice: a span that ends when the stream opens and knows no usage, then a log with the
/// usage and the time it took. The second is the call.
fn logfire_stream(draft: &mut Draft, span: &Span<'_>) {
    let Some(request) = json_of(&span.attrs, &["request_data"]).filter(|_| draft.leaf) else { return };
    let streamed = request.get("stream").and_then(Value::as_bool) == Some(true);
    let kind = span.attr_str("logfire.span_type");
    draft.call.streaming = draft.call.streaming.or(Some(streamed));
    if kind == Some("log") {
        draft.call.streaming = Some(true);
        if let Some(took) = find(&span.attrs, &["duration"]).and_then(|value| nanos(value, 1e9)) {
            draft.call.start = span.start.plus(-took);
            draft.call.duration = took;
        }
    } else if streamed && kind == Some("span") && !draft.counts.any() && draft.call.error_type.is_none() {
        draft.leaf = false;
    }
    if !draft.parts.has(Direction::Input) {
        draft.parts.conversation(Direction::Input, "user", &request);
    }
    if let Some(response) =
        find(&span.attrs, &["response_data"]).filter(|_| !draft.parts.has(Direction::Output))
    {
        draft.parts.conversation(Direction::Output, "assistant", response);
    }
}

/// Reads everything; the kind of record follows from the operation.
pub(super) fn read(draft: &mut Draft, span: &Span<'_>) {
    draft.fill(&KEYS, &span.attrs);
    mine(draft, &span.attrs);
    draft.ttft_from_events(&KEYS, span);
    let said = text(&span.attrs, &["gen_ai.operation.name", "llm.request.type", "gen_ai.request.type"]);
    let operation = said.as_deref().map(words::operation).unwrap_or_default();
    let run = RUNS.iter().find(|(name, _)| *name == operation).map(|(_, kind)| *kind);
    if let Some(kind) = run {
        let own = if kind == "tool" { "gen_ai.tool.name" } else { "gen_ai.agent.name" };
        draft.run(kind, text(&span.attrs, &[own, "gen_ai.workflow.name", "gen_ai.data_source.id"]), span);
    } else if operation.ends_with("_memory") || operation.ends_with("_memory_store") {
        draft.run("task", text(&span.attrs, &["gen_ai.agent.name"]), span);
    } else if LEAVES.contains(&operation.as_ref()) || is_old_leaf(draft, &operation) {
        draft.leaf(&operation);
    } else if !operation.is_empty() {
        draft.run(&operation, text(&span.attrs, &["gen_ai.agent.name"]), span);
    }
    content(draft, &span.attrs);
    span.events.iter().for_each(|event| span_event(draft, event));
    tool_content(draft, &span.attrs);
}

/// Raw usage that some keep beside the names (Logfire, LangSmith).
fn mine(draft: &mut Draft, attrs: Pairs<'_, '_>) {
    for key in ["gen_ai.usage.raw", "langsmith.metadata.usage_metadata"] {
        if let Some(counts) = json_of(attrs, &[key]).and_then(|usage| raw::counts(&usage)) {
            draft.mine(raw::Response { counts: Some(counts), ..raw::Response::default() });
        }
    }
    if let Some(response) = json_of(attrs, &["response_data"]) {
        draft.mine(raw::response(&response));
    }
}

/// Instrumentations from before `gen_ai.operation.name` say system and model only.
fn is_old_leaf(draft: &Draft, operation: &str) -> bool {
    operation.is_empty()
        && draft.call.request_model.is_some()
        && (draft.call.provider.is_some() || draft.counts.any())
}

/// Content under today's and yesterday's attribute keys.
pub(super) fn content(draft: &mut Draft, attrs: Pairs<'_, '_>) {
    if let Some(value) = find(attrs, &["gen_ai.system_instructions", "gen_ai.system.instructions"]) {
        draft.parts.instructions(value);
    }
    let sides = [
        (Direction::Input, "user", &["gen_ai.input.messages", "gen_ai.prompt"][..], "gen_ai.prompt."),
        (
            Direction::Output,
            "assistant",
            &["gen_ai.output.messages", "gen_ai.completion"][..],
            "gen_ai.completion.",
        ),
    ];
    for (direction, role, keys, prefix) in sides {
        if draft.parts.has(direction) {
            continue;
        }
        if let Some(value) = find(attrs, keys) {
            draft.parts.conversation(direction, role, value);
        } else if let Some((tree, cut)) = unflatten(attrs, prefix) {
            if matches!(tree, Value::List(_)) {
                draft.parts.conversation(direction, role, &tree);
            }
            if cut {
                draft.problem("a message index beyond the limit");
            }
        }
    }
    if !draft.parts.has(Direction::Input)
        && let Some(Value::List(events)) = json_of(attrs, &["events", "all_messages_events"])
    {
        for event in &events {
            let name = event.get("event.name").and_then(Value::as_str).unwrap_or_default();
            message_event(draft, name, &Attrs::new(), event);
        }
    }
    if let Some(value) = find(attrs, &["gen_ai.tool.definitions"]) {
        draft.parts.tools(value);
    } else if let Some((tree, _)) = unflatten(attrs, "llm.request.functions.") {
        draft.parts.tools(&tree);
    }
}

/// Arguments and result of a tool's own span.
fn tool_content(draft: &mut Draft, attrs: Pairs<'_, '_>) {
    if draft.run.is_none() {
        return;
    }
    for (direction, key) in
        [(Direction::Input, "gen_ai.tool.call.arguments"), (Direction::Output, "gen_ai.tool.call.result")]
    {
        if let Some(value) = find(attrs, &[key]) {
            draft.parts.text(direction, "tool", &value.to_text());
        }
    }
}

fn span_event(draft: &mut Draft, event: &Event<'_>) {
    match event.name.as_ref() {
        "gen_ai.evaluation.result" => draft.evaluation(evaluation(&event.attrs)),
        "gen_ai.client.inference.operation.details" => content(draft, &event.attrs),
        "gen_ai.content.prompt" | "gen_ai.content.completion" => content(draft, &event.attrs),
        name => message_event(draft, name, &event.attrs, &Value::Map(Attrs::new())),
    }
}

/// One message told as one event, as it was before messages became attributes. The fields stand in the body of a log
/// record or among the attributes of a span event.
pub(super) fn message_event(draft: &mut Draft, name: &str, attrs: &Attrs<'_>, body: &Value<'_>) {
    let (direction, role) = match name {
        "gen_ai.system.message" => (Direction::Input, "system"),
        "gen_ai.user.message" => (Direction::Input, "user"),
        "gen_ai.assistant.message" => (Direction::Input, "assistant"),
        "gen_ai.tool.message" => (Direction::Input, "tool"),
        "gen_ai.choice" => (Direction::Output, "assistant"),
        _ => return,
    };
    let mut fields = match body {
        Value::Map(entries) if !entries.is_empty() => fields_of(body),
        Value::Str(text) if !text.is_empty() && text != name => fields_of(body),
        _ => attrs.clone(),
    };
    if let Some(reason) = find(&fields, &["finish_reason"]).and_then(word) {
        draft.call.finish_reason.get_or_insert(reason);
    }
    let message = find(&fields, &["message"]).map(fields_of);
    if let Some(message) = message {
        fields = message;
    }
    if find(&fields, &["role"]).is_none() {
        fields.push(("role".into(), Value::from(role)));
    }
    draft.parts.conversation(direction, role, &Value::Map(fields));
}

/// The fields of a message told as a map, as JSON text, or as its text alone.
fn fields_of(told: &Value<'_>) -> Attrs<'static> {
    match crate::fields::opened(told).into_owned().into_owned() {
        Value::Map(fields) => fields,
        other => vec![("content".into(), other)],
    }
}

/// A judgement told as an event.
pub(super) fn evaluation(attrs: Pairs<'_, '_>) -> Evaluation {
    Evaluation {
        name: text(attrs, &["gen_ai.evaluation.name"]).unwrap_or_default(),
        value: find(attrs, &["gen_ai.evaluation.score.value"]).and_then(Value::as_double),
        label: text(attrs, &["gen_ai.evaluation.score.label"]),
        explanation: text(attrs, &["gen_ai.evaluation.explanation"]),
    }
}
