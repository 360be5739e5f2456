//! Just enough JSON to find the strings and numbers of a text, and to take a string's content apart and put
//! it together again. Used by the engine. Linear, no recursion, nothing is built but a list of places.

use super::limits::JSON_DEPTH_MAX;
use std::borrow::Cow;
use std::fmt::Write as _;

/// What a leaf is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The name of an object's entry.
    Name,
    /// A string value.
    Text,
    /// A number.
    Number,
}

/// A string's content (without quotes) or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
    /// Which name (counted in order of names) it stands under, at any depth.
    pub(super) name: Option<usize>,
}

/// Whether the text may be JSON worth walking: an object, an array or a string.
pub(super) fn may_be(text: &str) -> bool {
    matches!(text.trim_ascii_start().as_bytes().first(), Some(b'{' | b'[' | b'"'))
}

/// The leaves in order, if the text is one JSON value (an object, an array or a string).
pub(super) fn leaves(text: &str) -> Option<Vec<Leaf>> {
    if !may_be(text) {
        return None;
    }
    let mut walk = Walk { bytes: text.as_bytes(), at: 0, leaves: Vec::new(), names: 0 };
    walk.document()?;
    Some(walk.leaves)
}

/// An open object (with the number of its latest name) or array, and the name it stands under.
struct Open {
    object: bool,
    under: Option<usize>,
    name: Option<usize>,
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    leaves: Vec<Leaf>,
    names: usize,
}

impl Walk<'_> {
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn document(&mut self) -> Option<()> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            // A value is due here.
            let name = open.last().and_then(|top| if top.object { top.name } else { top.under });
            let closed = match self.peek()? {
                b'{' | b'[' if open.len() >= JSON_DEPTH_MAX => return None,
                b'{' => {
                    self.at += 1;
                    open.push(Open { object: true, under: name, name: None });
                    if self.take(b'}') { Some(open.pop()?) } else { None }
                }
                b'[' => {
                    self.at += 1;
                    open.push(Open { object: false, under: name, name: None });
                    if self.take(b']') { Some(open.pop()?) } else { None }
                }
                _ => {
                    self.scalar(name)?;
                    Some(Open { object: false, under: None, name: None })
                }
            };
            if closed.is_some() && !self.after_value(&mut open)? {
                return (self.peek().is_none()).then_some(());
            }
            if let Some(top) = open.last_mut().filter(|top| top.object) {
                let under = top.under;
                let name = self.names;
                self.string(Kind::Name, under)?;
                self.names += 1;
                top.name = Some(name);
                if !self.take(b':') {
                    return None;
                }
            }
        }
    }

    /// Closes what ends here; true if another value follows.
    fn after_value(&mut self, open: &mut Vec<Open>) -> Option<bool> {
        loop {
            let Some(top) = open.last() else { return Some(false) };
            if self.take(b',') {
                return Some(true);
            }
            if !self.take(if top.object { b'}' } else { b']' }) {
                return None;
            }
            open.pop();
        }
    }

    fn scalar(&mut self, name: Option<usize>) -> Option<()> {
        match self.peek()? {
            b'"' => self.string(Kind::Text, name),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(name),
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let found = self.bytes[self.at..].starts_with(word);
        self.at += word.len();
        found.then_some(())
    }

    fn digits(&mut self) -> Option<usize> {
        let len = self.bytes[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += len;
        (len > 0).then_some(len)
    }

    fn eat(&mut self, bytes: &[u8]) -> bool {
        let found = self.bytes.get(self.at).is_some_and(|b| bytes.contains(b));
        self.at += usize::from(found);
        found
    }

    fn number(&mut self, name: Option<usize>) -> Option<()> {
        let start = self.at;
        self.eat(b"-");
        let zero = self.bytes.get(self.at) == Some(&b'0');
        if self.digits()? > 1 && zero {
            return None;
        }
        if self.eat(b".") {
            self.digits()?;
        }
        if self.eat(b"eE") {
            self.eat(b"+-");
            self.digits()?;
        }
        self.leaves.push(Leaf { start, end: self.at, kind: Kind::Number, name });
        Some(())
    }

    fn string(&mut self, kind: Kind, name: Option<usize>) -> Option<()> {
        if !self.take(b'"') {
            return None;
        }
        let start = self.at;
        loop {
            self.at += memchr::memchr2(b'"', b'\\', self.bytes.get(self.at..)?)?;
            if self.bytes[self.at] == b'"' {
                break;
            }
            match self.bytes.get(self.at + 1)? {
                b'u' if self.bytes.get(self.at + 2..self.at + 6)?.iter().all(u8::is_ascii_hexdigit) => {
                    self.at += 6
                }
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
                _ => return None,
            }
        }
        if self.bytes[start..self.at].iter().any(|b| *b < 0x20) {
            return None;
        }
        self.leaves.push(Leaf { start, end: self.at, kind, name });
        self.at += 1;
        Some(())
    }
}

/// The text that a string's content stands for. Lone surrogates become U+FFFD.
pub(super) fn decode(content: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', content.as_bytes()) else { return Cow::Borrowed(content) };
    let mut out = content[..first].to_owned();
    let mut rest = &content[first..];
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let (decoded, len) = escape(&rest[at..]).unwrap_or(('\\', 1));
        out.push(decoded);
        rest = &rest[at + len..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character that the escape at the beginning of `text` stands for, and the length of the escape.
pub(super) fn escape(text: &str) -> Option<(char, usize)> {
    let decoded = match text.as_bytes().get(1)? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'u' => return unicode(text),
        _ => return None,
    };
    Some((decoded, 2))
}

fn hex4(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at + 4)?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

fn unicode(text: &str) -> Option<(char, usize)> {
    let high = hex4(text, 2)?;
    if (0xd800..0xdc00).contains(&high) && text.get(6..8) == Some("\\u") {
        let low = hex4(text, 8).filter(|low| (0xdc00..0xe000).contains(low));
        let joined = low.and_then(|low| char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)));
        if let Some(joined) = joined {
            return Some((joined, 12));
        }
    }
    Some((char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6))
}

/// Appends `text` as the content of a JSON string.
pub(super) fn encode(text: &str, out: &mut String) {
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
        out.push_str(escape);
        if escape.is_empty() {
            let _infallible = write!(out, "\\u{byte:04x}");
        }
        clean_from = at + 1;
    }
    out.push_str(&text[clean_from..]);
}
