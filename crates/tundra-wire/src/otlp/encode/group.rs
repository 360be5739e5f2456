//! A request that grows record by record: one resource, one scope, and what they sent.
//!
//! `encode` writes whole records with it; the SDK writes with it what its threads recorded, without making records first.
//! Protobuf knows no order, so what many records have in common stands in front and is copied in one go.

use super::{attr, attrs};
use crate::padded::Padded;
use crate::protobuf::{close, fixed32, fixed64, message, open, raw_varint, text, varint, width};
use tundra_record::{
    LogRecord, MetricPoint, Resource, Scope, Severity, Span, SpanId, SpanKind, TraceId, Value,
};

/// Bytes kept for the length of the whole.
const WHOLE: usize = 4;
/// Bytes kept for the length of a record.
const RECORD: usize = 2;

/// A request under way.
#[derive(Debug)]
pub struct Group {
    out: Vec<u8>,
    resource_at: usize,
    scope_at: usize,
}

impl Group {
    /// Appends to a buffer.
    pub fn begin(resource: &Resource<'_>, scope: &Scope<'_>, mut out: Vec<u8>) -> Self {
        let resource_at = open::<WHOLE>(1, &mut out);
        message(1, &mut out, |out| attrs(1, &resource.attrs, out));
        let scope_at = open::<WHOLE>(2, &mut out);
        message(1, &mut out, |out| {
            text(1, &scope.name, out);
            text(2, &scope.version, out);
        });
        Self { out, resource_at, scope_at }
    }

    /// Adds a span.
    pub fn span(&mut self, span: &Span<'_>) {
        self.record(|out| super::span(span, out));
    }

    /// Adds a log record.
    pub fn log(&mut self, log: &LogRecord<'_>) {
        self.record(|out| super::log(log, out));
    }

    /// Adds a point, as a metric of its own.
    pub fn point(&mut self, point: &MetricPoint<'_>) {
        self.record(|out| super::metric(point, out));
    }

    fn record(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let at = open::<RECORD>(2, &mut self.out);
        write(&mut self.out);
        close::<RECORD>(at, &mut self.out);
    }

    /// Adds a record that begins like others.
    #[inline]
    pub fn like(&mut self, template: &Template) -> RecordWriter<'_> {
        let at = open::<RECORD>(2, &mut self.out);
        self.out.extend_from_slice(&template.bytes);
        RecordWriter { out: &mut self.out, at, attr: template.attr }
    }

    /// Bytes so far.
    pub fn len_bytes(&self) -> usize {
        self.out.len()
    }

    /// Moves what was added after there were so many bytes to the end of another request.
    pub fn move_tail(&mut self, len_bytes: usize, to: &mut Self) {
        to.out.extend_from_slice(&self.out[len_bytes..]);
        self.out.truncate(len_bytes);
    }

    /// The buffer with the whole request.
    pub fn end(mut self) -> Vec<u8> {
        close::<WHOLE>(self.scope_at, &mut self.out);
        close::<WHOLE>(self.resource_at, &mut self.out);
        self.out
    }
}

/// An attribute's name as it will be written, up to where its value begins.
#[derive(Clone, Debug)]
pub struct Name(Padded);

impl Name {
    /// From the text.
    pub fn new(name: &str) -> Self {
        let mut bytes = Vec::new();
        text(1, name, &mut bytes);
        bytes.push(key(2, DELIMITED));
        Self(Padded::new(bytes))
    }
}

/// The beginning of many records.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
    /// The key of an attribute.
    attr: u8,
}

impl Template {
    /// Of spans with this name, kind and flags.
    pub fn of_span(name: &str, kind: SpanKind, flags: u32) -> Self {
        let mut bytes = Vec::new();
        text(5, name, &mut bytes);
        varint(6, kind as u64, &mut bytes);
        fixed32(16, flags, &mut bytes);
        Self { bytes, attr: key(9, DELIMITED) }
    }

    /// Of log records with this severity and event name, and with this attribute.
    pub fn of_log(
        (severity, severity_text): (Severity, &str),
        event_name: &str,
        (name, value): (&str, &Value<'_>),
    ) -> Self {
        let mut bytes = Vec::new();
        varint(2, u64::from(severity.0), &mut bytes);
        text(3, severity_text, &mut bytes);
        text(12, event_name, &mut bytes);
        attr(6, name, value, &mut bytes);
        Self { bytes, attr: key(6, DELIMITED) }
    }
}

/// Appends to one record.
#[derive(Debug)]
pub struct RecordWriter<'g> {
    out: &'g mut Vec<u8>,
    at: usize,
    attr: u8,
}

