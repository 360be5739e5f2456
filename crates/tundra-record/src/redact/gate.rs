//! Decides which finders run on a text at all: one pass of byte statistics, then one Aho-Corasick pass over the
//! words that announce something, which hands each place to the finder that knows it. Used by the engine.

use super::config::{CustomRule, RuleError};
use super::field::Field;
use super::hit::{Hit, Scratch};
use super::limits::CUSTOM_RULE_BYTES;
use super::literal::{self, Shapes, Word};
use super::{address, mail, number, token};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::Regex;

/// No built-in rule matches anything shorter (`a@b.co`, `pwd=x1`).
const SHORTEST: usize = 6;
/// Words are looked for only if the text has `:` or `=`, or a stretch without space at least this long, ...
const RUN_MIN: usize = 12;
/// ... or this many digits with nothing but separators between them (a number may need its word), ...
const NUMBER_DIGITS_MIN: u32 = 7;
/// ... where an IP address needs fewer, ...
const ADDRESS_DIGITS_MIN: u32 = 4;
/// ... or this many dashes (a key block).
const DASHES_MIN: u32 = 10;

/// The compiled gate.
#[derive(Debug)]
pub(super) struct Gate {
    words: AhoCorasick,
    kinds: Vec<Word>,
    custom: Vec<Custom>,
}

/// A rule of the user's own, compiled.
#[derive(Debug)]
pub(super) struct Custom {
    pattern: Regex,
    literals: Vec<String>,
    rule: u16,
}

/// What the gate noticed besides hits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// A word that marks secrets when it is a name.
    pub(super) names: bool,
    /// Something that may hide a match: an escape, a percent sign, a character that looks like another.
    pub(super) folds: bool,
}

impl Custom {
    pub(super) fn new(rule: &CustomRule, number: usize) -> Result<Self, RuleError> {
        let id_ok = !rule.id.is_empty()
            && rule.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let label_ok = !rule.label.is_empty()
            && rule.label.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if !id_ok || !label_ok || rule.literals.iter().any(String::is_empty) {
            return Err(RuleError::Malformed { id: rule.id.clone() });
        }
        let unusable = |detail: String| RuleError::Pattern { id: rule.id.clone(), detail };
        let pattern = regex::RegexBuilder::new(&rule.pattern)
            .size_limit(CUSTOM_RULE_BYTES)
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        if pattern.is_match("") {
            return Err(unusable("it matches the empty text".to_owned()));
        }
        let literals = rule.literals.clone();
        Ok(Self { pattern, literals, rule: u16::try_from(number).unwrap_or(u16::MAX) })
    }
}

impl Gate {
    pub(super) fn new(custom: Vec<Custom>) -> Result<Self, RuleError> {
        let mut texts: Vec<&str> = Vec::new();
        let mut kinds = Vec::new();
        for (text, kind) in literal::words() {
            texts.push(text);
            kinds.push(kind);
        }
        for (at, rule) in custom.iter().enumerate() {
            for literal in &rule.literals {
                texts.push(literal);
                kinds.push(Word::Custom(at));
            }
        }
        let words = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&texts)
            .map_err(|error| RuleError::Pattern { id: "literals".to_owned(), detail: error.to_string() })?;
        Ok(Self { words, kinds, custom })
    }

    /// Shorter texts need not be looked at.
    pub(super) fn shortest(&self) -> usize {
        if self.custom.is_empty() { SHORTEST } else { 1 }
    }

    /// Appends what the finders find to `scratch.hits`, unsorted.
    pub(super) fn find(&self, text: &str, field: Field, scratch: &mut Scratch) -> Seen {
        let stats = Stats::of(text.as_bytes());
        scratch.work += text.len() as u64;
        let mut seen = Seen { names: false, folds: stats.kinds & FOLD != 0 };
        scratch.clear_words();
        let mut customs = 0_u64;
        let words_may_matter = stats.kinds & (COLON | EQUALS) != 0
            || stats.longest_run >= RUN_MIN
            || stats.numbers
            || stats.dashes >= DASHES_MIN
            || !self.custom.is_empty();
        if words_may_matter {
            self.words(text, scratch, &mut seen, &mut customs);
        }
        if stats.kinds & AT != 0 {
            mail::find(text, scratch);
        }
        if stats.numbers {
            number::find(text, field, scratch);
        }
        if stats.colons >= 2 || stats.dashes >= 5 {
            address::find(text, field, scratch);
        }
        for (at, rule) in self.custom.iter().enumerate() {
            if rule.literals.is_empty() || customs & 1 << at != 0 {
                scratch.work += text.len() as u64;
                let found = rule.pattern.find_iter(text).filter(|found| !found.is_empty());
                let hit =
                    |found: regex::Match<'_>| Hit { start: found.start(), end: found.end(), rule: rule.rule };
                scratch.hits.extend(found.map(hit));
            }
        }
        seen
    }

    fn words(&self, text: &str, scratch: &mut Scratch, seen: &mut Seen, customs: &mut u64) {
        let mut runs = token::Runs::default();
        let mut shapes = Shapes::default();
        scratch.work += text.len() as u64;
        for found in self.words.find_overlapping_iter(text) {
            let (start, end) = (found.start(), found.end());
            match self.kinds[found.pattern().as_usize()] {
                Word::Token(at) => token::find(text, start, at, &mut runs, scratch),
                Word::Phone => literal::announce(text, start, end, &mut scratch.phone_words),
                Word::Ssn => literal::announce(text, start, end, &mut scratch.ssn_words),
                Word::Version => literal::announce(text, start, end, &mut scratch.version_words),
                Word::Custom(at) => *customs |= 1 << at,
                Word::Shape(shape) => {
                    seen.names |= shape.is_name();
                    shapes.find(text, start, end, shape, scratch);
                }
            }
        }
    }
}

