//! What is made of digits: payment cards, IBANs, US social security numbers, phone numbers, IPv4 addresses.
//! Called by the gate. Walks the text's digit groups once; every test at a group looks at a few neighbors only.

mod check;

use super::field::Field;
use super::hit::{Hit, Scratch, announced};
use super::limits::KEYWORD_REACH;
use super::rule::Rule;
use check::{iban_end, is_card, is_public_v4, is_ssn};

pub(super) use check::is_public_v4 as is_public;

/// Groups that are taken together; the last few are looked at again with what follows.
const GROUPS_MAX: usize = 64;
const GROUPS_OVERLAP: usize = 8;
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 8..=15;
const LOCAL_PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// An international number with separators is not longer than this; one in a single group may be.
const SPACED_PHONE_DIGITS_MAX: usize = 13;
const PHONE_GROUPS_MAX: usize = 7;

/// Digit groups of one stretch and the text around them.
struct Island<'s> {
    bytes: &'s [u8],
    groups: &'s [(usize, usize)],
    field: Field,
    phone_words: &'s [usize],
    ssn_words: &'s [usize],
    version_words: &'s [usize],
}

/// A find at a group: its bytes, its rule, and how many groups it takes.
type Find = (usize, usize, Rule, usize);

/// Appends what it finds in the whole text.
pub(super) fn find(text: &str, field: Field, scratch: &mut Scratch) {
    let bytes = text.as_bytes();
    let mut groups = std::mem::take(&mut scratch.groups);
    let mut at = 0;
    while let Some(len) = bytes[at..].iter().position(u8::is_ascii_digit) {
        let start = at + len;
        if let Some(end) = iban_end(bytes, start) {
            scratch.push(start - 2, end, Rule::Iban);
            at = end;
            continue;
        }
        at = collect(bytes, start, &mut groups);
        scratch.work += (at - start) as u64 + 8;
        let Scratch { hits, phone_words, ssn_words, version_words, .. } = scratch;
        let island = Island { bytes, groups: &groups, field, phone_words, ssn_words, version_words };
        let mut group = 0;
        while group < groups.len() {
            let Some((start, end, rule, taken)) = island.at(group) else {
                group += 1;
                continue;
            };
            hits.push(Hit::new(start, end, rule));
            group += taken;
        }
        if groups.len() == GROUPS_MAX {
            at = groups[GROUPS_MAX - GROUPS_OVERLAP].0.max(start + 1);
        }
    }
    scratch.groups = groups;
}

/// Collects digit groups that one or two separators join; returns where to go on.
fn collect(bytes: &[u8], start: usize, groups: &mut Vec<(usize, usize)>) -> usize {
    groups.clear();
    let mut from = start;
    loop {
        let end = from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        groups.push((from, end));
        let gap = bytes[end..]
            .iter()
            .take(3)
            .take_while(|b| matches!(b, b' ' | b'-' | b'.' | b'/' | b'(' | b')'))
            .count();
        let joined = (1..=2).contains(&gap) && bytes.get(end + gap).is_some_and(u8::is_ascii_digit);
        if !joined || groups.len() == GROUPS_MAX {
            return end;
        }
        from = end + gap;
    }
}

