//! Every bound a decoder keeps, in one place. `intake` passes [`Limits`] in; nothing here reads configuration.

/// What a request may become while it is decoded.
///
/// Bounds on the whole request (`decoded_bytes`, `growth`, `records`, `strings`) refuse the request; bounds on one
/// record (`attrs`, `events`, `links`, `depth`, `buckets`) refuse that record and leave its neighbors unharmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Estimated bytes of everything decoded from one request. Default 64 MiB.
    pub decoded_bytes: usize,
    /// How many times its wire size a request may become. Default 16; small requests may always become 1 MiB.
    pub growth: usize,
    /// Spans, log records or metric points in one request. Default 50,000.
    pub records: usize,
    /// Attributes of one record, event, link or resource. Default 1,024.
    pub attrs: usize,
    /// Events of one span. Default 1,024.
    pub events: usize,
    /// Links of one span. Default 1,024.
    pub links: usize,
    /// How deep values may nest. Default 32.
    pub depth: usize,
    /// Entries of a string table (Datadog v0.5). Default 1,000,000.
    pub strings: usize,
    /// Buckets or quantiles of one metric point. Default 4,096.
    pub buckets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            decoded_bytes: 64 << 20,
            growth: 16,
            records: 50_000,
            attrs: 1_024,
            events: 1_024,
            links: 1_024,
            depth: 32,
            strings: 1_000_000,
            buckets: 4_096,
        }
    }
}

/// What any request may become, however small it is on the wire.
pub(crate) const GROWTH_FLOOR: usize = 1 << 20;

/// How deep unknown values are followed while they are skipped; no memory is spent on them.
pub(crate) const SKIP_DEPTH: usize = 512;
