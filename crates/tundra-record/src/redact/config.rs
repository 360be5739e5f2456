//! What a user may set: actions, further rules, the key for hashes, the byte budget. Read by `Redactor::new`.

use super::limits::TEXT_BYTES_DEFAULT;
use std::collections::BTreeMap;
use std::fmt;

/// How to redact. The default has every built-in rule on and replaces what they find by labels.
#[derive(Clone, Debug)]
pub struct RedactConfig {
    /// What to do for a rule other than [`Action::Redact`], by rule id (see `Redactor::rules`). Unknown ids are
    /// an error. Switching a rule off is for those who know that its data never comes.
    pub actions: BTreeMap<String, Action>,
    /// Attribute names whose values are secrets, besides the built-in ones. Compared with the last segment of a
    /// name, without regard to case, `-` and `_`.
    pub secret_names: Vec<String>,
    /// Rules besides the built-in ones.
    pub custom: Vec<CustomRule>,
    /// The key for [`Action::Hash`] and for identities (`user.id`, ...) that a rule matches. Without it such
    /// identities become labels.
    pub hash_key: Option<HashKey>,
    /// Texts longer than this many bytes are replaced as a whole and counted. Default 4 MiB; raise it only if
    /// such texts are expected, since scanning takes some 10 ms a MiB.
    pub text_bytes_max: usize,
}

impl Default for RedactConfig {
    fn default() -> Self {
        Self {
            actions: BTreeMap::new(),
            secret_names: Vec::new(),
            custom: Vec::new(),
            hash_key: None,
            text_bytes_max: TEXT_BYTES_DEFAULT,
        }
    }
}

/// What happens to what a rule matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Action {
    /// It becomes a label such as `[EMAIL]`.
    #[default]
    Redact,
    /// It becomes a label with a keyed hash, `[EMAIL:<key id>:<24 hex digits>]`, so that equal values stay equal.
    Hash,
    /// The whole attribute goes; a text that cannot go (a name, a body) becomes `[DROPPED]`.
    Drop,
    /// Nothing: the rule is off.
    Off,
}

/// A rule of the user's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomRule {
    /// Its id: lower-case letters, digits and `-`.
    pub id: String,
    /// Its label without brackets: upper-case letters, digits and `_`.
    pub label: String,
    /// What it matches, in the syntax of the `regex` crate; the whole match is replaced.
    pub pattern: String,
    /// If not empty, one of these must occur (in any case) before the pattern is tried at all. A rule without
    /// any runs on every text and costs accordingly.
    pub literals: Vec<String>,
}

/// The key for keyed hashes (HMAC-SHA-256, 96 bits kept). Deleting the key ends the link to the original.
#[derive(Clone, PartialEq, Eq)]
pub struct HashKey {
    /// Names the key in every hash: 1 to 16 lower-case letters, digits and `-`.
    pub id: String,
    /// At least 16 random bytes.
    pub secret: Vec<u8>,
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashKey").field("id", &self.id).field("secret", &"***").finish()
    }
}

/// Why a redactor could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// An action names a rule that does not exist.
    #[error("no redaction rule `{id}`: use one of {known}")]
    Unknown {
        /// The id as it was written.
        id: String,
        /// All ids, comma-separated.
        known: String,
    },
    /// Two rules share an id or a label.
    #[error("redaction rule `{id}` exists already: choose another id and label")]
    Duplicate {
        /// The id.
        id: String,
    },
    /// An id or label has other characters than allowed.
    #[error("redaction rule `{id}` has a malformed id or label: use `lower-case-1` and `UPPER_CASE_1`")]
    Malformed {
        /// The id as it was written.
        id: String,
    },
    /// A pattern does not compile, is too large, or matches what must not match.
    #[error("pattern of redaction rule `{id}` is unusable, correct it: {detail}")]
    Pattern {
        /// The rule.
        id: String,
        /// What the compiler says.
        detail: String,
    },
    /// A rule is to hash, but there is no key.
    #[error("redaction rule `{id}` is to hash: set a hash key too")]
    NoKey {
        /// The rule.
        id: String,
    },
    /// A rule that keeps the bounds cannot be switched off or hash.
    #[error("redaction rule `{id}` keeps a bound: it can only `redact` or `drop`")]
    Fixed {
        /// The rule.
        id: String,
    },
    /// Hashes are not part of this build.
    #[error("hash key `{id}` is of no use in a build without feature `redact`: switch it on or drop the key")]
    NoHashes {
        /// The key's id.
        id: String,
    },
    /// The key is malformed.
    #[error(
        "hash key `{id}` is unusable: use an id of 1 to 16 of `a-z0-9-` and a secret of at least 16 bytes"
    )]
    BadKey {
        /// The key's id.
        id: String,
    },
    /// More rules than the limit.
    #[error("{count} redaction rules of your own are too many: keep to {limit}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
}
