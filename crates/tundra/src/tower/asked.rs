//! What a request says of whom it asks and how, in OpenTelemetry's words.
//!
//! Called once for each request. Believes the request itself and nothing that a proxy may have added to it.

use super::text;
use ::http::uri::Authority;
use ::http::{HeaderMap, Uri, header};

/// Host and port that the client asked for: in HTTP/1 a header's, else the address's own.
pub(super) fn authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let named = text(headers, header::HOST).and_then(|host| host.parse().ok());
    named.or_else(|| uri.authority().cloned())
}

/// The host alone. An IPv6 address stands in brackets only beside a port.
pub(super) fn host(authority: &Authority) -> &str {
    authority.host().trim_matches(['[', ']'])
}
