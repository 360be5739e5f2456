//! Every bound of the redactor, in one place.

/// Default for the longest text that is scanned; a longer one is replaced by a label as a whole.
pub const TEXT_BYTES_DEFAULT: usize = 4 << 20;
/// Longest value and key that the per-batch dictionary remembers.
pub const DICTIONARY_TEXT_MAX: usize = 96;
/// Slots of the dictionary of values; a power of two.
pub(super) const DICTIONARY_SLOTS: usize = 2048;
/// Bytes of text that one dictionary keeps; when full it starts over.
pub(super) const DICTIONARY_BYTES: usize = 64 << 10;
/// Replacements of repeated values that a batch remembers.
pub(super) const REPLACEMENTS_MAX: usize = 512;
/// How often a changed text is looked at again before it is given up and replaced as a whole.
pub(super) const ROUNDS_MAX: usize = 6;
/// How deep JSON may be nested to be walked as JSON.
pub(super) const JSON_DEPTH_MAX: usize = 64;
/// How many layers of JSON in a string in JSON are unpacked.
pub(super) const JSON_LAYERS_MAX: usize = 4;
/// How many layers of escapes (`\u0040`, `%2540`) are unpacked.
pub(super) const FOLD_LAYERS_MAX: usize = 3;
/// How deep nested attribute values are walked; deeper ones are replaced by a label.
pub(super) const VALUE_DEPTH_MAX: usize = 64;
/// Longest local part of an e-mail address.
pub(super) const MAIL_LOCAL_MAX: usize = 64;
/// Longest domain of an e-mail address.
pub(super) const MAIL_DOMAIN_MAX: usize = 253;
/// Longest user and password in a URL.
pub(super) const URL_CREDENTIALS_MAX: usize = 512;
/// Longest value of a `key=value` or a header that is matched as one.
pub(super) const SECRET_VALUE_MAX: usize = 512;
/// How far before a number its keyword (`phone`, `ssn`) may stand.
pub(super) const KEYWORD_REACH: usize = 24;
/// Rules that a configuration may add.
pub(super) const CUSTOM_RULES_MAX: usize = 64;
/// Compiled size of one added rule.
pub(super) const CUSTOM_RULE_BYTES: usize = 1 << 20;
