//! Why a request cannot be decoded. Texts name the byte and what was expected there, never the content.

/// The whole request is refused; what the sink already took of it must be thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The body ends inside something.
    #[error("body ends at byte `{offset}` where {expected} was expected: send the complete body")]
    Truncated {
        /// Where the body ends.
        offset: usize,
        /// What was being read.
        expected: &'static str,
    },
    /// A byte that cannot stand where it stands.
    #[error("{expected} was expected at byte `{offset}`: check the content type and the encoder")]
    Unexpected {
        /// Where it stands.
        offset: usize,
        /// What was being read.
        expected: &'static str,
    },
    /// More of something than one request may hold.
    #[error("more than `{limit}` {what} at byte `{offset}`: send smaller requests")]
    TooMany {
        /// Where the limit was passed.
        offset: usize,
        /// What there is too much of.
        what: &'static str,
        /// How many may be there.
        limit: usize,
    },
    /// The request would become much larger than it is on the wire.
    #[error("decoded content passes `{limit}` bytes at byte `{offset}`: send smaller requests")]
    TooLarge {
        /// Where the limit was passed.
        offset: usize,
        /// What the request may become.
        limit: usize,
    },
    /// Values are nested too deeply to be skipped safely.
    #[error("values nest deeper than `{limit}` at byte `{offset}`: flatten them")]
    TooDeep {
        /// Where the limit was passed.
        offset: usize,
        /// How deep they may nest.
        limit: usize,
    },
}

impl DecodeError {
    /// The byte at which reading stopped.
    pub fn offset(&self) -> usize {
        match *self {
            Self::Truncated { offset, .. }
            | Self::Unexpected { offset, .. }
            | Self::TooMany { offset, .. }
            | Self::TooLarge { offset, .. }
            | Self::TooDeep { offset, .. } => offset,
        }
    }

    /// The reason in one word, for counters.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::Unexpected { .. } => "malformed",
            Self::TooMany { .. } => "too_many",
            Self::TooLarge { .. } => "too_large",
            Self::TooDeep { .. } => "too_deep",
        }
    }
}
