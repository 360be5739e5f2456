//! From a request in OpenAI's form to a call: operation, provider, model, parameters and messages.
//!
//! Called once for each call, on the application's thread just before the request is sent; must never fail, whatever the
//! body holds.

use crate::limits::CALL_BODY_BYTES;
use crate::llm::{Call, Message, Part, chat, embeddings, text_completion};
use reqwest_0_13::Request;
use std::borrow::Cow;
use tundra_record::Value;
use tundra_record::value::from_json;

/// Parameters by OpenAI's name and by OpenTelemetry's.
const PARAMETERS: [(&str, &str); 9] = [
    ("temperature", "gen_ai.request.temperature"),
    ("top_p", "gen_ai.request.top_p"),
    ("max_tokens", "gen_ai.request.max_tokens"),
    ("max_completion_tokens", "gen_ai.request.max_tokens"),
    ("max_output_tokens", "gen_ai.request.max_tokens"),
    ("frequency_penalty", "gen_ai.request.frequency_penalty"),
    ("presence_penalty", "gen_ai.request.presence_penalty"),
    ("seed", "gen_ai.request.seed"),
    ("n", "gen_ai.request.choice.count"),
];

/// The call that a request makes, of the provider with this name or of who answers there; `None` if it asks no model for
/// text or vectors.
pub(super) fn begin(request: &Request, provider: Option<&str>) -> Option<Call> {
    let (url, body) = (request.url(), request.body()?.as_bytes()?);
    let read = (body.len() <= CALL_BODY_BYTES).then(|| std::str::from_utf8(body).ok()).flatten();
    let said = read.and_then(from_json).unwrap_or(Value::Map(Vec::new()));
    let provider = provider.map_or_else(|| super::provider::of(url), Cow::Borrowed);
    let model = said.get("model").and_then(Value::as_str).unwrap_or("unknown");
    let path = url.path();
    // Embeddings are made of whole libraries: their texts are no conversation.
    let (call, converses) = if path.ends_with("/chat/completions") || path.ends_with("/responses") {
        (chat(&provider, model), true)
    } else if path.ends_with("/completions") {
        (text_completion(&provider, model), true)
    } else if path.ends_with("/embeddings") {
        (embeddings(&provider, model), false)
    } else {
        return None;
    };
    let host = url.host_str().unwrap_or_default();
    call.attribute("server.address", host.trim_matches(['[', ']']).to_owned());
    if let Some(port) = url.port_or_known_default() {
        call.attribute("server.port", i64::from(port));
    }
    parameters(&call, &said);
    if converses && call.content {
        content(&call, &said);
    }
    Some(call)
}

fn parameters(call: &Call, said: &Value<'_>) {
    for (name, key) in PARAMETERS {
        match said.get(name) {
            Some(Value::Int(number)) => call.attribute(key, *number),
            Some(Value::Double(number)) => call.attribute(key, *number),
            _ => {}
        }
    }
    match said.get("stop") {
        Some(Value::Str(stop)) => {
            call.attribute("gen_ai.request.stop_sequences", Value::List(vec![stop.to_string().into()]));
        }
        Some(list @ Value::List(_)) => {
            call.attribute("gen_ai.request.stop_sequences", list.clone().into_owned());
        }
        _ => {}
    }
    if said.get("stream").and_then(Value::as_bool) == Some(true) {
        call.attribute("gen_ai.request.stream", true);
    }
    if let Some(number) = said.get("dimensions").and_then(Value::as_int) {
        call.attribute("gen_ai.embeddings.dimension.count", number);
    }
    let conversation = said.get("conversation");
    let id = conversation.and_then(|it| it.as_str().or_else(|| it.get("id")?.as_str()));
    if let Some(id) = id {
        call.conversation(id);
    }
}

fn content(call: &Call, said: &Value<'_>) {
    if let Some(text) = said.get("instructions").and_then(Value::as_str) {
        call.system_instructions(text);
    }
    if let Some(tools) = said.get("tools") {
        call.attribute("gen_ai.tool.definitions", tools.to_text().into_owned());
    }
    match said.get("messages").or_else(|| said.get("prompt")).or_else(|| said.get("input")) {
        Some(Value::Str(text)) => call.input(Message::user(&**text)),
        Some(Value::List(items)) => items.iter().filter_map(message).for_each(|message| call.input(message)),
        _ => {}
    }
}

