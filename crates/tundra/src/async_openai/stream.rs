//! An answer that comes as server-sent events: read line by line, its pieces put together.
//!
//! Driven by `answer` with bytes as they pass. Lines and texts are bounded; what does not fit is left out, and never held
//! back from the caller.

use super::answer::{failure, named, understand, usage};
use crate::limits::{CALL_BODY_BYTES, CALL_CHOICES};
use crate::llm::{Call, Message, Part};
use std::borrow::Cow;
use tundra_record::Value;
use tundra_record::value::from_json;

/// A stream so far.
#[derive(Default)]
pub(super) struct Events {
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// Whether that line is too long to be kept.
    skips: bool,
    choices: Vec<Choice>,
    /// Bytes that the choices hold.
    held: usize,
    /// Whether its end was told.
    ended: bool,
    named: bool,
}

/// One of the answers.
#[derive(Default)]
struct Choice {
    text: String,
    calls: Vec<[String; 3]>,
    finish_reason: String,
}

impl Events {
    /// Whether all of it came, whatever the connection does from here on.
    pub(super) fn is_complete(&self) -> bool {
        self.ended || self.choices.iter().any(|choice| !choice.finish_reason.is_empty())
    }

    pub(super) fn hear(&mut self, mut bytes: &[u8], call: &Call) {
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            let (rest, line) = (&bytes[at + 1..], &bytes[..at]);
            if self.line.is_empty() && !self.skips {
                self.line(line, call);
            } else {
                self.keep(line);
                let whole = std::mem::take(&mut self.line);
                if !std::mem::take(&mut self.skips) {
                    self.line(&whole, call);
                }
            }
            bytes = rest;
        }
        self.keep(bytes);
    }

    fn keep(&mut self, piece: &[u8]) {
        self.skips |= self.line.len() + piece.len() > CALL_BODY_BYTES;
        if self.skips {
            self.line.clear();
        } else {
            self.line.extend_from_slice(piece);
        }
    }

    fn line(&mut self, line: &[u8], call: &Call) {
        let text = std::str::from_utf8(line).unwrap_or_default();
        let Some(data) = text.strip_prefix("data:").map(str::trim) else { return };
        if data == "[DONE]" {
            self.ended = true;
        } else if let Some(event) = from_json(data) {
            self.event(&event, call);
        }
    }

    fn event(&mut self, event: &Value<'_>, call: &Call) {
        match event.get("type").and_then(Value::as_str) {
            Some("response.completed" | "response.incomplete" | "response.failed") => {
                self.ended = true;
                if let Some(response) = event.get("response") {
                    understand(call, response);
                }
            }
            Some("error") => {
                let text = |key: &str| event.get(key).map(Value::to_text).unwrap_or_default();
                call.failed(text("code"), text("message"));
            }
            Some(kind) if kind.ends_with(".delta") => call.chunk(),
            Some(_) => {}
            None => self.chunk(event, call),
        }
    }

    /// A piece of a chat's answer, or of a completion's.
    fn chunk(&mut self, chunk: &Value<'_>, call: &Call) {
        if !std::mem::replace(&mut self.named, true) {
            named(call, chunk);
        }
        usage(call, chunk);
        failure(call, chunk);
        let Some(Value::List(choices)) = chunk.get("choices") else { return };
        for said in choices {
            call.chunk();
            let at = said.get("index").and_then(Value::as_int).and_then(|at| usize::try_from(at).ok());
            let at = at.unwrap_or_default();
            if at >= CALL_CHOICES {
                continue;
            }
            if self.choices.len() <= at {
                self.choices.resize_with(at + 1, Choice::default);
            }
            if let Some(reason) = said.get("finish_reason").and_then(Value::as_str) {
                reason.clone_into(&mut self.choices[at].finish_reason);
            }
            if call.content && self.held < CALL_BODY_BYTES {
                self.held += self.choices[at].grow(said);
            }
        }
    }

    /// Tells the call what was put together.
    pub(super) fn tell(&mut self, call: &Call) {
        for choice in self.choices.drain(..) {
            let Choice { text, calls, finish_reason } = choice;
            let mut parts = Vec::new();
            if !text.is_empty() {
                parts.push(Part::Text(text));
            }
            parts.extend(calls.into_iter().map(|[id, name, arguments]| Part::ToolCall {
                id,
                name,
                arguments,
            }));
            if !finish_reason.is_empty() {
                call.finish_reason(finish_reason.clone());
            }
            if !parts.is_empty() {
                call.output(Message { role: "assistant".to_owned(), parts, finish_reason });
            }
        }
    }
}

impl Choice {
    /// Adds a piece; says how many bytes it had.
    fn grow(&mut self, said: &Value<'_>) -> usize {
        let delta = said.get("delta");
        let of = |key: &str| delta.and_then(|delta| delta.get(key)).and_then(Value::as_str);
        let mut grown = 0;
        let pieces = [of("content"), of("refusal"), said.get("text").and_then(Value::as_str)];
        for piece in pieces.into_iter().flatten() {
            self.text.push_str(piece);
            grown += piece.len();
        }
        let Some(Value::List(calls)) = delta.and_then(|delta| delta.get("tool_calls")) else { return grown };
        for call in calls {
            let at = call.get("index").and_then(Value::as_int).and_then(|at| usize::try_from(at).ok());
            // Providers that send whole calls do not number them.
            let at = at.unwrap_or(self.calls.len());
            if at >= CALL_CHOICES {
                continue;
            }
            if self.calls.len() <= at {
                self.calls.resize_with(at + 1, Default::default);
            }
            let function = call.get("function");
            let text = |of: Option<&Value<'_>>, key: &str| {
                of.and_then(|of| of.get(key))
                    .map_or(Cow::Borrowed(""), |text| Cow::Owned(text.to_text().into_owned()))
            };
            let [id, name, arguments] = &mut self.calls[at];
            // Some providers repeat id and name with every piece of the arguments.
            for (known, piece) in [(id, text(Some(call), "id")), (name, text(function, "name"))] {
                if known.is_empty() {
                    known.push_str(&piece);
                }
            }
            let piece = text(function, "arguments");
            arguments.push_str(&piece);
            grown += piece.len();
        }
        grown
    }
}
