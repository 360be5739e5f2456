//! Parquet's hybrid of run lengths and packed bits, for levels and for numbers of dictionary entries. Pure; `page` calls
//! it.
//!
//! ```text
//! run:    varint(length << 1), the value in whole bytes
//! packed: varint(groups << 1 | 1), groups of eight values, lowest bit first
//! ```

/// Equal values from which a run is shorter than packing them.
const RUN_MIN: usize = 8;

/// Bits that numbers up to `max` need, at least one.
pub(super) fn width(max: u32) -> u8 {
    (32 - max.leading_zeros()).max(1) as u8
}

/// Appends `values`, of `width` bits each.
pub(super) fn write<T: Copy + PartialEq + Into<u32>>(values: &[T], width: u8, out: &mut Vec<u8>) {
    let (mut at, mut packed_from) = (0, 0);
    while at < values.len() {
        let value = values[at];
        let window = &values[at..values.len().min(at + RUN_MIN)];
        if window.len() < RUN_MIN || window.iter().any(|other| *other != value) {
            at += RUN_MIN;
            continue;
        }
        let length = values[at..].iter().take_while(|other| **other == value).count();
        pack(&values[packed_from..at], width, out);
        run(length, value.into(), width, out);
        at += length;
        packed_from = at;
    }
    pack(&values[packed_from.min(values.len())..], width, out);
}

/// Appends `length` times the same value.
pub(super) fn run(length: usize, value: u32, width: u8, out: &mut Vec<u8>) {
    if length > 0 {
        varint((length as u64) << 1, out);
        out.extend_from_slice(&value.to_le_bytes()[..usize::from(width.div_ceil(8))]);
    }
}

fn pack<T: Copy + Into<u32>>(values: &[T], width: u8, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(8);
    varint((groups as u64) << 1 | 1, out);
    let end = out.len() + groups * usize::from(width);
    let (mut bits, mut filled) = (0_u64, 0);
    for value in values {
        bits |= u64::from((*value).into()) << filled;
        filled += u32::from(width);
        if filled >= 32 {
            out.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= 32;
            filled -= 32;
        }
    }
    // The last group is filled with zeros; up to four bytes of it are in `bits`, of which not all may be wanted.
    out.extend_from_slice(&(bits as u32).to_le_bytes());
    out.resize(end, 0);
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests;
