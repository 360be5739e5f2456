//! What is behind a segment's end is never taken for a part of it, and what is missing before its end is noticed.

use super::*;
use crate::wal::frame::{begin as frame_begin, number, seal};

fn frame_of(seq: u64, life: u32) -> Vec<u8> {
    let mut frame = frame_begin();
    frame.extend_from_slice(format!("payload {seq} ").repeat(1 + seq as usize % 7).as_bytes());
    seal(&mut frame, 0);
    number(&mut frame, seq, life);
    frame
}

/// A segment with these frames, written over an earlier life.
fn segment(old: &[u8], life: u32, seqs: std::ops::Range<u64>) -> (Vec<u8>, usize) {
    let mut bytes = empty(life, seqs.start - 1);
    for seq in seqs.clone() {
        bytes.truncate(bytes.len() - end(0, life).len());
        bytes.extend_from_slice(&frame_of(seq, life));
        bytes.extend_from_slice(&end(seq, life));
    }
    let written = bytes.len();
    bytes.extend_from_slice(old.get(written..).unwrap_or_default());
    (bytes, written)
}

fn read(bytes: &[u8]) -> (Vec<u64>, Damage) {
    let mut seqs = Vec::new();
    let damage = walk(
        bytes,
        begin(bytes),
        |_| {},
        |header, _, _| {
            seqs.push(header.seq);
            true
        },
    );
    (seqs, damage)
}

fn is_whole(damage: Damage) -> bool {
    damage == Damage::default()
}

#[test]
fn earlier_lives_are_not_read() {
    let mut old = Vec::new();
    for (life, seqs) in [(1, 1..40), (2, 50..70), (3, 70..71), (4, 90..90), (5, 100..130)] {
        let (bytes, written) = segment(&old, life, seqs.clone());
        assert_eq!(read(&bytes), (seqs.clone().collect(), Damage::default()), "life {life}");
        assert_eq!(read(&bytes[..written]), (seqs.collect(), Damage::default()), "life {life}, cut");
        old = bytes;
    }
}

#[test]
fn a_torn_end_is_noticed_wherever_it_tore() {
    let (old, _) = segment(&[], 1, 1..40);
    let (whole, _) = segment(&old, 2, 50..53);
    let (next, written) = segment(&old, 2, 50..54);
    let before = whole.len().min(written) - 1;
    for torn in HEAD..written {
        // Of the last group only so much came to the disk; before that, of the one before.
        let bytes = [&next[..torn], &whole[torn..]].concat();
        let (seqs, damage) = read(&bytes);
        let (short, full) = (vec![50, 51, 52], vec![50, 51, 52, 53]);
        assert!(seqs == short || seqs == full, "{torn}: {seqs:?}");
        let whole_group = bytes.starts_with(&whole[..before]) || bytes.starts_with(&next[..written]);
        assert!(is_whole(damage) == whole_group || damage.torn, "{torn}: {damage:?}");
    }
}

#[test]
fn no_flipped_bit_is_silent_in_a_file_that_served_before() {
    let (old, _) = segment(&[], 1, 1..40);
    let (bytes, written) = segment(&old, 2, 50..54);
    for bit in 0..written * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (seqs, damage) = read(&bytes);
        let own = seqs.iter().filter(|seq| (50..54).contains(*seq)).count();
        assert!(
            own == 4 || (own == 3 && damage.damaged + u64::from(damage.torn) >= 1),
            "{bit}: {seqs:?} {damage:?}"
        );
    }
}

#[test]
fn segments_of_the_first_version_are_read() {
    let mut bytes = MAGIC_1.to_vec();
    bytes.extend(frame_of(1, 0));
    bytes.extend(frame_of(2, 0));
    assert_eq!(read(&bytes), (vec![1, 2], Damage::default()));
    assert_eq!(read(&bytes[..bytes.len() - 1]), (vec![1], Damage { damaged: 0, torn: true }));
    let flipped = bytes.len() - 9;
    bytes[flipped] ^= 1;
    assert_eq!(read(&bytes), (vec![1], Damage { damaged: 1, torn: false }));
}
