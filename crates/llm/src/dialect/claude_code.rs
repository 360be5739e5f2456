//! Claude Code: spans of its own (`claude_code.llm_request`, plain keys, input exclusive of the cache) and log events.
//! The log event of a request repeats the span's call; it is the call only where no span exists.

use super::otel_logs::{event_name, of_log};
use crate::draft::Draft;
use crate::fields::{find, text};
use crate::keys::Keys;
use tundra_record::llm::Direction;
use tundra_record::{LogRecord, Scope, Span, Value};

const DIALECT: &str = "claude_code";

const KEYS: Keys = Keys {
    provider: &["gen_ai.system"],
    request_model: &["gen_ai.request.model", "model"],
    input: &["input_tokens"],
    output: &["output_tokens"],
    cache_read: &["cache_read_tokens"],
    cache_write: &["cache_creation_tokens"],
    exclusive: true,
    cost: &["cost_usd"],
    ttft: &["ttft_ms"],
    ttft_unit: 1e6,
    finish: &["stop_reason", "gen_ai.response.finish_reasons"],
    ..Keys::NONE
};

pub(super) fn span(_scope: &Scope<'_>, span: &Span<'_>) -> Option<Draft> {
    let mut draft = Draft::of_span(DIALECT, span);
    match span.attr_str("span.type").unwrap_or_default() {
        "llm_request" => call(&mut draft, &span.attrs),
        "interaction" => {
            draft.fill(&Keys::NONE, &span.attrs);
            draft.run("agent", Some("claude-code".to_owned()), span);
            side(&mut draft, &span.attrs, Direction::Input, "user", "user_prompt");
        }
        "tool" => {
            draft.fill(&Keys::NONE, &span.attrs);
            draft.run("tool", text(&span.attrs, &["tool_name"]), span);
            side(&mut draft, &span.attrs, Direction::Input, "tool", "full_command");
        }
        _ => draft.fill(&Keys::NONE, &span.attrs),
    }
    Some(draft)
}

fn call(draft: &mut Draft, attrs: &[(tundra_record::Text<'_>, Value<'_>)]) {
    draft.leaf("chat");
    draft.fill(&KEYS, attrs);
    draft.call.provider.get_or_insert_with(|| "anthropic".to_owned());
    draft.call.agent_name = Some("claude-code".to_owned());
    if text(attrs, &["speed"]).as_deref() == Some("fast") {
        draft.call.service_tier = Some("fast".to_owned());
    }
    if find(attrs, &["success"]).and_then(Value::as_bool) == Some(false) {
        draft.call.success = Some(false);
        let class = text(attrs, &["error.type", "status_code", "error_type"]);
        draft.call.error_type = draft.call.error_type.take().or(class).or_else(|| Some("error".to_owned()));
    }
}

fn side(
    draft: &mut Draft,
    attrs: &[(tundra_record::Text<'_>, Value<'_>)],
    direction: Direction,
    role: &str,
    key: &str,
) {
    if let Some(value) = find(attrs, &[key]) {
        draft.parts.text(direction, role, &value.to_text());
    }
}

pub(super) fn log(_scope: &Scope<'_>, log: &LogRecord<'_>) -> Option<Draft> {
    let mut draft = of_log(DIALECT, log);
    draft.fill(&Keys::NONE, &log.attrs);
    let alone = log.span_id.is_none();
    match event_name(log).trim_start_matches("claude_code.") {
        "api_request" if alone => {
            let took = find(&log.attrs, &["duration_ms"]).and_then(|value| crate::fields::nanos(value, 1e6));
            draft.call.duration = took.unwrap_or(0);
            draft.call.start = log.time.plus(-draft.call.duration);
            call(&mut draft, &log.attrs);
        }
        "api_error" if alone => {
            call(&mut draft, &log.attrs);
            draft.call.success = Some(false);
            draft.call.error_type = text(&log.attrs, &["status_code"]).or_else(|| Some("error".to_owned()));
        }
        "user_prompt" if alone => side(&mut draft, &log.attrs, Direction::Input, "user", "prompt"),
        "assistant_response" => side(&mut draft, &log.attrs, Direction::Output, "assistant", "response"),
        _ => {}
    }
    Some(draft)
}
