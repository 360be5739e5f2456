//! A pull reader for JSON that borrows from the body and keeps its place, so that errors can name a byte and numbers
//! keep all their digits. The JSON decoders of `otlp_json` and `datadog` drive it; it builds no tree by itself.

use crate::error::DecodeError;
use crate::limits::SKIP_DEPTH;
use std::borrow::Cow;
use tundra_record::Text;

/// A cursor over one JSON document.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// A value that holds no other values. Numbers keep the digits they came with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(Text<'a>),
}

/// What kind of value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    Scalar,
}

impl Scalar<'_> {
    fn digits(&self) -> &str {
        match self {
            Self::Number(digits) => digits,
            Self::Text(text) => text.trim(),
            Self::Bool(true) => "1",
            Self::Null | Self::Bool(false) => "0",
        }
    }

    /// As an unsigned number, written as a number or as text; what is none is zero, negative ones keep their bits.
    pub(crate) fn as_u64(&self) -> u64 {
        let digits = self.digits();
        digits.parse().unwrap_or_else(|_| self.as_i64() as u64)
    }

    /// As a signed number; fractions are cut, what is none is zero.
    pub(crate) fn as_i64(&self) -> i64 {
        let digits = self.digits();
        digits.parse().unwrap_or_else(|_| digits.parse::<f64>().map_or(0, |number| number as i64))
    }

    /// As a floating-point number, `NaN` and `Infinity` in text included; `None` if it is none.
    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Null => None,
            other => other.digits().parse().ok(),
        }
    }

    /// As a truth value.
    pub(crate) fn as_bool(&self) -> bool {
        match self {
            Self::Bool(truth) => *truth,
            Self::Text(text) => text.eq_ignore_ascii_case("true"),
            other => other.as_i64() != 0,
        }
    }
}

impl<'a> Scalar<'a> {
    /// As text; numbers and truth values as they are written, null as empty.
    pub(crate) fn into_text(self) -> Text<'a> {
        match self {
            Self::Text(text) => text,
            Self::Number(digits) => Cow::Borrowed(digits),
            Self::Bool(truth) => Cow::Borrowed(if truth { "true" } else { "false" }),
            Self::Null => Cow::Borrowed(""),
        }
    }
}

impl<'a> Reader<'a> {
    /// Starts at the first byte. The body must be UTF-8; a byte-order mark is passed over.
    pub(crate) fn new(body: &'a [u8]) -> Result<Self, DecodeError> {
        match std::str::from_utf8(body) {
            Ok(text) => Ok(Self { text, at: if text.starts_with('\u{feff}') { 3 } else { 0 } }),
            Err(error) => {
                Err(DecodeError::Unexpected { offset: error.valid_up_to(), expected: "JSON in UTF-8" })
            }
        }
    }

    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    fn unexpected<T>(&self, expected: &'static str) -> Result<T, DecodeError> {
        Err(match self.text.as_bytes().get(self.at) {
            Some(_) => DecodeError::Unexpected { offset: self.at, expected },
            None => DecodeError::Truncated { offset: self.at, expected },
        })
    }

