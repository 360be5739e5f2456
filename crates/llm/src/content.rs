//! Messages, system instructions and tool definitions in any of the shapes that providers and SDKs use (OpenAI chat
//! and responses, Anthropic, Gemini, AI SDK, OpenTelemetry parts, Datadog), read into bounded [`Parts`]. Used by the
//! dialects. Shapes are told apart by their keys; what is not recognized is kept as JSON, never dropped.

use crate::fields::{dig, inside, opened, word};
use crate::limits::{CONTENT_DEPTH_MAX, PARTS_MAX};
use std::borrow::Cow;
use tundra_record::Value;
use tundra_record::llm::{Direction, LlmMessage};

const CALL_ID: &[&str] = &["call_id", "tool_call_id", "toolCallId", "tool_use_id", "tool_id", "id"];
const TOOL_NAME: &[&str] = &["name", "toolName", "tool_name"];
const ARGUMENTS: &[&str] = &["arguments", "args", "input", "parameters"];
const RESULT: &[&str] = &["response", "result", "output", "content"];
const TEXT: &[&str] = &["content", "text", "thinking", "reasoning", "summary", "value"];
const MEDIA: &[&str] = &["image_url", "image", "url", "uri", "source", "file", "input_audio", "data"];

/// The message parts of one record, up to a limit.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    list: Vec<LlmMessage>,
    next: [u32; 4],
    /// How many parts the limit cost.
    pub(crate) lost: usize,
}

impl Parts {
    pub(crate) fn has(&self, direction: Direction) -> bool {
        self.list.iter().any(|part| part.direction == direction)
    }

    /// Whether the model asked for a tool: what tells a finish reason where nobody said it.
    pub(crate) fn asks_for_tool(&self) -> bool {
        self.list.iter().any(|part| part.direction == Direction::Output && part.kind == "tool_call")
    }

    pub(crate) fn into_list(self) -> Vec<LlmMessage> {
        self.list
    }

    fn open(&mut self, direction: Direction, role: &str) -> Message<'_> {
        let idx = self.next[direction as usize];
        self.next[direction as usize] = idx.saturating_add(1);
        Message { direction, idx, part: 0, role: role.to_owned(), parts: self }
    }

    /// One message of one text.
    pub(crate) fn text(&mut self, direction: Direction, role: &str, text: &str) {
        if !text.is_empty() {
            self.open(direction, role).put("text", text.to_owned(), None, None);
        }
    }

    /// A conversation: a list of messages, one message, a request that holds messages and tools, or plain text;
    /// itself or as JSON text.
    pub(crate) fn conversation(&mut self, direction: Direction, role: &str, value: &Value<'_>) {
        match opened(value).as_ref() {
            Value::List(items) => items.iter().for_each(|item| self.message(direction, role, item)),
            request if holds_messages(request).is_some() => {
                let messages = holds_messages(request).map_or(Cow::Borrowed(request), opened);
                if let Some(system) = inside(request, &["system", "instructions"]) {
                    self.instructions(system);
                }
                self.conversation(direction, role, &messages);
                if let Some(tools) = request.get("tools") {
                    self.tools(tools);
                }
            }
            one => self.message(direction, role, one),
        }
    }

    /// Standing instructions: text, parts, or a list of either.
    pub(crate) fn instructions(&mut self, value: &Value<'_>) {
        match opened(value).as_ref() {
            Value::Str(text) => self.text(Direction::System, "system", text),
            parts => self.open(Direction::System, "system").contents(parts, 0),
        }
    }

    fn message(&mut self, direction: Direction, role: &str, item: &Value<'_>) {
        let item = opened(item);
        if let Value::List(batch) = item.as_ref() {
            // LangChain runs batches: a list of conversations.
            return batch.iter().for_each(|inner| self.message(direction, role, inner));
        }
        let within = |at: &Value<'_>, key: &str| matches!(at.get(key), Some(Value::Map(_)));
        let inner = item.get("message").filter(|_| within(&item, "message")).unwrap_or(&item);
        // LangChain serializes a message as the call of its constructor, `{lc, type, id, kwargs}`.
        let langchain = inner.get("lc").is_some() && within(inner, "kwargs");
        let map = inner.get("kwargs").filter(|_| langchain).unwrap_or(inner);
        let said = inside(map, if langchain { &["role", "type"] } else { &["role"] });
        let said = said.and_then(Value::as_str).unwrap_or_default();
        let kind = map.get("type").and_then(Value::as_str).unwrap_or_default();
        let (direction, role) = match said {
            "system" | "developer" if direction == Direction::Input => (Direction::System, "system"),
            "developer" => (direction, "system"),
            "model" | "ai" | "reasoning" => (direction, "assistant"),
            "human" => (direction, "user"),
            "function" => (direction, "tool"),
            "" if kind == "function_call_output" => (direction, "tool"),
            "" if matches!(kind, "function_call" | "reasoning") => (direction, "assistant"),
            "" => (direction, role),
            other => (direction, other),
        };
        let mut message = self.open(direction, role);
        if let Value::Map(_) = map {
            message.map(map, said == "reasoning");
        } else {
            message.contents(map, 0);
        }
    }

    /// Tools that the model was offered: a list of definitions in any provider's shape.
    pub(crate) fn tools(&mut self, value: &Value<'_>) {
        let value = opened(value);
        let Value::List(items) = value.as_ref() else { return self.tool(&value) };
        for item in items {
            self.tool(item);
        }
    }

    fn tool(&mut self, item: &Value<'_>) {
        let item = opened(item);
        let item = dig(&item, &["tool", "json_schema"]).map_or(Cow::Borrowed(item.as_ref()), opened);
        let named = item.get("function").filter(|inner| matches!(inner, Value::Map(_))).unwrap_or(&item);
        let name = inside(named, TOOL_NAME).and_then(word);
        self.open(Direction::Tools, "").put("json", item.to_text().into_owned(), name, None);
    }

    fn push(&mut self, part: LlmMessage) {
        if self.list.len() < PARTS_MAX {
            self.list.push(part);
        } else {
            self.lost += 1;
        }
    }
}

