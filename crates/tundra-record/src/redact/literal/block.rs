//! Secrets with a shape of their own: URLs with credentials, webhooks, key blocks, JSON web tokens. Called by
//! `literal` where their beginning stands.

use super::super::hit::Scratch;
use super::super::limits::URL_CREDENTIALS_MAX;
use super::super::rule::Rule;
use super::super::shape::{is_masked, is_opaque};
use super::super::token::{Class, Runs};
use memchr::memmem;

const WEBHOOK_MIN: usize = 16;
const PEM_HEADER_MAX: usize = 64;
const PEM_BODY_MAX: usize = 16 << 10;
const PEM_END: &[u8] = b"-----END ";
const PEM_DASHES: &[u8] = b"-----";
const JWT_HEADER_MIN: usize = 10;
const JWT_PART_MIN: usize = 4;
const JWT_PARTS_MAX: usize = 5;
const AZURE_BEFORE: usize = 3;
const AZURE_AFTER: std::ops::RangeInclusive<usize> = 30..=36;

/// `user:password@` or `token@` behind `://`.
pub(super) fn url(text: &str, at: usize, scratch: &mut Scratch) {
    let bytes = text.as_bytes();
    let ends =
        |b: &u8| *b <= b' ' || matches!(b, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'\\' | b'`');
    let len = bytes[at..].iter().take(URL_CREDENTIALS_MAX).take_while(|b| !ends(b)).count();
    scratch.work += len as u64 + 1;
    let Some(sign) = memchr::memrchr(b'@', &bytes[at..at + len]) else { return };
    let user = &text[at..at + sign];
    if user.starts_with("[URL_CREDENTIALS") && user.ends_with(']') {
        return;
    }
    let secret = match user.split_once(':') {
        Some((_, password)) => !is_masked(password) && !password.starts_with(['$', '{']),
        None => is_opaque(user),
    };
    if secret || user.contains(':') {
        scratch.credentials.push(at + sign);
    }
    if secret {
        scratch.push(at, at + sign, Rule::UrlCredentials);
    }
}

/// The path behind a host that takes anybody's messages who knows it.
pub(super) fn webhook(text: &str, at: usize, rule: Rule, scratch: &mut Scratch) {
    let bytes = text.as_bytes();
    let is_path = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-');
    let len = bytes[at..].iter().take_while(|b| is_path(b)).count();
    scratch.work += len as u64;
    if len >= WEBHOOK_MIN && bytes[at..at + len].iter().any(u8::is_ascii_digit) {
        scratch.push(at, at + len, rule);
    }
}

/// From `-----BEGIN ... PRIVATE KEY-----` to its end; if the end is missing, to the end of what may be key.
pub(super) fn pem(
    text: &str,
    start: usize,
    word_end: usize,
    known: &mut Option<(usize, Option<usize>)>,
    scratch: &mut Scratch,
) {
    let bytes = text.as_bytes();
    let window = &bytes[word_end..bytes.len().min(word_end + PEM_HEADER_MAX)];
    let Some(header) = memmem::find(window, PEM_DASHES) else { return };
    if memmem::find(&window[..header].to_ascii_uppercase(), b"PRIVATE KEY").is_none() {
        return;
    }
    let body = word_end + header + PEM_DASHES.len();
    let fresh = match *known {
        Some((_, None)) => false,
        Some((_, Some(end))) => end < body,
        None => true,
    };
    if fresh {
        scratch.work += (bytes.len() - body).min(PEM_BODY_MAX) as u64;
        *known = Some((body, memmem::find(&bytes[body..], PEM_END).map(|len| body + len)));
    }
    let end = match known.and_then(|(_, end)| end).filter(|end| end - body <= PEM_BODY_MAX) {
        Some(footer) => {
            let name = footer + PEM_END.len();
            let window = &bytes[name..bytes.len().min(name + PEM_HEADER_MAX)];
            memmem::find(window, PEM_DASHES).map_or(name, |len| name + len + PEM_DASHES.len())
        }
        None => {
            let is_body = |b: &u8| {
                b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\\' | b'\n' | b'\r' | b' ')
            };
            let len = bytes[body..].iter().take_while(|b| is_body(b)).count();
            scratch.work += len as u64;
            body + len
        }
    };
    scratch.push(start, end, Rule::PrivateKey);
}

/// Two or three parts (five if encrypted) of base64 that begin with a JSON object.
pub(super) fn jwt(text: &str, start: usize, runs: &mut Runs, scratch: &mut Scratch) {
    let bytes = text.as_bytes();
    let inside =
        start > 0 && (bytes[start - 1].is_ascii_alphanumeric() || matches!(bytes[start - 1], b'_' | b'-'));
    if inside || !bytes[start..].starts_with(b"eyJ") {
        return;
    }
    let mut end = runs.end(bytes, start, Class::Dash, &mut scratch.work);
    if end - start < JWT_HEADER_MIN {
        return;
    }
    let mut parts = 1;
    while parts < JWT_PARTS_MAX && bytes.get(end) == Some(&b'.') {
        let next = runs.end(bytes, end + 1, Class::Dash, &mut scratch.work);
        if parts == 1 && next - end - 1 < JWT_PART_MIN {
            break;
        }
        parts += 1;
        end = next;
    }
    if bytes[end - 1] == b'.' {
        end -= 1;
    }
    if parts >= 2 {
        scratch.push(start, end, Rule::Jwt);
    }
}

/// `abc8Q~` and 31 to 34 more characters.
pub(super) fn azure_client(text: &str, start: usize, word_end: usize, scratch: &mut Scratch) {
    let bytes = text.as_bytes();
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'~' | b'.' | b'-');
    let Some(from) = start.checked_sub(AZURE_BEFORE) else { return };
    let len = bytes[word_end..].iter().take(AZURE_AFTER.end() + 1).take_while(|b| is_part(b)).count();
    scratch.work += len as u64;
    if bytes[from..start].iter().all(is_part) && AZURE_AFTER.contains(&len) && bytes[word_end - 2] == b'Q' {
        scratch.push(from, word_end + len, Rule::Azure);
    }
}
