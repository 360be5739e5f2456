//! What a provider's own response says: usage, service tier, finish reason, model, text. Mined by dialects that keep
//! the raw response (that is where reasoning, the cache lifetime and the tier survive) and read by `chat` for the
//! gateway's own calls. Each provider's fields are named here and nowhere else.

use crate::fields::{dig, inside, whole, word};
use crate::usage::Counts;
use crate::words;
use tundra_record::Value;

/// What was found in a response.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Response {
    pub(crate) counts: Option<Counts>,
    pub(crate) service_tier: Option<String>,
    pub(crate) finish: Option<String>,
    pub(crate) model: Option<String>,
}

/// Reads a whole response of any known provider.
pub(crate) fn response(body: &Value<'_>) -> Response {
    let usage = inside(body, &["usage", "usageMetadata", "usage_metadata"]);
    let tier = inside(body, &["service_tier", "serviceTier"]).or_else(|| inside(usage?, &["service_tier"]));
    Response {
        counts: counts(usage.unwrap_or(body)),
        service_tier: tier.and_then(word),
        finish: finish(body),
        model: inside(body, &["model", "modelVersion", "model_version"]).and_then(word),
    }
}

/// Reads a usage object of any known provider; `None` if it has no count that is known.
pub(crate) fn counts(usage: &Value<'_>) -> Option<Counts> {
    let at = |keys: &[&str]| inside(usage, keys).and_then(whole);
    let under = |path: &[&str]| dig(usage, path).and_then(whole);
    let mut counts = Counts {
        input: at(&[
            "prompt_tokens",
            "input_tokens",
            "promptTokenCount",
            "prompt_token_count",
            "inputTokens",
        ])
        .or_else(|| at(&["prompt_eval_count"])),
        output: at(&["completion_tokens", "output_tokens", "outputTokens", "eval_count"]),
        total: at(&["total_tokens", "totalTokens"]),
        ..Counts::default()
    };
    if let Some(candidates) = at(&["candidatesTokenCount", "candidates_token_count"]) {
        counts.output = Some(candidates);
        counts.reasoning_apart = true;
    }
    counts.cache_read = under(&["prompt_tokens_details", "cached_tokens"])
        .or_else(|| under(&["input_tokens_details", "cached_tokens"]))
        .or_else(|| under(&["input_token_details", "cache_read"]))
        .or_else(|| {
            at(&["cachedContentTokenCount", "cached_content_token_count", "prompt_cache_hit_tokens"])
        });
    // Anthropic and Bedrock count the cache apart; whoever says `prompt_tokens` beside these keys is a translator that
    // counts it in, as OpenAI does.
    let apart = at(&["prompt_tokens"]).is_none();
    if let Some(read) = at(&["cache_read_input_tokens", "cacheReadInputTokens"]) {
        counts.cache_read = Some(read);
        counts.exclusive = apart;
    }
    if let Some(written) = at(&["cache_creation_input_tokens", "cacheWriteInputTokens"]) {
        counts.cache_write = Some(written);
        counts.exclusive = apart;
    }
    counts.cache_write = counts.cache_write.or_else(|| under(&["input_token_details", "cache_creation"]));
    counts.cache_write_5m = under(&["cache_creation", "ephemeral_5m_input_tokens"]);
    counts.cache_write_1h = under(&["cache_creation", "ephemeral_1h_input_tokens"]);
    counts.reasoning = under(&["completion_tokens_details", "reasoning_tokens"])
        .or_else(|| under(&["output_tokens_details", "reasoning_tokens"]))
        .or_else(|| under(&["output_token_details", "reasoning"]))
        .or_else(|| at(&["thoughtsTokenCount", "thoughts_token_count"]));
    counts.any().then_some(counts)
}

/// Why the model stopped, in one word.
fn finish(body: &Value<'_>) -> Option<String> {
    let first = |list: &str, key: &str| match body.get(list) {
        Some(Value::List(items)) => items.first().and_then(|item| inside(item, &[key])).and_then(word),
        _ => None,
    };
    let said = first("choices", "finish_reason")
        .or_else(|| first("candidates", "finishReason"))
        .or_else(|| inside(body, &["stop_reason", "stopReason", "done_reason"]).and_then(word));
    said.or_else(|| responses_finish(body)).as_deref().and_then(words::finish)
}

/// OpenAI's responses have a status and a list of outputs instead of a reason.
fn responses_finish(body: &Value<'_>) -> Option<String> {
    let Some(Value::List(output)) = body.get("output") else { return None };
    if let Some(reason) = dig(body, &["incomplete_details", "reason"]).and_then(word) {
        return Some(reason);
    }
    let called = |item: &Value<'_>| item.get("type").and_then(Value::as_str) == Some("function_call");
    match body.get("status").and_then(Value::as_str) {
        Some("completed") | None if output.iter().any(called) => Some("tool_calls".to_owned()),
        Some(status) => Some(status.to_owned()),
        None => None,
    }
}

/// The text that the model wrote, reasoning left out.
pub(crate) fn answer_text(body: &Value<'_>) -> String {
    let mut out = String::new();
    let lists = [
        dig(body, &["message", "content"]),
        first_of(body, "choices").and_then(|choice| dig(choice, &["message", "content"])),
        first_of(body, "candidates").and_then(|candidate| dig(candidate, &["content", "parts"])),
        body.get("content"),
        body.get("response"),
    ];
    if let Some(found) = lists.into_iter().flatten().next() {
        gather(found, &mut out);
    } else if let Some(Value::List(output)) = body.get("output") {
        output.iter().filter_map(|item| item.get("content")).for_each(|content| gather(content, &mut out));
    }
    out
}

fn first_of<'v, 'a>(body: &'v Value<'a>, list: &str) -> Option<&'v Value<'a>> {
    match body.get(list)? {
        Value::List(items) => items.first(),
        _ => None,
    }
}

fn gather(content: &Value<'_>, out: &mut String) {
    match content {
        Value::Str(text) => out.push_str(text),
        Value::List(parts) => {
            let spoken = |part: &&Value<'_>| {
                part.get("thought").and_then(Value::as_bool) != Some(true)
                    && !matches!(part.get("type").and_then(Value::as_str), Some("thinking" | "reasoning"))
            };
            let texts = parts.iter().filter(spoken).filter_map(|part| part.get("text")?.as_str());
            texts.for_each(|text| out.push_str(text));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
