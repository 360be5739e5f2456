//! What kind of text a value is: masked already, a placeholder, an opaque credential. Used by the engine and
//! by `literal`.

/// Shortest text that may be an opaque token.
const OPAQUE_MIN: usize = 16;

/// Whether the value shows nothing: empty, stars and the like, or a placeholder.
pub(super) fn is_masked(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() {
        return true;
    }
    let masks = text.chars().all(|c| matches!(c, '*' | '.' | '-' | '_' | '#' | '?' | '•' | '●' | '…'));
    let masks = masks || text.len() > 2 && text.bytes().all(|b| matches!(b, b'x' | b'X' | b'-'));
    masks || is_placeholder(text)
}

/// Words that stand where a secret would: literals of languages, variables, templates.
pub(super) fn is_placeholder(text: &str) -> bool {
    const WORDS: [&str; 24] = [
        "null",
        "none",
        "nil",
        "undefined",
        "true",
        "false",
        "redacted",
        "filtered",
        "masked",
        "hidden",
        "removed",
        "string",
        "str",
        "required",
        "optional",
        "example",
        "changeme",
        "placeholder",
        "password",
        "secret",
        "token",
        "n/a",
        "empty",
        "unset",
    ];
    let bare = text.trim_matches(['[', ']', '<', '>', '(', ')', '{', '}', '*', '"', '\'', '$', '%']);
    if WORDS.iter().any(|word| bare.eq_ignore_ascii_case(word)) {
        return true;
    }
    let wrapped = |open: &str, close: char| text.starts_with(open) && text.ends_with(close);
    wrapped("${", '}') || wrapped("{{", '}') || wrapped("$(", ')') || wrapped("<", '>')
}

/// Whether the text looks like a credential: long, without space, letters and digits mixed.
pub(super) fn is_opaque(text: &str) -> bool {
    text.len() >= OPAQUE_MIN
        && text.bytes().all(|b| b.is_ascii_graphic())
        && text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().any(|b| b.is_ascii_alphabetic())
}