/// A span's ids and times, each with its key and length.
const SPAN_IDS: &[u8; 46] = b"\x0a\x10................\x12\x08........\x39........\x41........";
const PARENT: &[u8; 10] = b"\x22\x08........";
/// The ids of a log record.
const LOG_TRACE: &[u8; 18] = b"\x4a\x10................";
const LOG_SPAN: &[u8; 10] = b"\x52\x08........";

impl RecordWriter<'_> {
    /// A span's ids, and its times in nanoseconds since 1970.
    #[inline]
    pub fn span_ids(&mut self, trace: TraceId, span: SpanId, parent: Option<SpanId>, [start, end]: [u64; 2]) {
        let mut block = *SPAN_IDS;
        block[2..18].copy_from_slice(&trace.0.to_be_bytes());
        block[20..28].copy_from_slice(&span.0.to_be_bytes());
        block[29..37].copy_from_slice(&start.to_le_bytes());
        block[38..46].copy_from_slice(&end.to_le_bytes());
        self.out.extend_from_slice(&block);
        if let Some(parent) = parent {
            let mut block = *PARENT;
            block[2..].copy_from_slice(&parent.0.to_be_bytes());
            self.out.extend_from_slice(&block);
        }
    }

    /// A log record's time in nanoseconds since 1970.
    #[inline]
    pub fn log_time(&mut self, time: u64) {
        fixed64(1, time, self.out);
    }

    /// The trace that a log record belongs to.
    #[inline]
    pub fn log_trace(&mut self, trace: TraceId) {
        let mut block = *LOG_TRACE;
        block[2..].copy_from_slice(&trace.0.to_be_bytes());
        self.out.extend_from_slice(&block);
    }

    /// The span that a log record belongs to.
    #[inline]
    pub fn log_span(&mut self, span: SpanId) {
        let mut block = *LOG_SPAN;
        block[2..].copy_from_slice(&span.0.to_be_bytes());
        self.out.extend_from_slice(&block);
    }

    /// A log record's message; the caller knows the bytes to be UTF-8.
    #[inline]
    pub fn body(&mut self, text: &[u8]) {
        self.out.push(key(5, DELIMITED));
        raw_varint(text_len(text) as u64, self.out);
        self.any_text(text);
    }

    /// A text; the caller knows the bytes to be UTF-8.
    #[inline(always)]
    pub fn text(&mut self, name: &Name, text: &[u8]) {
        self.attr(name, text_len(text));
        self.any_text(text);
    }

    /// A whole number.
    #[inline(always)]
    pub fn int(&mut self, name: &Name, number: i64) {
        self.attr(name, 1 + width(number as u64));
        self.out.push(key(3, VARINT));
        raw_varint(number as u64, self.out);
    }

    /// A fraction.
    #[inline(always)]
    pub fn double(&mut self, name: &Name, number: f64) {
        self.attr(name, 9);
        self.out.push(key(4, FIXED64));
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    /// A truth value.
    #[inline(always)]
    pub fn bool(&mut self, name: &Name, truth: bool) {
        self.attr(name, 2);
        self.out.extend_from_slice(&[key(2, VARINT), u8::from(truth)]);
    }

    /// An attribute up to where its value begins, of which so many bytes follow.
    #[inline(always)]
    fn attr(&mut self, name: &Name, value_bytes: usize) {
        let bytes = name.0.len() + width(value_bytes as u64) + value_bytes;
        match bytes {
            0..0x80 => self.out.extend_from_slice(&[self.attr, bytes as u8]),
            _ => {
                self.out.push(self.attr);
                raw_varint(bytes as u64, self.out);
            }
        }
        name.0.write(self.out);
        raw_varint(value_bytes as u64, self.out);
    }

    #[inline]
    fn any_text(&mut self, text: &[u8]) {
        self.out.push(key(1, DELIMITED));
        raw_varint(text.len() as u64, self.out);
        self.out.extend_from_slice(text);
    }

    /// Ends the record, or takes it back.
    #[inline]
    pub fn end(self, keep: bool) {
        if keep {
            close::<RECORD>(self.at, self.out);
        } else {
            // Its key is one byte.
            self.out.truncate(self.at - 1);
        }
    }
}

/// The bytes of a value that is this text.
fn text_len(text: &[u8]) -> usize {
    1 + width(text.len() as u64) + text.len()
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const DELIMITED: u8 = 2;

/// The key of a field with a number below 16.
const fn key(field: u8, wire: u8) -> u8 {
    field << 3 | wire
}
