//! Whatever a client may say comes back exactly as it came, by way of the log and of a file.

use super::*;
use crate::batch::Batch;
use crate::encode::encode;
use crate::parquet_file::Sorted;
use crate::table::Table;
use crate::wal::payload;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tundra_record::metric::Histogram;
use tundra_record::{
    Attrs, Event, Link, MetricValue, Severity, SpanId, SpanKind, Status, Temporality, TraceId, Value,
};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z.]{0,10}",
        2 => "\\PC{0,40}",
        1 => "[\\x00-\\x7f]{0,20}",
        1 => "[a-z ]{500,700}",
    ]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![proptest::num::f64::NORMAL, Just(0.0), Just(-0.0), Just(f64::INFINITY), Just(1e300)]
}

fn value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => number().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => vec(any::<u8>(), 0..300).prop_map(|bytes| Value::Bytes(bytes.into())),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::List),
            vec(("[a-z]{1,5}", inner), 0..4).prop_map(|entries| Value::Map(named(entries))),
        ]
    })
}

fn named(entries: Vec<(String, Value<'static>)>) -> Attrs<'static> {
    entries.into_iter().map(|(key, value)| (key.into(), value)).collect()
}

fn attrs() -> impl Strategy<Value = Attrs<'static>> {
    vec((text(), value()), 0..6).prop_map(named)
}

fn resource() -> impl Strategy<Value = Resource<'static>> {
    let service = option::of(text()).prop_map(|name| name.map(|name| ("service.name".into(), name.into())));
    (attrs(), service).prop_map(|(mut attrs, service)| {
        attrs.extend(service);
        Resource { attrs }
    })
}

fn scope() -> impl Strategy<Value = Scope<'static>> {
    (text(), text()).prop_map(|(name, version)| Scope { name: name.into(), version: version.into() })
}

prop_compose! {
    fn event()(time in any::<i64>(), name in text(), attrs in attrs()) -> Event<'static> {
        Event { time: UnixNanos(time), name: name.into(), attrs }
    }
}

prop_compose! {
    fn link()(ids in any::<(u128, u64)>(), state in text(), flags in any::<u32>(), attrs in attrs()) -> Link<'static> {
        Link { trace_id: TraceId(ids.0), span_id: SpanId(ids.1), trace_state: state.into(), flags, attrs }
    }
}

prop_compose! {
    fn span()(
        ids in (1..u128::MAX, 1..u64::MAX, option::of(1..u64::MAX)),
        texts in (option::of(text()), text(), option::of(text()), text(), text()),
        numbers in any::<(i64, i64, u32)>(),
        kinds in (0u64..6, 0usize..3),
        attrs in attrs(),
        events in vec(event(), 0..3),
        links in vec(link(), 0..3),
    ) -> Span<'static> {
        Span {
            trace_id: TraceId(ids.0),
            span_id: SpanId(ids.1),
            parent_id: ids.2.map(SpanId),
            service: texts.0.map(Into::into),
            name: texts.1.into(),
            resource: texts.2.map(Into::into),
            kind: SpanKind::from_otlp(kinds.0),
            start: UnixNanos(numbers.0),
            duration: numbers.1,
            status: [Status::Unset, Status::Ok, Status::Error][kinds.1],
            status_message: texts.3.into(),
            trace_state: texts.4.into(),
            flags: numbers.2,
            attrs,
            events,
            links,
        }
    }
}

prop_compose! {
    fn log()(
        time in any::<i64>(),
        severity in 0u8..25,
        texts in (text(), text()),
        body in value(),
        ids in (option::of(1..u128::MAX), option::of(1..u64::MAX)),
        attrs in attrs(),
    ) -> LogRecord<'static> {
        LogRecord {
            time: UnixNanos(time),
            severity: Severity(severity),
            severity_text: texts.0.into(),
            event_name: texts.1.into(),
            body,
            trace_id: ids.0.map(TraceId),
            span_id: ids.1.map(SpanId),
            attrs,
        }
    }
}

fn temporality() -> impl Strategy<Value = Temporality> {
    prop_oneof![Just(Temporality::Unspecified), Just(Temporality::Delta), Just(Temporality::Cumulative)]
}

fn count() -> impl Strategy<Value = u64> {
    0..=i64::MAX as u64
}

prop_compose! {
    fn histogram()(
        count in count(),
        numbers in (option::of(number()), option::of(number()), option::of(number())),
        bounds in vec(number(), 0..5),
        counts in vec(count(), 0..6),
        temporality in temporality(),
    ) -> MetricValue {
        let (sum, min, max) = numbers;
        MetricValue::Histogram(Histogram { count, sum, min, max, bounds, counts, temporality })
    }
}

