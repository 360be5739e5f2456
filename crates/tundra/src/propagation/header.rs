//! The headers themselves, both directions. Pure; `propagation` calls it.

use super::Remote;
use crate::limits::DATADOG_TAGS_BYTES;
use tundra_record::{SpanId, TraceId};

/// `00-<trace>-<span>-<flags>`; versions from the future may have more after it.
pub(super) fn parse_traceparent(text: &str) -> Option<Remote> {
    let text = text.trim();
    let (version, rest) = (text.get(..2)?, text.get(2..)?);
    let known = version == "00";
    if version == "ff" || !is_lower_hex(version) {
        return None;
    }
    let bytes = rest.as_bytes();
    let end = 1 + 32 + 1 + 16 + 1 + 2;
    let dashes = [0, 33, 50].iter().all(|at| bytes.get(*at) == Some(&b'-'));
    let over = bytes.get(end).copied();
    if !dashes || (known && over.is_some()) || over.is_some_and(|byte| byte != b'-') {
        return None;
    }
    let (trace, span, flags) = (rest.get(1..33)?, rest.get(34..50)?, rest.get(51..53)?);
    if ![trace, span, flags].into_iter().all(is_lower_hex) {
        return None;
    }
    Some(Remote {
        trace_id: trace.parse().ok()?,
        span_id: span.parse().ok()?,
        sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
        trace_state: String::new(),
        baggage: String::new(),
    })
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

pub(super) fn traceparent(trace: TraceId, span: SpanId, sampled: bool) -> String {
    format!("00-{trace}-{span}-0{}", u8::from(sampled))
}

/// `x-datadog-*`: decimal ids, the high half of the trace id in the tags.
pub(super) fn parse_datadog<'h>(get: impl Fn(&str) -> Option<&'h str>) -> Option<Remote> {
    let number = |name: &str| get(name)?.trim().parse::<u64>().ok().filter(|number| *number != 0);
    let low = number("x-datadog-trace-id")?;
    let tags = get("x-datadog-tags").filter(|tags| tags.len() <= DATADOG_TAGS_BYTES).unwrap_or_default();
    let high = tags
        .split(',')
        .find_map(|tag| tag.trim().strip_prefix("_dd.p.tid="))
        .filter(|hex| hex.len() == 16 && is_lower_hex(hex))
        .and_then(|hex| u64::from_str_radix(hex, 16).ok())
        .unwrap_or_default();
    let priority = get("x-datadog-sampling-priority").and_then(|text| text.trim().parse::<i64>().ok());
    Some(Remote {
        trace_id: TraceId(u128::from(high) << 64 | u128::from(low)),
        // Without a parent the trace goes on, but under no span of it.
        span_id: SpanId(number("x-datadog-parent-id").unwrap_or_default()),
        sampled: priority.is_none_or(|priority| priority > 0),
        trace_state: String::new(),
        baggage: String::new(),
    })
}
