//! Field values as bytes: `[field, tag, payload]`, written by the application's thread, read by the collector.
//!
//! Numbers take 10 bytes, texts 4 and their length; what does not fit goes to a `Spill`. While a `Debug` or `Display`
//! of the application runs, nothing of ours is locked or borrowed: it may make spans and events of its own.
#![expect(
    unsafe_code,
    reason = "values are written through a raw pointer; every write is checked against the end"
)]

use super::spill::Spill;
use crate::limits::VALUE_BYTES;
use std::error::Error;
use std::fmt::{self, Write as _};
use tracing_core::field::{Field, Visit};

/// The type of a value.
pub(crate) const U64: u8 = 1;
pub(crate) const I64: u8 = 2;
pub(crate) const F64: u8 = 3;
pub(crate) const BOOL: u8 = 4;
pub(crate) const STR: u8 = 5;
/// Text made by `Debug` or `Display`.
pub(crate) const DEBUG: u8 = 6;
/// Text of an error: type name, line feed, message, and one `caused by:` line per source.
pub(crate) const ERROR: u8 = 7;

/// Bytes of a number with what stands before it.
const NUMBER: usize = 2 + size_of::<u64>();

/// Writes values into a buffer that is its alone.
pub(crate) struct Encoder {
    next: *mut u8,
    end: *mut u8,
    start: *mut u8,
    pub(crate) spill: Option<Box<Spill>>,
    pub(crate) truncated: bool,
}

impl Encoder {
    /// # Safety
    /// `start` must point to `capacity` writable bytes that nobody else touches while the encoder lives; `capacity` is
    /// below 65,536.
    #[inline(always)]
    pub(crate) unsafe fn new(start: *mut u8, capacity: usize) -> Self {
        Self { next: start, end: start.wrapping_add(capacity), start, spill: None, truncated: false }
    }

    /// Bytes written so far.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.next.addr() - self.start.addr()
    }

    #[inline(always)]
    fn room(&self) -> usize {
        self.end.addr() - self.next.addr()
    }

    #[inline(always)]
    fn number(&mut self, field: &Field, tag: u8, bits: u64) {
        if self.room() < NUMBER {
            return self.number_spilled(field, tag, bits);
        }
        let to = self.next;
        self.next = to.wrapping_add(NUMBER);
        // SAFETY: checked just above.
        unsafe {
            to.cast::<u16>().write_unaligned(u16::from_ne_bytes([field.index() as u8, tag]));
            to.add(2).cast::<u64>().write_unaligned(bits);
        }
    }

    #[inline(always)]
    fn text(&mut self, field: &Field, tag: u8, text: &str) {
        let len = text.len();
        // No text is so long that this wraps.
        if len + TEXT > self.room() {
            return self.text_spilled(field, tag, text);
        }
        let to = self.next;
        self.next = to.wrapping_add(TEXT + len);
        // SAFETY: checked just above. The copy comes last, so that nothing has to be kept across it.
        unsafe {
            begin_text(to, field, tag, len);
            std::ptr::copy_nonoverlapping(text.as_ptr(), to.add(TEXT), len);
        }
    }

    #[cold]
    #[inline(never)]
    fn text_spilled(&mut self, field: &Field, tag: u8, text: &str) {
        self.spilled(field, tag, bounded(text).to_owned(), text.len() > VALUE_BYTES);
    }

    #[cold]
    #[inline(never)]
    fn number_spilled(&mut self, field: &Field, tag: u8, bits: u64) {
        let text = match tag {
            I64 => (bits as i64).to_string(),
            F64 => f64::from_bits(bits).to_string(),
            BOOL => (bits != 0).to_string(),
            _ => bits.to_string(),
        };
        self.spilled(field, tag, text, false);
    }

    #[cold]
    #[inline(never)]
    fn spilled(&mut self, field: &Field, tag: u8, text: String, cut: bool) {
        let kept = self.spill.get_or_insert_default().value(field.index() as u8, tag, text);
        self.truncated |= cut || !kept;
    }

    /// Formats in place if it fits, else into the spill.
    #[inline]
    fn formatted(&mut self, field: &Field, tag: u8, value: fmt::Arguments<'_>) {
        let to = self.next;
        if self.room() >= TEXT {
            self.next = to.wrapping_add(TEXT);
            if self.write_fmt(value).is_ok() {
                let len = self.next.addr() - to.addr() - TEXT;
                // SAFETY: the room was there.
                return unsafe { begin_text(to, field, tag, len) };
            }
            self.next = to;
        }
        self.formatted_spilled(field, tag, value);
    }

    #[cold]
    #[inline(never)]
    fn formatted_spilled(&mut self, field: &Field, tag: u8, value: fmt::Arguments<'_>) {
        let mut text = Cut { text: String::new(), cut: false };
        let complete = text.write_fmt(value).is_ok();
        self.spilled(field, tag, text.text, text.cut || !complete);
    }
}

/// The longest part of a text that we keep.
fn bounded(text: &str) -> &str {
    if text.len() <= VALUE_BYTES { text } else { &text[..text.floor_char_boundary(VALUE_BYTES)] }
}

/// Bytes that stand before a text.
const TEXT: usize = 4;

