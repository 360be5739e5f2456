//! Whatever the encoders write, the decoders read back as it was.

use super::recorder::{Item, record, spans};
use super::strategies::{datadog_chunk, log, point, sender, span, value};
use proptest::collection::vec;
use proptest::prelude::*;
use tundra_record::Resource;
use tundra_wire::datadog::encode::{Chunk, v04, v05};
use tundra_wire::{Limits, msgpack, otlp};

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn otlp_spans((resource, scope) in sender(), records in vec(span(), 0..4)) {
        let mut body = Vec::new();
        otlp::encode::traces(&resource, &scope, &records, &mut body);
        let mut expected = vec![Item::Resource(resource), Item::Scope(scope)];
        expected.extend(records.into_iter().map(Item::Span));
        prop_assert_eq!(record("otlp-traces", &body).unwrap(), expected);
    }

    #[test]
    fn otlp_logs((resource, scope) in sender(), records in vec(log(), 0..4)) {
        let mut body = Vec::new();
        otlp::encode::logs(&resource, &scope, &records, &mut body);
        let mut expected = vec![Item::Resource(resource), Item::Scope(scope)];
        expected.extend(records.into_iter().map(Item::Log));
        prop_assert_eq!(record("otlp-logs", &body).unwrap(), expected);
    }

    #[test]
    fn otlp_metrics((resource, scope) in sender(), records in vec(point(), 0..4)) {
        let mut body = Vec::new();
        otlp::encode::metrics(&resource, &scope, &records, &mut body);
        let mut expected = vec![Item::Resource(resource), Item::Scope(scope)];
        expected.extend(records.into_iter().map(Item::Metric));
        prop_assert_eq!(record("otlp-metrics", &body).unwrap(), expected);
    }

    #[test]
    fn requests_grow_by_appending((resource, scope) in sender(), a in vec(span(), 1..3), b in vec(span(), 1..3)) {
        let mut body = Vec::new();
        otlp::encode::traces(&resource, &scope, &a, &mut body);
        otlp::encode::traces(&resource, &scope, &b, &mut body);
        prop_assert_eq!(spans("otlp-traces", &body), [a, b].concat());
    }

    #[test]
    fn datadog_spans(chunks in vec(datadog_chunk(), 0..3)) {
        let mut body = Vec::new();
        let parts: Vec<_> = chunks.iter().map(|spans| Chunk { resource: None, spans }).collect();
        v04(&parts, &mut body);
        prop_assert_eq!(spans("v04", &body), chunks.concat());
    }

    #[test]
    fn datadog_spans_in_a_table(mut chunks in vec(datadog_chunk(), 0..3)) {
        // There is no place for structures in v0.5, and none to leave service and resource out.
        for span in chunks.iter_mut().flatten() {
            span.attrs.retain(|(key, _)| !key.starts_with("meta_struct."));
            for text in [&mut span.service, &mut span.resource] {
                text.get_or_insert_default();
            }
        }
        let mut body = Vec::new();
        let parts: Vec<_> = chunks.iter().map(|spans| Chunk { resource: None, spans }).collect();
        v05(&parts, &mut body);
        let mut found = spans("v05", &body);
        // The type comes last there.
        for span in &mut found {
            if let Some(at) = span.attrs.iter().position(|(key, _)| key == "span.type") {
                span.attrs[..=at].rotate_right(1);
            }
        }
        prop_assert_eq!(found, chunks.concat());
    }

    #[test]
    fn otlp_json_spans((resource, scope) in sender(), records in vec(span(), 0..4)) {
        let mut body = String::new();
        otlp::json::encode::traces(&resource, &scope, &records, &mut body);
        let mut expected = vec![Item::Resource(resource), Item::Scope(scope)];
        expected.extend(records.into_iter().map(Item::Span));
        prop_assert_eq!(record("otlp-traces-json", body.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn otlp_json_logs((resource, scope) in sender(), records in vec(log(), 0..4)) {
        let mut body = String::new();
        otlp::json::encode::logs(&resource, &scope, &records, &mut body);
        let mut expected = vec![Item::Resource(resource), Item::Scope(scope)];
        expected.extend(records.into_iter().map(Item::Log));
        prop_assert_eq!(record("otlp-logs-json", body.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn otlp_json_metrics((resource, scope) in sender(), records in vec(point(), 0..4)) {
        let mut body = String::new();
        otlp::json::encode::metrics(&resource, &scope, &records, &mut body);
        let mut expected = vec![Item::Resource(resource), Item::Scope(scope)];
        expected.extend(records.into_iter().map(Item::Metric));
        prop_assert_eq!(record("otlp-metrics-json", body.as_bytes()).unwrap(), expected);
    }

    /// What came by OTLP changes once on its way to Datadog, and never again.
    #[test]
    fn otlp_spans_settle_in_datadog((resource, _) in sender(), mut records in vec(span(), 1..3)) {
        let id = records[0].trace_id;
        records.iter_mut().for_each(|span| span.trace_id = id);
        let once = through_v04(&records, Some(&resource));
        let twice = through_v04(&once, None);
        for (came, went) in records.iter().zip(&once) {
            prop_assert_eq!((came.trace_id, came.span_id, came.parent_id), (went.trace_id, went.span_id, went.parent_id));
            prop_assert_eq!((&came.name, came.start, came.duration), (&went.name, went.start, went.duration));
            prop_assert_eq!((came.status, came.kind), (went.status, went.kind));
            prop_assert_eq!(came.events.len(), went.events.len());
        }
        prop_assert_eq!(through_v04(&twice, None), twice);
    }

    #[test]
    fn msgpack_values(value in value()) {
        let mut bytes = Vec::new();
        msgpack::Writer::new(&mut bytes).value(&value);
        let mut reader = msgpack::Reader::new(&bytes);
        prop_assert_eq!(reader.value(&Limits::default()).unwrap(), value);
        prop_assert!(reader.is_empty());
    }
}

fn through_v04(
    records: &[tundra_record::Span<'static>],
    resource: Option<&Resource<'static>>,
) -> Vec<tundra_record::Span<'static>> {
    let mut body = Vec::new();
    v04(&[Chunk { resource, spans: records }], &mut body);
    spans("v04", &body)
}