/// A message of a chat, or an item of the Responses API.
pub(super) fn message(item: &Value<'_>) -> Option<Message> {
    let text = |key: &str| item.get(key).map(|value| value.to_text().into_owned()).unwrap_or_default();
    let part = match item.get("type").and_then(Value::as_str) {
        Some("function_call") => {
            Part::ToolCall { id: text("call_id"), name: text("name"), arguments: text("arguments") }
        }
        Some("custom_tool_call") => {
            Part::ToolCall { id: text("call_id"), name: text("name"), arguments: text("input") }
        }
        Some("function_call_output" | "custom_tool_call_output") => {
            return Some(Message::tool(text("call_id"), text("output")));
        }
        Some("reasoning") => {
            // Some providers show it as it was thought, and make no summary.
            let told = |key: &str| item.get(key).map(joined).filter(|said| !said.is_empty());
            Part::Reasoning(told("summary").or_else(|| told("content"))?)
        }
        _ => return turn(item),
    };
    Some(Message { role: "assistant".to_owned(), parts: vec![part], finish_reason: String::new() })
}

fn turn(item: &Value<'_>) -> Option<Message> {
    if let Value::Str(text) = item {
        return Some(Message::user(&**text));
    }
    let role = item.get("role")?.as_str()?.to_owned();
    let content = item.get("content");
    if role == "tool" {
        let id = item.get("tool_call_id").and_then(Value::as_str).unwrap_or_default();
        return Some(Message::tool(id, content.map(joined).unwrap_or_default()));
    }
    let mut parts: Vec<Part> =
        reasoning(item).map(|text| Part::Reasoning(text.to_owned())).into_iter().collect();
    parts.extend(content.map(self::parts).unwrap_or_default());
    parts.extend(item.get("refusal").map(self::parts).unwrap_or_default());
    if let Some(Value::List(calls)) = item.get("tool_calls") {
        parts.extend(calls.iter().map(tool_call));
    }
    Some(Message { role, parts, finish_reason: String::new() })
}

/// The texts of some content.
fn joined(content: &Value<'_>) -> String {
    let text = |part| if let Part::Text(text) = part { Some(text) } else { None };
    parts(content).into_iter().filter_map(text).collect::<Vec<_>>().join("\n")
}

/// What a message of a chat shows of the model's thoughts: there is no such field of OpenAI's, but DeepSeek and xAI have
/// one, and OpenRouter another.
pub(super) fn reasoning<'a>(message: &'a Value<'_>) -> Option<&'a str> {
    let text = |key: &&str| message.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    ["reasoning_content", "reasoning"].iter().find_map(text)
}

fn tool_call(call: &Value<'_>) -> Part {
    let [id, name, arguments] = called(call);
    Part::ToolCall { id, name, arguments }
}

/// Id, name and arguments of a tool call, or of a piece of it.
pub(super) fn called(call: &Value<'_>) -> [String; 3] {
    let function = call.get("function").or_else(|| call.get("custom"));
    let text = |of: Option<&Value<'_>>, key: &str| {
        of.and_then(|of| of.get(key)).map(|value| value.to_text().into_owned()).unwrap_or_default()
    };
    let arguments = text(function, "arguments");
    let arguments = if arguments.is_empty() { text(function, "input") } else { arguments };
    [text(Some(call), "id"), text(function, "name"), arguments]
}

/// Content: a text, or a list of typed parts; of pictures and sounds only that they were there.
fn parts(content: &Value<'_>) -> Vec<Part> {
    let part = |item: &Value<'_>| {
        let kind = item.get("type").and_then(Value::as_str).unwrap_or("text");
        match item.get("text").or_else(|| item.get("refusal")).and_then(Value::as_str) {
            Some(text) => Part::Text(text.to_owned()),
            None => Part::Opaque(kind.to_owned()),
        }
    };
    match content {
        // `null` where a message holds only tool calls.
        Value::Str(text) if text.is_empty() => Vec::new(),
        Value::Str(text) => vec![Part::Text(text.to_string())],
        Value::List(items) => items.iter().map(part).collect(),
        _ => Vec::new(),
    }
}
