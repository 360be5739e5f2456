//! One chat call in each provider's shape: what to send and how to read the answer. Pure; the gateway's tasks and its
//! health probes put it on the wire. No key ever passes through here: the caller adds it (see `key_header`).

use crate::fields::{dig, inside, parse, word};
use crate::limits::JSON_BYTES_MAX;
use crate::profile::Shape;
use crate::raw;
use serde::Serialize;
use tundra_record::llm::Usage;

/// The most tokens that a task's answer may have, for providers that insist on a limit.
const ANSWER_TOKENS_MAX: u32 = 4_096;

/// A request without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The path below the profile's base URL.
    pub path: String,
    /// Headers besides the key.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The JSON body.
    pub body: String,
}

/// What a model answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The text, reasoning left out.
    pub text: String,
    /// Tokens.
    pub usage: Usage,
    /// Why the model stopped, in one word.
    pub finish: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// The service tier, if said.
    pub service_tier: Option<String>,
}

/// An answer that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The body is not JSON, or larger than any answer.
    #[error("the answer is not JSON of at most `{limit}` bytes; check the profile's base URL")]
    NotJson {
        /// The largest answer that is read.
        limit: usize,
    },
    /// The provider reports an error.
    #[error("the provider answered with an error: `{message}`")]
    Provider {
        /// The provider's words.
        message: String,
    },
    /// JSON without an answer of this shape.
    #[error("the answer holds no message; check that the profile's API shape is `{shape}`")]
    Shape {
        /// The shape that was expected.
        shape: &'static str,
    },
}

/// Which header carries the key, and what stands before the key in it.
pub fn key_header(shape: Shape) -> (&'static str, &'static str) {
    match shape {
        Shape::AnthropicMessages => ("x-api-key", ""),
        Shape::Gemini => ("x-goog-api-key", ""),
        Shape::OpenAiChat | Shape::Ollama => ("authorization", "Bearer "),
    }
}

#[derive(Serialize)]
struct Message<'m> {
    role: &'static str,
    content: &'m str,
}

#[derive(Serialize)]
struct MessagesBody<'m> {
    model: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<&'m str>,
    messages: Vec<Message<'m>>,
    stream: bool,
}

#[derive(Serialize)]
struct GeminiPart<'m> {
    text: &'m str,
}

#[derive(Serialize)]
struct GeminiContent<'m> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: [GeminiPart<'m>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GeminiBody<'m> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<GeminiContent<'m>>,
    contents: [GeminiContent<'m>; 1],
}

/// Builds one chat call of a single turn. An empty `system` is left out.
pub fn request(shape: Shape, model: &str, system: &str, input: &str) -> Request {
    let system = Some(system).filter(|text| !text.is_empty());
    let user = Message { role: "user", content: input };
    let (path, headers, body) = match shape {
        Shape::OpenAiChat | Shape::Ollama => {
            let first = system.map(|content| Message { role: "system", content });
            let messages = first.into_iter().chain([user]).collect();
            let body = MessagesBody { model, max_tokens: None, system: None, messages, stream: false };
            let path = if shape == Shape::Ollama { "/api/chat" } else { "/chat/completions" };
            (path.to_owned(), vec![], json(&body))
        }
        Shape::AnthropicMessages => {
            let max_tokens = Some(ANSWER_TOKENS_MAX);
            let body = MessagesBody { model, max_tokens, system, messages: vec![user], stream: false };
            ("/v1/messages".to_owned(), vec![("anthropic-version", "2023-06-01")], json(&body))
        }
        Shape::Gemini => {
            let content = |role, text| GeminiContent { role, parts: [GeminiPart { text }] };
            let system_instruction = system.map(|text| content(None, text));
            let body = GeminiBody { system_instruction, contents: [content(Some("user"), input)] };
            (format!("/v1beta/models/{}:generateContent", escaped(model)), vec![], json(&body))
        }
    };
    let json_type = ("content-type", "application/json");
    Request { path, headers: headers.into_iter().chain([json_type]).collect(), body }
}

fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("structs of texts always serialize")
}

/// A model's name as one path segment.
fn escaped(model: &str) -> String {
    let mut out = String::with_capacity(model.len());
    for byte in model.strip_prefix("models/").unwrap_or(model).bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Reads the answer to [`request`].
pub fn answer(shape: Shape, body: &[u8]) -> Result<Answer, AnswerError> {
    let text = std::str::from_utf8(body).ok();
    let value = text.and_then(parse).ok_or(AnswerError::NotJson { limit: JSON_BYTES_MAX })?;
    if let Some(error) = inside(&value, &["error"]) {
        let message = inside(error, &["message"]).and_then(word).or_else(|| word(error));
        return Err(AnswerError::Provider { message: message.unwrap_or_else(|| "no message".to_owned()) });
    }
    let holds: &[&str] = match shape {
        Shape::OpenAiChat => &["choices"],
        Shape::AnthropicMessages => &["content"],
        Shape::Gemini => &["candidates", "promptFeedback"],
        Shape::Ollama => &["message"],
    };
    if !holds.iter().any(|key| dig(&value, &[key]).is_some()) {
        return Err(AnswerError::Shape { shape: shape.as_str() });
    }
    let found = raw::response(&value);
    Ok(Answer {
        text: raw::answer_text(&value),
        usage: found.counts.unwrap_or_default().usage(),
        finish: found.finish,
        model: found.model,
        service_tier: found.service_tier,
    })
}

#[cfg(test)]
mod tests;
