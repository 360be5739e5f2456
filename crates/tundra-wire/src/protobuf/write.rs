//! Appends protobuf fields to a buffer. Fields with the default value are left out, as proto3 does.

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

/// A varint without a field.
#[inline]
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
    let at = open::<1>(field, out);
    write(out);
    close::<1>(at, out);
}

/// Begins a nested message for whose length `WIDTH` bytes are kept free; gives the place for `close`. A length that needs
/// fewer is written in all of them, which every reader takes, so that large messages stay where they are.
#[inline]
pub(crate) fn open<const WIDTH: usize>(field: u32, out: &mut Vec<u8>) -> usize {
    key(field, DELIMITED, out);
    let at = out.len();
    out.extend_from_slice(&[0; WIDTH]);
    at
}

/// Ends a nested message that was opened with the same width.
#[inline]
pub(crate) fn close<const WIDTH: usize>(at: usize, out: &mut Vec<u8>) {
    let len = out.len() - at - WIDTH;
    let need = width(len as u64);
    if need > WIDTH {
        let end = out.len();
        out.resize(end + need - WIDTH, 0);
        out.copy_within(at + WIDTH..end, at + need);
    }
    let width = need.max(WIDTH);
    for place in 0..width {
        let more = if place + 1 < width { 0x80 } else { 0 };
        out[at + place] = (len >> (7 * place)) as u8 & 0x7f | more;
    }
}

/// The bytes that a varint takes.
#[inline]
pub(crate) fn width(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}