impl Island<'_> {
    fn at(&self, group: usize) -> Option<Find> {
        let start = self.groups[group].0;
        if start > 0 && (self.bytes[start - 1].is_ascii_alphanumeric() || self.bytes[start - 1] == b'_') {
            return None;
        }
        let number = self.field.has(Field::NUMBER);
        self.ip(group)
            .or_else(|| if number || self.field.has(Field::IDENTITY) { None } else { self.card(group) })
            .or_else(|| self.ssn(group))
            .or_else(|| if number { None } else { self.phone(group) })
    }

    fn len(&self, group: usize) -> usize {
        self.groups.get(group).map_or(0, |(start, end)| end - start)
    }

    /// The bytes between this group and the next; empty after the last.
    fn gap(&self, group: usize) -> &[u8] {
        match (self.groups.get(group), self.groups.get(group + 1)) {
            (Some(this), Some(next)) => &self.bytes[this.1..next.0],
            _ => &[],
        }
    }

    fn gap_before(&self, group: usize) -> &[u8] {
        if group == 0 { &[] } else { self.gap(group - 1) }
    }

    fn ends_cleanly(&self, group: usize) -> bool {
        let end = self.groups[group].1;
        !self.bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
    }

    fn digits(&self, group: usize, taken: usize) -> impl Iterator<Item = u8> + Clone + '_ {
        let (start, end) = (self.groups[group].0, self.groups[group + taken - 1].1);
        self.bytes[start..end].iter().copied().filter(u8::is_ascii_digit).map(|b| b - b'0')
    }

    fn found(&self, group: usize, taken: usize, rule: Rule) -> Option<Find> {
        Some((self.groups[group].0, self.groups[group + taken - 1].1, rule, taken))
    }

    fn ip(&self, group: usize) -> Option<Find> {
        let dotted = (group..group + 3).all(|at| self.gap(at) == b".");
        if !dotted
            || self.gap(group + 3) == b"."
            || self.gap_before(group) == b"."
            || !self.ends_cleanly(group + 3)
        {
            return None;
        }
        let mut octets = [0_u8; 4];
        for (at, octet) in octets.iter_mut().enumerate() {
            let (start, end) = self.groups[group + at];
            if end - start > 3 || (end - start > 1 && self.bytes[start] == b'0') {
                return None;
            }
            *octet = std::str::from_utf8(&self.bytes[start..end]).ok()?.parse().ok()?;
        }
        let version = self.field.has(Field::VERSION) || self.is_version(group, octets);
        if version || !is_public_v4(octets.into()) { None } else { self.found(group, 4, Rule::Ip) }
    }

    /// Four numbers that are a version: `Chrome/120.0.6099.109`, `version 4.8.1.2`, `1.2.3.4-beta`.
    fn is_version(&self, group: usize, octets: [u8; 4]) -> bool {
        let (start, end) = (self.groups[group].0, self.groups[group + 3].1);
        let product =
            start >= 2 && self.bytes[start - 1] == b'/' && self.bytes[start - 2].is_ascii_alphabetic();
        let dashed = self.bytes.get(end) == Some(&b'-')
            && self.bytes.get(end + 1).is_some_and(u8::is_ascii_alphabetic);
        let glued = start >= 1 && matches!(self.bytes[start - 1], b'-' | b'^' | b'~' | b'>' | b'<') && dashed;
        product
            || dashed
            || glued
            || octets[1..] == [0, 0, 0]
            || announced(self.version_words, start, KEYWORD_REACH / 2)
    }

    /// 13 to 19 digits in one group or in the groups that are printed on cards, with a known beginning and a
    /// correct check digit.
    fn card(&self, group: usize) -> Option<Find> {
        let start = self.groups[group].0;
        let fraction = start >= 2 && self.bytes[start - 1] == b'.' && self.bytes[start - 2].is_ascii_digit();
        if fraction || self.gap_before(group) == b"-" || self.plus_before(start).is_some() {
            return None;
        }
        let taken = if self.len(group) >= 13 { 1 } else { self.card_groups(group)? };
        let last = group + taken - 1;
        let goes_on = matches!(self.gap(last), b"-" | b".");
        if goes_on || !self.ends_cleanly(last) || !is_card(self.digits(group, taken)) {
            return None;
        }
        self.found(group, taken, Rule::Card)
    }

    fn card_groups(&self, group: usize) -> Option<usize> {
        const SHAPES: [&[usize]; 5] = [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 5]];
        let gap = self.gap(group);
        if !matches!(gap, b" " | b"-") {
            return None;
        }
        let fits = |shape: &&[usize]| {
            let sizes = shape.iter().enumerate().all(|(at, size)| self.len(group + at) == *size);
            sizes && (0..shape.len() - 1).all(|at| self.gap(group + at) == gap)
        };
        let shape = SHAPES.iter().find(|shape| fits(shape))?;
        // `4-4-4-4-3` with an expiry or security code behind the card is read as `4-4-4-4`.
        let long = shape.len() == 5 && is_card(self.digits(group, 5));
        Some(if shape.len() == 5 && !long { 4 } else { shape.len() })
    }

    fn ssn(&self, group: usize) -> Option<Find> {
        let told = || announced(self.ssn_words, self.groups[group].0, KEYWORD_REACH);
        let taken = if self.len(group) == 9 {
            told().then_some(1)?
        } else {
            let sizes = self.len(group) == 3 && self.len(group + 1) == 2 && self.len(group + 2) == 4;
            let gap = self.gap(group);
            let shape =
                sizes && gap == self.gap(group + 1) && (gap == b"-" || matches!(gap, b" " | b".") && told());
            shape.then_some(3)?
        };
        let last = group + taken - 1;
        let chained = self.gap_before(group) == b"-" || self.gap(last) == b"-";
        if chained || !self.ends_cleanly(last) || !is_ssn(self.digits(group, taken)) {
            return None;
        }
        self.found(group, taken, Rule::Ssn)
    }

    fn phone(&self, group: usize) -> Option<Find> {
        let start = self.groups[group].0;
        if let Some(plus) = self.plus_before(start) {
            let (_, end, rule, taken) = self.international(group)?;
            return Some((plus, end, rule, taken));
        }
        if self.field.has(Field::IDENTITY) {
            return None;
        }
        let open = start - usize::from(start > 0 && self.bytes[start - 1] == b'(');
        if let Some((_, end, rule, taken)) = self.american(group) {
            return Some((open, end, rule, taken));
        }
        if !announced(self.phone_words, open, KEYWORD_REACH) {
            return None;
        }
        let (_, end, rule, taken) = self.announced_phone(group)?;
        Some((open, end, rule, taken))
    }

    /// Where the `+` stands, if the group is the beginning of an international number.
    fn plus_before(&self, start: usize) -> Option<usize> {
        let paren = usize::from(start > 0 && self.bytes[start - 1] == b'(');
        let plus = start.checked_sub(1 + paren)?;
        let inside = plus > 0 && self.bytes[plus - 1].is_ascii_alphanumeric();
        (self.bytes[plus] == b'+' && !inside && self.bytes[start] != b'0').then_some(plus)
    }

    fn international(&self, group: usize) -> Option<Find> {
        let north_american = self.bytes[self.groups[group].0] == b'1';
        let (mut digits, mut best) = (0, None);
        for taken in 1..=PHONE_GROUPS_MAX {
            let last = group + taken - 1;
            digits += self.len(last);
            let limit = if north_american && taken > 1 {
                11
            } else if taken > 1 {
                SPACED_PHONE_DIGITS_MAX
            } else {
                *PHONE_DIGITS.end()
            };
            if last >= self.groups.len() || digits > limit {
                break;
            }
            if PHONE_DIGITS.contains(&digits) && self.ends_cleanly(last) {
                best = Some(taken);
            }
            if self.gap(last).contains(&b'/') {
                break;
            }
        }
        self.found(group, best?, Rule::Phone)
    }

    /// `(212) 555-0123`, `212-555-0123`, `212.555.0123`, with or without `1-`.
    fn american(&self, group: usize) -> Option<Find> {
        let prefix = usize::from(self.len(group) == 1 && self.bytes[self.groups[group].0] == b'1');
        let at = group + prefix;
        if !(self.len(at) == 3 && self.len(at + 1) == 3 && self.len(at + 2) == 4) {
            return None;
        }
        let gaps = (self.gap(at), self.gap(at + 1));
        let paren = self.groups[at].0 > 0 && self.bytes[self.groups[at].0 - 1] == b'(';
        let shape =
            gaps == (b"-", b"-") || gaps == (b".", b".") || paren && matches!(gaps.0, b") " | b")" | b")-");
        let area = |group: usize| (b'2'..=b'9').contains(&self.bytes[self.groups[group].0]);
        let chained = self.gap_before(group) == b"-" || matches!(self.gap(at + 2), b"-" | b".");
        if !shape || chained || !area(at) || !area(at + 1) || !self.ends_cleanly(at + 2) {
            return None;
        }
        self.found(group, prefix + 3, Rule::Phone)
    }

    fn announced_phone(&self, group: usize) -> Option<Find> {
        let sizes = [self.len(group), self.len(group + 1), self.len(group + 2)];
        if matches!(sizes, [4, 2, 2] | [2, 2, 4] | [8, 4, 4]) {
            return None;
        }
        let (mut digits, mut best) = (0, None);
        for taken in 1..=PHONE_GROUPS_MAX {
            let last = group + taken - 1;
            digits += self.len(last);
            if last >= self.groups.len() || digits > *LOCAL_PHONE_DIGITS.end() {
                break;
            }
            if LOCAL_PHONE_DIGITS.contains(&digits) && self.ends_cleanly(last) {
                best = Some(taken);
                if digits >= 10 && self.gap(last).contains(&b' ') {
                    break;
                }
            }
        }
        self.found(group, best?, Rule::Phone)
    }
}
