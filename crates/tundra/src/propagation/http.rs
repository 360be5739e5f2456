//! Context in and out of `http::HeaderMap`.

use super::{Remote, extract as extract_from, inject as inject_into};
use crate::limits::BAGGAGE_BYTES;
use ::http::{HeaderMap, HeaderName, HeaderValue};

/// Reads the context out of a request's headers, lists that came in several lines included.
pub fn extract(headers: &HeaderMap) -> Option<Remote> {
    let (state, baggage) = (joined(headers, "tracestate"), joined(headers, "baggage"));
    extract_from(|name| match name {
        "tracestate" => state.as_deref(),
        "baggage" => baggage.as_deref(),
        _ => only(headers, name),
    })
}

/// A header that is no list. Of two that say different things neither is known to be right.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    lines.all(|line| line == first).then_some(first)?.to_str().ok()
}

/// All lines of a list header as one, as long as any is read; what is beyond is left out.
fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut text = String::new();
    for line in headers.get_all(name) {
        let comma = usize::from(!text.is_empty());
        if text.len() + comma + line.len() > BAGGAGE_BYTES {
            break;
        }
        let Ok(line) = line.to_str() else { continue };
        text.push_str(if text.is_empty() { "" } else { "," });
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
