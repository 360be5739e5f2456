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
    /// Why the model stopped, for its own messages, if not as its call says; empty otherwise.
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

fn part<'a>(part: &'a Part, shorten: impl Fn(&'a str) -> Cow<'a, str>) -> Value<'a> {
    let long = |name: &'static str, text: &'a str| (name.into(), Value::Str(shorten(text)));
    let with = |mut members: Attrs<'a>, last| {
        members.push(last);
        members
    };
    Value::Map(match part {
        Part::Text(text) => with(object(&[("type", "text")]), long("content", text)),
        Part::ToolCall { id, name, arguments } => {
            let members = object(&[("type", "tool_call"), ("id", brief(id)), ("name", brief(name))]);
            with(members, long("arguments", arguments))
        }
        Part::ToolResponse { id, response } => {
            with(object(&[("type", "tool_call_response"), ("id", brief(id))]), long("response", response))
        }
        Part::Reasoning(text) => with(object(&[("type", "reasoning")]), long("content", text)),
        Part::Opaque(kind) => object(&[("type", brief(kind))]),
    })
}

impl Part {
    /// What can be shortened of it.
    fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Reasoning(text) => text,
            Self::ToolCall { arguments, .. } => arguments,
            Self::ToolResponse { response, .. } => response,
            Self::Opaque(_) => "",
        }
    }
}

impl Message {
    fn write<'a>(&'a self, shorten: impl Fn(&'a str) -> Cow<'a, str>, json: &mut String) {
        let mut members = object(&[("role", brief(&self.role))]);
        let parts = self.parts.iter().map(|one| part(one, &shorten)).collect();
        members.push(("parts".into(), Value::List(parts)));
        if !self.finish_reason.is_empty() {
            members.extend(object(&[("finish_reason", brief(&self.finish_reason))]));
        }
        write_json_text(&Value::Map(members), json);
    }

    /// Bytes of it without the texts that can be shortened.
    fn frame_bytes(&self) -> usize {
        let mut json = String::new();
        self.write(|_| Cow::Borrowed(""), &mut json);
        json.len() + ",".len()
    }
}

/// Gives messages of a model that do not say why it stopped what the call says: the convention asks for that of each. One
/// reason may stand for all, and where there is none it broke, or nobody knows.
pub(super) fn give_reasons(messages: &mut [Message], reasons: &[String], broken: bool) {
    let otherwise = if broken { "error" } else { "unknown" };
    for (at, message) in messages.iter_mut().enumerate().filter(|(_, one)| one.finish_reason.is_empty()) {
        let told = reasons.get(at).or(reasons.last()).filter(|reason| !reason.is_empty());
        message.finish_reason = told.map_or(otherwise, String::as_str).to_owned();
    }
}

/// Bytes that a name, an id or a role may have.
const BRIEF: usize = 256;

fn brief(text: &str) -> &str {
    &text[..text.floor_char_boundary(BRIEF)]
}

/// Bytes of a character in JSON; some are overrated.
fn escaped(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        c if c.is_control() => LONGEST_ESCAPE,
        c => c.len_utf8(),
    }
}

fn escaped_bytes(text: &str) -> usize {
    text.chars().map(escaped).sum()
}

/// Stands for what is missing.
const MORE: &str = "…";

/// The text, or as much of its beginning as takes so many bytes in JSON, with a sign that there was more.
///
/// It ends between words: of a secret that is cut in two no rule would know the first half any more. Digits may be one
/// number although there are blanks between them.
fn cut(text: &str, bytes: usize) -> Cow<'_, str> {
    let (mut used, mut end) = (0, 0);
    for (at, c) in text.char_indices() {
        used += escaped(c);
        if used > bytes {
            break;
        }
        end = at + c.len_utf8();
    }
    if end == text.len() {
        return Cow::Borrowed(text);
    }
    let unbroken = text.floor_char_boundary(end.saturating_sub(BRIEF));
    let between = text[unbroken..end].rfind(char::is_whitespace).map_or(unbroken, |at| unbroken + at);
    let number = |c: char| c.is_ascii_digit() || c == '-' || c.is_whitespace();
    Cow::Owned(format!("{}{MORE}", text[..between].trim_end_matches(number)))
}

