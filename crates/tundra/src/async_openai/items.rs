//! The output of a Responses stream so far, item by item.
//!
//! Fed by `stream`, which also bounds the texts; names and the number of items are bounded here. Only told of a stream
//! that does not come to its end: with that the provider tells everything once more.

use super::choice::brief;
use super::request::message;
use crate::limits::CALL_CHOICES;
use crate::llm::{Call, Message, Part};
use std::mem::discriminant;
use tundra_record::Value;

/// What was said, thought or called so far, each with the number of its item.
#[derive(Default)]
pub(super) struct Items(Vec<(i64, Part)>);

impl Items {
    /// An item begins, or a piece of it comes; says how many bytes that were.
    pub(super) fn hear(&mut self, kind: &str, event: &Value<'_>) -> usize {
        let at = event.get("output_index").and_then(Value::as_int).unwrap_or_default();
        let empty = match kind {
            "response.output_item.added" => return event.get("item").map_or(0, |item| self.begin(at, item)),
            "response.output_text.delta" | "response.refusal.delta" => Part::Text(String::new()),
            "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => {
                Part::Reasoning(String::new())
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                Part::ToolCall { id: String::new(), name: String::new(), arguments: String::new() }
            }
            _ => return 0,
        };
        self.grow(at, empty, event.get("delta").and_then(Value::as_str).unwrap_or_default())
    }

    /// A tool call is named where it begins; texts are only told in pieces.
    fn begin(&mut self, at: i64, item: &Value<'_>) -> usize {
        match message(item).and_then(|mut message| message.parts.pop()) {
            Some(Part::ToolCall { id, name, arguments }) => {
                let (id, name) = (brief(&id).to_owned(), brief(&name).to_owned());
                let named = id.len() + name.len();
                named + self.grow(at, Part::ToolCall { id, name, arguments: String::new() }, &arguments)
            }
            _ => 0,
        }
    }

    fn grow(&mut self, at: i64, new: Part, piece: &str) -> usize {
        let kind = discriminant(&new);
        let known = self.0.iter().rposition(|(index, part)| *index == at && discriminant(part) == kind);
        let at_place = known.unwrap_or(self.0.len());
        if known.is_none() && at_place < CALL_CHOICES {
            self.0.push((at, new));
        }
        match self.0.get_mut(at_place) {
            Some((_, Part::Text(text) | Part::Reasoning(text) | Part::ToolCall { arguments: text, .. })) => {
                text.push_str(piece);
                piece.len()
            }
            _ => 0,
        }
    }

    /// All of it was told at once.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Tells the call what was put together.
    pub(super) fn tell(&mut self, call: &Call) {
        for (_, part) in self.0.drain(..) {
            call.output(Message {
                role: "assistant".to_owned(),
                parts: vec![part],
                finish_reason: String::new(),
            });
        }
    }
}
