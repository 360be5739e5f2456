//! What an attribute's name says about its value: a secret by name, an identity, an id or number that must not
//! be taken for a phone number, or plain text. Used by `pass` and by the JSON walk of `engine`.

use super::rule::Rule;

/// Which rules do not apply to a value, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Field(pub(super) u8);

impl Field {
    /// Every rule applies.
    pub(super) const PLAIN: Self = Self(0);
    /// An id, a count, a time: no phone numbers and no payment cards here.
    pub(super) const NUMBER: Self = Self(1);
    /// A version: what looks like an IP address is none.
    pub(super) const VERSION: Self = Self(2);
    /// An identity: a phone number counts only in its international form, and no card is looked for.
    pub(super) const IDENTITY: Self = Self(4);

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What to do with the values under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Look for what the rules know.
    Scan(Field),
    /// Secret by name: every text and number goes, under this rule.
    Secret(Rule),
    /// `token`: a secret if it looks like one, and else a word of a language model.
    Token,
    /// An identity: stays unless a rule matches, then all of it becomes a keyed hash.
    Identity,
}

const IDENTITIES: [&str; 4] = ["user.id", "usr.id", "enduser.id", "session.id"];

const SECRET_NAMES: [(&str, Rule); 17] = [
    ("authorization", Rule::Authorization),
    ("proxyauthorization", Rule::Authorization),
    ("cookie", Rule::Cookie),
    ("cookies", Rule::Cookie),
    ("setcookie", Rule::Cookie),
    ("pwd", Rule::Password),
    ("pass", Rule::Password),
    ("passcode", Rule::Password),
    ("secret", Rule::Secret),
    ("secrets", Rule::Secret),
    ("credential", Rule::Secret),
    ("credentials", Rule::Secret),
    ("xauthtoken", Rule::Secret),
    ("xvaulttoken", Rule::Secret),
    ("xapitoken", Rule::Secret),
    ("ddapplicationkey", Rule::Secret),
    ("ddappkey", Rule::Secret),
];

const SECRET_ENDINGS: [(&str, Rule); 24] = [
    ("password", Rule::Password),
    ("passwd", Rule::Password),
    ("passphrase", Rule::Password),
    ("apikey", Rule::Secret),
    ("clientsecret", Rule::Secret),
    ("appsecret", Rule::Secret),
    ("apisecret", Rule::Secret),
    ("webhooksecret", Rule::Secret),
    ("signingsecret", Rule::Secret),
    ("jwtsecret", Rule::Secret),
    ("sharedsecret", Rule::Secret),
    ("secretkey", Rule::Secret),
    ("secretaccesskey", Rule::Secret),
    ("privatekey", Rule::Secret),
    ("signingkey", Rule::Secret),
    ("encryptionkey", Rule::Secret),
    ("accountkey", Rule::Secret),
    ("accesstoken", Rule::Secret),
    ("refreshtoken", Rule::Secret),
    ("idtoken", Rule::Secret),
    ("authtoken", Rule::Secret),
    ("bearertoken", Rule::Secret),
    ("sessiontoken", Rule::Secret),
    ("securitytoken", Rule::Secret),
];

/// Last segments (letters and digits only, lower case) or their endings that mark ids, counts, times.
const NUMBER_ENDINGS: [&str; 26] = [
    "id",
    "ids",
    "uuid",
    "guid",
    "hash",
    "sha",
    "sha1",
    "sha256",
    "digest",
    "checksum",
    "fingerprint",
    "etag",
    "count",
    "tokens",
    "timestamp",
    "nanos",
    "millis",
    "micros",
    "ns",
    "ms",
    "time",
    "duration",
    "bytes",
    "size",
    "offset",
    "cursor",
];

/// Names longer than this are no names; their values are scanned as plain text.
const NAME_MAX: usize = 64;

/// Decides by the name alone.
pub(super) fn treatment(name: &str, more_secrets: &[String]) -> Treatment {
    if IDENTITIES.iter().any(|identity| name.eq_ignore_ascii_case(identity)) {
        return Treatment::Identity;
    }
    let mut buffer = [0; NAME_MAX];
    let Some(last) = last_segment(name, &mut buffer) else { return Treatment::Scan(Field::PLAIN) };
    if let Some(rule) = secret_by_name(last, more_secrets) {
        return Treatment::Secret(rule);
    }
    if last == "token" {
        return Treatment::Token;
    }
    let mut field = Field::PLAIN;
    if NUMBER_ENDINGS.iter().any(|ending| ends_as_word(name, last, ending)) {
        field = field.and(Field::NUMBER);
    }
    if last.ends_with("version") || last == "useragent" || last == "ver" {
        field = field.and(Field::VERSION);
    }
    Treatment::Scan(field)
}

fn secret_by_name(last: &str, more: &[String]) -> Option<Rule> {
    if let Some((_, rule)) = SECRET_NAMES.iter().find(|(name, _)| last == *name) {
        return Some(*rule);
    }
    if let Some((_, rule)) = SECRET_ENDINGS.iter().find(|(ending, _)| last.ends_with(ending)) {
        return Some(*rule);
    }
    more.iter().any(|name| name == last).then_some(Rule::Secret)
}

/// A name as it is compared: its letters and digits in lower case.
pub(super) fn folded_name(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The last segment (after `.`, `/`, `:`), folded; an index such as `.0` or `[0]` is skipped.
fn last_segment<'b>(name: &str, buffer: &'b mut [u8; NAME_MAX]) -> Option<&'b str> {
    let segment = name
        .rsplit(['.', '/', ':', '[', ']'])
        .find(|segment| segment.bytes().any(|b| b.is_ascii_alphabetic()))?;
    let mut len = 0;
    for byte in segment.bytes().filter(u8::is_ascii_alphanumeric) {
        *buffer.get_mut(len)? = byte.to_ascii_lowercase();
        len += 1;
    }
    std::str::from_utf8(&buffer[..len]).ok()
}

/// Whether the name ends with `ending` as a word: `user_id`, `userId`, `id`, not `valid`.
fn ends_as_word(name: &str, last: &str, ending: &str) -> bool {
    if last == ending {
        return true;
    }
    if !last.ends_with(ending) {
        return false;
    }
    let name = name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let at = name.len().saturating_sub(ending.len());
    let bytes = name.as_bytes();
    at > 0
        && (!bytes[at - 1].is_ascii_alphanumeric()
            || (bytes[at].is_ascii_uppercase() && bytes[at - 1].is_ascii_lowercase()))
}

impl Treatment {
    /// As a number for the dictionary.
    pub(super) fn pack(self) -> u32 {
        match self {
            Self::Scan(field) => u32::from(field.0),
            Self::Secret(rule) => 0x100 | u32::from(rule.index()) << 16,
            Self::Token => 0x200,
            Self::Identity => 0x300,
        }
    }

    /// Back from the number.
    pub(super) fn unpack(number: u32) -> Self {
        match number & 0xff00 {
            0x000 => Self::Scan(Field((number & 0xff) as u8)),
            0x100 => Self::Secret(super::rule::RULES[(number >> 16) as usize].0),
            0x200 => Self::Token,
            _ => Self::Identity,
        }
    }
}
