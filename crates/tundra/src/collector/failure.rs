//! An error taken apart: type, message, sources or stack, and a fingerprint by which the same error is found again.
//!
//! Made by `translate` from what a thread wrote; becomes `exception.*` on events and logs, `error.*` on spans.

use crate::engine::fields::Raw;
use std::borrow::Cow;
use tundra_record::{Attrs, Value};

/// The parts of an error; empty where unknown.
#[derive(Default)]
pub(super) struct Failure<'a> {
    kind: &'a str,
    pub(super) message: &'a str,
    stack: Cow<'a, str>,
}

pub(super) const EXCEPTION: [&str; 3] = ["exception.type", "exception.message", "exception.stacktrace"];
pub(super) const SPAN_ERROR: [&str; 3] = ["error.type", "error.message", "error.stack"];
/// As Datadog calls it; other back ends take it as an attribute to group by.
pub(super) const FINGERPRINT: &str = "error.fingerprint";

impl<'a> Failure<'a> {
    /// From an error value or its text.
    pub(super) fn of(value: Raw<'a>) -> Self {
        match value {
            Raw::Error(text) => {
                let (kind, rest) = text.split_once('\n').unwrap_or(("", text));
                let message = rest.split_once("\ncaused by: ").map_or(rest, |(message, _)| message);
                let stack = if message.len() < rest.len() { rest } else { "" };
                Self { kind, message, stack: stack.into() }
            }
            Raw::Str(text) => Self { message: text, ..Self::default() },
            _ => Self::default(),
        }
    }

    /// It was a panic.
    pub(super) fn panicked(&mut self, stack: Option<String>) {
        self.kind = "panic";
        self.stack = stack.unwrap_or_default().into();
    }

    /// The parts that are known, under these names, and the fingerprint. They say more than what stands there already: an
    /// exception's type more than the status that it led to.
    pub(super) fn write(&self, names: [&'static str; 3], attrs: &mut Attrs<'a>) {
        let stack = match &self.stack {
            Cow::Borrowed(text) => Value::from(*text),
            Cow::Owned(text) => Value::from(text.clone()),
        };
        let parts = [Value::from(self.kind), Value::from(self.message), stack];
        for (name, value) in names.into_iter().zip(parts) {
            if value.as_str() != Some("") {
                put(attrs, name, value);
            }
        }
        put(attrs, FINGERPRINT, Value::from(format!("{:016x}", self.fingerprint())));
    }

    /// Equal for errors that differ in numbers, ids and quoted names only: FNV-1a over type and reduced message.
    fn fingerprint(&self) -> u64 {
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        self.kind.bytes().chain([b'\n']).for_each(|byte| hash.add(byte));
        let mut quote = None;
        let mut words = self.message.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_');
        // Long messages are mostly data.
        for part in words.by_ref().take(200) {
            let word = part.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '_');
            let end = part[word.len()..].chars().next();
            if quote.is_none() {
                if word.bytes().any(|byte| byte.is_ascii_digit()) {
                    hash.add(b'#');
                } else {
                    word.bytes().for_each(|byte| hash.add(byte));
                }
                end.iter().for_each(|c| hash.add(*c as u8));
            }
            match end {
                Some(c) if quote == Some(c) => quote = None,
                // An apostrophe follows a letter, a quotation mark does not.
                Some(c @ ('"' | '`' | '\'')) if quote.is_none() && (c != '\'' || word.is_empty()) => {
                    quote = Some(c)
                }
                _ => {}
            }
        }
        hash.0
    }
}

/// Sets an attribute: whoever told it in two ways has it once.
fn put<'a>(attrs: &mut Attrs<'a>, name: &'static str, value: Value<'a>) {
    match attrs.iter_mut().find(|(key, _)| key == name) {
        Some((_, told)) => *told = value,
        None => attrs.push((name.into(), value)),
    }
}

struct Fnv(u64);

impl Fnv {
    fn add(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(kind: &str, message: &str) -> u64 {
        Failure { kind, message, stack: "".into() }.fingerprint()
    }

    #[test]
    fn the_same_error_has_the_same_fingerprint() {
        let same = [
            ("user 17 not found", "user 4711 not found"),
            ("no file `a.txt` in 3 ms", "no file `other name` in 250 ms"),
            ("request 0af7651916cd43dd failed: 'x'", "request b7ad6b7169203331 failed: 'a longer one'"),
            ("can't open \"one\"", "can't open \"two\""),
        ];
        for (one, other) in same {
            assert_eq!(fingerprint("E", one), fingerprint("E", other), "{one} | {other}");
        }
        let different =
            [("not found", "refused"), ("user 1 not found", "user 1 refused"), ("can't read", "can't write")];
        for (one, other) in different {
            assert_ne!(fingerprint("E", one), fingerprint("E", other), "{one} | {other}");
        }
        assert_ne!(fingerprint("A", "x"), fingerprint("B", "x"));
    }
}
