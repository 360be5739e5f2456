//! One answer of a chat's stream, or of a completion's, put together from its pieces.
//!
//! Fed by `stream`, which also bounds the texts; names and the number of tool calls are bounded here.

use super::request::{called, reasoning};
use crate::limits::{CALL_CHOICES, CALL_NAME_BYTES};
use crate::llm::{Call, Message, Part};
use tundra_record::Value;

/// One of the answers so far.
#[derive(Default)]
pub(super) struct Choice {
    reasoning: String,
    text: String,
    calls: Vec<ToolCall>,
    finish_reason: String,
}

struct ToolCall {
    /// As the provider numbers it.
    index: Option<i64>,
    id: String,
    name: String,
    arguments: String,
}

impl Choice {
    /// Whether the model stopped.
    pub(super) fn is_over(&self) -> bool {
        !self.finish_reason.is_empty()
    }

    /// Why it stopped, if this piece says so.
    pub(super) fn stop(&mut self, said: &Value<'_>) {
        if let Some(reason) = said.get("finish_reason").and_then(Value::as_str) {
            brief(reason).clone_into(&mut self.finish_reason);
        }
    }

    /// Adds a piece; says how many bytes it had.
    pub(super) fn grow(&mut self, said: &Value<'_>) -> usize {
        let delta = said.get("delta");
        let of = |key: &str| delta.and_then(|delta| delta.get(key)).and_then(Value::as_str);
        let thought = delta.and_then(reasoning).unwrap_or_default();
        self.reasoning.push_str(thought);
        let mut grown = thought.len();
        let pieces = [of("content"), of("refusal"), said.get("text").and_then(Value::as_str)];
        for piece in pieces.into_iter().flatten() {
            self.text.push_str(piece);
            grown += piece.len();
        }
        if let Some(Value::List(calls)) = delta.and_then(|delta| delta.get("tool_calls")) {
            grown += calls.iter().map(|call| self.grow_call(call)).sum::<usize>();
        }
        grown
    }

    fn grow_call(&mut self, said: &Value<'_>) -> usize {
        let index = said.get("index").and_then(Value::as_int);
        let [id, name, arguments] = called(said);
        let (id, name) = (brief(&id), brief(&name));
        let Some(call) = self.call(index, id, name) else { return 0 };
        let mut grown = arguments.len();
        // Some providers repeat id and name with every piece of the arguments.
        for (known, piece) in [(&mut call.id, id), (&mut call.name, name)] {
            if known.is_empty() {
                known.push_str(piece);
                grown += piece.len();
            }
        }
        call.arguments.push_str(&arguments);
        grown
    }

    /// The call that a piece belongs to; `None` if that would be one too many.
    fn call(&mut self, index: Option<i64>, id: &str, name: &str) -> Option<&mut ToolCall> {
        let last = |is: &dyn Fn(&ToolCall) -> bool| {
            // Providers that send whole calls do not number them.
            self.calls.iter().rposition(|call| index.is_some() && call.index == index && is(call))
        };
        // Some number all calls alike: then an id with a name begins another one. An id alone does not, for there are
        // providers that make a new one for each piece.
        let goes_on = |call: &ToolCall| id.is_empty() || name.is_empty() || call.id.is_empty();
        let at = last(&|call| !id.is_empty() && call.id == id).or_else(|| last(&goes_on));
        let at = at.unwrap_or(self.calls.len());
        if at == self.calls.len() && at < CALL_CHOICES {
            let (id, name, arguments) = Default::default();
            self.calls.push(ToolCall { index, id, name, arguments });
        }
        self.calls.get_mut(at)
    }

    /// Tells the call what was put together.
    pub(super) fn tell(self, call: &Call) {
        let Self { reasoning, text, calls, finish_reason } = self;
        let said = |text: String, part: fn(String) -> Part| (!text.is_empty()).then(|| part(text));
        let tool = |ToolCall { id, name, arguments, .. }| Part::ToolCall { id, name, arguments };
        let texts = said(reasoning, Part::Reasoning).into_iter().chain(said(text, Part::Text));
        let parts: Vec<Part> = texts.chain(calls.into_iter().map(tool)).collect();
        if !finish_reason.is_empty() {
            call.finish_reason(finish_reason.clone());
        }
        if !parts.is_empty() {
            call.output(Message { role: "assistant".to_owned(), parts, finish_reason });
        }
    }
}

/// What is kept of a name, an id or a reason.
pub(super) fn brief(text: &str) -> &str {
    &text[..text.floor_char_boundary(CALL_NAME_BYTES)]
}
