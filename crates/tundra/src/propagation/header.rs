//! The headers themselves, both directions. Pure; `propagation` calls it.

use super::Remote;
use crate::limits::{BAGGAGE_BYTES, DATADOG_TAGS_BYTES, TRACE_STATE_BYTES, TRACE_STATE_MEMBERS};
use crate::sampling::Mechanism;
use std::fmt::Write as _;
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
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    Some(Remote::new(trace.parse().ok()?, span.parse().ok()?, sampled))
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

pub(super) fn traceparent(trace: TraceId, span: SpanId, sampled: bool) -> String {
    format!("00-{trace}-{span}-0{}", u8::from(sampled))
}

/// Takes `tracestate` over: the list as it came, and what Datadog's member of it says.
pub(super) fn read_tracestate(text: &str, remote: &mut Remote) {
    if text.len() > BAGGAGE_BYTES || !is_header_text(text) {
        return;
    }
    // One that is too long to be passed on still tells what was decided.
    remote.trace_state = passed_on(text);
    let Some(member) = members(text).find_map(|member| member.strip_prefix("dd=")) else { return };
    for part in member.split(';') {
        let Some((key, value)) = part.split_once(':') else { continue };
        match key.strip_prefix("t.") {
            // The trace's id is told elsewhere.
            Some("tid") => {}
            // The list's separators are written as `~` inside a member.
            Some(tag) => {
                push_tag(&mut remote.datadog_tags, &format!("_dd.p.{tag}={}", value.replace('~', "=")))
            }
            None if key == "s" => remote.priority = value.parse::<i32>().ok(),
            None if key == "o" => remote.origin = value.replace('~', "="),
            None => {}
        }
    }
}

/// Settles which priority holds beside the flag of `traceparent`: the one that came first and agrees. If there are only others,
/// the flag is newer than they are, and than whoever decided them.
pub(super) fn settle_priority(told: [Option<i32>; 2], remote: &mut Remote) {
    let told = told.into_iter().flatten();
    remote.priority = told.clone().find(|priority| (*priority > 0) == remote.sampled);
    if remote.priority.is_none() && told.count() > 0 {
        let tags = remote.datadog_tags.split(',').filter(|tag| !tag.starts_with(MAKER));
        remote.datadog_tags = tags.collect::<Vec<_>>().join(",");
    }
}

/// The tag that tells who decided.
const MAKER: &str = "_dd.p.dm=";

/// `tracestate` as it travels on. Of one that is too long the long members go, then the last, as the specification says.
pub(super) fn passed_on(text: &str) -> String {
    if !is_header_text(text) {
        return String::new();
    }
    if text.len() <= TRACE_STATE_BYTES {
        return text.to_owned();
    }
    let mut kept = String::new();
    for member in members(text).filter(|member| member.len() <= LONG_MEMBER) {
        if kept.len() + ",".len() + member.len() > TRACE_STATE_BYTES {
            break;
        }
        kept.push_str(if kept.is_empty() { "" } else { "," });
        kept.push_str(member);
    }
    kept
}

/// Characters of a member from which on it is the first to go.
const LONG_MEMBER: usize = 128;

fn members(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|member| !member.is_empty()).take(TRACE_STATE_MEMBERS)
}

/// Visible ASCII and blanks: what may stand in a header.
pub(crate) fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte))
}

/// Whether a list of baggage can be passed on.
pub(super) fn is_baggage(text: &str) -> bool {
    text.len() <= BAGGAGE_BYTES && text.contains('=') && is_header_text(text)
}

/// Datadog's priority of a trace that was not told one.
pub(super) fn priority(sampled: bool, maker: Option<Mechanism>) -> i32 {
    match (sampled, maker.is_some_and(Mechanism::is_of_user)) {
        (true, true) => 2,
        (true, false) => 1,
        (false, false) => 0,
        (false, true) => -1,
    }
}

