//! A request that grows record by record: one resource, one scope, and what they sent.
//!
//! `encode` writes whole records with it; the SDK writes with it what its threads recorded, without making records first.
//! Protobuf knows no order, so what many records have in common stands in front and is copied in one go.

use super::{attr, attrs};
use crate::padded::Padded;
use crate::protobuf::{close, fixed32, message, open, raw_varint, text, varint, width};
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
        let at = self.out.len();
        self.out.extend_from_slice(&template.bytes);
        RecordWriter { out: &mut self.out, at }
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

/// An attribute's name as it will be written: from the attribute's key up to where its value's length stands.
#[derive(Clone, Debug)]
pub struct Name(Padded);

impl Name {
    /// Of a span's attribute.
    pub fn of_span(name: &str) -> Self {
        Self::new(key(9, DELIMITED), name)
    }

    /// Of a log record's attribute.
    pub fn of_log(name: &str) -> Self {
        Self::new(key(6, DELIMITED), name)
    }

    fn new(attr: u8, name: &str) -> Self {
        // The attribute's length is filled in.
        let mut bytes = vec![attr, 0];
        text(1, name, &mut bytes);
        bytes.push(key(2, DELIMITED));
        Self(Padded::new(bytes))
    }
}

/// The beginning of many records: ids and times, which are filled in, and what they have in common.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
}

impl Template {
    /// Of spans with this name, kind and flags.
    pub fn of_span(name: &str, kind: SpanKind, flags: u32) -> Self {
        let mut bytes = [RECORD_HEAD, SPAN_IDS].concat();
        text(5, name, &mut bytes);
        varint(6, kind as u64, &mut bytes);
        fixed32(16, flags, &mut bytes);
        Self { bytes }
    }

    /// Of log records with this severity and event name, and with this attribute.
    pub fn of_log(
        (severity, severity_text): (Severity, &str),
        event_name: &str,
        (name, value): (&str, &Value<'_>),
    ) -> Self {
        let mut bytes = [RECORD_HEAD, LOG_TIME].concat();
        varint(2, u64::from(severity.0), &mut bytes);
        text(3, severity_text, &mut bytes);
        text(12, event_name, &mut bytes);
        attr(6, name, value, &mut bytes);
        Self { bytes }
    }
}

/// Appends to one record.
#[derive(Debug)]
pub struct RecordWriter<'g> {
    out: &'g mut Vec<u8>,
    at: usize,
}

/// A record's key, and room for its length.
const RECORD_HEAD: &[u8] = b"\x12\0\0";
const HEAD: usize = RECORD_HEAD.len();
/// A span's ids and times, each with its key and length.
const SPAN_IDS: &[u8] = b"\x0a\x10................\x12\x08........\x39........\x41........";
const PARENT: &[u8; 10] = b"\x22\x08........";
/// When a log record happened, and when it was observed.
const LOG_TIME: &[u8] = b"\x09........\x59........";
/// The ids of a log record.
const LOG_TRACE: &[u8; 18] = b"\x4a\x10................";
const LOG_SPAN: &[u8; 10] = b"\x52\x08........";

impl RecordWriter<'_> {
    /// The part of the template that is filled in.
    #[inline(always)]
    fn front<const LEN: usize>(&mut self) -> Option<&mut [u8; LEN]> {
        self.out.get_mut(self.at + HEAD..)?.first_chunk_mut()
    }

    /// A span's ids, and its times in nanoseconds since 1970; to be told first, and always.
    #[inline]
    pub fn span_ids(&mut self, trace: TraceId, span: SpanId, parent: Option<SpanId>, [start, end]: [u64; 2]) {
        if let Some(front) = self.front::<{ SPAN_IDS.len() }>() {
            front[2..18].copy_from_slice(&trace.0.to_be_bytes());
            front[20..28].copy_from_slice(&span.0.to_be_bytes());
            front[29..37].copy_from_slice(&start.to_le_bytes());
            front[38..46].copy_from_slice(&end.to_le_bytes());
        }
        if let Some(parent) = parent {
            let mut block = *PARENT;
            block[2..].copy_from_slice(&parent.0.to_be_bytes());
            self.out.extend_from_slice(&block);
        }
    }

    /// A log record's time in nanoseconds since 1970; to be told always. It was observed when it happened.
    #[inline]
    pub fn log_time(&mut self, time: u64) {
        if let Some(front) = self.front::<{ LOG_TIME.len() }>() {
            front[1..9].copy_from_slice(&time.to_le_bytes());
            front[10..].copy_from_slice(&time.to_le_bytes());
        }
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
        if text.len() < SHORT {
            let len = text.len() as u8;
            self.attr(name, [len + 2, key(1, DELIMITED), len], text.len());
            self.out.extend_from_slice(text);
        } else {
            self.long_attr(name, text_len(text));
            self.any_text(text);
        }
    }

    /// A whole number.
    #[inline(always)]
    pub fn int(&mut self, name: &Name, number: i64) {
        let width = width(number as u64);
        self.attr(name, [1 + width as u8, key(3, VARINT)], width);
        raw_varint(number as u64, self.out);
    }

    /// A fraction.
    #[inline(always)]
    pub fn double(&mut self, name: &Name, number: f64) {
        self.attr(name, [9, key(4, FIXED64)], size_of::<f64>());
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    /// A truth value.
    #[inline(always)]
    pub fn bool(&mut self, name: &Name, truth: bool) {
        self.attr(name, [2, key(2, VARINT), u8::from(truth)], 0);
    }

    /// An attribute up to where so many bytes follow; `head` is the value's length, its key, and what else comes before them.
    #[inline(always)]
    fn attr<const N: usize>(&mut self, name: &Name, head: [u8; N], follow: usize) {
        let bytes = name.0.len() - ATTR_HEAD + N + follow;
        if bytes < 0x80 {
            let at = self.out.len();
            name.0.write(self.out);
            self.out[at + 1] = bytes as u8;
            self.out.extend_from_slice(&head);
        } else {
            self.long_attr(name, usize::from(head[0]));
            self.out.extend_from_slice(&head[1..]);
        }
    }

    /// An attribute up to where its value of so many bytes begins, if the whole needs more than a byte for its length.
    #[cold]
    fn long_attr(&mut self, name: &Name, value_bytes: usize) {
        let (attr, name) = name.0.bytes().split_at(ATTR_HEAD);
        self.out.push(attr[0]);
        raw_varint((name.len() + width(value_bytes as u64) + value_bytes) as u64, self.out);
        self.out.extend_from_slice(name);
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
            close::<RECORD>(self.at + HEAD - RECORD, self.out);
        } else {
            self.out.truncate(self.at);
        }
    }
}

/// An attribute's key, and one byte for its length.
const ATTR_HEAD: usize = 2;
/// Texts from this length on are rarely met; the lengths of shorter ones take one byte each.
const SHORT: usize = 0x7e;

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
