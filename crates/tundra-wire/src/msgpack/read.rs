//! Walks msgpack without copying. Datadog's decoders drive it; lengths are compared with what is left of the body
//! before anybody may believe them.

use crate::budget::{ATTR_BYTES, Budget, Fault};
use crate::error::DecodeError;
use crate::limits::{Limits, SKIP_DEPTH};
use crate::text::text;
use std::borrow::Cow;
use tundra_record::{Attrs, Reject, Text, Value};

/// A cursor over msgpack bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    body: &'a [u8],
    at: usize,
}

/// A number of any width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Fits an `i64`.
    Int(i64),
    /// Larger than `i64::MAX`.
    Large(u64),
    /// A float of either width.
    Double(f64),
}

impl Number {
    /// As an id or an unsigned count: negative numbers keep their bits, floats are cut.
    pub fn as_u64(self) -> u64 {
        match self {
            Self::Int(number) => number as u64,
            Self::Large(number) => number,
            Self::Double(number) => number as u64,
        }
    }

    /// As a time or a signed count, clamped to what fits.
    pub fn as_i64(self) -> i64 {
        match self {
            Self::Int(number) => number,
            Self::Large(_) => i64::MAX,
            Self::Double(number) => number as i64,
        }
    }

    /// As a value; what no `i64` holds is kept as its digits.
    pub fn into_value<'a>(self) -> Value<'a> {
        match self {
            Self::Int(number) => Value::Int(number),
            Self::Large(number) => Value::Str(Cow::Owned(number.to_string())),
            Self::Double(number) => Value::Double(number),
        }
    }
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(body: &'a [u8]) -> Self {
        Self { body, at: 0 }
    }

    /// The place of the next byte.
    #[inline]
    pub fn offset(&self) -> usize {
        self.at
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.at == self.body.len()
    }

    #[inline]
    fn peek(&self, expected: &'static str) -> Result<u8, DecodeError> {
        self.body.get(self.at).copied().ok_or(DecodeError::Truncated { offset: self.at, expected })
    }

    fn unexpected<T>(&self, expected: &'static str) -> Result<T, DecodeError> {
        Err(DecodeError::Unexpected { offset: self.at, expected })
    }

    /// `N` bytes after the marker, as a big-endian number; the cursor moves behind them.
    #[inline]
    fn word<const N: usize>(&mut self) -> Result<u64, DecodeError> {
        let rest = self.body.get(self.at + 1..).and_then(|rest| rest.first_chunk::<N>());
        let Some(bytes) = rest else {
            return Err(DecodeError::Truncated { offset: self.body.len(), expected: "a number" });
        };
        self.at += 1 + N;
        let mut word = [0; 8];
        word[8 - N..].copy_from_slice(bytes);
        Ok(u64::from_be_bytes(word))
    }

    fn one(&mut self, len: u64) -> u64 {
        self.at += 1;
        len
    }

    /// Refuses a length that the rest of the body cannot hold, before anything is reserved for it.
    fn checked_len(&self, len: u64, bytes_each: usize) -> Result<usize, DecodeError> {
        let left = self.body.len() - self.at;
        match usize::try_from(len) {
            Ok(len) if len.saturating_mul(bytes_each) <= left => Ok(len),
            _ => Err(DecodeError::Truncated {
                offset: self.body.len(),
                expected: "as many items as a length promised",
            }),
        }
    }

    /// Whether nil comes next; if so it is passed.
    #[inline]
    pub fn nil(&mut self) -> bool {
        let nil = self.body.get(self.at) == Some(&0xc0);
        self.at += usize::from(nil);
        nil
    }

    /// The length of an array; nil counts as an empty one.
    #[inline]
    pub fn array(&mut self) -> Result<usize, DecodeError> {
        let len = match self.peek("an array")? {
            0xc0 => self.one(0),
            marker @ 0x90..=0x9f => self.one(u64::from(marker & 15)),
            0xdc => self.word::<2>()?,
            0xdd => self.word::<4>()?,
            _ => return self.unexpected("an array"),
        };
        self.checked_len(len, 1)
    }

    /// The number of entries of a map; nil counts as an empty one.
    #[inline]
    pub fn map(&mut self) -> Result<usize, DecodeError> {
        let len = match self.peek("a map")? {
            0xc0 => self.one(0),
            marker @ 0x80..=0x8f => self.one(u64::from(marker & 15)),
            0xde => self.word::<2>()?,
            0xdf => self.word::<4>()?,
            _ => return self.unexpected("a map"),
        };
        self.checked_len(len, 2)
    }