const DIGIT: u16 = 1;
const SPACE: u16 = 2;
const AT: u16 = 4;
const COLON: u16 = 8;
const EQUALS: u16 = 16;
const FOLD: u16 = 32;
const DASH: u16 = 64;
/// May stand between the digits of one number, as `number` joins them.
const GAP: u16 = 128;
const DOT: u16 = 256;
const UPPER: u16 = 512;

const KINDS: [u16; 256] = {
    let mut kinds = [0; 256];
    let mut digit = b'0';
    while digit <= b'9' {
        kinds[digit as usize] = DIGIT;
        digit += 1;
    }
    let mut letter = b'A';
    while letter <= b'Z' {
        kinds[letter as usize] = UPPER;
        letter += 1;
    }
    kinds[b' ' as usize] = SPACE | GAP;
    kinds[b'\t' as usize] = SPACE;
    kinds[b'\n' as usize] = SPACE;
    kinds[b'\r' as usize] = SPACE;
    kinds[b'@' as usize] = AT;
    kinds[b':' as usize] = COLON;
    kinds[b'=' as usize] = EQUALS;
    kinds[b'-' as usize] = DASH | GAP;
    kinds[b'.' as usize] = DOT | GAP;
    kinds[b'/' as usize] = GAP;
    kinds[b'(' as usize] = GAP;
    kinds[b')' as usize] = GAP;
    kinds[b'\\' as usize] = FOLD;
    kinds[b'%' as usize] = FOLD;
    // First bytes of soft hyphen and no-break space, of joiners, of Mongolian, general, ideographic and
    // full-width punctuation.
    kinds[0xc2] = FOLD;
    kinds[0xcd] = FOLD;
    kinds[0xe1] = FOLD;
    kinds[0xe2] = FOLD;
    kinds[0xe3] = FOLD;
    kinds[0xef] = FOLD;
    kinds
};

/// Whether a byte may begin something that `fold` takes off.
pub(super) fn may_fold(byte: u8) -> bool {
    KINDS[usize::from(byte)] & FOLD != 0
}

/// Whether the gate lets a text through to the finder of numbers.
#[cfg(test)]
#[cfg(feature = "redact")]
pub(super) fn may_hold_numbers(text: &str) -> bool {
    Stats::of(text.as_bytes()).numbers
}

/// What kinds of bytes a text has.
#[derive(Clone, Copy, Debug, Default)]
struct Stats {
    kinds: u16,
    colons: u32,
    dashes: u32,
    longest_run: usize,
    /// Whether there may be a number that a rule knows: enough digits together, or the beginning of an IBAN (two
    /// capitals and a digit).
    numbers: bool,
}

impl Stats {
    #[inline]
    fn of(bytes: &[u8]) -> Self {
        let mut stats = Self::default();
        let (mut run, mut digits, mut most_digits, mut dots) = (0, 0, 0, 0);
        let (mut iban, mut before) = (0, [0; 2]);
        for byte in bytes {
            let kind = KINDS[usize::from(*byte)];
            stats.kinds |= kind;
            stats.colons += u32::from(kind & COLON) / u32::from(COLON);
            stats.dashes += u32::from(kind & DASH) / u32::from(DASH);
            dots += u32::from(kind & DOT) / u32::from(DOT);
            run = if kind & SPACE == 0 { run + 1 } else { 0 };
            stats.longest_run = stats.longest_run.max(run);
            digits = if kind & (DIGIT | GAP) == 0 { 0 } else { digits + u32::from(kind & DIGIT) };
            most_digits = most_digits.max(digits);
            iban |= ((before[0] & before[1] & UPPER) / UPPER) & kind & DIGIT;
            before = [before[1], kind];
        }
        let address = dots >= 3 && most_digits >= ADDRESS_DIGITS_MIN;
        stats.numbers = most_digits >= NUMBER_DIGITS_MIN || address || iban != 0;
        stats
    }
}
