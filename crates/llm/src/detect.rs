//! Is this record about a model at all, and who told it? Looks at the first bytes of attribute keys and at the
//! scope's name only, so that the millions of spans that are not cost nanoseconds. Used by `reader`.

use crate::fields::Pairs;

/// The families of keys that a record carries, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Families(u16);

macro_rules! families {
    ($($name:ident = $bit:literal),*) => {
        impl Families {
            $(pub(crate) const $name: Self = Self(1 << $bit);)*
        }
    };
}

families! {
    IDENTITY = 0, GENAI = 1, OPENINFERENCE = 2, DATADOG = 3, TRACELOOP = 4, VERCEL = 5, LANGFUSE = 6, MLFLOW = 7,
    CLAUDE_CODE = 8, CODEX = 9, BRAINTRUST = 10
}

impl Families {
    /// Whether the record has this family.
    pub(crate) fn has(self, family: Self) -> bool {
        self.0 & family.0 != 0
    }

    /// Whether the record is of no interest here.
    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }

    fn add(&mut self, family: Self) {
        self.0 |= family.0;
    }
}

/// The families of a record.
#[inline]
pub(crate) fn families(scope: &str, attrs: Pairs<'_, '_>) -> Families {
    let mut found = of_scope(scope);
    for (key, _) in attrs {
        let key = key.as_bytes();
        // The first byte decides for nearly every key of an ordinary span.
        if matches!(
            key.first(),
            Some(b'g' | b'l' | b'o' | b'_' | b'm' | b't' | b'a'..=b'c' | b's' | b'u' | b'e')
        ) {
            of_key(key, &mut found);
        }
    }
    found
}

#[inline]
fn of_key(key: &[u8], found: &mut Families) {
    match key[0] {
        b'g' if key.starts_with(b"gen_ai.") => found.add(Families::GENAI),
        b'l' if key.starts_with(b"llm.") => found.add(Families::GENAI),
        b'l' if key.starts_with(b"langfuse.") => found.add(Families::LANGFUSE),
        b'o' if key == b"openinference.span.kind" => found.add(Families::OPENINFERENCE),
        b'_' if key.starts_with(b"_dd.llmobs.") => found.add(Families::DATADOG),
        b'm' if key == b"meta_struct._llmobs" => found.add(Families::DATADOG),
        b'm' if key.starts_with(b"mlflow.span") => found.add(Families::MLFLOW),
        b't' if key.starts_with(b"traceloop.") => found.add(Families::TRACELOOP),
        b'b' if key.starts_with(b"braintrust.span") => found.add(Families::BRAINTRUST),
        b'c' if key.starts_with(b"codex.") => found.add(Families::CODEX),
        b'l' if key.starts_with(b"lmnr.span.type") => found.add(Families::GENAI),
        b'a' if key == b"ai.operationId" => found.add(Families::VERCEL),
        b's' if key == b"session.id" => found.add(Families::IDENTITY),
        b'u' if key == b"user.id" || key == b"usr.id" => found.add(Families::IDENTITY),
        b'e' if key == b"enduser.id" => found.add(Families::IDENTITY),
        _ => {}
    }
}

/// Coding agents use plain keys; their scope tells them.
#[inline]
fn of_scope(scope: &str) -> Families {
    match scope.as_bytes().first() {
        Some(b'c') if scope.starts_with("com.anthropic.claude_code") => Families::CLAUDE_CODE,
        Some(b'c') if scope.starts_with("codex") => Families::CODEX,
        _ => Families::default(),
    }
}
