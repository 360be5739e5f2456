//! Every bound of this room, in one place. Whoever passes one notes a problem; nothing is lost silently.

/// Message parts kept of one call.
pub(crate) const PARTS_MAX: usize = 4_096;
/// Tags kept of one call.
pub(crate) const TAGS_MAX: usize = 64;
/// Evaluations kept of one record or one request.
pub(crate) const EVALUATIONS_MAX: usize = 1_024;
/// Problems noted about one record.
pub(crate) const PROBLEMS_MAX: usize = 16;
/// Bytes of one JSON text that is looked into; longer ones are kept as plain text. A tree of values weighs up to
/// 16 times its text.
pub(crate) const JSON_BYTES_MAX: usize = 4 << 20;
/// How deep content may nest before the rest is kept as JSON text.
pub(crate) const CONTENT_DEPTH_MAX: usize = 8;
/// The largest index understood in flattened keys such as `llm.input_messages.7.message.role`.
pub(crate) const INDEX_MAX: u32 = 4_095;
/// Resolved prices kept; when full the cache starts anew.
pub(crate) const PRICES_CACHED_MAX: usize = 8_192;
/// Context-size classes understood of one model's price.
pub(crate) const PRICE_TIERS_MAX: usize = 8;
/// The largest context size at which a price may change.
pub(crate) const PRICE_CONTEXT_MAX: u64 = 1 << 32;
