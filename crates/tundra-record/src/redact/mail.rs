//! E-mail addresses: from each `@` outwards. Called by the gate.

use super::hit::Scratch;
use super::limits::{MAIL_DOMAIN_MAX, MAIL_LOCAL_MAX};
use super::rule::Rule;

/// Last labels that are no top-level domains here: files (`logo@2x.png`), units (`getty@tty1.service`).
const NOT_DOMAINS: [&str; 22] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "ts", "mjs", "json", "html", "pdf",
    "service", "socket", "timer", "target", "mount", "slice", "map", "scss",
];

/// Appends every address of the text.
pub(super) fn find(text: &str, scratch: &mut Scratch) {
    let bytes = text.as_bytes();
    let mut floor = 0;
    for at in memchr::memchr_iter(b'@', bytes) {
        let local = local_start(bytes, at, floor);
        let end = domain_end(bytes, at + 1);
        scratch.work += (at - local.min(at) + end.saturating_sub(at)) as u64 + 1;
        if local == at || end == at + 1 {
            continue;
        }
        if is_address(bytes, local, at, end) && scratch.credentials.binary_search(&at).is_err() {
            scratch.push(local, end, Rule::Email);
            floor = end;
        }
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'' | b'&')
}

/// A letter of two bytes (Latin with accents, Greek, Cyrillic, ...), but not the Latin-1 signs.
fn is_letter_pair(first: u8, second: u8) -> bool {
    (0xc3..=0xdf).contains(&first) && (0x80..=0xbf).contains(&second)
}

fn local_start(bytes: &[u8], at: usize, floor: usize) -> usize {
    let limit = at.saturating_sub(MAIL_LOCAL_MAX).max(floor);
    let mut start = at;
    while start > limit {
        if is_local(bytes[start - 1]) {
            start -= 1;
        } else if start >= limit + 2 && is_letter_pair(bytes[start - 2], bytes[start - 1]) {
            start -= 2;
        } else {
            break;
        }
    }
    while start < at && matches!(bytes[start], b'.' | b'-' | b'%' | b'\'' | b'&' | b'+') {
        start += 1;
    }
    start
}

fn domain_end(bytes: &[u8], from: usize) -> usize {
    let mut end = from;
    while end < bytes.len() && end - from < MAIL_DOMAIN_MAX {
        if bytes[end].is_ascii_alphanumeric() || matches!(bytes[end], b'.' | b'-') {
            end += 1;
        } else if end + 1 < bytes.len() && is_letter_pair(bytes[end], bytes[end + 1]) {
            end += 2;
        } else {
            break;
        }
    }
    while end > from && matches!(bytes[end - 1], b'.' | b'-') {
        end -= 1;
    }
    end
}

fn is_address(bytes: &[u8], local: usize, at: usize, end: usize) -> bool {
    let domain = &bytes[at + 1..end];
    let Some(dot) = memchr::memrchr(b'.', domain) else { return false };
    let top = &domain[dot + 1..];
    if dot == 0 || domain[0] == b'-' || domain.windows(2).any(|pair| pair == b"..") {
        return false;
    }
    let is_top = top.starts_with(b"xn--") || top.iter().all(|b| b.is_ascii_alphabetic() || *b >= 0x80);
    if top.len() < 2 || !is_top || NOT_DOMAINS.iter().any(|no| top.eq_ignore_ascii_case(no.as_bytes())) {
        return false;
    }
    // A login of a version control host is no person: git@github.com:org/repo.
    !matches!(&bytes[local..at], b"git" | b"hg" | b"svn")
}