/// Datadog's tags that travel with a trace: those that came, who decided to keep it, if that was here, and the model call that
/// the thread is inside of.
pub(super) fn tags(carried: Option<&Remote>, maker: Option<Mechanism>, call: Option<u64>) -> String {
    let mut tags = carried.map_or_else(String::new, |carried| carried.datadog_tags.clone());
    if let Some(maker) = maker
        && tags.split(',').all(|tag| !tag.starts_with(MAKER))
    {
        push_tag(&mut tags, &format!("{MAKER}-{}", maker as u8));
    }
    if let Some(call) = call {
        // The call of a service above is no longer the nearest one; the tree of calls is still the same.
        let others = tags.split(',').filter(|tag| !tag.starts_with(CALL));
        tags = others.collect::<Vec<_>>().join(",");
        push_tag(&mut tags, &format!("{CALL}{call}"));
    }
    tags
}

/// The nearest model call above.
pub(crate) const CALL: &str = "_dd.p.llmobs_parent_id=";
/// The tree of calls that it is in, which Datadog's clients number on their own; without it, that of the trace.
const CALL_TREE: &str = "_dd.p.llmobs_trace_id=";

/// The tree of calls that a trace came with. Datadog's clients write its number in decimal digits, some in hexadecimal.
pub(super) fn call_tree(tags: &str) -> Option<TraceId> {
    let told = tags.split(',').find_map(|tag| tag.strip_prefix(CALL_TREE))?;
    let hex = || Some(told).filter(|told| told.len() == 32 && is_hex(told));
    let number = told.parse().ok().or_else(|| u128::from_str_radix(hex()?, 16).ok())?;
    Some(TraceId(number)).filter(|tree| tree.is_valid())
}

/// `tracestate` for the next service: Datadog's member first, if that style is written (with priority and tags), then what
/// came.
pub(super) fn tracestate(carried: Option<&Remote>, span: SpanId, datadog: Option<(i32, &str)>) -> String {
    let state = carried.map_or("", |carried| &carried.trace_state);
    let Some((priority, tags)) = datadog else { return state.to_owned() };
    let mut text = format!("dd=s:{priority};p:{span}");
    if let Some(carried) = carried.filter(|carried| (1..=ORIGIN_BYTES).contains(&carried.origin.len())) {
        let _ = write!(text, ";o:{}", in_member(&carried.origin));
    }
    for tag in tags.split(',') {
        if let Some((key, value)) = tag.strip_prefix("_dd.p.").and_then(|tag| tag.split_once('=')) {
            let part = format!(";t.{key}:{}", in_member(value));
            if text.len() + part.len() <= MEMBER_BYTES {
                text.push_str(&part);
            }
        }
    }
    for member in members(state).filter(|member| !member.starts_with("dd=")).take(TRACE_STATE_MEMBERS - 1) {
        text.push(',');
        text.push_str(member);
    }
    text
}

/// Bytes of an origin inside of a member.
const ORIGIN_BYTES: usize = 128;
/// Bytes of one member of `tracestate`: who reads a longer one may drop all of them.
const MEMBER_BYTES: usize = "dd=".len() + 256;

fn in_member(text: &str) -> String {
    let allowed = |c: char| match c {
        '=' => '~',
        ',' | ';' | '~' => '_',
        c if c.is_ascii_graphic() || c == ' ' => c,
        _ => '_',
    };
    text.chars().map(allowed).collect()
}

fn push_tag(tags: &mut String, tag: &str) {
    if tags.len() + tag.len() < DATADOG_TAGS_BYTES {
        if !tags.is_empty() {
            tags.push(',');
        }
        tags.push_str(tag);
    }
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
    let priority = datadog_priority(&get);
    // Without a parent the trace goes on, but under no span of it.
    let parent = SpanId(number("x-datadog-parent-id").unwrap_or_default());
    let trace = TraceId(u128::from(high) << 64 | u128::from(low));
    let mut remote = match priority {
        Some(priority) => Remote::new(trace, parent, priority > 0),
        None => Remote::undecided(trace, parent),
    };
    remote.priority = priority;
    read_datadog_extras(&get, &mut remote);
    Some(remote)
}

