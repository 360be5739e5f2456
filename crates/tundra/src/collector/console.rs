//! Log lines for people and for files: readable on a terminal, one JSON object a line everywhere else.
//!
//! Made on the collector thread from the same records that exporters get, written on a thread of their own. Every line
//! carries the trace in both spellings (`trace_id`/`span_id` in hex, `dd.trace_id`/`dd.span_id` as Datadog correlates them)
//! and who speaks.

use super::failure::{EXCEPTION, FINGERPRINT};
use crate::metrics::MetricLine;
use crate::writer::{Owner, Receipt, Unwritten, Writer};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use tundra_record::value::write_json_text;
use tundra_record::{LogRecord, Resource, UnixNanos, Value};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// Readable and colored if standard output is a terminal, else JSON.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// Readable, with colors.
    Pretty,
    /// Readable, without colors.
    Plain,
}

/// Whether lines carry the ids of their trace and span: as the program says, until an Agent says otherwise.
#[derive(Debug)]
pub(crate) struct Injection {
    own: AtomicBool,
    /// `UNSAID`, or what the Agent wants.
    remote: AtomicU8,
}

const UNSAID: u8 = 2;

impl Injection {
    pub(crate) fn new(yes: bool) -> Self {
        Self { own: AtomicBool::new(yes), remote: AtomicU8::new(UNSAID) }
    }

    pub(crate) fn set(&self, yes: bool) {
        self.own.store(yes, Relaxed);
    }

    pub(crate) fn set_remote(&self, wish: Option<bool>) {
        self.remote.store(wish.map_or(UNSAID, u8::from), Relaxed);
    }

    fn holds(&self) -> bool {
        match self.remote.load(Relaxed) {
            UNSAID => self.own.load(Relaxed),
            wish => wish != 0,
        }
    }
}

/// Where lines go and how they look.
pub(crate) struct Console {
    out: Writer,
    format: LogFormat,
    injection: Arc<Injection>,
    /// `,"service":...` and so on, ready to append.
    who: String,
    /// The names in there.
    who_names: Vec<&'static str>,
    line: String,
    pending: Vec<u8>,
    /// Log records of the batch that is filling, and how many of them have lines in `pending`.
    receipt: Arc<Receipt>,
    records: u64,
}

/// Handed over at the latest when this much is pending.
const PENDING_BYTES: usize = 64 * 1024;

impl Console {
    /// Lines into `out`; `Auto` must have been decided by the caller.
    pub(crate) fn new(out: Box<dyn Write + Send>, format: LogFormat, injection: Arc<Injection>) -> Self {
        let (who, who_names, line, pending) = (String::new(), Vec::new(), String::new(), Vec::new());
        let (out, receipt) = (Writer::new(out), Arc::default());
        Self { out, format, injection, who, who_names, line, pending, receipt, records: 0 }
    }

    /// Who speaks from now on.
    pub(crate) fn speak_for(&mut self, resource: &Resource<'_>) {
        self.who.clear();
        self.who_names.clear();
        let known =
            [("service", resource.service()), ("env", resource.env()), ("version", resource.version())];
        for (key, text) in known {
            if let Some(text) = text {
                json_member(&mut self.who, key, &Value::from(text));
                self.who_names.push(key);
            }
        }
    }

    /// Adds the line of a record that was counted as created.
    pub(crate) fn record(&mut self, log: &LogRecord<'_>) {
        self.records += 1;
        self.log(log);
    }

    /// Adds a line.
    pub(crate) fn log(&mut self, log: &LogRecord<'_>) {
        self.line.clear();
        match self.format {
            LogFormat::Json | LogFormat::Auto => self.json(log),
            LogFormat::Pretty => self.readable(log, true),
            LogFormat::Plain => self.readable(log, false),
        }
        self.pending.extend_from_slice(self.line.as_bytes());
        if self.pending.len() >= PENDING_BYTES {
            self.flush();
        }
    }

    /// Hands over what is pending; a reader that is slow or went away loses lines, and nobody else anything.
    pub(crate) fn flush(&mut self) {
        if !self.pending.is_empty() {
            let records = std::mem::take(&mut self.records);
            let owner = Owner::Console(Arc::clone(&self.receipt), records);
            self.out.put(std::mem::take(&mut self.pending), owner);
        }
    }

    /// The batch is through, all of its lines being handed over; see [`Receipt::settle`].
    pub(crate) fn settle(&mut self, took: bool) {
        std::mem::take(&mut self.receipt).settle(took);
    }

