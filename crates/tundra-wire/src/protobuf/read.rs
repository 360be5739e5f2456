//! Walks the fields of one message without copying. `otlp` matches on number and wire type; a field of an unexpected
//! number or wire type is skipped, as the protobuf rules want it.

use crate::error::DecodeError;

/// The value of a field as the wire has it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(Message<'a>),
}

/// Bytes with their place in the body, so that errors can name it: a nested message, a text or an id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) offset: usize,
}

impl<'a> Message<'a> {
    pub(crate) fn body(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    #[inline(always)]
    pub(crate) fn fields(self) -> Fields<'a> {
        Fields { rest: self.bytes, end: self.offset + self.bytes.len() }
    }

    #[inline(always)]
    pub(crate) fn text(self) -> tundra_record::Text<'a> {
        crate::text::text(self.bytes)
    }
}

/// The fields of a message, in wire order.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    end: usize,
}

impl<'a> Fields<'a> {
    #[inline(always)]
    pub(crate) fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    /// The next field, or `None` at the end of the message.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Wire<'a>)>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let at = self.offset();
        let key = self.varint()?;
        let number = match u32::try_from(key >> 3) {
            Ok(number) if number != 0 => number,
            _ => return Err(DecodeError::Unexpected { offset: at, expected: "a protobuf field" }),
        };
        let wire = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => Wire::Bytes(self.delimited()?),
            5 => Wire::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(DecodeError::Unexpected { offset: at, expected: "a protobuf wire type" }),
        };
        Ok(Some((number, wire)))
    }

    #[inline(always)]
    fn varint(&mut self) -> Result<u64, DecodeError> {
        if let Some((&first, rest)) = self.rest.split_first()
            && first < 0x80
        {
            self.rest = rest;
            return Ok(u64::from(first));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0;
        for (at, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                if at == 9 && byte > 1 {
                    break;
                }
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
        }
        let offset = self.offset();
        Err(if self.rest.len() < 10 {
            DecodeError::Truncated { offset: self.end, expected: "the rest of a varint" }
        } else {
            DecodeError::Unexpected { offset, expected: "a varint of at most ten bytes" }
        })
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => Err(DecodeError::Truncated { offset: self.end, expected: "a fixed-width number" }),
        }
    }

    #[inline(always)]
    fn delimited(&mut self) -> Result<Message<'a>, DecodeError> {
        let len = self.varint()?;
        let offset = self.offset();
        match usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len)) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(Message { bytes, offset })
            }
            None => Err(DecodeError::Truncated {
                offset: self.end,
                expected: "as many bytes as a length prefix promised",
            }),
        }
    }
}

/// A packed list of 64-bit words.
pub(crate) fn packed_fixed64(list: Message<'_>) -> Result<impl Iterator<Item = u64>, DecodeError> {
    let (words, rest) = list.bytes.as_chunks::<8>();
    if !rest.is_empty() {
        let offset = list.offset + words.len() * 8;
        return Err(DecodeError::Truncated { offset, expected: "a whole number of 64-bit words" });
    }
    Ok(words.iter().map(|word| u64::from_le_bytes(*word)))
}

/// A packed list of varints.
pub(crate) fn packed_varints(
    list: Message<'_>,
    mut keep: impl FnMut(u64) -> Result<(), crate::budget::Fault>,
) -> Result<(), crate::budget::Fault> {
    let mut fields = list.fields();
    while !fields.rest.is_empty() {
        keep(fields.varint()?)?;
    }
    Ok(())
}