/// Bytes of each message in JSON, apart from its texts, and of each text.
type Sizes = (usize, Vec<usize>);

fn sizes(message: &Message) -> Sizes {
    (message.frame_bytes(), message.parts.iter().map(|part| escaped_bytes(part.text())).collect())
}

/// The most bytes that each text can have if all of them are to fit, where the shorter ones stay whole; `None` if there is no
/// room for that.
fn share(messages: &[Sizes]) -> Option<usize> {
    let frames: usize = messages.iter().map(|(frame, _)| frame).sum();
    let mut room = (VALUE_BYTES - "[]".len()).checked_sub(frames)?;
    let mut texts: Vec<usize> = messages.iter().flat_map(|(_, texts)| texts).copied().collect();
    texts.sort_unstable();
    for (at, bytes) in texts.iter().enumerate() {
        let each = room / (texts.len() - at);
        if *bytes > each {
            return (each >= LEAST).then_some(each);
        }
        room -= bytes;
    }
    Some(usize::MAX)
}

/// Before a text has less than this, the oldest message goes instead.
const LEAST: usize = 4096;

/// All messages as one JSON text of at most `VALUE_BYTES`, and whether something is missing for that: the ends of the longest
/// texts, and the oldest messages, where of each too little would be left. Cut elsewhere it would be JSON no more. It is
/// written once, however long it is.
pub(super) fn to_json(messages: &[Message]) -> (String, bool) {
    if bytes_at_most(messages) <= VALUE_BYTES {
        return (write(messages, Cow::Borrowed), false);
    }
    let all: Vec<Sizes> = messages.iter().map(sizes).collect();
    // How many of the oldest have to go.
    let (mut from, mut to) = (0, all.len());
    while from < to {
        let middle = (from + to) / 2;
        if share(&all[middle..]).is_some() { to = middle } else { from = middle + 1 }
    }
    if from == messages.len() {
        // The many parts of the newest are too much alone.
        let newest = messages.last().map(|message| Message { parts: Vec::new(), ..message.clone() });
        return (write(newest.as_slice(), Cow::Borrowed), true);
    }
    let most = share(&all[from..]).unwrap_or_default();
    let shorten = |text| match most {
        usize::MAX => Cow::Borrowed(text),
        most => cut(text, most - MORE.len()),
    };
    (write(&messages[from..], shorten), from > 0 || most != usize::MAX)
}

/// More than most messages take in JSON: an estimate that looks at no character.
fn bytes_at_most(messages: &[Message]) -> usize {
    let texts = |part: &Part| LONGEST_ESCAPE * part.text().len() + 4 * LONGEST_ESCAPE * BRIEF;
    messages
        .iter()
        .map(|message| LONGEST_ESCAPE * BRIEF + message.parts.iter().map(texts).sum::<usize>())
        .sum()
}

const LONGEST_ESCAPE: usize = 6;

fn write<'a>(messages: &'a [Message], shorten: impl Fn(&'a str) -> Cow<'a, str>) -> String {
    let mut json = String::from("[");
    for (at, message) in messages.iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        message.write(&shorten, &mut json);
    }
    json + "]"
}

