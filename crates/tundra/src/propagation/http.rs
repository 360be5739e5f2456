//! Context in and out of `http::HeaderMap`.

use super::{Remote, extract as extract_from, inject as inject_into};
use crate::limits::{BAGGAGE_BYTES, TRACE_STATE_BYTES};
use ::http::{HeaderMap, HeaderName, HeaderValue};

/// Reads the context out of a request's headers, those that came in several lines included.
pub fn extract(headers: &HeaderMap) -> Option<Remote> {
    let state = joined(headers, "tracestate", TRACE_STATE_BYTES);
    let baggage = joined(headers, "baggage", BAGGAGE_BYTES);
    extract_from(|name| match name {
        "tracestate" => state.as_deref(),
        "baggage" => baggage.as_deref(),
        _ => headers.get(name)?.to_str().ok(),
    })
}

/// All lines of a list header as one; what is beyond the limit is left out.
fn joined(headers: &HeaderMap, name: &str, limit: usize) -> Option<String> {
    let mut text = String::new();
    for line in headers.get_all(name) {
        if text.len() + line.len() >= limit {
            break;
        }
        let Ok(line) = line.to_str() else { continue };
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(line);
    }
    (!text.is_empty()).then_some(text)
}

/// Writes the current span's context; false if the thread is inside no span.
pub fn inject(headers: &mut HeaderMap) -> bool {
    inject_into(|name, value| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    })
}