    /// Lines that were handed over, to be waited for.
    pub(crate) fn unwritten(&self) -> Unwritten {
        self.out.unwritten()
    }

    /// No line comes any more.
    pub(crate) fn end(&self) {
        self.out.end();
    }

    /// In a forked child: what is pending is the parent's to write.
    pub(crate) fn after_fork(&mut self) {
        self.pending.clear();
        (self.receipt, self.records) = (Arc::default(), 0);
        self.out.after_fork();
    }

    fn json(&mut self, log: &LogRecord<'_>) {
        let injects = self.injection.holds();
        let line = &mut self.line;
        line.push_str("{\"timestamp\":\"");
        timestamp(line, log.time);
        line.push('"');
        json_member(line, "level", &Value::from(&*log.severity_text));
        json_member(line, "message", &Value::Str(log.body.to_text()));
        // The last target is the record's own.
        let target = log.attrs.iter().rposition(|(key, _)| key == "target");
        for (at, (key, value)) in log.attrs.iter().enumerate() {
            let names = self.who_names.as_slice();
            let taken = (key == "target" && target != Some(at)) || is_own(key, names, injects);
            if taken {
                json_member(line, &format!("fields.{key}"), value);
            } else {
                json_member(line, key, value);
            }
        }
        if let (Some(trace), Some(span), true) = (log.trace_id, log.span_id, injects) {
            let [trace_id, span_id, dd_trace_id, dd_span_id] = IDS;
            json_member(line, trace_id, &Value::from(ascii(&trace.hex())));
            json_member(line, span_id, &Value::from(ascii(&span.hex())));
            json_member(line, dd_trace_id, &Value::from(trace.low().to_string()));
            json_member(line, dd_span_id, &Value::from(span.0.to_string()));
        }
        line.push_str(&self.who);
        line.push_str("}\n");
    }

    fn readable(&mut self, log: &LogRecord<'_>, colored: bool) {
        let line = &mut self.line;
        let (dim, strong, end) = if colored { ("\x1b[2m", color(log), "\x1b[0m") } else { ("", "", "") };
        line.push_str(dim);
        timestamp(line, log.time);
        line.push_str(end);
        line.push_str(&format!(" {strong}{:>5}{end} ", log.severity_text));
        // The last target is the record's own.
        let target = log.attrs.iter().rposition(|(key, _)| key == "target");
        if let Some((_, target)) = target.and_then(|at| log.attrs.get(at)) {
            line.push_str(&format!("{dim}{}{end}: ", plain(&target.to_text())));
        }
        line.push_str(&plain(&log.body.to_text()));
        let mut text = String::new();
        for (at, (key, value)) in log.attrs.iter().enumerate() {
            // An error without a text of its own is the message already.
            let is_said = key == EXCEPTION[1] && *value == log.body;
            if target != Some(at) && key != FINGERPRINT && !is_said {
                text.clear();
                json_value(&mut text, value);
                line.push_str(&format!(" {dim}{}={end}{}", plain(key), plain(&text)));
            }
        }
        if let (Some(trace), true) = (log.trace_id, self.injection.holds()) {
            line.push_str(&format!(" {dim}trace_id={trace}{end}"));
        }
        line.push('\n');
    }
}

/// A line's own names for its trace and span, in both spellings.
const IDS: [&str; 4] = ["trace_id", "span_id", "dd.trace_id", "dd.span_id"];

/// Whether a name is one that lines of this console write themselves: `who` says which of those that tell who speaks.
fn is_own(key: &str, who: &[&str], injects: bool) -> bool {
    matches!(key, "timestamp" | "level" | "message") || who.contains(&key) || (injects && IDS.contains(&key))
}

/// A text that cannot move the terminal's cursor, forge a second line or turn the order of what is read.
fn plain(text: &str) -> String {
    text.chars().map(|c| if (c.is_control() && c != '\t') || is_bidirectional(c) { ' ' } else { c }).collect()
}

fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn color(log: &LogRecord<'_>) -> &'static str {
    match log.severity.as_str() {
        "error" | "fatal" => "\x1b[1;31m",
        "warn" => "\x1b[1;33m",
        "info" => "\x1b[32m",
        "debug" => "\x1b[34m",
        _ => "\x1b[35m",
    }
}

fn ascii(hex: &[u8]) -> &str {
    std::str::from_utf8(hex).unwrap_or_default()
}

fn json_member(line: &mut String, key: &str, value: &Value<'_>) {
    line.push(',');
    json_value(line, &Value::from(key));
    line.push(':');
    json_value(line, value);
}

fn json_value(line: &mut String, value: &Value<'_>) {
    if is_sayable(value) {
        write_json_text(value, line);
    } else {
        write_json_text(&sayable(value.clone()), line);
    }
}

/// Whether JSON has a word for it.
fn is_sayable(value: &Value<'_>) -> bool {
    match value {
        Value::Double(number) => number.is_finite(),
        Value::List(items) => items.iter().all(is_sayable),
        Value::Map(entries) => entries.iter().all(|(_, value)| is_sayable(value)),
        _ => true,
    }
}

/// The same with numbers that are none as texts: whoever reads lines does not know how we tell them apart elsewhere.
fn sayable(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Double(number) if number.is_nan() => Value::from("NaN"),
        Value::Double(number) if number.is_infinite() => {
            Value::from(if number > 0.0 { "Infinity" } else { "-Infinity" })
        }
        Value::List(items) => Value::List(items.into_iter().map(sayable).collect()),
        Value::Map(entries) => {
            Value::Map(entries.into_iter().map(|(key, value)| (key, sayable(value))).collect())
        }
        other => other,
    }
}

/// RFC 3339 in UTC with microseconds.
fn timestamp(line: &mut String, time: UnixNanos) {
    let micros = time.0.div_euclid(1000);
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    line.push_str(&format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z"));
}

/// Year, month and day of a day number since 1970, counted in years that begin in March (so leap days come last).
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097;
    const FROM_MARCH_OF_YEAR_ZERO: i64 = 719_468;
    let shifted = days + FROM_MARCH_OF_YEAR_ZERO;
    let (era, day) = (shifted.div_euclid(DAYS_PER_ERA), shifted.rem_euclid(DAYS_PER_ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The log record of a line that the SDK has to say.
pub(crate) fn warning(text: String) -> LogRecord<'static> {
    LogRecord {
        time: UnixNanos(crate::clock::wall_now()),
        severity: super::translate::severity(tracing_core::Level::WARN),
        severity_text: "WARN".into(),
        body: Value::from(text),
        attrs: vec![("target".into(), Value::from("tundra::export"))],
        ..LogRecord::default()
    }
}

/// The log record of a line about a metric: `counter incremented metric_name="daemon.startup" value=1`.
pub(crate) fn metric_log(line: &MetricLine) -> LogRecord<'static> {
    let whole = line.value.fract() == 0.0 && line.value.abs() < 9.0e15;
    let value = if whole { Value::Int(line.value as i64) } else { Value::Double(line.value) };
    let mut attrs: tundra_record::Attrs<'static> =
        vec![("metric_name".into(), Value::from(line.name.clone())), ("value".into(), value)];
    attrs.extend(line.labels.iter().map(|(key, text)| (key.clone().into(), Value::from(text.clone()))));
    attrs.push(("target".into(), Value::from("tundra::metrics")));
    LogRecord {
        time: UnixNanos(crate::clock::wall_now()),
        severity: super::translate::severity(tracing_core::Level::INFO),
        severity_text: "INFO".into(),
        body: Value::from(line.message),
        attrs,
        ..LogRecord::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_wins_until_it_takes_back_what_it_said() {
        let injection = Injection::new(true);
        let check = |own: Option<bool>, remote: Option<bool>, expect: bool| {
            own.into_iter().for_each(|yes| injection.set(yes));
            injection.set_remote(remote);
            assert_eq!(injection.holds(), expect, "{own:?} {remote:?}");
        };
        check(None, None, true);
        check(None, Some(false), false);
        check(Some(false), Some(true), true);
        check(None, None, false);
        check(Some(true), None, true);
    }

    #[test]
    fn times_are_rfc_3339() {
        let check = |nanos: i64, expect: &str| {
            let mut line = String::new();
            timestamp(&mut line, UnixNanos(nanos));
            assert_eq!(line, expect);
        };
        check(0, "1970-01-01T00:00:00.000000Z");
        check(951_782_400_000_000_000, "2000-02-29T00:00:00.000000Z");
        check(1_795_219_200_123_456_789, "2026-11-21T00:00:00.123456Z");
        check(-1, "1969-12-31T23:59:59.999999Z");
        check(4_107_542_399_999_999_000, "2100-02-28T23:59:59.999999Z");
    }
}
