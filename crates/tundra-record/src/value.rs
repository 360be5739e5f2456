//! Attribute values as OpenTelemetry types them, borrowed from the decoded bytes where possible.

mod json;

pub use json::{from_json, write_json_text};

use std::borrow::Cow;

/// A text that borrows from the request it came in, until somebody (the redactor) has to change it.
pub type Text<'a> = Cow<'a, str>;

/// A typed attribute value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text.
    Str(Text<'a>),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// Raw bytes.
    Bytes(Cow<'a, [u8]>),
    /// A list of values, possibly of different types.
    List(Vec<Value<'a>>),
    /// Named values, in the order they came.
    Map(Attrs<'a>),
}

/// Named values in the order they came. Keys may repeat on the wire; the last one wins for readers.
pub type Attrs<'a> = Vec<(Text<'a>, Value<'a>)>;

impl<'a> Value<'a> {
    /// The text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number: an `Int`, a `Double` without fraction, or text that spells a whole number.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            // 2^63 is exactly representable, so the comparison is exact.
            Self::Double(number) if number.fract() == 0.0 && number.abs() < 9.3e18 => Some(*number as i64),
            Self::Str(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A number: an `Int`, a `Double`, or text that spells one.
    pub fn as_double(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Double(number) => Some(*number),
            Self::Str(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A truth value: a `Bool`, or the texts `true` and `false` in any case.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            Self::Str(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::Str(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    /// The named value inside a `Map`.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        match self {
            Self::Map(entries) => get(entries, key),
            _ => None,
        }
    }

    /// As text for people and for the `attrs` map of SQL: text as it is, everything else as JSON.
    pub fn to_text(&self) -> Text<'_> {
        match self {
            Self::Str(text) => Cow::Borrowed(text),
            other => {
                let mut out = String::new();
                write_json_text(other, &mut out);
                Cow::Owned(out)
            }
        }
    }

    /// The same value with nothing borrowed.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Str(text) => Value::Str(Cow::Owned(text.into_owned())),
            Self::Bool(truth) => Value::Bool(truth),
            Self::Int(number) => Value::Int(number),
            Self::Double(number) => Value::Double(number),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
            Self::Map(entries) => Value::Map(into_owned(entries)),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Str(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Str(Cow::Owned(text))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

/// The last value under `key`.
pub fn get<'v, 'a>(attrs: &'v [(Text<'a>, Value<'a>)], key: &str) -> Option<&'v Value<'a>> {
    attrs.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// The same attributes with nothing borrowed.
pub fn into_owned(attrs: Attrs<'_>) -> Attrs<'static> {
    attrs.into_iter().map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned())).collect()
}

#[cfg(test)]
mod tests;
