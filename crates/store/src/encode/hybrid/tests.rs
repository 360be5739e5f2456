//! Numbers are found again by a reader that follows the format's description.

use super::*;
use proptest::prelude::*;

fn read(mut bytes: &[u8], width: u8, count: usize) -> Vec<u32> {
    let mut out = Vec::new();
    let varint = |bytes: &mut &[u8]| {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            let (byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return number as usize;
            }
        }
    };
    while out.len() < count {
        let header = varint(&mut bytes);
        if header & 1 == 0 {
            let (value, rest) = bytes.split_at(usize::from(width.div_ceil(8)));
            bytes = rest;
            let mut whole = [0; 4];
            whole[..value.len()].copy_from_slice(value);
            out.extend(std::iter::repeat_n(u32::from_le_bytes(whole), header >> 1));
        } else {
            let (packed, rest) = bytes.split_at((header >> 1) * usize::from(width));
            bytes = rest;
            let bit = |at: usize| u32::from(packed[at / 8] >> (at % 8) & 1);
            let value = |at: usize| {
                (0..usize::from(width)).map(|n| bit(at * usize::from(width) + n) << n).sum::<u32>()
            };
            out.extend((0..(header >> 1) * 8).map(value));
        }
    }
    assert!(bytes.is_empty());
    assert!(out.len() < count + 8 && out[count..].iter().all(|value| *value == 0));
    out.truncate(count);
    out
}

fn check(values: &[u32]) {
    let width = width(values.iter().copied().max().unwrap_or_default());
    let mut bytes = Vec::new();
    write(values, width, &mut bytes);
    assert_eq!(read(&bytes, width, values.len()), values);
}

#[test]
fn numbers_are_found_again() {
    let long: Vec<u32> = (0..1000).collect();
    let cases: [&[u32]; 9] = [
        &[],
        &[0],
        &[1; 7],
        &[1; 8],
        &[u32::MAX; 9],
        &[1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 9],
        &[0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0],
        &[u32::MAX, 0, 1, 2, 3, 4, 5, 6, 7],
        &long,
    ];
    cases.into_iter().for_each(check);
}

proptest! {
    #[test]
    fn any_numbers_are_found_again(
        runs in proptest::collection::vec((0_u32..5, 1_usize..30, 0_u32..32), 0..40),
    ) {
        let values: Vec<u32> =
            runs.into_iter().flat_map(|(value, length, shift)| vec![value << shift; length]).collect();
        check(&values);
    }
}
