//! Values as JSON text and back, without loss: a double always shows a point or exponent, bytes are
//! `{"$bytes":"<hex>"}`, and what JSON numbers cannot say is `{"$double":"NaN"}`.
//!
//! Written here so that the SDK needs no JSON library for it.

use super::{Attrs, Value};
use std::borrow::Cow;
use std::fmt::Write as _;

/// How deep nested values may go; deeper ones were refused by the decoders already.
const DEPTH_MAX: usize = 64;

/// Appends `value` as JSON to `out`.
pub fn write_json_text(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Str(text) => write_string(text, out),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Int(number) => {
            let _infallible = write!(out, "{number}");
        }
        Value::Double(number) if number.is_finite() => {
            let _infallible = write!(out, "{number:?}");
        }
        Value::Double(number) => {
            let _infallible = write!(out, "{{\"$double\":\"{number}\"}}");
        }
        Value::Bytes(bytes) => {
            out.push_str("{\"$bytes\":\"");
            for byte in bytes.iter() {
                let _infallible = write!(out, "{byte:02x}");
            }
            out.push_str("\"}");
        }
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_json_text(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => write_object(entries, out),
    }
}

fn write_object(entries: &Attrs<'_>, out: &mut String) {
    out.push('{');
    for (at, (key, value)) in entries.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_string(key, out);
        out.push(':');
        write_json_text(value, out);
    }
    out.push('}');
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut clean_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[clean_from..at]);
        if escape.is_empty() {
            let _infallible = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
        clean_from = at + 1;
    }
    out.push_str(&text[clean_from..]);
    out.push('"');
}

/// Reads what [`write_json_text`] wrote, or any other JSON; `None` if the text is not one JSON value.
pub fn from_json(text: &str) -> Option<Value<'_>> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    (reader.at == text.len()).then_some(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.space();
        match self.peek()? {
            b'"' => Some(Value::Str(self.string()?)),
            b't' => self.word("true").map(|()| Value::Bool(true)),
            b'f' => self.word("false").map(|()| Value::Bool(false)),
            b'n' => self.word("null").map(|()| Value::Str(Cow::Borrowed(""))),
            b'[' => self.list(depth),
            b'{' => self.object(depth),
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Option<Value<'a>> {
        let rest = self.text.get(self.at..)?;
        let len =
            rest.bytes().take_while(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
        let digits = &rest[..len];
        self.at += len;
        match digits.parse::<i64>() {
            Ok(number) => Some(Value::Int(number)),
            Err(_) => digits.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::Double),
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value<'a>> {
        self.take(b'[')?;
        let mut items = Vec::new();
        if self.take(b']').is_some() {
            return Some(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b',').is_none() {
                self.take(b']')?;
                return Some(Value::List(items));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value<'a>> {
        self.take(b'{')?;
        let mut entries = Attrs::new();
        if self.take(b'}').is_some() {
            return Some(Value::Map(entries));
        }
        loop {
            self.space();
            let key = self.string()?;
            self.take(b':')?;
            entries.push((key, self.value(depth + 1)?));
            if self.take(b',').is_none() {
                self.take(b'}')?;
                return Some(special(entries));
            }
        }
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.take(b'"')?;
        let from = self.at;
        let len = self.text.get(from..)?.bytes().position(|b| matches!(b, b'"' | b'\\'))?;
        self.at += len;
        if self.peek()? == b'"' {
            self.at += 1;
            return Some(Cow::Borrowed(&self.text[from..from + len]));
        }
        let mut out = self.text[from..from + len].to_owned();
        loop {
            let rest = self.text.get(self.at..)?;
            let next = rest.chars().next()?;
            self.at += next.len_utf8();
            match next {
                '"' => return Some(Cow::Owned(out)),
                '\\' => out.push(self.escape()?),
                plain => out.push(plain),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let code = self.peek()?;
        self.at += 1;
        Some(match code {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => return self.unicode(),
            b'"' | b'\\' | b'/' => char::from(code),
            _ => return None,
        })
    }

    fn unicode(&mut self) -> Option<char> {
        let high = self.hex4()?;
        if !(0xd800..0xdc00).contains(&high) {
            return Some(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        if self.word("\\u").is_none() {
            return Some(char::REPLACEMENT_CHARACTER);
        }
        let low = self.hex4()?;
        let joined = 0x10000 + ((high - 0xd800) << 10) + low.wrapping_sub(0xdc00);
        Some(char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

/// Turns `{"$bytes":"…"}` and `{"$double":"…"}` back into what they stand for.
fn special(entries: Attrs<'_>) -> Value<'_> {
    let [(key, Value::Str(text))] = entries.as_slice() else { return Value::Map(entries) };
    let value = match key.as_ref() {
        "$bytes" => unhex(text).map(|bytes| Value::Bytes(Cow::Owned(bytes))),
        "$double" => text.parse().ok().map(Value::Double),
        _ => None,
    };
    value.unwrap_or(Value::Map(entries))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
