//! Messages of a conversation in the JSON form of OpenTelemetry's `gen_ai.input.messages`.
//!
//! Made by applications, written by `Call` when it ends.

use crate::limits::VALUE_BYTES;
use std::borrow::Cow;
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

/// The text, or its beginning with a sign that there was more.
fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}…", &text[..text.floor_char_boundary(limit)]))
}

fn part(part: &Part, limit: usize) -> Value<'_> {
    let content =
        |kind, name, text| object(&[("type", kind)]).into_iter().chain([long(name, text, limit)]).collect();
    Value::Map(match part {
        Part::Text(text) => content("text", "content", text),
        Part::ToolCall { id, name, arguments } => {
            let mut members = object(&[("type", "tool_call"), ("id", id), ("name", name)]);
            members.push(long("arguments", arguments, limit));
            members
        }
        Part::ToolResponse { id, response } => {
            let mut members = object(&[("type", "tool_call_response"), ("id", id)]);
            members.push(long("response", response, limit));
            members
        }
        Part::Reasoning(text) => content("reasoning", "content", text),
        Part::Opaque(kind) => object(&[("type", kind)]),
    })
}

fn long<'a>(name: &'static str, text: &'a str, limit: usize) -> (Cow<'a, str>, Value<'a>) {
    (name.into(), Value::Str(cut(text, limit)))
}

/// Below this a text says nothing, and messages go instead.
const SHORTEST: usize = 64;

/// All messages as one JSON text of at most `VALUE_BYTES`, and whether something is missing for that: first the ends of long
/// texts, then the oldest messages. Cut elsewhere it would be JSON no more.
pub(super) fn to_json(mut messages: &[Message]) -> (String, bool) {
    let mut limit = VALUE_BYTES;
    loop {
        let json = write(messages, limit);
        if json.len() <= VALUE_BYTES {
            let longest = messages.iter().flat_map(|message| &message.parts).map(Part::len).max();
            return (json, limit < VALUE_BYTES || longest.is_some_and(|longest| longest > limit));
        }
        if limit > SHORTEST {
            limit /= 2;
        } else {
            messages = &messages[messages.len().div_ceil(2)..];
        }
    }
}

impl Part {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Reasoning(text) | Self::Opaque(text) => text.len(),
            Self::ToolCall { arguments, .. } => arguments.len(),
            Self::ToolResponse { response, .. } => response.len(),
        }
    }
}

fn write(messages: &[Message], limit: usize) -> String {
    let message = |message: &'_ Message| {
        let mut members = object(&[("role", &message.role)]);
        let parts = message.parts.iter().map(|one| part(one, limit)).collect();
        members.push(("parts".into(), Value::List(parts)));
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

/// System instructions as the JSON list of parts that the convention asks for, and whether their end is missing.
pub(super) fn instructions(text: &str) -> (String, bool) {
    let mut limit = VALUE_BYTES;
    loop {
        let part = Part::Text(cut(text, limit).into_owned());
        let mut json = String::new();
        write_json_text(&Value::List(vec![self::part(&part, usize::MAX)]), &mut json);
        if json.len() <= VALUE_BYTES {
            return (json, text.len() > limit);
        }
        limit /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_long_it_stays_json() {
        let check = |messages: Vec<Message>, whole: bool| {
            let (json, cut) = to_json(&messages);
            assert!(json.len() <= VALUE_BYTES, "{}", json.len());
            assert_eq!(cut, !whole);
            let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
            let last = read.as_array().and_then(|all| all.last()).expect("the newest message stays");
            let role = messages.last().map(|message| message.role.as_str());
            assert_eq!(last["role"].as_str(), role);
            if whole {
                assert_eq!(read.as_array().map(Vec::len), Some(messages.len()));
            }
        };
        let of = |len: usize| Message::user("ü\n".repeat(len / 3));
        check(vec![of(30), Message::assistant("yes")], true);
        check(vec![of(500_000), Message::assistant("yes")], true);
        check(vec![of(3 * VALUE_BYTES), Message::assistant("yes")], false);
        check(vec![of(600_000), of(600_000), Message::assistant("yes")], false);
        check((0..40_000).map(|_| of(60)).collect(), false);
        let call = Part::ToolCall { id: "1".into(), name: "t".into(), arguments: "\"".repeat(VALUE_BYTES) };
        check(vec![of(3).with(call).with(Part::Opaque("image_url".into()))], false);
    }

    #[test]
    fn instructions_too() {
        for (len, whole) in [(0, true), (300, true), (2 * VALUE_BYTES, false)] {
            let (json, cut) = instructions(&"é\"".repeat(len / 3));
            assert!(json.len() <= VALUE_BYTES && cut != whole);
            serde_json::from_str::<serde_json::Value>(&json).expect("JSON");
        }
    }
}
