//! A request that grows record by record: one resource, one scope, and what they sent.
//!
//! `encode` writes whole records with it, `frame` those that are alike.

use super::attrs;
use crate::protobuf::{close, message, open, text};
use tundra_record::{LogRecord, MetricPoint, Resource, Scope, Span};

/// Bytes kept for the length of the whole.
const WHOLE: usize = 4;
/// Bytes kept for the length of a record.
const RECORD: usize = 2;
/// A record's key, and room for its length.
pub(super) const RECORD_HEAD: [u8; 1 + RECORD] = *b"\x12\0\0";

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

    /// Adds a record that is written already, behind `RECORD_HEAD`.
    #[inline(always)]
    pub(super) fn written(&mut self, record: &[u8]) {
        let (at, len) = (self.out.len() + 1, record.len() - RECORD_HEAD.len());
        if len < 1 << (7 * RECORD) {
            self.out.extend_from_slice(record);
            self.out[at..at + RECORD].copy_from_slice(&[len as u8 & 0x7f | 0x80, (len >> 7) as u8]);
        } else {
            self.record(|out| out.extend_from_slice(&record[RECORD_HEAD.len()..]));
        }
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
