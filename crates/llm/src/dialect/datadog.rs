//! Datadog LLM Observability: the whole event rides in `meta_struct._llmobs` of an APM span (a map), and the `gen_ai.*`
//! tags beside it are shadows of it, not OpenTelemetry's; so the call counts once. An event that came by itself is put
//! there by `wire`. Clients differ: the kind is nested (`span: {kind}`) or dotted (`span.kind`), and so is the error;
//! tags are a map or a list. Evaluations are requests of their own, which come as log records.

use crate::draft::Draft;
use crate::fields::{Pairs, dig, find, inside, opened, text, word};
use crate::keys::Keys;
use tundra_record::llm::{Direction, Evaluation};
use tundra_record::{LogRecord, Scope, Span, Value};

const DIALECT: &str = "datadog_llmobs";

/// The name under which `wire` hands over an evaluation.
pub(crate) const EVALUATION: &str = "datadog.llmobs.evaluation";

/// The event's `metrics`.
const METRICS: Keys = Keys {
    input: &["input_tokens", "prompt_tokens"],
    output: &["output_tokens", "completion_tokens"],
    total: &["total_tokens"],
    cache_read: &["cache_read_input_tokens"],
    cache_write: &["cache_write_input_tokens"],
    cache_write_5m: &["ephemeral_5m_input_tokens"],
    cache_write_1h: &["ephemeral_1h_input_tokens"],
    reasoning: &["reasoning_output_tokens"],
    cost: &["total_cost"],
    ttft: &["time_to_first_token"],
    ..Keys::NONE
};

/// The event's `meta.metadata`.
const METADATA: Keys = Keys {
    service_tier: &["service_tier"],
    streaming: &["stream"],
    finish: &["finish_reason", "stop_reason"],
    ..Keys::NONE
};

/// The span's own tags: what the event does not say, or all there is when the event went another way.
const TAGS: Keys = Keys {
    request_model: &["openai.request.model", "anthropic.request.model", "gen_ai.request.model"],
    response_model: &["openai.response.model", "anthropic.response.model", "_dd.llmobs.model_name"],
    input: &["_dd.llmobs.input_tokens", "gen_ai.usage.input_tokens"],
    output: &["_dd.llmobs.output_tokens", "gen_ai.usage.output_tokens"],
    total: &["_dd.llmobs.total_tokens"],
    cache_read: &["_dd.llmobs.cache_read_input_tokens", "gen_ai.usage.cache_read_input_tokens"],
    cache_write: &["_dd.llmobs.cache_write_input_tokens", "gen_ai.usage.cache_write_input_tokens"],
    reasoning: &["_dd.llmobs.reasoning_output_tokens", "gen_ai.usage.reasoning_output_tokens"],
    session: &["gen_ai.conversation.id", "_dd.p.llmobs_sid", "session.id"],
    ..Keys::NONE
};

/// Where the provider may be said, best first; `unknown` is what a client writes for a custom base URL.
const PROVIDERS: &[&str] =
    &["_dd.llmobs.model_provider", "gen_ai.provider.name", "openai.request.provider", "component"];

/// Tags that every client sets about itself; the rest are the user's.
const OWN_TAGS: &[&str] = &[
    "agent_service",
    "ddtrace.version",
    "decorator",
    "dd.tracer_version",
    "env",
    "error",
    "error_type",
    "integration",
    "language",
    "ml_app",
    "service",
    "session_id",
    "source",
    "user_id",
    "version",
];

const KINDS: &[(&str, &str)] = &[("llm", "chat"), ("embedding", "embeddings")];

pub(super) fn span(_scope: &Scope<'_>, span: &Span<'_>) -> Option<Draft> {
    let mut draft = Draft::of_span(DIALECT, span);
    match find(&span.attrs, &["meta_struct._llmobs"]) {
        Some(event @ Value::Map(_)) => event_of(&mut draft, span, event),
        Some(_) => draft.problem("meta_struct._llmobs is not a map"),
        None => tags_only(&mut draft, span),
    }
    Some(draft)
}

/// No event: an old protocol dropped it, or it goes another way (`_dd.llmobs.submitted`) under the same ids. The shadow
/// tags tell model and tokens, so that the call is known even if its event is lost. A run is told by its event alone.
fn tags_only(draft: &mut Draft, span: &Span<'_>) {
    let kind = text(&span.attrs, &["_dd.llmobs.span_kind", "gen_ai.operation.name"]);
    draft.fill(&TAGS, &span.attrs);
    kind_of(draft, span, kind.as_deref().unwrap_or_default(), None);
    provider(draft, None, span);
    if find(&span.attrs, &["_dd.llmobs.submitted"]).is_some() {
        draft.call.shadow = true;
        draft.run = None;
    }
}

fn event_of(draft: &mut Draft, span: &Span<'_>, event: &Value<'_>) {
    let meta = event.get("meta").unwrap_or(event);
    let kind = dig(meta, &["span", "kind"]).or_else(|| inside(meta, &["span.kind", "kind"])).and_then(word);
    let kind = kind.or_else(|| text(&span.attrs, &["_dd.llmobs.span_kind"])).unwrap_or_default();
    let within = |key: &str| match event.get(key).or_else(|| meta.get(key)) {
        Some(Value::Map(entries)) => Some(entries),
        _ => None,
    };
    within("metrics").into_iter().for_each(|metrics| draft.fill(&METRICS, metrics));
    within("metadata").into_iter().for_each(|metadata| draft.fill(&METADATA, metadata));
    draft.call.response_model = inside(meta, &["model_name"]).and_then(word);
    draft.call.session_id = inside(event, &["session_id"]).and_then(word);
    draft.call.agent_name = dig(meta, &["agent_attribution", "pagent_name"]).and_then(word);
    user_tags(draft, event.get("tags"));
    draft.fill(
        &Keys {
            input: &[],
            output: &[],
            total: &[],
            cache_read: &[],
            cache_write: &[],
            reasoning: &[],
            ..TAGS
        },
        &span.attrs,
    );
    let class = dig(meta, &["error", "type"]).or_else(|| inside(meta, &["error.type"]));
    if let Some(class) = class.and_then(word) {
        draft.call.error_type = Some(class);
        draft.call.success = Some(false);
    }
    prompt(draft, meta);
    kind_of(draft, span, &kind, inside(event, &["name"]).and_then(word));
    provider(draft, Some(meta), span);
    content(draft, meta);
}

