//! `name = value` in any of the ways people and programs write it, and headers in texts. Called by `literal` at
//! the end of the name.

use super::super::hit::Scratch;
use super::super::keyed::label_of;
use super::super::limits::SECRET_VALUE_MAX;
use super::super::rule::Rule;
use super::super::shape::{is_masked, is_opaque};
use super::super::token::begins;

const SPACES_MAX: usize = 3;
const LABEL_MAX: usize = 96;
const PASSWORD_MIN: usize = 4;
const KEY_MIN: usize = 6;
const LINE_MIN: usize = 3;
const BARE_KEY_MIN: usize = 8;
const BEARER_MIN: usize = 12;
const SIGNATURE_MIN: usize = 40;
const SCHEMES: [&str; 14] = [
    "bearer",
    "basic",
    "token",
    "negotiate",
    "ntlm",
    "apikey",
    "api-key",
    "key",
    "oauth",
    "hawk",
    "dpop",
    "digest",
    "aws4-hmac-sha256",
    "sharedkey",
];

/// A value behind a name.
struct Value<'t> {
    text: &'t str,
    start: usize,
    quoted: bool,
    /// What follows it.
    next: Option<u8>,
}

fn spaces(bytes: &[u8], at: usize) -> usize {
    at + bytes[at.min(bytes.len())..]
        .iter()
        .take(SPACES_MAX)
        .take_while(|b| matches!(b, b' ' | b'\t'))
        .count()
}

/// Behind an optional quote, a separator and spaces.
fn separator(bytes: &[u8], name_end: usize) -> Option<usize> {
    let mut at = name_end;
    if bytes.get(at) == Some(&b'\\') {
        at += 1;
    }
    if matches!(bytes.get(at), Some(b'"' | b'\'' | b'`' | b']' | b'*')) {
        at += 1;
    }
    at = spaces(bytes, at);
    match bytes.get(at)? {
        b'=' | b':' => at += 1,
        _ => return None,
    }
    if matches!(bytes.get(at), Some(b'=' | b'>')) {
        at += 1;
    }
    Some(spaces(bytes, at))
}

/// The value that begins at `at`: quoted, or up to what ends a bare one.
fn value<'t>(text: &'t str, mut at: usize, scratch: &mut Scratch) -> Option<Value<'t>> {
    let bytes = text.as_bytes();
    let escaped = bytes.get(at) == Some(&b'\\') && matches!(bytes.get(at + 1), Some(b'"' | b'\''));
    at += usize::from(escaped);
    let quote = bytes.get(at).copied().filter(|b| matches!(b, b'"' | b'\'' | b'`'));
    at += usize::from(quote.is_some());
    at = skip_labels(text, at);
    let rest = bytes.get(at..)?;
    let ends = |b: u8| match quote {
        Some(quote) => b == quote || b == b'\\' || b == b'\n' || b == b'\r',
        None => {
            b <= b' '
                || matches!(
                    b,
                    b'"' | b'\'' | b'`' | b',' | b';' | b'&' | b'\\' | b'<' | b'>' | b'(' | b')' | b'|'
                )
        }
    };
    let len = rest.iter().take(SECRET_VALUE_MAX).take_while(|b| !ends(**b)).count();
    scratch.work += len as u64 + 4;
    let mut end = at + len;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let next = bytes.get(end).copied();
    if quote.is_none() {
        while end > at && matches!(bytes[end - 1], b'.' | b'}' | b']' | b':' | b'!' | b'?') {
            end -= 1;
        }
    }
    Some(Value { text: &text[at..end], start: at, quoted: quote.is_some(), next })
}

/// Labels of ours that stand at the beginning of a value.
fn skip_labels(text: &str, mut at: usize) -> usize {
    while text.as_bytes().get(at) == Some(&b'[') {
        let window = &text.as_bytes()[at..text.len().min(at + LABEL_MAX)];
        let Some(close) = memchr::memchr(b']', window) else { break };
        let is_label = text.get(at..=at + close).and_then(label_of).is_some_and(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        });
        if !is_label {
            break;
        }
        at += close + 1;
    }
    at
}

/// A value that is a piece of a program (a call, a variable, a template), not a secret.
fn is_code(value: &Value<'_>) -> bool {
    let text = value.text;
    if value.quoted {
        return text.starts_with("${") || text.starts_with("{{") || text.starts_with("$(");
    }
    let called = value.next == Some(b'(');
    let path =
        text.contains('.') && text.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'.' | b'_'));
    called || path || matches!(text.as_bytes().first(), Some(b'$' | b'{' | b'%' | b'['))
}

fn push(value: &Value<'_>, text: &str, rule: Rule, scratch: &mut Scratch) {
    let mut end = value.start + value.text.len();
    if value.text.len() + 4 >= SECRET_VALUE_MAX {
        // Longer than is looked at: all of the run goes.
        let rest = &text.as_bytes()[end..];
        let more = rest.iter().take_while(|b| **b > b' ' && !matches!(b, b'"' | b'\'')).count();
        scratch.work += more as u64;
        end += more;
        while !text.is_char_boundary(end) {
            end += 1;
        }
    }
    scratch.push(value.start, end, rule);
}

pub(super) fn password(text: &str, name_end: usize, scratch: &mut Scratch) {
    let Some(at) = separator(text.as_bytes(), name_end) else { return };
    let Some(value) = value(text, at, scratch) else { return };
    let min = if value.quoted { 1 } else { PASSWORD_MIN };
    if value.text.len() >= min && !is_masked(value.text) && !is_code(&value) {
        push(&value, text, Rule::Password, scratch);
    }
}

