//! MLflow (`mlflow.*`, each value JSON text inside text): type, tokens with inclusive input, and the raw request and
//! response, which are mined for reasoning, finish reason and cache lifetime.

use crate::draft::{Draft, json_of};
use crate::fields::{find, inside, text, word};
use crate::keys::Keys;
use crate::raw;
use tundra_record::llm::Direction;
use tundra_record::{Scope, Span, Value};

const DIALECT: &str = "mlflow";

const KEYS: Keys = Keys {
    provider: &["mlflow.llm.provider", "gen_ai.provider.name", "gen_ai.system"],
    request_model: &["mlflow.llm.model", "gen_ai.request.model"],
    response_model: &["gen_ai.response.model"],
    session: &["mlflow.trace.session", "session.id"],
    user: &["mlflow.trace.user", "user.id"],
    ..Keys::NONE
};

const USAGE: Keys = Keys {
    input: &["input_tokens"],
    output: &["output_tokens"],
    total: &["total_tokens"],
    cache_read: &["cache_read_input_tokens", "cached_tokens"],
    cache_write: &["cache_creation_input_tokens"],
    reasoning: &["reasoning_tokens", "reasoning_output_tokens"],
    ..Keys::NONE
};

pub(super) fn span(_scope: &Scope<'_>, span: &Span<'_>) -> Option<Draft> {
    let kind = text(&span.attrs, &["mlflow.spanType"])?.to_ascii_lowercase();
    let mut draft = Draft::of_span(DIALECT, span);
    draft.fill(&KEYS, &span.attrs);
    match kind.as_str() {
        "chat_model" | "llm" => call(&mut draft, span, "chat"),
        "embedding" => call(&mut draft, span, "embeddings"),
        "retriever" | "reranker" => run(&mut draft, span, "retrieval"),
        "unknown" => run(&mut draft, span, "chain"),
        other => run(&mut draft, span, other),
    }
    Some(draft)
}

fn call(draft: &mut Draft, span: &Span<'_>, operation: &str) {
    draft.leaf(operation);
    if let Some(Value::Map(usage)) = json_of(&span.attrs, &["mlflow.chat.tokenUsage"]) {
        draft.fill(&USAGE, &usage);
    }
    if let Some(cost) = json_of(&span.attrs, &["mlflow.llm.cost"]) {
        let total = inside(&cost, &["total_cost", "total"]).unwrap_or(&cost).as_double();
        draft.call.cost.reported = total.and_then(tundra_record::PicoUsd::from_dollars);
    }
    if let Some(request) = json_of(&span.attrs, &["mlflow.spanInputs"]) {
        draft.call.request_model =
            inside(&request, &["model"]).and_then(word).or(draft.call.request_model.take());
        draft.call.streaming = request.get("stream").and_then(Value::as_bool);
        draft.parts.conversation(Direction::Input, "user", &request);
    }
    if let Some(response) = json_of(&span.attrs, &["mlflow.spanOutputs"]) {
        draft.mine(raw::response(&response));
        if operation == "chat" {
            draft.parts.conversation(Direction::Output, "assistant", &response);
        }
    }
    let tools = find(&span.attrs, &["mlflow.chat.tools"]).filter(|_| !draft.parts.has(Direction::Tools));
    tools.into_iter().for_each(|tools| draft.parts.tools(tools));
}

fn run(draft: &mut Draft, span: &Span<'_>, kind: &str) {
    draft.run(kind, None, span);
    let sides = [
        (Direction::Input, "user", "mlflow.spanInputs"),
        (Direction::Output, "assistant", "mlflow.spanOutputs"),
    ];
    for (direction, role, key) in sides {
        if let Some(value) = find(&span.attrs, &[key]) {
            draft.parts.text(direction, role, &value.to_text());
        }
    }
}
