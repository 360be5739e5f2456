//! gRPC's framing: one byte says compressed or not, four bytes the length, then the message; and the two text
//! encodings its status headers use.

use bytes::{BufMut, Bytes, BytesMut};

/// Why a body is not one gRPC message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    /// Fewer bytes than the prefix says.
    #[error("the gRPC message is truncated")]
    Truncated,
    /// More bytes than the prefix says: a stream where one message belongs.
    #[error("expected exactly one gRPC message")]
    Extra,
    /// The first byte is neither 0 nor 1.
    #[error("the gRPC compression flag is neither 0 nor 1")]
    Flag,
}

/// The one message of a unary call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message<'b> {
    pub(super) compressed: bool,
    pub(super) bytes: &'b [u8],
}

pub(super) fn message(body: &[u8]) -> Result<Message<'_>, FrameError> {
    let Some((&[flag, a, b, c, d], rest)) = body.split_first_chunk::<5>() else {
        return Err(FrameError::Truncated);
    };
    if flag > 1 {
        return Err(FrameError::Flag);
    }
    let len = u32::from_be_bytes([a, b, c, d]) as usize;
    match rest.len().cmp(&len) {
        std::cmp::Ordering::Less => Err(FrameError::Truncated),
        std::cmp::Ordering::Greater => Err(FrameError::Extra),
        std::cmp::Ordering::Equal => Ok(Message { compressed: flag == 1, bytes: rest }),
    }
}

pub(super) fn framed(message: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(5 + message.len());
    out.put_u8(0);
    out.put_u32(message.len() as u32);
    out.put_slice(message);
    out.freeze()
}

/// `grpc-message` is percent-encoded UTF-8 (gRPC over HTTP/2, section "Responses").
pub(super) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            _ => {
                let hex =
                    |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase();
                out.extend(['%', hex(byte >> 4), hex(byte & 15)]);
            }
        }
    }
    out
}

/// Binary headers travel as base64 without padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..=chunk.len() {
            out.push(char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames() {
        assert_eq!(message(&framed(b"abc")), Ok(Message { compressed: false, bytes: b"abc" }));
        assert_eq!(message(b"\x01\0\0\0\x01x"), Ok(Message { compressed: true, bytes: b"x" }));
        assert_eq!(message(b""), Err(FrameError::Truncated));
        assert_eq!(message(b"\0\xff\xff\xff\xffx"), Err(FrameError::Truncated));
        assert_eq!(message(b"\0\0\0\0\0x"), Err(FrameError::Extra));
        assert_eq!(message(b"\x02\0\0\0\0"), Err(FrameError::Flag));
    }

    #[test]
    fn texts() {
        assert_eq!(percent_encoded("a `b`\n%ü"), "a `b`%0A%25%C3%BC");
        for (plain, encoded) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