    /// The next byte that is no space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte @ (b' ' | b'\n' | b'\r' | b'\t')) = bytes.get(self.at) {
            debug_assert!(byte.is_ascii_whitespace());
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), DecodeError> {
        if self.peek() != Some(byte) {
            return self.unexpected(expected);
        }
        self.at += 1;
        Ok(())
    }

    /// Passes `byte` if it comes next.
    fn passed(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    /// What kind of value comes next.
    pub(crate) fn kind(&mut self) -> Kind {
        match self.peek() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            _ => Kind::Scalar,
        }
    }

    /// Nothing but space may follow.
    pub(crate) fn end(&mut self) -> Result<(), DecodeError> {
        if self.peek().is_none() { Ok(()) } else { self.unexpected("the end of the JSON document") }
    }

    /// Walks the entries of an object; `each` must read or skip the value. Null counts as an empty object.
    pub(crate) fn object<E: From<DecodeError>>(
        &mut self,
        mut each: impl FnMut(&mut Self, Text<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.null() {
            return Ok(());
        }
        self.take(b'{', "an object")?;
        if self.passed(b'}') {
            return Ok(());
        }
        loop {
            self.peek();
            let key = self.string()?;
            self.take(b':', "a colon")?;
            each(self, key)?;
            if !self.passed(b',') {
                return Ok(self.take(b'}', "a comma or the end of an object")?);
            }
        }
    }

    /// Walks the items of an array; `each` must read or skip the value. Null counts as an empty array.
    pub(crate) fn array<E: From<DecodeError>>(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.null() {
            return Ok(());
        }
        self.take(b'[', "an array")?;
        if self.passed(b']') {
            return Ok(());
        }
        loop {
            each(self)?;
            if !self.passed(b',') {
                return Ok(self.take(b']', "a comma or the end of an array")?);
            }
        }
    }

    fn null(&mut self) -> bool {
        self.peek();
        let null = self.text[self.at..].starts_with("null");
        self.at += if null { 4 } else { 0 };
        null
    }

    /// Reads text, a number, a truth value or null.
    pub(crate) fn scalar(&mut self) -> Result<Scalar<'a>, DecodeError> {
        match self.peek() {
            Some(b'"') => self.string().map(Scalar::Text),
            Some(b't') => self.word("true", Scalar::Bool(true)),
            Some(b'f') => self.word("false", Scalar::Bool(false)),
            Some(b'n') => self.word("null", Scalar::Null),
            Some(b'-' | b'0'..=b'9') => self.number().map(Scalar::Number),
            _ => self.unexpected("a text, number, truth value or null"),
        }
    }

    fn word(&mut self, word: &str, scalar: Scalar<'a>) -> Result<Scalar<'a>, DecodeError> {
        if !self.text[self.at..].starts_with(word) {
            return self.unexpected("true, false or null");
        }
        self.at += word.len();
        Ok(scalar)
    }

    fn number(&mut self) -> Result<&'a str, DecodeError> {
        let rest = &self.text[self.at..];
        let len =
            rest.bytes().take_while(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
        if rest[..len].parse::<f64>().is_err() {
            return self.unexpected("a number");
        }
        self.at += len;
        Ok(&rest[..len])
    }

    /// Reads text; anything else is refused.
    pub(crate) fn string(&mut self) -> Result<Text<'a>, DecodeError> {
        self.take(b'"', "a text")?;
        let from = self.at;
        let plain = self.until_quote_or_escape()?;
        if self.text.as_bytes()[self.at] == b'"' {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut out = String::with_capacity(plain.len() + 16);
        out.push_str(plain);
        while self.text.as_bytes()[self.at] == b'\\' {
            self.at += 1;
            out.push(self.escape()?);
            out.push_str(self.until_quote_or_escape()?);
        }
        self.at += 1;
        debug_assert!(out.len() <= self.at - from);
        Ok(Cow::Owned(out))
    }

    /// The text up to the next quote or backslash, which is there.
    fn until_quote_or_escape(&mut self) -> Result<&'a str, DecodeError> {
        let rest = &self.text[self.at..];
        match memchr::memchr2(b'"', b'\\', rest.as_bytes()) {
            Some(len) => {
                self.at += len;
                Ok(&rest[..len])
            }
            None => Err(DecodeError::Truncated { offset: self.text.len(), expected: "the end of a text" }),
        }
    }

    fn escape(&mut self) -> Result<char, DecodeError> {
        let code = self.text.as_bytes().get(self.at).copied();
        self.at += 1;
        Ok(match code {
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(plain @ (b'"' | b'\\' | b'/')) => char::from(plain),
            Some(b'u') => return self.unicode(),
            _ => {
                self.at -= 1;
                return self.unexpected("an escape");
            }
        })
    }

    /// A `\u` escape or a pair of them; halves without a partner become U+FFFD.
    fn unicode(&mut self) -> Result<char, DecodeError> {
        let high = self.hex4()?;
        if !(0xd800..0xdc00).contains(&high) || !self.text[self.at..].starts_with("\\u") {
            return Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let after_high = self.at;
        self.at += 2;
        let low = self.hex4()?;
        if (0xdc00..0xe000).contains(&low) {
            let joined = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            return Ok(char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        self.at = after_high;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex4(&mut self) -> Result<u32, DecodeError> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => self.unexpected("four hex digits"),
        }
    }

    /// Passes one value of any kind.
    pub(crate) fn skip(&mut self) -> Result<(), DecodeError> {
        self.skip_from(0)
    }

    fn skip_from(&mut self, depth: usize) -> Result<(), DecodeError> {
        if depth > SKIP_DEPTH {
            return Err(DecodeError::TooDeep { offset: self.at, limit: SKIP_DEPTH });
        }
        match self.kind() {
            Kind::Object => self.object(|reader, _| reader.skip_from(depth + 1)),
            Kind::Array => self.array(|reader| reader.skip_from(depth + 1)),
            Kind::Scalar => self.scalar().map(drop),
        }
    }
}

#[cfg(test)]
mod tests;