/// System instructions as the JSON list of parts that the convention asks for, and whether their end is missing.
pub(super) fn instructions(text: &str) -> (String, bool) {
    let text = cut(text, VALUE_BYTES - BRIEF);
    let is_cut = matches!(text, Cow::Owned(_));
    let list = Value::List(vec![Value::Map(object(&[("type", "text"), ("content", &text)]))]);
    let mut json = String::new();
    write_json_text(&list, &mut json);
    (json, is_cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(len: usize) -> Message {
        Message::user("ü\n ".repeat(len / 4))
    }

    #[test]
    fn however_long_it_stays_json() {
        let check = |messages: Vec<Message>, (kept, whole): (usize, usize), least: usize| {
            let (json, cut) = to_json(&messages);
            assert!((least..=VALUE_BYTES).contains(&json.len()), "{}", json.len());
            assert_eq!(cut, whole < messages.len());
            let read: Vec<serde_json::Value> = serde_json::from_str(&json).expect("JSON");
            assert_eq!(read.len(), kept);
            let untouched = messages.iter().rev().zip(read.iter().rev()).filter(|(message, read)| {
                let mut json = String::new();
                message.write(Cow::Borrowed, &mut json);
                serde_json::from_str::<serde_json::Value>(&json).expect("JSON") == **read
            });
            assert_eq!(untouched.count(), whole);
        };
        let yes = || Message::assistant("yes");
        check(vec![], (0, 0), 2);
        check(vec![of(30), yes()], (2, 2), 10);
        check(vec![of(400_000), yes()], (2, 2), 400_000);
        check(vec![Message::user("a".repeat(VALUE_BYTES - 60))], (1, 1), VALUE_BYTES - 10);
        check(vec![Message::user("a ".repeat(VALUE_BYTES / 2)), yes()], (2, 1), VALUE_BYTES - 300);
        check(vec![of(3 * VALUE_BYTES), yes()], (2, 1), VALUE_BYTES / 3);
        check(vec![of(100_000), of(1_000_000), yes()], (3, 2), VALUE_BYTES / 3);
        check((0..11_000).map(|_| of(60)).chain([of(5000)]).collect(), (8_035, 8_034), VALUE_BYTES - 200);
        let quotes = Part::ToolCall { id: "1".into(), name: "t".into(), arguments: "\"".repeat(VALUE_BYTES) };
        check(vec![of(3).with(quotes).with(Part::Opaque("image_url".into()))], (1, 0), VALUE_BYTES / 2);
        let mut parts = of(3);
        parts.parts = (0..60_000).map(|_| Part::Opaque("image_url".into())).collect();
        check(vec![yes(), parts], (1, 0), 10);
        check(vec![of(10), Message::new("r".repeat(VALUE_BYTES), "x")], (2, 2), 300);
    }

    #[test]
    fn each_answer_says_why_it_ended() {
        let check = |own: &[&str], reasons: &[&str], broken, expect: &[&str]| {
            let of = |reason: &&str| Message { finish_reason: (*reason).to_owned(), ..of(8) };
            let mut messages: Vec<_> = own.iter().map(of).collect();
            let reasons: Vec<_> = reasons.iter().map(|reason| (*reason).to_owned()).collect();
            give_reasons(&mut messages, &reasons, broken);
            let found: Vec<_> = messages.iter().map(|message| &*message.finish_reason).collect();
            assert_eq!(found, expect);
        };
        check(&[""], &["stop"], false, &["stop"]);
        check(&["", ""], &["stop", "length"], false, &["stop", "length"]);
        check(&["", "", ""], &["completed"], false, &["completed"; 3]);
        check(&["length", ""], &["length", "stop"], false, &["length", "stop"]);
        check(&["length", ""], &[], true, &["length", "error"]);
        check(&["", ""], &[], false, &["unknown"; 2]);
        check(&[""], &[""], false, &["unknown"]);
    }

    #[test]
    fn instructions_too() {
        for (len, whole) in [(0, true), (300, true), (2 * VALUE_BYTES, false)] {
            let (json, cut) = instructions(&"é\"".repeat(len / 3));
            assert!(json.len() <= VALUE_BYTES && cut != whole);
            serde_json::from_str::<serde_json::Value>(&json).expect("JSON");
        }
    }

    // What a rule would have known is not left in half.
    #[test]
    fn a_cut_comes_between_words() {
        let check = |text: &str, bytes: usize, expect: &str| assert_eq!(cut(text, bytes), expect);
        check("all of it", 9, "all of it");
        check("write to jane.doe@example.com now", 25, "write to…");
        check("card 4111 1111 1111 1111, thanks", 22, "card…");
        check("one\ntwo", 6, "one…");
        let unbroken = "x".repeat(1000);
        check(&unbroken, 600, &format!("{}…", "x".repeat(344)));
        check(&unbroken, 3, "…");
    }
}
