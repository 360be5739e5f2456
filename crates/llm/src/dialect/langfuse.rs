//! Langfuse's SDKs (`langfuse.observation.*`). Usage is JSON in one of two ways of counting: the provider's own shape,
//! or the SDK's names, whose `input` leaves out what was cached.

use crate::draft::{Draft, json_of};
use crate::fields::{find, inside, text, whole};
use crate::keys::Keys;
use crate::raw;
use crate::usage::Counts;
use tundra_record::llm::Direction;
use tundra_record::{PicoUsd, Scope, Span, UnixNanos, Value};

const DIALECT: &str = "langfuse";

const KEYS: Keys = Keys {
    response_model: &["langfuse.observation.model.name"],
    service_tier: &["langfuse.observation.metadata.service_tier"],
    finish: &["langfuse.observation.metadata.finish_reason", "langfuse.observation.metadata.status"],
    workflow: &["langfuse.trace.name"],
    session: &["session.id", "langfuse.session.id"],
    user: &["user.id", "langfuse.user.id"],
    prompt_name: &["langfuse.observation.prompt.name"],
    prompt_version: &["langfuse.observation.prompt.version"],
    tags: &["langfuse.trace.tags"],
    metadata_prefix: &["langfuse.trace.metadata."],
    ..Keys::NONE
};

pub(super) fn span(_scope: &Scope<'_>, span: &Span<'_>) -> Option<Draft> {
    let mut draft = Draft::of_span(DIALECT, span);
    draft.fill(&KEYS, &span.attrs);
    if draft.call.error_type.is_none() && span.attr_str("langfuse.observation.level") == Some("ERROR") {
        draft.call.error_type = Some("error".to_owned());
        draft.call.success = Some(false);
    }
    let kind = text(&span.attrs, &["langfuse.observation.type"]).unwrap_or_default();
    match kind.as_str() {
        "generation" => call(&mut draft, span, "chat"),
        "embedding" => call(&mut draft, span, "embeddings"),
        "" | "span" | "event" => {}
        "retriever" => draft.run("retrieval", None, span),
        other => draft.run(other, None, span),
    }
    let sides = [
        (Direction::Input, "user", "langfuse.observation.input"),
        (Direction::Output, "assistant", "langfuse.observation.output"),
    ];
    for (direction, role, key) in sides {
        match find(&span.attrs, &[key]) {
            Some(value) if draft.leaf => draft.parts.conversation(direction, role, value),
            Some(value) => draft.parts.text(direction, role, &value.to_text()),
            None => {}
        }
    }
    Some(draft)
}

fn call(draft: &mut Draft, span: &Span<'_>, operation: &str) {
    draft.leaf(operation);
    if let Some(usage) = json_of(&span.attrs, &["langfuse.observation.usage_details"]) {
        draft.counts = counts(&usage);
        if !draft.counts.any() {
            draft.problem("langfuse.observation.usage_details in an unknown shape");
        }
    }
    if let Some(costs) = json_of(&span.attrs, &["langfuse.observation.cost_details"]) {
        let total = inside(&costs, &["total"]).and_then(Value::as_double);
        draft.call.cost.reported = total.and_then(PicoUsd::from_dollars);
    }
    if let Some(first) = text(&span.attrs, &["langfuse.observation.completion_start_time"]) {
        draft.call.streaming = Some(true);
        match instant(&first) {
            Some(at) => draft.call.ttft = Some(at.since(span.start)),
            None => draft.problem("langfuse.observation.completion_start_time is not a time"),
        }
    }
}

/// The provider's own counts, or the SDK's, which are exclusive.
fn counts(usage: &Value<'_>) -> Counts {
    let raw = raw::counts(usage).unwrap_or_default();
    if raw.input.is_some() {
        return raw;
    }
    let at = |keys: &[&str]| inside(usage, keys).and_then(whole);
    Counts {
        input: at(&["input"]),
        cache_read: at(&["cache_read_input_tokens", "input_cached_tokens", "input_cache_read"]),
        cache_write: at(&["cache_creation_input_tokens", "input_cache_creation"]),
        output: at(&["output"]).or(raw.output),
        reasoning: at(&["output_reasoning_tokens", "output_reasoning", "reasoning_tokens"]),
        total: at(&["total"]),
        exclusive: true,
        reasoning_apart: at(&["output_reasoning_tokens", "output_reasoning"]).is_some(),
        ..Counts::default()
    }
}

/// An RFC 3339 time in UTC, as the SDKs write it.
fn instant(text: &str) -> Option<UnixNanos> {
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?;
    let (date, time) = text.split_once('T')?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let numbers = |text: &str, by: char| -> Option<[i64; 3]> {
        let all: Vec<i64> =
            text.split(by).map(|n| n.parse::<u16>().ok().map(i64::from)).collect::<Option<_>>()?;
        all.try_into().ok()
    };
    let ([year, month, day], [hours, minutes, seconds]) = (numbers(date, '-')?, numbers(clock, ':')?);
    if !(1970..2262).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) || hours > 23 {
        return None;
    }
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
    // Days since 1970 by counting from March, so that a leap day comes last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let whole = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
    Some(UnixNanos(whole * 1_000_000_000 + nanos))
}

#[cfg(test)]
mod tests;
