//! What is left of a request's limits. Decoders charge before they keep something; nobody else uses this.

use crate::error::DecodeError;
use crate::limits::{GROWTH_FLOOR, Limits};
use tundra_record::{Event, Link, Reject, Text, Value};

/// Estimated bytes of one attribute without its text.
pub(crate) const ATTR_BYTES: usize = size_of::<(Text<'_>, Value<'_>)>();
/// Estimated bytes of one event without its attributes.
pub(crate) const EVENT_BYTES: usize = size_of::<Event<'_>>();
/// Estimated bytes of one link without its attributes.
pub(crate) const LINK_BYTES: usize = size_of::<Link<'_>>();

/// Counts down while a request is decoded.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) limits: Limits,
    allowed: usize,
    left: usize,
    records: usize,
}

/// Why a value cannot be kept: it alone is at fault, or the whole request is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// The record is refused, its neighbors are not.
    Record(Reject),
    /// The request is refused.
    Request(DecodeError),
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::Request(error)
    }
}

impl Fault {
    /// For parts that whole groups of records share (resource, scope): what breaks a limit there refuses the request.
    pub(crate) fn of_request(self, limits: &Limits, what: &'static str, offset: usize) -> DecodeError {
        match self {
            Self::Request(error) => error,
            Self::Record(Reject::TooDeep) => DecodeError::TooDeep { offset, limit: limits.depth },
            Self::Record(_) => DecodeError::TooMany { offset, what, limit: limits.attrs },
        }
    }

    /// Turns a fault of the record into its reason and lets a fault of the request through.
    pub(crate) fn split(outcome: Result<(), Self>) -> Result<Option<Reject>, DecodeError> {
        match outcome {
            Ok(()) => Ok(None),
            Err(Self::Record(reason)) => Ok(Some(reason)),
            Err(Self::Request(error)) => Err(error),
        }
    }
}

impl Budget {
    pub(crate) fn new(wire: usize, limits: &Limits) -> Self {
        let allowed = limits.decoded_bytes.min(wire.saturating_mul(limits.growth).max(GROWTH_FLOOR));
        Self { limits: *limits, allowed, left: allowed, records: limits.records }
    }

    /// Takes `bytes` off what the request may still become.
    #[inline]
    pub(crate) fn charge(&mut self, bytes: usize, offset: usize) -> Result<(), DecodeError> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(DecodeError::TooLarge { offset, limit: self.allowed }),
        }
    }

    /// Takes one record, a `T` and its attributes to come, off what the request may still hold.
    #[inline]
    pub(crate) fn record<T>(&mut self, offset: usize) -> Result<(), DecodeError> {
        match self.records.checked_sub(1) {
            Some(left) => {
                self.records = left;
                self.charge(size_of::<T>(), offset)
            }
            None => Err(DecodeError::TooMany { offset, what: "records", limit: self.limits.records }),
        }
    }

    /// Room for one more attribute beside `have` others.
    #[inline]
    pub(crate) fn attr(&mut self, have: usize, text: usize, offset: usize) -> Result<(), Fault> {
        if have >= self.limits.attrs {
            return Err(Fault::Record(Reject::TooMany));
        }
        Ok(self.charge(ATTR_BYTES + text, offset)?)
    }
}
