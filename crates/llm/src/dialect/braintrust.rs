//! Braintrust (`braintrust.*`, each value JSON text): type and name in `span_attributes`, tokens in `metrics`, model and
//! identity in `metadata`.

use crate::draft::{Draft, json_of};
use crate::fields::{find, inside, word};
use crate::keys::Keys;
use tundra_record::llm::Direction;
use tundra_record::{Scope, Span, Value};

const DIALECT: &str = "braintrust";

const METRICS: Keys = Keys {
    input: &["prompt_tokens"],
    output: &["completion_tokens"],
    total: &["tokens"],
    cache_read: &["prompt_cached_tokens"],
    cache_write: &["prompt_cache_creation_tokens"],
    reasoning: &["completion_reasoning_tokens", "reasoning_tokens"],
    cost: &["estimated_cost"],
    ttft: &["time_to_first_token"],
    ..Keys::NONE
};

const METADATA: Keys = Keys {
    provider: &["provider"],
    request_model: &["model"],
    service_tier: &["service_tier"],
    streaming: &["stream"],
    session: &["session_id", "sessionId"],
    user: &["user_id", "userId", "user"],
    ..Keys::NONE
};

pub(super) fn span(_scope: &Scope<'_>, span: &Span<'_>) -> Option<Draft> {
    let mut draft = Draft::of_span(DIALECT, span);
    for (keys, name) in [(&METRICS, "braintrust.metrics"), (&METADATA, "braintrust.metadata")] {
        if let Some(Value::Map(said)) = json_of(&span.attrs, &[name]) {
            draft.fill(keys, &said);
        }
    }
    draft.fill(&Keys::NONE, &span.attrs);
    let about = json_of(&span.attrs, &["braintrust.span_attributes"]);
    let of = |key: &str| about.as_ref().and_then(|about| inside(about, &[key])).and_then(word);
    match of("type").as_deref() {
        Some("llm") if span.name.to_ascii_lowercase().contains("embedding") => draft.leaf("embeddings"),
        Some("llm") => draft.leaf("chat"),
        Some("function") => draft.run("tool", of("name"), span),
        Some(other) => draft.run(other, of("name"), span),
        None => {}
    }
    let sides = [
        (Direction::Input, "user", ["braintrust.input_json", "braintrust.input"]),
        (Direction::Output, "assistant", ["braintrust.output_json", "braintrust.output"]),
    ];
    for (direction, role, keys) in sides {
        match find(&span.attrs, &keys) {
            Some(value) if draft.leaf => draft.parts.conversation(direction, role, value),
            Some(value) => draft.parts.text(direction, role, &value.to_text()),
            None => {}
        }
    }
    Some(draft)
}
