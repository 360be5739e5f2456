//! Where decoders put what they read.

use crate::log::LogRecord;
use crate::metric::MetricPoint;
use crate::resource::{Resource, Scope};
use crate::span::Span;

/// Takes records one by one, while they still borrow from the request.
///
/// A decoder calls `resource` and `scope` before the records they apply to and again whenever they change. Records come
/// as `&mut` because the redactor changes texts in place; after the call the decoder reuses the buffer.
pub trait Sink {
    /// The records that follow come from this resource, until the next call.
    fn resource(&mut self, resource: &mut Resource<'_>);
    /// The records that follow come from this scope, until the next call.
    fn scope(&mut self, scope: &mut Scope<'_>);
    /// One span.
    fn span(&mut self, span: &mut Span<'_>);
    /// One log record.
    fn log(&mut self, log: &mut LogRecord<'_>);
    /// One metric point.
    fn metric(&mut self, point: &mut MetricPoint<'_>);
    /// A record that was readable but cannot be kept; its neighbours are unharmed.
    fn reject(&mut self, reason: Reject);
}

/// Why a single record was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reject {
    /// A trace or span id is zero or has the wrong length.
    InvalidId,
    /// More attributes, events or links than the limit.
    TooMany,
    /// A value is nested too deeply.
    TooDeep,
    /// A metric point without a value, or of an unknown kind.
    NoValue,
    /// A line of a line protocol that does not parse.
    BadLine,
}

impl Reject {
    /// The reason as the ledger names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidId => "invalid_id",
            Self::TooMany => "too_many",
            Self::TooDeep => "too_deep",
            Self::NoValue => "no_value",
            Self::BadLine => "bad_line",
        }
    }
}
