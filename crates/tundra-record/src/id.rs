//! Trace and span ids: whole numbers inside, lower-case hex at every edge that people see.

use std::fmt;
use std::str::FromStr;

/// A 128-bit trace id; Datadog's 64-bit ids fill the low half. Zero is not a valid id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(pub u128);

/// A 64-bit span id. Zero is not a valid id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(pub u64);

/// A text is not an id: it must be exactly 32 (trace) or 16 (span) hex digits and not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected {digits} hex digits, not all zero")]
pub struct ParseIdError {
    /// How many hex digits the id must have.
    pub digits: usize,
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl TraceId {
    /// Whether the id is usable (not zero).
    pub fn is_valid(self) -> bool {
        self.0 != 0
    }

    /// The low 64 bits, which is all that Datadog's oldest clients know.
    pub fn low(self) -> u64 {
        self.0 as u64
    }

    /// The high 64 bits (`_dd.p.tid`).
    pub fn high(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// The 32 lower-case hex digits, without an allocation.
    pub fn hex(self) -> [u8; 32] {
        let mut out = [0; 32];
        for (at, byte) in self.0.to_be_bytes().into_iter().enumerate() {
            out[at * 2] = HEX[usize::from(byte >> 4)];
            out[at * 2 + 1] = HEX[usize::from(byte & 15)];
        }
        out
    }
}

impl SpanId {
    /// Whether the id is usable (not zero).
    pub fn is_valid(self) -> bool {
        self.0 != 0
    }

    /// The 16 lower-case hex digits, without an allocation.
    pub fn hex(self) -> [u8; 16] {
        let mut out = [0; 16];
        for (at, byte) in self.0.to_be_bytes().into_iter().enumerate() {
            out[at * 2] = HEX[usize::from(byte >> 4)];
            out[at * 2 + 1] = HEX[usize::from(byte & 15)];
        }
        out
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

fn only_hex(text: &str, digits: usize) -> Result<(), ParseIdError> {
    let ok = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
    if ok { Ok(()) } else { Err(ParseIdError { digits }) }
}

impl FromStr for TraceId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        only_hex(text, 32)?;
        match u128::from_str_radix(text, 16) {
            Ok(id) if id != 0 => Ok(Self(id)),
            _ => Err(ParseIdError { digits: 32 }),
        }
    }
}

impl FromStr for SpanId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        only_hex(text, 16)?;
        match u64::from_str_radix(text, 16) {
            Ok(id) if id != 0 => Ok(Self(id)),
            _ => Err(ParseIdError { digits: 16 }),
        }
    }
}

#[cfg(test)]
mod tests;
