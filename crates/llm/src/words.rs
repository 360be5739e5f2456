//! One spelling for what clients spell in many ways: providers, finish reasons, operations. Tables only; used by
//! `draft` when a call is finished. Unknown words are kept, in lower case; nothing is guessed here but the provider
//! of a model whose name says it.

use std::borrow::Cow;

/// Spellings of providers that differ from OpenTelemetry's, after lower-casing and `-`, ` ` to `_`.
const PROVIDERS: &[(&str, &str)] = &[
    ("azure", "azure.ai.openai"),
    ("azure_openai", "azure.ai.openai"),
    ("azure.openai", "azure.ai.openai"),
    ("azureopenai", "azure.ai.openai"),
    ("az.ai.openai", "azure.ai.openai"),
    ("az.ai.inference", "azure.ai.inference"),
    ("azure_ai_inference", "azure.ai.inference"),
    ("amazon", "aws.bedrock"),
    ("amazon_bedrock", "aws.bedrock"),
    ("aws", "aws.bedrock"),
    ("aws_bedrock", "aws.bedrock"),
    ("bedrock", "aws.bedrock"),
    ("claude", "anthropic"),
    ("cohereai", "cohere"),
    ("gemini", "gcp.gemini"),
    ("gcp", "gcp.gen_ai"),
    ("google", "gcp.gemini"),
    ("google.generative_ai", "gcp.gemini"),
    ("google_ai", "gcp.gemini"),
    ("google_genai", "gcp.gemini"),
    ("google_generative_ai", "gcp.gemini"),
    ("google.vertex", "gcp.vertex_ai"),
    ("google_vertex", "gcp.vertex_ai"),
    ("google_vertexai", "gcp.vertex_ai"),
    ("vertex", "gcp.vertex_ai"),
    ("vertex_ai", "gcp.vertex_ai"),
    ("vertexai", "gcp.vertex_ai"),
    ("mistral", "mistral_ai"),
    ("mistralai", "mistral_ai"),
    ("moonshot", "moonshot_ai"),
    ("moonshotai", "moonshot_ai"),
    ("together", "together_ai"),
    ("togetherai", "together_ai"),
    ("watsonx", "ibm.watsonx.ai"),
    ("ibm_watsonx", "ibm.watsonx.ai"),
    ("xai", "x_ai"),
];

/// OpenTelemetry's names that hold a dot; any other dotted name is cut at its first dot (`openai.responses`).
const DOTTED: &[&str] = &[
    "aws.bedrock",
    "azure.ai.inference",
    "azure.ai.openai",
    "gcp.gemini",
    "gcp.gen_ai",
    "gcp.vertex_ai",
    "ibm.watsonx.ai",
];

/// Not providers but confessions that the client does not know, or the names of frameworks.
const NOBODY: &[&str] =
    &["", "unknown", "none", "null", "custom", "langchain", "langgraph", "litellm", "other"];

/// Model names that only one provider has: how they begin, and whose they are.
const MODELS: &[(&str, &str)] = &[
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("text-embedding-3", "openai"),
    ("text-embedding-ada", "openai"),
    ("whisper-1", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "gcp.gemini"),
    ("mistral-", "mistral_ai"),
    ("codestral", "mistral_ai"),
    ("command-", "cohere"),
    ("deepseek-", "deepseek"),
    ("grok-", "x_ai"),
];

const FINISH: &[(&str, &str)] = &[
    ("completed", "stop"),
    ("complete", "stop"),
    ("end", "stop"),
    ("end_turn", "stop"),
    ("eos", "stop"),
    ("eos_token", "stop"),
    ("finish", "stop"),
    ("finished", "stop"),
    ("stop_sequence", "stop"),
    ("function_call", "tool_calls"),
    ("tool_call", "tool_calls"),
    ("tool_use", "tool_calls"),
    ("max_output_tokens", "length"),
    ("max_tokens", "length"),
    ("model_context_window_exceeded", "length"),
    ("model_length", "length"),
    ("blocklist", "content_filter"),
    ("content_filtered", "content_filter"),
    ("guardrail_intervened", "content_filter"),
    ("prohibited_content", "content_filter"),
    ("safety", "content_filter"),
    ("spii", "content_filter"),
];

const OPERATIONS: &[(&str, &str)] = &[
    ("chat_completion", "chat"),
    ("chat_completions", "chat"),
    ("chat_model", "chat"),
    ("generation", "chat"),
    ("llm", "chat"),
    ("llm_call", "chat"),
    ("message", "chat"),
    ("responses", "chat"),
    ("completion", "text_completion"),
    ("completions", "text_completion"),
    ("embed", "embeddings"),
    ("embedding", "embeddings"),
    ("generatecontent", "generate_content"),
    ("reranker", "rerank"),
];

fn plain(word: &str) -> Cow<'_, str> {
    let word = word.trim();
    if word.bytes().any(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b' ')) {
        Cow::Owned(word.to_ascii_lowercase().replace(['-', ' '], "_"))
    } else {
        Cow::Borrowed(word)
    }
}

fn lookup(table: &[(&'static str, &'static str)], word: &str) -> Option<&'static str> {
    table.iter().find(|(from, _)| *from == word).map(|(_, to)| *to)
}

/// OpenTelemetry's name of a provider; `None` for words that name nobody.
pub(crate) fn provider(word: &str) -> Option<String> {
    let word = plain(word);
    if NOBODY.contains(&word.as_ref()) {
        return None;
    }
    if let Some(known) = lookup(PROVIDERS, &word) {
        return Some(known.to_owned());
    }
    if DOTTED.contains(&word.as_ref()) {
        return Some(word.into_owned());
    }
    // `google.generative_ai.chat` and `openai.chat`: the longest prefix that the table knows, else the first word.
    let two = word.match_indices('.').nth(1).and_then(|(at, _)| lookup(PROVIDERS, &word[..at]));
    let one = word.split('.').next().unwrap_or_default();
    Some(two.or_else(|| lookup(PROVIDERS, one)).unwrap_or(one).to_owned())
}

/// Whose model this is, where the name alone says it.
pub(crate) fn provider_of_model(model: &str) -> Option<&'static str> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let starts =
        |prefix: &str| name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    MODELS.iter().find(|(prefix, _)| starts(prefix)).map(|(_, provider)| *provider)
}

/// One word for why a model stopped.
pub(crate) fn finish(word: &str) -> Option<String> {
    let word = plain(word);
    match word.as_ref() {
        "" | "null" | "none" | "unknown" | "finish_reason_unspecified" => None,
        other => Some(lookup(FINISH, other).unwrap_or(other).to_owned()),
    }
}

/// OpenTelemetry's name of an operation.
pub(crate) fn operation(word: &str) -> Cow<'_, str> {
    match plain(word) {
        Cow::Borrowed(same) => Cow::Borrowed(lookup(OPERATIONS, same).unwrap_or(same)),
        Cow::Owned(lower) => match lookup(OPERATIONS, &lower) {
            Some(known) => Cow::Borrowed(known),
            None => Cow::Owned(lower),
        },
    }
}

#[cfg(test)]
mod tests;
