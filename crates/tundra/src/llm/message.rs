//! Messages of a conversation in the JSON form of OpenTelemetry's `gen_ai.input.messages`.
//!
//! Made by applications, written by `Call` when it ends.

use tundra_record::value::write_json_text;
use tundra_record::{Attrs, Value};

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// Text.
    Text(String),
    /// The model asks for a tool.
    ToolCall {
        /// As the model gave it.
        id: String,
        /// The tool.
        name: String,
        /// Usually JSON.
        arguments: String,
    },
    /// What the tool said.
    ToolResponse {
        /// Of the call it answers.
        id: String,
        /// The tool's answer.
        response: String,
    },
    /// What the model thought before it spoke, as far as the provider shows it.
    Reasoning(String),
    /// Something else (`image_url`, `input_audio`, ...): that it was there, not what it holds.
    Opaque(String),
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `user`, `assistant`, `system` or `tool`.
    pub role: String,
    /// What it says.
    pub parts: Vec<Part>,
    /// Why the model stopped, for its own messages; empty otherwise.
    pub finish_reason: String,
}

impl Message {
    /// A message of one text.
    pub fn new(role: impl Into<String>, text: impl Into<String>) -> Self {
        Self { role: role.into(), parts: vec![Part::Text(text.into())], finish_reason: String::new() }
    }

    /// What the user says.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new("user", text)
    }

    /// What the model says.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new("assistant", text)
    }

    /// What the application tells the model.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new("system", text)
    }

    /// What a tool says.
    pub fn tool(id: impl Into<String>, response: impl Into<String>) -> Self {
        let part = Part::ToolResponse { id: id.into(), response: response.into() };
        Self { role: "tool".to_owned(), parts: vec![part], finish_reason: String::new() }
    }

    /// The same message with one more part.
    pub fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }
}

fn object<'a>(members: &[(&'static str, &'a str)]) -> Attrs<'a> {
    members.iter().map(|(key, text)| ((*key).into(), Value::from(*text))).collect()
}

fn part(part: &Part) -> Value<'_> {
    Value::Map(match part {
        Part::Text(text) => object(&[("type", "text"), ("content", text)]),
        Part::ToolCall { id, name, arguments } => {
            object(&[("type", "tool_call"), ("id", id), ("name", name), ("arguments", arguments)])
        }
        Part::ToolResponse { id, response } => {
            object(&[("type", "tool_call_response"), ("id", id), ("response", response)])
        }
        Part::Reasoning(text) => object(&[("type", "reasoning"), ("content", text)]),
        Part::Opaque(kind) => object(&[("type", kind)]),
    })
}

/// All messages as one JSON text.
pub(super) fn to_json(messages: &[Message]) -> String {
    let message = |message: &'_ Message| {
        let mut members = object(&[("role", &message.role)]);
        members.push(("parts".into(), Value::List(message.parts.iter().map(part).collect())));
        if !message.finish_reason.is_empty() {
            members.extend(object(&[("finish_reason", &message.finish_reason)]));
        }
        let mut text = String::new();
        write_json_text(&Value::Map(members), &mut text);
        text
    };
    let all: Vec<String> = messages.iter().map(message).collect();
    format!("[{}]", all.join(","))
}

/// System instructions as the JSON list of parts that the convention asks for.
pub(super) fn instructions(text: &str) -> String {
    let mut json = String::new();
    write_json_text(
        &Value::List(vec![Value::Map(object(&[("type", "text"), ("content", text)]))]),
        &mut json,
    );
    json
}