    /// The bytes of a string or of binary data; nil counts as empty.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = match self.peek("a string")? {
            marker @ 0xa0..=0xbf => self.one(u64::from(marker & 31)),
            0xd9 | 0xc4 => self.word::<1>()?,
            0xda | 0xc5 => self.word::<2>()?,
            0xdb | 0xc6 => self.word::<4>()?,
            0xc0 => self.one(0),
            _ => return self.unexpected("a string"),
        };
        let len = self.checked_len(len, 1)?;
        let bytes = &self.body[self.at..self.at + len];
        self.at += len;
        Ok(bytes)
    }

    /// A string; nil counts as empty.
    #[inline]
    pub fn text(&mut self) -> Result<Text<'a>, DecodeError> {
        self.bytes().map(text)
    }

    /// A number of any width; nil counts as zero, true and false as one and zero.
    #[inline]
    pub fn number(&mut self) -> Result<Number, DecodeError> {
        Ok(match self.peek("a number")? {
            marker @ 0..=0x7f => Number::Int(self.one(u64::from(marker)) as i64),
            marker @ 0xe0..=0xff => {
                self.at += 1;
                Number::Int(i64::from(marker as i8))
            }
            0xcc => Number::Int(self.word::<1>()? as i64),
            0xcd => Number::Int(self.word::<2>()? as i64),
            0xce => Number::Int(self.word::<4>()? as i64),
            0xcf => match self.word::<8>()? {
                large if large > i64::MAX as u64 => Number::Large(large),
                number => Number::Int(number as i64),
            },
            0xd0 => Number::Int(i64::from(self.word::<1>()? as i8)),
            0xd1 => Number::Int(i64::from(self.word::<2>()? as i16)),
            0xd2 => Number::Int(i64::from(self.word::<4>()? as i32)),
            0xd3 => Number::Int(self.word::<8>()? as i64),
            0xca => Number::Double(f64::from(f32::from_bits(self.word::<4>()? as u32))),
            0xcb => Number::Double(f64::from_bits(self.word::<8>()?)),
            marker @ (0xc0 | 0xc2 | 0xc3) => Number::Int(self.one(u64::from(marker == 0xc3)) as i64),
            _ => return self.unexpected("a number"),
        })
    }

    /// Passes one value of any kind.
    pub fn skip(&mut self) -> Result<(), DecodeError> {
        self.skip_from(0)
    }

    fn skip_from(&mut self, depth: usize) -> Result<(), DecodeError> {
        if depth > SKIP_DEPTH {
            return Err(DecodeError::TooDeep { offset: self.at, limit: SKIP_DEPTH });
        }
        match self.peek("a value")? {
            0x90..=0x9f | 0xdc | 0xdd => {
                for _ in 0..self.array()? {
                    self.skip_from(depth + 1)?;
                }
            }
            0x80..=0x8f | 0xde | 0xdf => {
                for _ in 0..self.map()? {
                    self.skip_from(depth + 1)?;
                    self.skip_from(depth + 1)?;
                }
            }
            0xa0..=0xbf | 0xc4..=0xc6 | 0xd9..=0xdb => drop(self.bytes()?),
            0xc7..=0xc9 | 0xd4..=0xd8 => drop(self.extension()?),
            _ => drop(self.number()?),
        }
        Ok(())
    }

    /// The payload of an extension, whose type nobody here understands.
    fn extension(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = match self.peek("an extension")? {
            marker @ 0xd4..=0xd8 => self.one(1 << (marker - 0xd4)),
            0xc7 => self.word::<1>()?,
            0xc8 => self.word::<2>()?,
            _ => self.word::<4>()?,
        };
        let len = self.checked_len(len.saturating_add(1), 1)?;
        let bytes = &self.body[self.at + 1..self.at + len];
        self.at += len;
        Ok(bytes)
    }

    /// One value of any kind, within `limits`. Nil becomes empty text; an error names what broke.
    pub fn value(&mut self, limits: &Limits) -> Result<Value<'a>, DecodeError> {
        let (start, mut budget) = (self.at, Budget::new(self.body.len() - self.at, limits));
        let value = self.budgeted_value(0, &mut budget);
        value.map_err(|fault| fault.of_request(limits, "items", start))
    }

    pub(crate) fn budgeted_value(&mut self, depth: usize, budget: &mut Budget) -> Result<Value<'a>, Fault> {
        let offset = self.at;
        Ok(match self.peek("a value")? {
            0xc0 => {
                self.at += 1;
                Value::Str(Cow::Borrowed(""))
            }
            marker @ (0xc2 | 0xc3) => {
                self.at += 1;
                Value::Bool(marker == 0xc3)
            }
            0xa0..=0xbf | 0xd9..=0xdb => Value::Str(self.charged_bytes(budget).map(text)?),
            0xc4..=0xc6 => Value::Bytes(Cow::Borrowed(self.charged_bytes(budget)?)),
            0xc7..=0xc9 | 0xd4..=0xd8 => Value::Bytes(Cow::Borrowed(self.extension()?)),
            0x80..=0x9f | 0xdc..=0xdf if depth >= budget.limits.depth => {
                return Err(Fault::Record(Reject::TooDeep));
            }
            0x90..=0x9f | 0xdc | 0xdd => {
                let len = self.array()?;
                budget.charge(len * ATTR_BYTES, offset)?;
                let mut items = Vec::with_capacity(len);
                for _ in 0..len {
                    items.push(self.budgeted_value(depth + 1, budget)?);
                }
                Value::List(items)
            }
            0x80..=0x8f | 0xde | 0xdf => {
                let len = self.map()?;
                budget.charge(len * ATTR_BYTES, offset)?;
                let mut entries = Attrs::with_capacity(len);
                for _ in 0..len {
                    let key = self.key(budget)?;
                    entries.push((key, self.budgeted_value(depth + 1, budget)?));
                }
                Value::Map(entries)
            }
            _ => self.number()?.into_value(),
        })
    }

    fn charged_bytes(&mut self, budget: &mut Budget) -> Result<&'a [u8], DecodeError> {
        let bytes = self.bytes()?;
        budget.charge(bytes.len(), self.at)?;
        Ok(bytes)
    }

    /// A map's key. Keys that are numbers become their digits.
    fn key(&mut self, budget: &mut Budget) -> Result<Text<'a>, DecodeError> {
        match self.peek("a key")? {
            0xa0..=0xbf | 0xc4..=0xc6 | 0xd9..=0xdb => self.charged_bytes(budget).map(text),
            _ => Ok(match self.number()? {
                Number::Int(number) => Cow::Owned(number.to_string()),
                Number::Large(number) => Cow::Owned(number.to_string()),
                Number::Double(number) => Cow::Owned(number.to_string()),
            }),
        }
    }
}
