//! Sees through what hides a match: JSON and `\x` escapes, percent-encoding, invisible characters, full-width
//! and other look-alikes. The engine calls [`find`] for texts that contain any; the finders then run on the
//! unfolded text and what they find is mapped back. Escapes are never cut in half.

use super::field::Field;
use super::gate::{Gate, may_fold};
use super::hit::{Hit, Scratch};
use super::json;
use super::limits::FOLD_LAYERS_MAX;

/// A text with one layer of escapes taken off, and how its places map to the text before.
#[derive(Debug, Default)]
pub(super) struct Folded {
    text: String,
    atoms: Vec<Atom>,
}

/// A stretch of the source that became something else (or nothing).
#[derive(Clone, Copy, Debug)]
struct Atom {
    to: usize,
    to_len: usize,
    from: usize,
    from_len: usize,
}

/// Appends what is found under up to three layers of escapes; what was found on the text itself moves off
/// the beginnings of escapes.
pub(super) fn find(gate: &Gate, text: &str, field: Field, scratch: &mut Scratch) {
    let mut layers = std::mem::take(&mut scratch.folded);
    layers.resize_with(FOLD_LAYERS_MAX, Folded::default);
    let mut hits = std::mem::take(&mut scratch.hits);
    for layer in 0..FOLD_LAYERS_MAX {
        let (before, rest) = layers.split_at_mut(layer);
        let source = before.last().map_or(text, |folded| folded.text.as_str());
        scratch.work += source.len() as u64;
        if !rest[0].fill(source) {
            break;
        }
        if layer == 0 {
            hits.iter_mut().for_each(|hit| rest[0].snap(hit));
        }
        let seen = gate.find(&rest[0].text, field, scratch);
        for mut hit in scratch.hits.drain(..) {
            for folded in layers[..=layer].iter().rev() {
                folded.map_back(&mut hit);
            }
            hits.push(hit);
        }
        if !seen.folds {
            break;
        }
    }
    scratch.folded = layers;
    scratch.hits = hits;
}

impl Folded {
    /// Takes one layer off `source`; false if there is none.
    fn fill(&mut self, source: &str) -> bool {
        self.text.clear();
        self.atoms.clear();
        let bytes = source.as_bytes();
        let (mut clean_from, mut at) = (0, 0);
        while let Some(len) = bytes[at..].iter().position(|b| may_fold(*b)) {
            at += len;
            let Some((becomes, from_len)) = atom(&source[at..]) else {
                at += 1;
                while !source.is_char_boundary(at) {
                    at += 1;
                }
                continue;
            };
            self.text.push_str(&source[clean_from..at]);
            let to = self.text.len();
            if let Some(becomes) = becomes {
                self.text.push(becomes);
            }
            self.atoms.push(Atom { to, to_len: self.text.len() - to, from: at, from_len });
            at += from_len;
            clean_from = at;
        }
        self.text.push_str(&source[clean_from..]);
        !self.atoms.is_empty()
    }

    /// From a place in the folded text to the stretch of the source that its byte came from.
    fn source_of(&self, at: usize) -> (usize, usize) {
        let after = self.atoms.partition_point(|atom| atom.to <= at);
        // Dropped characters have no length; the last atom that begins here is the one that counts.
        let Some(atom) = after.checked_sub(1).map(|last| self.atoms[last]) else { return (at, at + 1) };
        if at < atom.to + atom.to_len {
            return (atom.from, atom.from + atom.from_len);
        }
        let source = atom.from + atom.from_len + (at - atom.to - atom.to_len);
        (source, source + 1)
    }

    fn map_back(&self, hit: &mut Hit) {
        let end = self.source_of(hit.end - 1).1;
        hit.start = self.source_of(hit.start).0;
        hit.end = end;
    }

    /// Moves the ends of a hit that would cut an escape in half: what an escape begins with is no part of the
    /// find (`\nname@...`), what it ends in is.
    fn snap(&self, hit: &mut Hit) {
        let inside = |at: usize| {
            let after = self.atoms.partition_point(|atom| atom.from < at);
            let atom = self.atoms[after.checked_sub(1)?];
            (at < atom.from + atom.from_len).then_some(atom)
        };
        if let Some(atom) = inside(hit.start) {
            let after = atom.from + atom.from_len;
            hit.start = if after < hit.end { after } else { atom.from };
        }
        if let Some(atom) = inside(hit.end) {
            hit.end = atom.from + atom.from_len;
        }
    }
}

/// What the beginning of `text` stands for (nothing, for an invisible character), and how long it is.
fn atom(text: &str) -> Option<(Option<char>, usize)> {
    match text.as_bytes()[0] {
        b'\\' => {
            json::escape(text).or_else(|| hex_pair(text, 2).filter(|_| text.as_bytes()[1] == b'x')).map(kept)
        }
        b'%' => hex_pair(text, 1).map(kept),
        _ => {
            let c = text.chars().next()?;
            look_alike(c).map(|becomes| (becomes, c.len_utf8()))
        }
    }
}

fn kept((becomes, len): (char, usize)) -> (Option<char>, usize) {
    (Some(becomes), len)
}

/// Two hex digits at `at` that stand for an ASCII character; controls become a space.
fn hex_pair(text: &str, at: usize) -> Option<(char, usize)> {
    let digit = |at: usize| text.as_bytes().get(at).and_then(|b| char::from(*b).to_digit(16));
    let byte = u8::try_from(digit(at)? * 16 + digit(at + 1)?).ok().filter(u8::is_ascii)?;
    let becomes = if byte < b' ' { ' ' } else { char::from(byte) };
    Some((becomes, at + 2))
}

/// The plain character that this one is used in place of; `Some(None)` if it is invisible.
fn look_alike(c: char) -> Option<Option<char>> {
    let code = u32::from(c);
    let becomes = match code {
        0xad | 0x34f | 0x180e | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2064 | 0x2066..=0x2069 => None,
        0xfe00..=0xfe0f | 0xfeff => None,
        0xa0 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => Some(' '),
        0x2010..=0x2012 | 0x2212 | 0xfe63 => Some('-'),
        0x3002 | 0xff61 | 0x2024 => Some('.'),
        0xfe6b => Some('@'),
        0xff01..=0xff5e => char::from_u32(code - 0xfee0),
        _ => return None,
    };
    Some(becomes)
}
