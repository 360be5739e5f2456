//! Attributes: typed and ordered in a record, text to text in the columns `attrs` and `content`, and the letters in
//! `attr_kinds` that lead back. Lossless both ways.
//!
//! `attr_kinds` has one letter for each attribute in the order they came: `s` text, `i` whole number, `d` floating
//! point, `b` truth value, `j` list or map as JSON, `x` bytes as hex. `c`, `J` and `X` are a text, JSON or bytes that
//! stand in `content` because they are long. NULL means that all are texts in `attrs`.

use crate::cells::{Map, Text};
use crate::limits::ATTR_TEXT_MAX;
use std::borrow::Cow;
use std::fmt::Write as _;
use tundra_record::value::{from_json, write_json_text};
use tundra_record::{Attrs, Value};

/// Buffers that are reused from row to row.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    kinds: String,
    text: String,
}

/// Writes one row of attributes.
pub(crate) fn write(
    from: &Attrs<'_>,
    attrs: &mut Map,
    mut content: Option<&mut Map>,
    kinds: &mut Text,
    scratch: &mut Scratch,
) {
    scratch.kinds.clear();
    let mut plain = true;
    for (key, value) in from {
        let (small, large) = letters(value);
        let text: &str = match value {
            Value::Str(text) => text,
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            other => {
                scratch.text.clear();
                write_text(other, &mut scratch.text);
                &scratch.text
            }
        };
        let letter = match &mut content {
            Some(content) if text.len() > ATTR_TEXT_MAX => {
                content.entry(key, text);
                large
            }
            _ => {
                attrs.entry(key, text);
                small
            }
        };
        plain &= letter == 's';
        scratch.kinds.push(letter);
    }
    attrs.row();
    if let Some(content) = content {
        content.row_or_null();
    }
    if plain { kinds.null() } else { kinds.push(&scratch.kinds) }
}

fn letters(value: &Value<'_>) -> (char, char) {
    match value {
        Value::Str(_) => ('s', 'c'),
        Value::Int(_) => ('i', 'i'),
        Value::Double(_) => ('d', 'd'),
        Value::Bool(_) => ('b', 'b'),
        Value::List(_) | Value::Map(_) => ('j', 'J'),
        Value::Bytes(_) => ('x', 'X'),
    }
}

fn write_text(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Int(number) => out.push_str(itoa::Buffer::new().format(*number)),
        Value::Double(number) => {
            let _infallible = write!(out, "{number:?}");
        }
        Value::Bytes(bytes) => bytes.iter().for_each(|byte| {
            let _infallible = write!(out, "{byte:02x}");
        }),
        other => write_json_text(other, out),
    }
}

/// Reads one row of attributes; `None` if letters and columns do not fit together.
pub(crate) fn read<'b>(
    mut attrs: impl Iterator<Item = (&'b str, &'b str)>,
    mut content: impl Iterator<Item = (&'b str, &'b str)>,
    kinds: Option<&str>,
) -> Option<Attrs<'b>> {
    let Some(kinds) = kinds else {
        return Some(attrs.map(|(key, text)| (key.into(), text.into())).collect());
    };
    let mut out = Attrs::with_capacity(kinds.len());
    for letter in kinds.chars() {
        let (key, text) = if matches!(letter, 'c' | 'J' | 'X') { content.next()? } else { attrs.next()? };
        let value = match letter {
            's' | 'c' => Value::Str(Cow::Borrowed(text)),
            'i' => Value::Int(text.parse().ok()?),
            'd' => Value::Double(text.parse().ok()?),
            'b' => Value::Bool(text == "true"),
            'j' | 'J' => from_json(text)?,
            'x' | 'X' => Value::Bytes(Cow::Owned(unhex(text)?)),
            _ => return None,
        };
        out.push((Cow::Borrowed(key), value));
    }
    Some(out)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    text.as_bytes()
        .chunks(2)
        .map(|pair| Some((digit(*pair.first()?)? << 4) | digit(*pair.get(1)?)?))
        .collect()
}

/// Appends attributes as a JSON object.
pub(crate) fn write_object(attrs: &Attrs<'_>, out: &mut String) {
    out.push('{');
    for (at, (key, value)) in attrs.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_json_text(&Value::Str(Cow::Borrowed(key)), out);
        out.push(':');
        write_json_text(value, out);
    }
    out.push('}');
}

/// Reads what [`write_object`] wrote.
pub(crate) fn read_object(text: &str) -> Option<Attrs<'_>> {
    as_attrs(from_json(text)?)
}

/// The attributes that a JSON value stands for. An object whose only key is `$bytes` or `$double` was taken for
/// bytes or a number; here it can only have been an object.
pub(crate) fn as_attrs(value: Value<'_>) -> Option<Attrs<'_>> {
    match value {
        Value::Map(attrs) => Some(attrs),
        Value::Bytes(_) | Value::Double(_) => {
            let mut text = String::new();
            let key = if matches!(value, Value::Bytes(_)) { "$bytes" } else { "$double" };
            match &value {
                Value::Double(number) => text.push_str(&number.to_string()),
                other => write_text(other, &mut text),
            }
            Some(vec![(key.into(), text.into())])
        }
        _ => None,
    }
}
