//! An answer that comes as server-sent events: read line by line, its pieces put together.
//!
//! Driven by `answer` with bytes as they pass. Lines and texts are bounded; what does not fit is left out, and never held
//! back from the caller.

use super::answer::{UNNAMED, fail, failure, understand, usage};
use super::choice::Choice;
use super::items::Items;
use crate::limits::{CALL_BODY_BYTES, CALL_CHOICES};
use crate::llm::Call;
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
    items: Items,
    /// Bytes that choices and items hold.
    held: usize,
    /// Whether its end was told.
    ended: bool,
    /// Whether model and id are known.
    named: [bool; 2],
}

impl Events {
    /// Whether all of it came, whatever the connection does from here on.
    pub(super) fn is_complete(&self) -> bool {
        self.ended || self.choices.iter().any(Choice::is_over)
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
                    if matches!(response.get("output"), Some(Value::List(items)) if !items.is_empty()) {
                        self.items.forget();
                    }
                    understand(call, response);
                }
            }
            // Either the error is the event, or it is in it.
            Some("error") => {
                if !failure(call, event, UNNAMED) {
                    fail(call, event, UNNAMED);
                }
            }
            // vLLM's errors have types of their own.
            Some(_) if failure(call, event, UNNAMED) => {}
            Some(kind) => self.progress(kind, event, call),
            None => self.chunk(event, call),
        }
    }

    /// A step of a response.
    fn progress(&mut self, kind: &str, event: &Value<'_>, call: &Call) {
        if let Some(response) = event.get("response") {
            self.named(response, call);
        }
        if kind.ends_with(".delta") {
            call.chunk();
        }
        if call.content && self.held < CALL_BODY_BYTES {
            self.held += self.items.hear(kind, event);
        }
    }

    /// Takes model and id from where each is told first: some providers begin with empty ones.
    fn named(&mut self, said: &Value<'_>, call: &Call) {
        let text = |key: &str| said.get(key).and_then(Value::as_str).unwrap_or_default();
        let first = |known: &mut bool, text: &str| {
            let text = if *known { "" } else { text };
            *known |= !text.is_empty();
            text.to_owned()
        };
        let [model, id] = &mut self.named;
        call.response(first(model, text("model")), first(id, text("id")));
    }

    /// A piece of a chat's answer, or of a completion's.
    fn chunk(&mut self, chunk: &Value<'_>, call: &Call) {
        self.named(chunk, call);
        usage(call, chunk);
        failure(call, chunk, UNNAMED);
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
            self.choices[at].stop(said);
            if call.content && self.held < CALL_BODY_BYTES {
                self.held += self.choices[at].grow(said);
            }
        }
    }

    /// Tells the call what was put together.
    pub(super) fn tell(&mut self, call: &Call) {
        self.choices.drain(..).for_each(|choice| choice.tell(call));
        self.items.tell(call);
    }
}
