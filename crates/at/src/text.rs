//! Numbers and foreign texts as a person reads them. Whatever a client sent passes `clean` before it meets a terminal.

use std::borrow::Cow;
use tundra_record::{PicoUsd, UnixNanos};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const SECOND: i64 = 1_000_000_000;

/// A foreign text without what could steer a terminal or turn the line around.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let steers = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let plain = |letter| match letter {
        '\n' | '\r' | '\t' => ' ',
        letter if steers(letter) => '·',
        letter => letter,
    };
    Cow::Owned(text.chars().map(plain).collect())
}

/// Columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// `text` cut or filled to exactly `columns`.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    let mut out = cut(text, columns);
    out.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(&out))));
    out
}

/// `text` cut to at most `columns`, with `…` where something is missing.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for letter in text.chars() {
        used += letter.width().unwrap_or(0);
        if used > columns {
            break;
        }
        out.push(letter);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// `1.24 s`, `340 ms`, `12.3 ms`, `870 µs`, `2 m 05 s`.
pub(crate) fn duration(ns: i64) -> String {
    let ns = ns.max(0);
    let scaled = |unit: i64, name: &str| {
        let value = ns as f64 / unit as f64;
        let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
        format!("{value:.decimals$} {name}")
    };
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => scaled(1_000, "µs"),
        1_000_000..SECOND => scaled(1_000_000, "ms"),
        _ if ns < 60 * SECOND => scaled(SECOND, "s"),
        _ if ns < 3600 * SECOND => format!("{} m {:02} s", ns / (60 * SECOND), ns / SECOND % 60),
        _ => format!("{} h {:02} m", ns / (3600 * SECOND), ns / (60 * SECOND) % 60),
    }
}

/// How long ago, in one unit: `12 s`, `3 m`, `2 h`, `4 d`.
pub(crate) fn ago(ns: i64) -> String {
    match ns.max(0) / SECOND {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} m", seconds / 60),
        seconds @ 3600..86_400 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// `1,290`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 span`, `2 spans`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `$1.25`, `$0.0123`: four digits that matter below a dollar.
pub(crate) fn money(pico: i64) -> String {
    let dollars = PicoUsd(pico).dollars();
    if dollars == 0.0 {
        return "$0".to_owned();
    }
    let leading = (-dollars.abs().log10()).ceil().clamp(0.0, 12.0) as usize;
    let decimals = if dollars.abs() >= 1.0 { 2 } else { (leading + 3).min(12) };
    let text = format!("{dollars:.decimals$}");
    let text = if decimals > 2 { text.trim_end_matches('0') } else { &text };
    format!("${text}")
}

/// `2026-11-21 02:00:11 UTC`.
pub(crate) fn utc(ns: i64) -> String {
    let seconds = ns.div_euclid(SECOND);
    let (year, month, day) = UnixNanos(ns).date();
    let second = seconds.rem_euclid(86_400);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// `30s`, `15m`, `2h`, `7d` in nanoseconds.
pub(crate) fn parse_span_of_time(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is not a time: write 30s, 15m, 2h or 7d");
    let (unit_at, unit) = text.char_indices().next_back().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: i64 = text[..unit_at].parse().map_err(|_| wrong())?;
    let ns = number.checked_mul(seconds * SECOND).filter(|_| number >= 0);
    ns.ok_or_else(wrong)
}

#[cfg(test)]
mod tests;
