//! Addresses with colons or dashes: IPv6 and MAC. Called by the gate. Each stretch of hex digits and colons is
//! looked at once.

use super::field::Field;
use super::hit::Scratch;
use super::number::is_public;
use super::rule::Rule;
use std::net::Ipv6Addr;

const MAC_LEN: usize = 17;
const IPV6_LEN_MAX: usize = 45;

/// Appends every MAC and public IPv6 address of the text.
pub(super) fn find(text: &str, field: Field, scratch: &mut Scratch) {
    let bytes = text.as_bytes();
    let mut floor = 0;
    while let Some(len) = memchr::memchr(b':', &bytes[floor..]) {
        let colon = floor + len;
        let before = bytes[floor..colon].iter().rev().take_while(|b| b.is_ascii_hexdigit()).count();
        let after =
            bytes[colon..].iter().take_while(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')).count();
        let (start, end) = (colon - before, colon + after);
        scratch.work += (end - start) as u64 + len as u64;
        stretch(text, start, end, field, scratch);
        floor = end;
    }
    dashed(bytes, scratch);
}

fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// A maximal stretch of hex digits, colons and dots with at least one colon.
fn stretch(text: &str, mut start: usize, mut end: usize, field: Field, scratch: &mut Scratch) {
    let bytes = text.as_bytes();
    let single_colon = bytes[start] == b':' && bytes.get(start + 1) != Some(&b':');
    if single_colon {
        start += 1;
    } else if start > 0 && is_word(bytes.get(start - 1)) {
        return;
    }
    if is_word(bytes.get(end)) {
        return;
    }
    while end > start && (bytes[end - 1] == b'.' || bytes[end - 1] == b':' && !bytes[..end].ends_with(b"::"))
    {
        end -= 1;
    }
    let part = &text[start..end];
    if part.len() == MAC_LEN && is_mac(part.as_bytes(), b':') {
        scratch.push(start, end, Rule::Mac);
    } else if part.len() <= IPV6_LEN_MAX && !field.has(Field::VERSION) && is_public_v6(part) {
        scratch.push(start, end, Rule::Ip);
    }
}

fn is_public_v6(part: &str) -> bool {
    if part.len() < 4 || memchr::memchr2(b'2', b'3', part.as_bytes()).is_none() && !part.contains('.') {
        return false;
    }
    let Ok(address) = part.parse::<Ipv6Addr>() else { return false };
    match address.to_ipv4_mapped() {
        Some(mapped) => is_public(mapped),
        // 2000::/3 is all that is given out to the public.
        None => address.segments()[0] >> 13 == 1,
    }
}

/// Six pairs of hex digits; neither all zero nor the broadcast address.
fn is_mac(part: &[u8], separator: u8) -> bool {
    let shape = part
        .iter()
        .enumerate()
        .all(|(at, byte)| if at % 3 == 2 { *byte == separator } else { byte.is_ascii_hexdigit() });
    let same = |digit: u8| part.iter().all(|b| *b == separator || b.eq_ignore_ascii_case(&digit));
    shape && !same(b'0') && !same(b'f')
}

fn dashed(bytes: &[u8], scratch: &mut Scratch) {
    let mut floor = 0;
    for dash in memchr::memchr_iter(b'-', bytes) {
        scratch.work += 1;
        let Some(start) = dash.checked_sub(2).filter(|start| *start >= floor) else { continue };
        if bytes.get(dash + 3) != Some(&b'-') {
            continue;
        }
        let Some(part) = bytes.get(start..start + MAC_LEN) else { continue };
        let before = start.checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(start + MAC_LEN);
        let chained = before == Some(&b'-') || after == Some(&b'-') || is_word(before) || is_word(after);
        scratch.work += MAC_LEN as u64;
        if !chained && is_mac(part, b'-') {
            scratch.push(start, start + MAC_LEN, Rule::Mac);
            floor = start + MAC_LEN;
        }
    }
}
