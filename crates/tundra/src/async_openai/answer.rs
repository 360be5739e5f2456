//! From an answer in OpenAI's form to the rest of a call: messages, usage, finish reasons, errors, first token.
//!
//! Fed by the body as bytes pass. An answer in one piece is understood at its end, a stream event by event. What is kept
//! is bounded; whatever does not parse is passed over.

use super::request::message;
use super::stream::Events;
use crate::limits::CALL_BODY_BYTES;
use crate::llm::{Call, Message, Usage};
use ::http::{HeaderMap, StatusCode, header};
use std::borrow::Cow;
use tundra_record::Value;
use tundra_record::value::from_json;

/// One answer on its way. Dropped before its end, it was not wanted any more.
pub(super) struct Answer {
    call: Call,
    status: StatusCode,
    form: Form,
    /// Whether the last byte came, or the error that came in its place.
    over: bool,
}

enum Form {
    /// One JSON text; what is longer than the bound is not understood at all.
    Whole(Vec<u8>),
    /// Server-sent events.
    Stream(Events),
}

impl Answer {
    pub(super) fn new(call: Call, status: StatusCode, headers: &HeaderMap) -> Self {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_stream = status.is_success() && kind.starts_with("text/event-stream");
        let form = if is_stream { Form::Stream(Events::default()) } else { Form::Whole(Vec::new()) };
        Self { call, status, form, over: false }
    }

    /// More bytes came.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        match &mut self.form {
            Form::Whole(body) => {
                // One byte over the bound says that something is missing.
                let room = (CALL_BODY_BYTES + 1).saturating_sub(body.len());
                body.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Form::Stream(events) => events.hear(bytes, &self.call),
        }
    }

    /// The last byte came.
    pub(super) fn end(mut self) {
        self.over = true;
        match &mut self.form {
            Form::Whole(body) => whole(&self.call, self.status, body),
            Form::Stream(events) => events.hear(b"\n", &self.call),
        }
    }

    /// The connection broke.
    pub(super) fn broke(mut self, error: &dyn std::error::Error) {
        self.over = true;
        self.call.failed("body", error.to_string());
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let mut complete = self.over;
        if let Form::Stream(events) = &mut self.form {
            complete |= events.is_complete();
            events.tell(&self.call);
        }
        if complete {
            self.call.stream_ended();
        } else {
            self.call.cancelled();
        }
    }
}

fn whole(call: &Call, status: StatusCode, body: &[u8]) {
    let read = (body.len() <= CALL_BODY_BYTES).then(|| std::str::from_utf8(body).ok()).flatten();
    let said = read.and_then(from_json);
    if status.is_success() {
        if let Some(said) = said {
            understand(call, &said);
        }
        return;
    }
    call.attribute("http.response.status_code", i64::from(status.as_u16()));
    if !said.is_some_and(|said| failure(call, &said, status.as_str())) {
        let reason = status.canonical_reason().unwrap_or_default();
        call.failed(status.as_str(), reason);
    }
}

/// Without a better name for it.
pub(super) const UNNAMED: &str = "_OTHER";

/// Whether an error was told; `kind` is what it is if it does not say. OpenAI puts an object behind `error`, Ollama's own API
/// a mere text, and older vLLM says `"object":"error"` beside it.
pub(super) fn failure(call: &Call, said: &Value<'_>, kind: &str) -> bool {
    let is_error = said.get("object").and_then(Value::as_str) == Some("error");
    let error = if is_error || matches!(said, Value::Str(_)) { Some(said) } else { said.get("error") };
    match error {
        Some(error @ Value::Map(_)) => fail(call, error, kind),
        Some(Value::Str(text)) if !text.is_empty() => call.failed(kind, text.as_ref()),
        _ => return false,
    }
    true
}

/// An error by its code, else by its type.
pub(super) fn fail(call: &Call, error: &Value<'_>, kind: &str) {
    let text = |key: &str| {
        let value = error.get(key).filter(|value| matches!(value, Value::Str(_) | Value::Int(_)))?;
        Some(value.to_text()).filter(|text| !text.is_empty())
    };
    // An event that is the error itself has a type, too, which only says that.
    let said = text("code").or_else(|| text("type").filter(|kind| kind != "error"));
    call.failed(said.unwrap_or(Cow::Borrowed(kind)), text("message").unwrap_or_default());
}

/// A completion, a response or a list of vectors.
pub(super) fn understand(call: &Call, said: &Value<'_>) {
    named(call, said);
    usage(call, said);
    if let Some(Value::List(choices)) = said.get("choices") {
        choices.iter().for_each(|choice| self::choice(call, choice));
    }
    if let Some(Value::List(items)) = said.get("output") {
        items.iter().filter_map(message).for_each(|message| call.output(message));
        let cut = said.get("incomplete_details").and_then(|details| details.get("reason"));
        if let Some(reason) = cut.or_else(|| said.get("status")).and_then(Value::as_str) {
            call.finish_reason(reason);
        }
    }
    failure(call, said, UNNAMED);
}

/// Model and id.
fn named(call: &Call, said: &Value<'_>) {
    let text = |key: &str| said.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    call.response(text("model"), text("id"));
}

fn choice(call: &Call, choice: &Value<'_>) {
    let reason = choice.get("finish_reason").and_then(Value::as_str).unwrap_or_default();
    let told = match choice.get("message") {
        Some(said) => message(said),
        None => choice.get("text").and_then(Value::as_str).map(Message::assistant),
    };
    if let Some(mut message) = told {
        message.finish_reason = reason.to_owned();
        call.output(message);
    }
    if !reason.is_empty() {
        call.finish_reason(reason);
    }
}

/// Tokens under the names of both APIs.
pub(super) fn usage(call: &Call, said: &Value<'_>) {
    let Some(said @ Value::Map(_)) = said.get("usage") else { return };
    let number = |of: Option<&Value<'_>>, key: &str| {
        of.and_then(|of| of.get(key)).and_then(Value::as_int).and_then(|number| u64::try_from(number).ok())
    };
    let either = |one: &str, other: &str| number(Some(said), one).or_else(|| number(Some(said), other));
    let input = said.get("prompt_tokens_details").or_else(|| said.get("input_tokens_details"));
    let output = said.get("completion_tokens_details").or_else(|| said.get("output_tokens_details"));
    let (cache_read, reasoning) = (number(input, "cached_tokens"), number(output, "reasoning_tokens"));
    let input = either("prompt_tokens", "input_tokens");
    let output = either("completion_tokens", "output_tokens")
        .map(|output| written(output, reasoning, input, number(Some(said), "total_tokens")));
    call.usage(Usage { input, output, cache_read, reasoning, ..Usage::default() });
}

/// All that the model wrote. xAI counts what it thought apart from what it said, and only the total shows it.
fn written(output: u64, reasoning: Option<u64>, input: Option<u64>, total: Option<u64>) -> u64 {
    let all = output.saturating_add(reasoning.unwrap_or_default());
    let sum = all.saturating_add(input.unwrap_or_default());
    if total == Some(sum) { all } else { output }
}