/// Writes what stands before a text.
///
/// # Safety
/// `TEXT` bytes must be the caller's.
#[inline(always)]
unsafe fn begin_text(to: *mut u8, field: &Field, tag: u8, len: usize) {
    let [low, high] = (len as u16).to_ne_bytes();
    let begin = u32::from_ne_bytes([field.index() as u8, tag, low, high]);
    // SAFETY: handed up to the caller.
    unsafe { to.cast::<u32>().write_unaligned(begin) };
}

/// Text as it comes, in place; an error if it does not fit.
impl fmt::Write for Encoder {
    #[inline]
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let to = self.next;
        if part.len() > self.room() {
            return Err(fmt::Error);
        }
        self.next = to.wrapping_add(part.len());
        // SAFETY: checked just above.
        unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), to, part.len()) };
        Ok(())
    }
}

struct Cut {
    text: String,
    cut: bool,
}

impl fmt::Write for Cut {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = VALUE_BYTES - self.text.len();
        if part.len() <= room {
            self.text.push_str(part);
            return Ok(());
        }
        self.text.push_str(&part[..part.floor_char_boundary(room)]);
        self.cut = true;
        Err(fmt::Error)
    }
}

impl Visit for Encoder {
    #[inline]
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, U64, value);
    }

    #[inline]
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, I64, value as u64);
    }

    #[inline]
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.number(field, F64, value.to_bits());
    }

    #[inline]
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field, BOOL, u64::from(value));
    }

    #[inline]
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, STR, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.formatted(field, DEBUG, format_args!("{value:?}"));
    }

    #[cold]
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.formatted(field, ERROR, format_args!("{}", Chain(value)));
    }
}

/// Sources of an error that we follow.
const SOURCES: usize = 16;

struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut name = Cut { text: String::new(), cut: false };
        let _ = match self.0.downcast_ref::<std::io::Error>() {
            Some(error) => write!(name, "{:?}", error.kind()),
            None => write!(name, "{:?}", self.0),
        };
        write!(f, "{}\n{}", type_name(&name.text), self.0)?;
        let mut source = self.0.source();
        for _ in 0..SOURCES {
            let Some(error) = source else { break };
            write!(f, "\ncaused by: {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

/// The type of an error: `dyn Error` hides it, but a derived `Debug` begins with it. Empty for other texts, which may begin with a
/// word as well.
fn type_name(debug: &str) -> &str {
    let end = debug.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(debug.len());
    let (name, rest) = debug.split_at(end);
    let derived = rest.is_empty() || rest.starts_with('(') || rest.starts_with(" {");
    if derived && name.starts_with(char::is_uppercase) { name } else { "" }
}

/// One value as it lies in a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Raw<'a> {
    U64(u64),
    I64(i64),
    F64(f64),
    Bool(bool),
    Str(&'a str),
    Error(&'a str),
}

/// Reads values back, in the order they were written.
pub(crate) struct Decoder<'a>(pub(crate) &'a [u8]);

/// A value before anybody looks at its tag: a number's bits, or a text's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bits<'a> {
    Number(u64),
    Text(&'a [u8]),
}

impl<'a> Decoder<'a> {
    /// The next value with its field and tag.
    #[inline]
    pub(crate) fn bits(&mut self) -> Option<(u8, u8, Bits<'a>)> {
        let (&[field, tag], rest) = self.0.split_first_chunk::<2>()?;
        let (bits, rest) = if tag >= STR {
            let (len, rest) = rest.split_first_chunk::<2>()?;
            let (text, rest) = rest.split_at_checked(usize::from(u16::from_ne_bytes(*len)))?;
            (Bits::Text(text), rest)
        } else {
            let (bits, rest) = rest.split_first_chunk::<8>()?;
            (Bits::Number(u64::from_ne_bytes(*bits)), rest)
        };
        self.0 = rest;
        Some((field, tag, bits))
    }
}

impl<'a> Iterator for Decoder<'a> {
    type Item = (u8, Raw<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (field, tag, bits) = self.bits()?;
        let raw = match bits {
            Bits::Number(bits) => number(tag, bits),
            Bits::Text(text) => {
                let text = std::str::from_utf8(text).unwrap_or_default();
                if tag == ERROR { Raw::Error(text) } else { Raw::Str(text) }
            }
        };
        Some((field, raw))
    }
}

fn number<'a>(tag: u8, bits: u64) -> Raw<'a> {
    match tag {
        I64 => Raw::I64(bits as i64),
        F64 => Raw::F64(f64::from_bits(bits)),
        BOOL => Raw::Bool(bits != 0),
        _ => Raw::U64(bits),
    }
}

/// A spilled value; numbers come back as numbers.
pub(crate) fn spilled_value(tag: u8, text: &str) -> Raw<'_> {
    let parsed = match tag {
        U64 => text.parse().ok().map(Raw::U64),
        I64 => text.parse().ok().map(Raw::I64),
        F64 => text.parse().ok().map(Raw::F64),
        BOOL => text.parse().ok().map(Raw::Bool),
        ERROR => Some(Raw::Error(text)),
        _ => None,
    };
    parsed.unwrap_or(Raw::Str(text))
}
