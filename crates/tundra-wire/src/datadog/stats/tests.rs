//! Sketches stay within their error, and the payload is the map that Agents read.

use super::*;
use crate::Limits;
use crate::msgpack::Reader;
use tundra_record::Value;

/// The duration that a quantile of the sketch stands for.
fn quantile(sketch: &Sketch, part: f64) -> f64 {
    let rank = part * (sketch.count() - 1.0);
    let mut seen = sketch.zeros;
    if rank < seen {
        return 0.0;
    }
    for (at, count) in sketch.bins.iter().enumerate() {
        seen += count;
        if rank < seen {
            let lower = GAMMA.powf(f64::from(sketch.first) + at as f64 - INDEX_OFFSET);
            return lower * 2.0 / (1.0 + 1.0 / GAMMA);
        }
    }
    f64::INFINITY
}

#[test]
fn sketches_keep_their_error() {
    let check = |durations: &mut Vec<u64>| {
        let mut sketch = Sketch::default();
        durations.iter().for_each(|nanos| sketch.add(*nanos));
        assert_eq!(sketch.count(), durations.len() as f64);
        durations.sort_unstable();
        for part in [0.0, 0.5, 0.9, 0.99, 1.0] {
            let exact = durations[(part * (durations.len() - 1) as f64) as usize] as f64;
            let found = quantile(&sketch, part);
            assert!((found - exact).abs() <= exact * 0.0079 + 1e-9, "{part}: {found} for {exact}");
        }
    };
    check(&mut vec![0]);
    check(&mut vec![1, 2, 3, 0]);
    check(&mut (1..10_000).rev().collect());
    check(&mut (0..60).map(|n| 1 << n.min(55)).collect());
    check(&mut vec![1_000_000; 1000]);
}

#[test]
fn the_longest_duration_counts_too() {
    let mut sketch = Sketch::default();
    [u64::MAX, 1].into_iter().for_each(|nanos| sketch.add(nanos));
    assert_eq!((sketch.count(), sketch.bins.len() <= BINS), (2.0, true));
}

#[test]
fn a_payload_is_read_back() {
    let key = Key { service: "s".into(), resource: "GET /".into(), root: true, ..Key::default() };
    let mut group = Group { hits: 2, errors: 1, top_level_hits: 2, duration: 30, ..Group::default() };
    group.ok.add(10);
    group.failed.add(20);
    let bucket = Bucket { start: 10, duration: 10_000_000_000, groups: vec![(key, group)] };
    let sender = Sender { env: "test", sequence: 7, ..Sender::default() };
    let mut body = Vec::new();
    encode(&sender, &[bucket], &mut body);
    let mut reader = Reader::new(&body);
    let value = reader.value(&Limits::default()).expect("msgpack");
    assert!(reader.is_empty());
    let at = |value: &Value<'static>, path: &[&str]| {
        let mut found = value.clone();
        for key in path {
            found = match &found {
                Value::List(items) => items[0].get(key).expect(key).clone(),
                other => other.get(key).expect(key).clone(),
            };
        }
        found
    };
    let value = value.into_owned();
    let check = |path: &[&str], expect: Value<'static>| assert_eq!(at(&value, path), expect, "{path:?}");
    check(&["Env"], "test".into());
    check(&["Sequence"], Value::Int(7));
    check(&["Stats", "Start"], Value::Int(10));
    check(&["Stats", "Stats", "Hits"], Value::Int(2));
    check(&["Stats", "Stats", "Errors"], Value::Int(1));
    check(&["Stats", "Stats", "IsTraceRoot"], Value::Int(1));
    check(&["Stats", "Stats", "Resource"], "GET /".into());
    let Value::Bytes(sketch) = at(&value, &["Stats", "Stats", "OkSummary"]) else { panic!("no bytes") };
    // Mapping: field 1, 18 bytes, gamma as a double.
    assert_eq!(&sketch[..11], [&[0x0a, 18, 0x09][..], &GAMMA.to_le_bytes()].concat());
}
