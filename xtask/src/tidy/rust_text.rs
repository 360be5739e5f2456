//! Reads Rust text just well enough to count: which lines are code, where functions begin and end, what is declared.
//! Used by the size and word checks. Not a parser: it knows comments, literals, braces and a few keywords, and must
//! never need more.

/// A source file with comments blanked and literals made opaque, line numbers kept.
#[derive(Debug)]
pub(crate) struct RustText {
    masked: Vec<u8>,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// The line of its name, from 1.
    pub(crate) line: usize,
    /// Lines of code from the name to the closing brace.
    pub(crate) code_lines: usize,
}

/// A declared name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) line: usize,
}

const DECLARING: [&str; 9] = ["fn", "struct", "enum", "trait", "mod", "type", "const", "static", "union"];

impl RustText {
    /// Masks `text`; what stands in `#[cfg(test)]` blocks is blanked like a comment.
    pub(crate) fn new(text: &str) -> Self {
        let mut masked = mask(text.as_bytes());
        blank_tests(&mut masked);
        Self { masked }
    }

    /// How many lines hold code.
    pub(crate) fn code_lines(&self) -> usize {
        code_lines(&self.masked)
    }

    /// Every function that has a body.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let words = words(&self.masked);
        let pairs = words.windows(2).filter(|pair| pair[0].text == b"fn");
        pairs.filter_map(|pair| self.function(pair[1])).collect()
    }

    /// Every declared item's name.
    pub(crate) fn declared(&self) -> Vec<Declared> {
        let words = words(&self.masked);
        let is_keyword = |word: Word<'_>| DECLARING.iter().any(|keyword| word.text == keyword.as_bytes());
        // `r#type` is a name, not a keyword.
        let is_raw = |word: Word<'_>| word.at > 0 && self.masked[word.at - 1] == b'#';
        let pairs = words.windows(2).filter(|pair| is_keyword(pair[0]) && !is_raw(pair[0]));
        let named = pairs.map(|pair| Declared { name: lossy(pair[1].text), line: self.line(pair[1].at) });
        named.filter(|declared| !DECLARING.contains(&declared.name.as_str())).collect()
    }

    fn function(&self, name: Word<'_>) -> Option<Function> {
        let open = body(&self.masked, name.at + name.text.len())?;
        let close = matching(&self.masked, open)?;
        let code_lines = code_lines(&self.masked[name.at..=close]);
        Some(Function { name: lossy(name.text), line: self.line(name.at), code_lines })
    }

    fn line(&self, at: usize) -> usize {
        1 + self.masked[..at].iter().filter(|byte| **byte == b'\n').count()
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn code_lines(masked: &[u8]) -> usize {
    masked.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count()
}

/// Comments become blanks, literals become `"`; every line stays where it is.
fn mask(text: &[u8]) -> Vec<u8> {
    let mut out = text.to_vec();
    let mut at = 0;
    while at < text.len() {
        let (end, filler) = match token(text, at) {
            Token::Comment(end) => (end, b' '),
            Token::Literal(end) => (end, b'"'),
            Token::Code => (at, 0),
        };
        let end = end.min(text.len());
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = filler;
            }
        }
        at = end.max(at + 1);
    }
    out
}

enum Token {
    Comment(usize),
    Literal(usize),
    Code,
}

fn token(text: &[u8], at: usize) -> Token {
    let rest = &text[at..];
    match rest {
        [b'/', b'/', ..] => Token::Comment(at + until(rest, b'\n')),
        [b'/', b'*', ..] => Token::Comment(at + block_comment(rest)),
        [b'"', ..] => Token::Literal(at + 1 + quoted(&rest[1..], b'"')),
        [b'\'', b'\\', ..] => Token::Literal(at + 1 + quoted(&rest[1..], b'\'')),
        [b'\'', ..] => char_literal(rest).map_or(Token::Code, |len| Token::Literal(at + len)),
        [b'r', ..] if !inside_word(text, at) => {
            raw_string(&rest[1..]).map_or(Token::Code, |len| Token::Literal(at + 1 + len))
        }
        [b'b', b'r', ..] if !inside_word(text, at) => {
            raw_string(&rest[2..]).map_or(Token::Code, |len| Token::Literal(at + 2 + len))
        }
        _ => Token::Code,
    }
}

fn inside_word(text: &[u8], at: usize) -> bool {
    at > 0 && is_word(text[at - 1])
}

fn until(rest: &[u8], stop: u8) -> usize {
    rest.iter().position(|byte| *byte == stop).unwrap_or(rest.len())
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth.saturating_sub(1), at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length up to and with the closing quote.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A char such as `'x'` or `'é'`; a lifetime is none.
fn char_literal(rest: &[u8]) -> Option<usize> {
    let end = rest.iter().skip(1).take(5).position(|byte| *byte == b'\'')? + 2;
    let inside = std::str::from_utf8(&rest[1..end - 1]).ok()?;
    (inside.chars().count() == 1).then_some(end)
}

fn raw_string(rest: &[u8]) -> Option<usize> {
    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
    if rest.get(hashes) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let start = hashes + 1;
    let found = rest[start..].windows(close.len()).position(|window| window == close);
    Some(found.map_or(rest.len(), |found| start + found + close.len()))
}

#[derive(Clone, Copy)]
struct Word<'t> {
    at: usize,
    text: &'t [u8],
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

fn words(masked: &[u8]) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < masked.len() {
        let len = masked[at..].iter().take_while(|byte| is_word(**byte)).count();
        if len > 0 {
            found.push(Word { at, text: &masked[at..at + len] });
        }
        at += len.max(1);
    }
    found
}

/// The opening brace of the body that belongs to a head, or nothing if the head ends with `;`.
fn body(masked: &[u8], from: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, byte) in masked.iter().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            // A function pointer type inside a list of arguments.
            _ if depth < 0 => return None,
            _ => {}
        }
    }
    None
}

fn matching(masked: &[u8], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in masked.iter().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn blank_tests(masked: &mut [u8]) {
    const MARK: &[u8] = b"#[cfg(test)]";
    let mut from = 0;
    while let Some(found) = masked[from..].windows(MARK.len()).position(|window| window == MARK) {
        let start = from + found;
        from = start + MARK.len();
        if let Some(close) = body(masked, from).and_then(|open| matching(masked, open)) {
            masked[start..=close].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
            from = close;
        }
    }
}

#[cfg(test)]
mod tests;
