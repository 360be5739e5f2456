//! Broken bytes: real requests with bytes changed, cut out or cut off never panic a decoder, and never make it hold more
//! than the limits say.

use super::alloc::measure;
use super::fixtures::{Fixture, all};
use super::recorder::{Counts, decode};
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::OnceLock;
use tundra_wire::{DecodeError, Limits};

fn fixtures() -> &'static [Fixture] {
    static ALL: OnceLock<Vec<Fixture>> = OnceLock::new();
    ALL.get_or_init(all)
}

/// Decodes and checks what was held meanwhile. A decoder holds one record at a time, and buffers double as they grow.
pub(crate) fn decode_within_bounds(format: &str, body: &[u8]) -> (Counts, Result<(), DecodeError>) {
    let limits = Limits::default();
    let mut counts = Counts::default();
    let mut outcome = Ok(());
    let (peak, _) = measure(|| outcome = decode(format, body, &limits, &mut counts));
    let allowed = limits.decoded_bytes.min((body.len() * limits.growth).max(1 << 20));
    assert!(peak <= 2 * allowed, "{format}: {} bytes became {peak}", body.len());
    (counts, outcome)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn broken_requests_do_no_harm(
        which: Index,
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 0..8),
        cut in proptest::option::of((any::<Index>(), 1usize..64)),
        end in proptest::option::of(any::<Index>()),
    ) {
        let fixture = which.get(fixtures());
        let mut body = fixture.body.clone();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some((from, len)) = cut {
            let from = from.index(body.len());
            body.drain(from..(from + len).min(body.len()));
        }
        if let Some(end) = end {
            body.truncate(end.index(body.len() + 1));
        }
        let _either_way = decode_within_bounds(&fixture.format, &body);
    }

    #[test]
    fn any_bytes_in_any_format_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for format in super::hostile::FORMATS {
            let _either_way = decode_within_bounds(format, &bytes);
        }
    }
}

/// Every request is read by every decoder: wrong content types are refused or read as nothing, never a panic.
#[test]
fn wrong_formats_do_no_harm() {
    for fixture in fixtures() {
        for format in super::hostile::FORMATS {
            let _either_way = decode_within_bounds(format, &fixture.body);
        }
    }
}

/// A body cut off anywhere is refused, or ends between two records.
#[test]
fn every_truncation_of_a_request() {
    for name in ["datadog/rs-v05/0002-POST_v0.5_traces.bin", "datadog/js-otlp/0004-POST_v1_traces.bin"] {
        let fixture = fixtures().iter().find(|fixture| fixture.name == name).unwrap();
        for end in (1..fixture.body.len()).step_by(7) {
            let mut counts = Counts::default();
            let body = &fixture.body[..end];
            let error = decode(&fixture.format, body, &Limits::default(), &mut counts).unwrap_err();
            assert!(error.offset() <= end && error.to_string().len() < 200, "{name} at {end}: {error}");
        }
    }
}