/// What `x-datadog-sampling-priority` says.
pub(super) fn datadog_priority<'h>(get: impl Fn(&str) -> Option<&'h str>) -> Option<i32> {
    get("x-datadog-sampling-priority")?.trim().parse().ok()
}

/// Origin and tags, which W3C's headers alone would not bring.
pub(super) fn read_datadog_extras<'h>(get: impl Fn(&str) -> Option<&'h str>, remote: &mut Remote) {
    let bounded =
        |name: &str| get(name).filter(|text| text.len() <= DATADOG_TAGS_BYTES && is_header_text(text));
    if let Some(origin) = bounded("x-datadog-origin") {
        origin.trim().clone_into(&mut remote.origin);
    }
    let Some(tags) = bounded("x-datadog-tags") else { return };
    remote.datadog_tags.clear();
    let passed_on =
        |tag: &&str| tag.starts_with("_dd.p.") && tag.contains('=') && !tag.starts_with("_dd.p.tid=");
    tags.split(',').map(str::trim).filter(passed_on).for_each(|tag| push_tag(&mut remote.datadog_tags, tag));
}

/// Whether Datadog's headers, if any, tell of the same trace.
pub(super) fn is_same_trace<'h>(get: impl Fn(&str) -> Option<&'h str>, trace: TraceId) -> bool {
    let low = get("x-datadog-trace-id").and_then(|text| text.trim().parse::<u64>().ok());
    low == Some(trace.low())
}

/// `x-datadog-tags` for the next service.
pub(super) fn datadog_tags(trace: TraceId, tags: &str) -> String {
    let mut all = if trace.high() == 0 { String::new() } else { format!("_dd.p.tid={:016x}", trace.high()) };
    tags.split(',').filter(|tag| !tag.is_empty()).for_each(|tag| push_tag(&mut all, tag));
    all
}

/// `b3`: `<trace>-<span>[-<sampled>[-<parent>]]`.
pub(super) fn parse_b3(text: &str) -> Option<Remote> {
    if text.trim() == "0" {
        return Some(Remote::denied());
    }
    let mut parts = text.trim().split('-');
    let (trace, span) = (parts.next()?, parts.next()?);
    b3(trace, span, parts.next())
}

/// `x-b3-*`.
pub(super) fn parse_b3_multi<'h>(get: impl Fn(&str) -> Option<&'h str>) -> Option<Remote> {
    let debug = get("x-b3-flags").filter(|flags| flags.trim() == "1").map(|_| DEBUG);
    let sampled = debug.or_else(|| get("x-b3-sampled").map(str::trim));
    let (Some(trace), Some(span)) = (get("x-b3-traceid"), get("x-b3-spanid")) else {
        return matches!(sampled, Some("0" | "false")).then(Remote::denied);
    };
    b3(trace.trim(), span.trim(), sampled)
}

/// The state of a trace that is kept whatever others say: Datadog's `USER_KEEP`.
pub(super) const DEBUG: &str = "d";

fn b3(trace: &str, span: &str, sampled: Option<&str>) -> Option<Remote> {
    let well_formed = (trace.len() == 32 || trace.len() == 16) && span.len() == 16;
    if !well_formed || !is_hex(trace) || !is_hex(span) {
        return None;
    }
    let trace = TraceId(u128::from_str_radix(trace, 16).ok()?);
    let span = SpanId(u64::from_str_radix(span, 16).ok()?);
    if !trace.is_valid() || !span.is_valid() {
        return None;
    }
    let Some(sampled) = sampled else { return Some(Remote::undecided(trace, span)) };
    let mut remote = Remote::new(trace, span, !matches!(sampled, "0" | "false"));
    remote.priority = (sampled == DEBUG).then_some(2);
    Some(remote)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
