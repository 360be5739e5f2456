//! Appends protobuf fields to a buffer. Fields with the default value are left out, as proto3 does.

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

fn raw_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn key(field: u32, wire: u32, out: &mut Vec<u8>) {
    raw_varint(u64::from(field << 3 | wire), out);
}

/// A whole number; nothing if zero.
pub(crate) fn varint(field: u32, value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        key(field, VARINT, out);
        raw_varint(value, out);
    }
}

/// A 64-bit word; nothing if zero.
pub(crate) fn fixed64(field: u32, value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        key(field, FIXED64, out);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// A 32-bit word; nothing if zero.
pub(crate) fn fixed32(field: u32, value: u32, out: &mut Vec<u8>) {
    if value != 0 {
        key(field, FIXED32, out);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// A double, zero included: used where presence carries meaning.
pub(crate) fn double(field: u32, value: f64, out: &mut Vec<u8>) {
    key(field, FIXED64, out);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Bytes; nothing if empty.
pub(crate) fn bytes(field: u32, value: &[u8], out: &mut Vec<u8>) {
    if !value.is_empty() {
        key(field, DELIMITED, out);
        raw_varint(value.len() as u64, out);
        out.extend_from_slice(value);
    }
}

/// Text; nothing if empty.
pub(crate) fn text(field: u32, value: &str, out: &mut Vec<u8>) {
    bytes(field, value.as_bytes(), out);
}

/// A packed list of 64-bit words; nothing if empty.
pub(crate) fn packed(field: u32, words: impl ExactSizeIterator<Item = u64>, out: &mut Vec<u8>) {
    if words.len() > 0 {
        key(field, DELIMITED, out);
        raw_varint(words.len() as u64 * 8, out);
        words.for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    }
}

/// A nested message, empty ones included. The length is put before the content once it is known: one byte is
/// reserved, and longer messages move up by what their length needs.
pub(crate) fn message(field: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    key(field, DELIMITED, out);
    let length_at = out.len();
    out.push(0);
    write(out);
    let len = out.len() - length_at - 1;
    if let Ok(short @ 0..0x80) = u8::try_from(len) {
        out[length_at] = short;
        return;
    }
    let mut prefix = Vec::with_capacity(10);
    raw_varint(len as u64, &mut prefix);
    out.splice(length_at..=length_at, prefix);
}