fn holds_messages<'v, 'a>(value: &'v Value<'a>) -> Option<&'v Value<'a>> {
    if value.get("role").is_some() || value.get("type").is_some() {
        return None;
    }
    ["messages", "contents", "input", "prompt", "choices", "candidates", "generations", "output"]
        .iter()
        .find_map(|key| value.get(key))
        .filter(|found| matches!(found, Value::List(_) | Value::Str(_)))
}

/// A message being written into [`Parts`].
struct Message<'p> {
    direction: Direction,
    idx: u32,
    part: u32,
    role: String,
    parts: &'p mut Parts,
}

impl Message<'_> {
    fn put(&mut self, kind: &str, content: String, tool_name: Option<String>, tool_call_id: Option<String>) {
        let (direction, idx, part, role) = (self.direction, self.idx, self.part, self.role.clone());
        self.part = part.saturating_add(1);
        self.parts.push(LlmMessage {
            direction,
            idx,
            part,
            role,
            kind: kind.to_owned(),
            content,
            tool_name,
            tool_call_id,
        });
    }

    fn map(&mut self, map: &Value<'_>, reasoning: bool) {
        const ROLES: &[&str] = &["message", "human", "ai", "system", "tool"];
        let typed = map.get("type").and_then(Value::as_str).is_some_and(|kind| !ROLES.contains(&kind));
        if typed && map.get("role").is_none() {
            return self.one(map, 0);
        }
        let call_id = inside(map, CALL_ID.split_last().map_or(CALL_ID, |(_, ids)| ids)).and_then(word);
        let before = self.part;
        if let Some(thought) = inside(map, &["reasoning_content", "reasoning"]).and_then(Value::as_str) {
            self.put("reasoning", thought.to_owned(), None, None);
        }
        for key in ["parts", "contents", "content"] {
            match map.get(key) {
                Some(Value::Str(text)) if text.is_empty() => {}
                Some(Value::Str(text)) if reasoning => self.put("reasoning", text.to_string(), None, None),
                Some(Value::Str(text)) if self.role == "tool" => {
                    self.put(
                        "tool_result",
                        text.to_string(),
                        inside(map, TOOL_NAME).and_then(word),
                        call_id.clone(),
                    );
                }
                Some(inner) => self.contents(inner, 0),
                None => {}
            }
        }
        for key in ["tool_calls", "toolCalls", "tool_results", "function_call"] {
            match map.get(key) {
                Some(Value::List(calls)) => {
                    calls.iter().for_each(|call| self.tool(call, key == "tool_results"))
                }
                Some(call @ Value::Map(_)) => self.tool(call, false),
                _ => {}
            }
        }
        let silent = ["parts", "contents", "content", "tool_calls"].iter().any(|key| map.get(key).is_some());
        if self.part == before && !silent {
            self.put("json", map.to_text().into_owned(), None, None);
        }
    }

    fn contents(&mut self, value: &Value<'_>, depth: usize) {
        match value {
            Value::Str(text) if text.is_empty() => {}
            Value::Str(text) => self.put("text", text.to_string(), None, None),
            Value::List(items) if depth < CONTENT_DEPTH_MAX => {
                items.iter().for_each(|item| self.contents(item, depth + 1));
            }
            Value::Map(_) => self.one(value, depth),
            other => self.put("json", other.to_text().into_owned(), None, None),
        }
    }

    /// One typed part.
    fn one(&mut self, part: &Value<'_>, depth: usize) {
        let part = part.get("message_content").unwrap_or(part);
        let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
        match kind {
            "text" | "output_text" | "input_text" | "summary_text" | "refusal" => self.written("text", part),
            "reasoning" | "thinking" | "redacted_thinking" => self.written("reasoning", part),
            "tool_call" | "tool_use" | "tool-call" | "function_call" | "function" | "server_tool_use" => {
                self.tool(part, false);
            }
            "tool_call_response" | "tool_result" | "tool-result" | "function_call_output" | "tool_return" => {
                self.tool(part, true);
            }
            "image" | "image_url" | "input_image" => self.media("image", part),
            "audio" | "input_audio" => self.media("audio", part),
            "document" | "file" | "input_file" => self.media("document", part),
            "blob" | "uri" => match part.get("modality").and_then(Value::as_str) {
                Some(modality @ ("image" | "audio")) => self.media(modality, part),
                _ => self.media("document", part),
            },
            "" if part.get("functionCall").is_some() => {
                part.get("functionCall").into_iter().for_each(|call| self.tool(call, false));
            }
            "" if part.get("functionResponse").is_some() => {
                part.get("functionResponse").into_iter().for_each(|result| self.tool(result, true));
            }
            "" if part.get("content").is_some() && depth < CONTENT_DEPTH_MAX => self.written("text", part),
            "" if part.get("text").is_some() => self.written("text", part),
            _ => self.put("json", part.to_text().into_owned(), None, None),
        }
    }

    fn written(&mut self, kind: &str, part: &Value<'_>) {
        match inside(part, TEXT) {
            Some(Value::List(items)) => {
                let texts: Vec<_> = items.iter().filter_map(|item| inside(item, TEXT)?.as_str()).collect();
                self.put(kind, texts.join("\n"), None, None);
            }
            Some(found) => self.put(kind, found.to_text().into_owned(), None, None),
            None => self.put(kind, String::new(), None, None),
        }
    }

    fn media(&mut self, kind: &str, part: &Value<'_>) {
        let found = inside(part, MEDIA).unwrap_or(part);
        let found = inside(found, &["url"]).unwrap_or(found);
        self.put(kind, found.to_text().into_owned(), None, None);
    }

    fn tool(&mut self, call: &Value<'_>, result: bool) {
        let call = call.get("tool_call").unwrap_or(call);
        let function = call.get("function").filter(|inner| matches!(inner, Value::Map(_))).unwrap_or(call);
        let name = inside(function, TOOL_NAME).and_then(word);
        let id = inside(call, CALL_ID).and_then(word);
        let (kind, keys) = if result { ("tool_result", RESULT) } else { ("tool_call", ARGUMENTS) };
        let found = inside(function, keys);
        // The AI SDK wraps a result as `{type, value}`.
        let found = found.and_then(|inner| inner.get("type").and(inner.get("value"))).or(found);
        self.put(kind, found.map(|inner| inner.to_text().into_owned()).unwrap_or_default(), name, id);
    }
}

#[cfg(test)]
mod tests;
