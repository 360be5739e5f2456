//! OpenInference (Phoenix, Arize): flattened messages, `openinference.span.kind`, and the raw request and response in
//! `input.value` and `output.value`, which are mined for what the flattened keys leave out.

use crate::draft::{Draft, json_of};
use crate::fields::{Pairs, dig, find, inside, text, unflatten, word};
use crate::keys::Keys;
use crate::raw;
use tundra_record::llm::Direction;
use tundra_record::{Scope, Span, Value};

const DIALECT: &str = "openinference";

const KEYS: Keys = Keys {
    provider: &["llm.provider", "llm.system"],
    request_model: &["llm.request.model_name"],
    response_model: &[
        "llm.response.model_name",
        "llm.model_name",
        "embedding.model_name",
        "reranker.model_name",
    ],
    input: &["llm.token_count.prompt"],
    output: &["llm.token_count.completion"],
    total: &["llm.token_count.total"],
    cache_read: &["llm.token_count.prompt_details.cache_read", "llm.token_count.prompt_details.cache_input"],
    cache_write: &["llm.token_count.prompt_details.cache_write"],
    reasoning: &["llm.token_count.completion_details.reasoning"],
    cost: &["llm.cost.total"],
    ttft_event: &["First Token Stream Event"],
    finish: &["llm.finish_reason"],
    agent: &["agent.name"],
    session: &["session.id"],
    prompt_name: &["llm.prompt_template.name", "prompt.id"],
    prompt_version: &["llm.prompt_template.version"],
    tags: &["tag.tags"],
    metadata: &["metadata"],
    ..Keys::NONE
};

pub(super) fn span(_scope: &Scope<'_>, span: &Span<'_>) -> Option<Draft> {
    let kind = span.attr_str("openinference.span.kind")?.to_ascii_uppercase();
    let mut draft = Draft::of_span(DIALECT, span);
    draft.fill(&KEYS, &span.attrs);
    match kind.as_str() {
        "LLM" => call(&mut draft, span, "chat"),
        "EMBEDDING" => call(&mut draft, span, "embeddings"),
        "RERANKER" if draft.call.response_model.is_some() => call(&mut draft, span, "rerank"),
        "AGENT" => run(&mut draft, span, "agent", &["agent.name", "graph.node.id"]),
        "TOOL" => run(&mut draft, span, "tool", &["tool.name"]),
        "RETRIEVER" | "RERANKER" => run(&mut draft, span, "retrieval", &[]),
        "CHAIN" => run(&mut draft, span, "chain", &["graph.node.id"]),
        other => run(&mut draft, span, &other.to_ascii_lowercase(), &[]),
    }
    Some(draft)
}

fn call(draft: &mut Draft, span: &Span<'_>, operation: &str) {
    draft.leaf(operation);
    draft.ttft_from_events(&KEYS, span);
    let parameters = json_of(&span.attrs, &["llm.invocation_parameters", "embedding.invocation_parameters"]);
    if let Some(parameters) = parameters {
        let model = inside(&parameters, &["model"]).and_then(word);
        draft.call.request_model = draft.call.request_model.take().or(model);
        let streaming = parameters.get("stream").and_then(Value::as_bool);
        draft.call.streaming = draft.call.streaming.or(streaming);
    }
    messages(draft, &span.attrs);
    if operation == "embeddings" {
        texts(draft, &span.attrs, "embedding.embeddings.", &["embedding", "text"]);
    } else {
        let raw = json_of(&span.attrs, &["output.value"]).map(|body| raw::response(&body));
        raw.into_iter().for_each(|raw| draft.mine(raw));
    }
    if draft.counts.input.is_none() {
        let raw = json_of(&span.attrs, &["output.value"]).map(|body| raw::response(&body));
        raw.into_iter().for_each(|raw| draft.mine(raw));
    }
    if !draft.parts.has(Direction::Input) && !draft.parts.has(Direction::System) {
        value(draft, &span.attrs, Direction::Input);
    }
    if !draft.parts.has(Direction::Output) && operation == "chat" {
        value(draft, &span.attrs, Direction::Output);
    }
}

fn messages(draft: &mut Draft, attrs: Pairs<'_, '_>) {
    let sides = [
        (Direction::Input, "user", "llm.input_messages."),
        (Direction::Output, "assistant", "llm.output_messages."),
    ];
    for (direction, role, prefix) in sides {
        if let Some((tree, cut)) = unflatten(attrs, prefix) {
            draft.parts.conversation(direction, role, &tree);
            if cut {
                draft.problem("a message index beyond the limit");
            }
        }
    }
    if let Some((tree, _)) = unflatten(attrs, "llm.tools.") {
        draft.parts.tools(&tree);
    }
}

fn texts(draft: &mut Draft, attrs: Pairs<'_, '_>, prefix: &str, path: &[&str]) {
    let Some((Value::List(items), _)) = unflatten(attrs, prefix) else { return };
    for item in &items {
        if let Some(Value::Str(found)) = dig(item, path) {
            draft.parts.text(Direction::Input, "user", found);
        }
    }
}

fn value(draft: &mut Draft, attrs: Pairs<'_, '_>, direction: Direction) {
    let (key, role) =
        if direction == Direction::Input { ("input.value", "user") } else { ("output.value", "assistant") };
    if let Some(found) = find(attrs, &[key]) {
        draft.parts.text(direction, role, &found.to_text());
    }
}

fn run(draft: &mut Draft, span: &Span<'_>, kind: &str, names: &[&str]) {
    draft.run(kind, text(&span.attrs, names), span);
    value(draft, &span.attrs, Direction::Input);
    value(draft, &span.attrs, Direction::Output);
    if kind == "retrieval"
        && let Some((Value::List(items), _)) = unflatten(&span.attrs, "retrieval.documents.")
    {
        for item in &items {
            if let Some(found) = dig(item, &["document", "content"]) {
                draft.parts.text(Direction::Output, "tool", &found.to_text());
            }
        }
    }
}