fn metric_value() -> impl Strategy<Value = MetricValue> {
    prop_oneof![
        number().prop_map(MetricValue::Gauge),
        (number(), temporality(), any::<bool>())
            .prop_map(|(value, temporality, monotonic)| MetricValue::Sum { value, temporality, monotonic }),
        histogram(),
        (count(), number(), vec((number(), number()), 0..4))
            .prop_map(|(count, sum, quantiles)| MetricValue::Summary { count, sum, quantiles }),
        text().prop_map(MetricValue::SetMember),
    ]
}

prop_compose! {
    fn metric()(
        texts in (text(), text()), times in any::<(i64, i64)>(), attrs in attrs(), value in metric_value(),
    ) -> MetricPoint<'static> {
        let (time, start) = (UnixNanos(times.0), UnixNanos(times.1));
        MetricPoint { name: texts.0.into(), unit: texts.1.into(), time, start, attrs, value }
    }
}

/// The rows of a table as they come from the log, and as they come from a file.
fn both_ways(batch: Batch, table: Table) -> [RecordBatch; 2] {
    let mut bytes = Vec::new();
    payload::write(&batch.finish(), &mut bytes).unwrap();
    let logged = payload::read(&bytes, 42).unwrap();
    let logged = logged.into_iter().find(|(of, _)| *of == table).unwrap().1;
    let given = Sorted::as_given(table, vec![logged.clone()]);
    let (file, facts) = encode(table, &given, 0..logged.num_rows()).unwrap();
    assert_eq!(facts.seqs, Some((42, 42)));
    let mut reader =
        ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file)).unwrap().build().unwrap();
    let filed = reader.next().unwrap().unwrap();
    assert_eq!(filed.schema(), table.schema());
    [logged, filed]
}

fn check<'b, T: PartialEq + std::fmt::Debug + 'b>(
    rows: impl Iterator<Item = Result<Row<'b, T>, ReadError>>,
    resource: &Resource<'_>,
    scope: &Scope<'_>,
    records: &[T],
) {
    let rows: Vec<_> = rows.map(Result::unwrap).collect();
    assert_eq!(rows.len(), records.len());
    for (row, record) in rows.iter().zip(records) {
        assert_eq!(&row.record, record);
        assert_eq!((&row.resource, &row.scope), (resource, scope));
        assert_eq!(
            (row.source, row.received, row.sample, row.seq),
            (Some(Source::Datadog), UnixNanos(7), true, 42)
        );
    }
}

fn batch(resource: &Resource<'_>, scope: &Scope<'_>) -> Batch {
    let mut batch = Batch::new(UnixNanos(7), Source::Datadog);
    batch.sample(true);
    batch.push_resource(resource);
    batch.push_scope(scope);
    batch
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn spans_come_back(resource in resource(), scope in scope(), records in vec(span(), 1..8)) {
        let mut batch = batch(&resource, &scope);
        records.iter().for_each(|span| batch.push_span(span, None));
        for rows in both_ways(batch, Table::Spans) {
            check(spans(&rows), &resource, &scope, &records);
        }
    }

    #[test]
    fn logs_come_back(resource in resource(), scope in scope(), records in vec(log(), 1..8)) {
        let mut batch = batch(&resource, &scope);
        records.iter().for_each(|log| batch.push_log(log, None));
        for rows in both_ways(batch, Table::Logs) {
            check(logs(&rows), &resource, &scope, &records);
        }
    }

    #[test]
    fn metrics_come_back(resource in resource(), scope in scope(), records in vec(metric(), 1..8)) {
        let mut batch = batch(&resource, &scope);
        records.iter().for_each(|point| batch.push_metric(point));
        for rows in both_ways(batch, Table::Metrics) {
            check(metrics(&rows), &resource, &scope, &records);
        }
    }
}

#[test]
fn attributes_split_as_the_columns_say() {
    let long = "x".repeat(513);
    let attrs: Attrs<'_> = vec![
        ("a".into(), "text".into()),
        ("b".into(), long.clone().into()),
        ("c".into(), 1i64.into()),
        ("$bytes".into(), "ab".into()),
        ("d".into(), Value::List(vec![long.clone().into()])),
        ("e".into(), Value::Bytes(vec![1, 255].into())),
    ];
    let span = Span {
        trace_id: TraceId(1),
        span_id: SpanId(2),
        events: vec![Event { attrs: vec![("$bytes".into(), "00ff".into())], ..Event::default() }],
        attrs,
        ..Span::default()
    };
    let mut batch = Batch::new(UnixNanos(7), Source::Otlp);
    batch.push_span(&span, None);
    let [rows, _] = both_ways(batch, Table::Spans);
    let columns = Columns::of(&rows);
    assert_eq!(columns.text("attr_kinds", 0), Some("scisJx"));
    let small: Vec<_> = columns.map("attrs", 0).collect();
    assert_eq!(small, [("a", "text"), ("c", "1"), ("$bytes", "ab"), ("e", "01ff")]);
    assert_eq!(columns.map("content", 0).map(|(key, _)| key).collect::<Vec<_>>(), ["b", "d"]);
    assert_eq!(spans(&rows).next().unwrap().unwrap().record, span);
}