/// An evaluation: its fields are the record's attributes.
pub(super) fn evaluation(log: &LogRecord<'_>) -> Draft {
    let fields = &log.attrs;
    let truth = find(fields, &["boolean_value"]).and_then(Value::as_bool);
    let label = text(fields, &["categorical_value", "text_value"])
        .or(truth.map(|truth| truth.to_string()))
        .or_else(|| find(fields, &["json_value"]).map(|value| value.to_text().into_owned()))
        .or_else(|| text(fields, &["assessment"]));
    let mut draft = super::otel_logs::of_log(DIALECT, log);
    draft.call.session_id = text(fields, &["session_id"]);
    draft.evaluation(Evaluation {
        name: text(fields, &["label"]).unwrap_or_default(),
        value: find(fields, &["score_value"]).and_then(Value::as_double).or(truth.map(f64::from)),
        label,
        explanation: text(fields, &["reasoning"]),
    });
    draft
}

fn kind_of(draft: &mut Draft, span: &Span<'_>, kind: &str, name: Option<String>) {
    if let Some((_, operation)) = KINDS.iter().find(|(word, _)| *word == kind) {
        draft.leaf(operation);
    } else if !kind.is_empty() {
        let parent = draft.call.agent_name.clone();
        draft.run(kind, name, span);
        if let Some(run) = &mut draft.run {
            run.parent_agent = parent;
        }
    } else {
        draft.problem("an LLM Observability span without a kind");
    }
}

fn provider(draft: &mut Draft, meta: Option<&Value<'_>>, span: &Span<'_>) {
    let said = meta.and_then(|meta| inside(meta, &["model_provider"])).and_then(word);
    let elsewhere = PROVIDERS.iter().filter_map(|key| text(&span.attrs, &[key]));
    draft.call.provider =
        said.into_iter().chain(elsewhere).find(|word| crate::words::provider(word).is_some());
}

/// Tags come as a map or as a list of `key:value`.
fn user_tags(draft: &mut Draft, tags: Option<&Value<'_>>) {
    let pairs: Vec<(String, String)> = match tags {
        Some(Value::Map(entries)) => {
            entries.iter().filter_map(|(key, value)| Some((key.to_string(), word(value)?))).collect()
        }
        Some(Value::List(items)) => {
            let split = |item: &Value<'_>| {
                let text = item.as_str()?;
                let (key, value) = text.split_once(':').unwrap_or((text, ""));
                Some((key.to_owned(), value.to_owned()))
            };
            items.iter().filter_map(split).collect()
        }
        _ => return,
    };
    for (key, value) in pairs {
        match key.as_str() {
            "user_id" => draft.call.user_id = Some(value),
            "session_id" if draft.call.session_id.is_none() => draft.call.session_id = Some(value),
            "prompt_name" if draft.call.prompt_name.is_none() => draft.call.prompt_name = Some(value),
            own if OWN_TAGS.contains(&own) => {}
            _ if value.is_empty() => draft.tag(key),
            _ => draft.tag(format!("{key}:{value}")),
        }
    }
}

fn prompt(draft: &mut Draft, meta: &Value<'_>) {
    let at = |keys: &[&str]| inside(dig(meta, &["input", "prompt"])?, keys).and_then(word);
    draft.call.prompt_name = draft.call.prompt_name.take().or_else(|| at(&["id", "name"]));
    draft.call.prompt_version = at(&["version", "label"]);
}

fn content(draft: &mut Draft, meta: &Value<'_>) {
    for (direction, role, key) in
        [(Direction::Input, "user", "input"), (Direction::Output, "assistant", "output")]
    {
        let Some(side) = meta.get(key) else { continue };
        if let Some(messages) = side.get("messages") {
            draft.parts.conversation(direction, role, messages);
        }
        if let Some(value) = side.get("value") {
            draft.parts.text(direction, role, &value.to_text());
        }
        documents(draft, direction, role, side);
        if !KNOWN_SIDES.iter().any(|known| side.get(known).is_some()) && !is_nothing(side) {
            // Experiments send any JSON.
            draft.parts.text(direction, role, &side.to_text());
        }
    }
    if let Some(tools) = meta.get("tool_definitions") {
        draft.parts.tools(&opened(tools));
    }
}

/// What may stand inside `input` and `output`.
const KNOWN_SIDES: &[&str] = &["messages", "value", "documents", "prompt", "parameters"];

fn is_nothing(side: &Value<'_>) -> bool {
    match side {
        Value::Map(entries) => entries.is_empty(),
        Value::Str(text) => text.is_empty(),
        _ => false,
    }
}

fn documents(draft: &mut Draft, direction: Direction, role: &str, side: &Value<'_>) {
    let Some(Value::List(items)) = side.get("documents") else { return };
    for item in items {
        let found: Pairs<'_, '_> = match item {
            Value::Map(entries) => entries,
            _ => &[],
        };
        if let Some(document) = text(found, &["text", "name", "id"]) {
            draft.parts.text(direction, role, &document);
        }
    }
}