pub(super) fn key(text: &str, name_end: usize, rule: Rule, scratch: &mut Scratch) {
    let Some(at) = separator(text.as_bytes(), name_end) else { return };
    let Some(value) = value(text, at, scratch) else { return };
    let digit = value.text.bytes().any(|b| b.is_ascii_digit());
    let spaced = value.text.contains(' ');
    let enough = if value.quoted {
        value.text.len() >= KEY_MIN && !spaced
    } else {
        value.text.len() >= BARE_KEY_MIN && (digit || value.text.len() >= 2 * BARE_KEY_MIN)
    };
    if enough && !is_masked(value.text) && !is_code(&value) {
        push(&value, text, rule, scratch);
    }
}

pub(super) fn token(text: &str, start: usize, name_end: usize, scratch: &mut Scratch) {
    let bytes = text.as_bytes();
    if start > 0 && bytes[start - 1].is_ascii_alphabetic() {
        return;
    }
    let Some(at) = separator(bytes, name_end) else { return };
    let Some(value) = value(text, at, scratch) else { return };
    if is_opaque(value.text) && !is_masked(value.text) && !is_code(&value) {
        push(&value, text, Rule::Secret, scratch);
    }
}

/// The length of the scheme and the space behind it, if one stands here.
fn scheme(rest: &str) -> Option<(usize, bool)> {
    let known = SCHEMES.iter().find(|scheme| {
        rest.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme))
            && rest.as_bytes().get(scheme.len()) == Some(&b' ')
    })?;
    // These two have several parts.
    Some((known.len() + 1, matches!(*known, "digest" | "aws4-hmac-sha256" | "hawk" | "oauth")))
}

pub(super) fn authorization(text: &str, name_end: usize, scratch: &mut Scratch) {
    let bytes = text.as_bytes();
    let Some(mut at) = separator(bytes, name_end) else { return };
    if bytes.get(at) == Some(&b'[') && !text[at..].starts_with("[AUTHORIZATION") {
        at += 1;
    }
    at += usize::from(bytes.get(at) == Some(&b'\\'));
    at += usize::from(matches!(bytes.get(at), Some(b'"' | b'\'')));
    match scheme(&text[at.min(text.len())..]) {
        Some((len, true)) => rest_of_line(text, at + len, Rule::Authorization, scratch),
        Some((len, false)) => {
            let Some(value) = value(text, at + len, scratch) else { return };
            if value.text.len() >= PASSWORD_MIN && !is_masked(value.text) && !is_code(&value) {
                push(&value, text, Rule::Authorization, scratch);
            }
        }
        None => {
            let Some(value) = value(text, at, scratch) else { return };
            let digit = value.text.bytes().any(|b| b.is_ascii_digit());
            if value.text.len() >= BARE_KEY_MIN && digit && !is_masked(value.text) && !is_code(&value) {
                push(&value, text, Rule::Authorization, scratch);
            }
        }
    }
}

/// To the end of the line or of the string around it.
fn rest_of_line(text: &str, at: usize, rule: Rule, scratch: &mut Scratch) {
    let at = skip_labels(text, at);
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    // A digest quotes its parts, so only the quote before the end of the line would end it; take all.
    let len = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    let window = &rest[..len];
    let parts_quoted = window.windows(2).any(|pair| pair == b"=\"" || pair == b"=\\");
    let end = if parts_quoted { None } else { memchr::memchr3(b'"', b'\'', b'\\', window) };
    let mut end = at + end.unwrap_or(len);
    while end > at && text.as_bytes()[end - 1] == b' ' {
        end -= 1;
    }
    scratch.work += len as u64;
    if end >= at + LINE_MIN {
        scratch.push(at, end, rule);
    }
}

pub(super) fn bearer(text: &str, start: usize, word_end: usize, scratch: &mut Scratch) {
    let bytes = text.as_bytes();
    let is_token =
        |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'+' | b'/' | b'=' | b'-');
    let mut end = word_end + bytes[word_end..].iter().take_while(|b| is_token(b)).count();
    scratch.work += (end - word_end) as u64;
    while end > word_end && bytes[end - 1] == b'.' {
        end -= 1;
    }
    let token = &text[word_end..end];
    if begins(bytes, start) && token.len() >= BEARER_MIN && token.bytes().any(|b| b.is_ascii_digit()) {
        scratch.push(word_end, end, Rule::Authorization);
    }
}

pub(super) fn cookie(text: &str, name_end: usize, scratch: &mut Scratch) {
    let bytes = text.as_bytes();
    let Some(mut at) = separator(bytes, name_end) else { return };
    at += usize::from(bytes.get(at) == Some(&b'['));
    at += usize::from(bytes.get(at) == Some(&b'\\'));
    at += usize::from(matches!(bytes.get(at), Some(b'"' | b'\'')));
    let rest = bytes.get(at..).unwrap_or_default();
    let name = rest
        .iter()
        .take(128)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        .count();
    scratch.work += name as u64 + 4;
    if name > 0
        && rest.get(name) == Some(&b'=')
        && rest.get(name + 1).is_some_and(|b| !matches!(b, b'=' | b' '))
    {
        rest_of_line(text, at, Rule::Cookie, scratch);
    }
}

pub(super) fn signature(text: &str, start: usize, name_end: usize, scratch: &mut Scratch) {
    let bytes = text.as_bytes();
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'%' | b'+' | b'/' | b'=' | b'-' | b'_');
    let len = bytes[name_end..].iter().take(SECRET_VALUE_MAX).take_while(|b| is_part(b)).count();
    scratch.work += len as u64;
    if begins(bytes, start) && len >= SIGNATURE_MIN {
        scratch.push(name_end, name_end + len, Rule::Azure);
    }
}
