//! Frames are found again, and no flipped bit passes for a good frame.

use super::*;

const LIFE: u32 = 0x1234_5678;

fn frame_of(payload: &[u8], seq: u64) -> Vec<u8> {
    let mut frame = begin();
    frame.extend_from_slice(payload);
    seal(&mut frame, FLAG_SAMPLE);
    number(&mut frame, seq, LIFE);
    frame
}

#[test]
fn a_frame_comes_back_whatever_its_length() {
    for len in 0..40usize {
        let payload: Vec<u8> = (0..len as u8).collect();
        let frame = frame_of(&payload, 7);
        assert_eq!(frame.len() % 8, 0);
        let Found::Frame(header, found) = find(&frame, Some(LIFE)) else { panic!("{len}") };
        assert_eq!((header.seq, header.flags, header.frame_len()), (7, FLAG_SAMPLE, frame.len()));
        assert_eq!(found, payload);
        for cut in 0..frame.len() {
            assert_eq!(find(&frame[..cut], Some(LIFE)), Found::Cut, "{len} cut at {cut}");
        }
    }
}

#[test]
fn every_flipped_bit_is_found_and_the_next_frame_survives() {
    let first = frame_of(b"the first payload, some bytes long", 1);
    let second = frame_of(b"the second", 2);
    for bit in 0..first.len() * 8 {
        let mut bytes = [first.clone(), second.clone()].concat();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let skip = match find(&bytes, Some(LIFE)) {
            Found::Damaged(header) => header.frame_len(),
            Found::Noise(len) => len,
            // Bits of the padding carry nothing.
            Found::Frame(_, payload) => {
                assert_eq!(payload, b"the first payload, some bytes long", "bit {bit}");
                first.len()
            }
            Found::Cut => panic!("bit {bit} hid the second frame"),
        };
        let Found::Frame(header, _) = find(&bytes[skip..], Some(LIFE)) else { panic!("bit {bit}") };
        assert_eq!(header.seq, 2);
    }
}

#[test]
fn frames_of_another_life_are_noise() {
    let (mut old, new) = (frame_of(b"what was here before", 9), frame_of(b"now", 3));
    for (life, found) in [(0, false), (7, false), (LIFE, true)] {
        number(&mut old, 9, life);
        let bytes = [old.clone(), new.clone()].concat();
        let first = find(&bytes, Some(LIFE));
        assert_eq!(matches!(first, Found::Frame(Header { seq: 9, .. }, _)), found, "{life}");
        assert!(found || first == Found::Noise(old.len()));
        assert!(matches!(find(&bytes, None), Found::Frame(Header { seq: 9, .. }, _)));
    }
}

#[test]
fn frames_of_the_first_version_are_read() {
    // As it was written: no life, and a checksum over 24 bytes.
    let mut frame = frame_of(b"old", 5);
    frame[28..32].fill(0);
    let crc = crc32c::crc32c(&frame[..24]);
    frame[24..28].copy_from_slice(&crc.to_le_bytes());
    assert!(matches!(find(&frame, None), Found::Frame(Header { seq: 5, .. }, b"old")));
}
