//! Events (`_e{…}:title|text|…`) and service checks (`_sc|name|status|…`) as log records.

use super::tail::Tail;
use super::{BAD, Packet};
use crate::budget::Fault;
use std::borrow::Cow;
use tundra_record::value::get;
use tundra_record::{LogRecord, Severity, Sink, Text, Value};

/// Reads one event. Its lengths count bytes, after line breaks were escaped.
pub(super) fn event(line: &str, packet: &mut Packet, sink: &mut impl Sink) -> Result<(), Fault> {
    let (lengths, rest) = line.strip_prefix("_e{").and_then(|rest| rest.split_once("}:")).ok_or(BAD)?;
    let (title_len, text_len) = lengths.split_once(',').ok_or(BAD)?;
    let (title, rest) = take(rest, title_len)?;
    let (text, rest) = take(rest.strip_prefix('|').ok_or(BAD)?, text_len)?;
    let sections = match rest.strip_prefix('|') {
        None if !rest.is_empty() => return Err(BAD),
        sections => sections,
    };
    let tail = Tail::read(sections, &mut packet.budget)?;
    packet.budget.record::<LogRecord<'_>>(0)?;
    let kind = field(&tail, "t:").unwrap_or("info");
    let severity = match kind {
        "error" => 17,
        "warning" => 13,
        _ => 9,
    };
    let mut log = LogRecord {
        time: tail.time.unwrap_or(packet.now),
        severity: Severity(severity),
        severity_text: Cow::Borrowed(kind),
        event_name: Cow::Borrowed("datadog.event"),
        body: Value::Str(unescape(text)),
        ..LogRecord::default()
    };
    log.attrs.push((Cow::Borrowed("event.title"), Value::Str(unescape(title))));
    add(
        &tail,
        &[("k:", "event.aggregation_key"), ("p:", "event.priority"), ("s:", "event.source_type")],
        &mut log,
    );
    packet.announce(&tail, sink);
    sink.log(&mut log);
    Ok(())
}

/// The first `len` bytes, and what follows.
fn take<'a>(text: &'a str, len: &str) -> Result<(&'a str, &'a str), Fault> {
    let len: usize = len.parse().map_err(|_| BAD)?;
    text.split_at_checked(len).ok_or(BAD)
}

/// Reads one service check. Its message runs to the next `|`, as in Datadog's agent.
pub(super) fn check(line: &str, packet: &mut Packet, sink: &mut impl Sink) -> Result<(), Fault> {
    let (name, rest) = line.strip_prefix("_sc|").and_then(|rest| rest.split_once('|')).ok_or(BAD)?;
    let (status, sections) = match rest.split_once('|') {
        Some((status, sections)) => (status, Some(sections)),
        None => (rest, None),
    };
    let (number, word, severity) = match status {
        "0" => (0, "ok", 9),
        "1" => (1, "warning", 13),
        "2" => (2, "critical", 17),
        "3" => (3, "unknown", 0),
        _ => return Err(BAD),
    };
    if name.is_empty() {
        return Err(BAD);
    }
    let tail = Tail::read(sections, &mut packet.budget)?;
    packet.budget.record::<LogRecord<'_>>(0)?;
    let mut log = LogRecord {
        time: tail.time.unwrap_or(packet.now),
        severity: Severity(severity),
        severity_text: Cow::Borrowed(word),
        event_name: Cow::Borrowed("datadog.service_check"),
        body: Value::Str(unescape(field(&tail, "m:").unwrap_or(""))),
        ..LogRecord::default()
    };
    log.attrs.push((Cow::Borrowed("check.name"), Value::from(name)));
    log.attrs.push((Cow::Borrowed("check.status"), Value::Int(number)));
    add(&tail, &[], &mut log);
    packet.announce(&tail, sink);
    sink.log(&mut log);
    Ok(())
}

fn field<'t>(tail: &'t Tail<'_>, prefix: &str) -> Option<&'t str> {
    get(&tail.fields, prefix)?.as_str()
}

/// Adds tags and the named sections.
fn add<'a>(tail: &Tail<'a>, names: &[(&str, &'static str)], log: &mut LogRecord<'a>) {
    log.attrs.extend(tail.tags.iter().cloned());
    for (prefix, name) in names {
        if let Some(value) = get(&tail.fields, prefix) {
            log.attrs.push((Cow::Borrowed(name), value.clone()));
        }
    }
}

/// Line breaks and, in messages of checks, the `m:` that would end them travel escaped.
fn unescape(text: &str) -> Text<'_> {
    if text.contains('\\') {
        Cow::Owned(text.replace("\\n", "\n").replace("m\\:", "m:"))
    } else {
        Cow::Borrowed(text)
    }
}
