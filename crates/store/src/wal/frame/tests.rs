//! Frames are found again, and no flipped bit passes for a good frame.

use super::*;

fn frame_of(payload: &[u8], seq: u64) -> Vec<u8> {
    let mut frame = begin();
    frame.extend_from_slice(payload);
    seal(&mut frame, FLAG_SAMPLE);
    number(&mut frame, seq);
    frame
}

#[test]
fn a_frame_comes_back_whatever_its_length() {
    for len in 0..40usize {
        let payload: Vec<u8> = (0..len as u8).collect();
        let frame = frame_of(&payload, 7);
        assert_eq!(frame.len() % 8, 0);
        let Found::Frame(header, found) = find(&frame) else { panic!("{len}") };
        assert_eq!((header.seq, header.flags, header.frame_len()), (7, FLAG_SAMPLE, frame.len()));
        assert_eq!(found, payload);
        for cut in 0..frame.len() {
            assert_eq!(find(&frame[..cut]), Found::Cut, "{len} cut at {cut}");
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
        let skip = match find(&bytes) {
            Found::Damaged(header) => header.frame_len(),
            Found::Noise(len) => len,
            // Bits of the padding, and the four zero bytes of the header, carry nothing.
            Found::Frame(_, payload) => {
                assert_eq!(payload, b"the first payload, some bytes long", "bit {bit}");
                first.len()
            }
            Found::Cut => panic!("bit {bit} hid the second frame"),
        };
        let Found::Frame(header, _) = find(&bytes[skip..]) else { panic!("bit {bit}") };
        assert_eq!(header.seq, 2);
    }
}
