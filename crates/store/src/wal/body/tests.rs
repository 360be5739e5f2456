//! What is written is what Arrow's own writer writes, byte for byte.

use super::*;
use crate::batch::Batch;
use crate::table::Table;
use crate::testing::{batch_of_spans, resource};
use arrow_array::RecordBatch;
use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteOptions};
use proptest::prelude::*;
use tundra_record::{LogRecord, MetricPoint, Source, Span, SpanId, UnixNanos, Value};

fn check(batch: &RecordBatch) -> Result<(), TestCaseError> {
    let body = Body::new(batch.columns().iter(), batch.num_rows()).unwrap();
    let mut bytes = Vec::new();
    body.write(&mut bytes);
    let options = IpcWriteOptions::try_new(8, false, MetadataVersion::V5).unwrap();
    let mut tracker = DictionaryTracker::new(true);
    let theirs =
        IpcDataGenerator::default().encode(batch, &mut tracker, &options, &mut Default::default()).unwrap().1;
    prop_assert_eq!(&body.message, &theirs.ipc_message);
    prop_assert_eq!(bytes.len(), body.bytes());
    prop_assert!(bytes == theirs.arrow_data, "the bodies differ");
    Ok(())
}

/// One record of three kinds, from a few choices.
type Choice = (u8, Option<String>, Option<u64>, f64, Vec<(String, i64)>);

fn batch_of(choices: &[Choice]) -> Batch {
    let mut batch = Batch::new(UnixNanos(7), Source::Otlp);
    batch.push_resource(&resource("checkout service"));
    for (kind, text, id, number, attrs) in choices {
        let text = text.clone().unwrap_or_default();
        let mut all: tundra_record::Attrs<'_> =
            attrs.iter().map(|(key, n)| (key.clone().into(), Value::Int(*n))).collect();
        all.push(("text".into(), text.repeat(30).into()));
        match kind % 3 {
            0 => {
                let parent_id = id.map(SpanId);
                let name = text.into();
                batch.push_span(&Span { parent_id, name, attrs: all, ..Span::default() }, None);
            }
            1 => batch.push_log(&LogRecord { body: text.into(), attrs: all, ..LogRecord::default() }, None),
            _ => {
                let value = tundra_record::MetricValue::Gauge(*number);
                let (time, start) = (UnixNanos(1), UnixNanos(0));
                let unit = "s".into();
                batch.push_metric(&MetricPoint { name: text.into(), unit, time, start, attrs: all, value });
            }
        }
    }
    batch
}

proptest! {
    #[test]
    fn bodies_are_those_of_the_usual_writer(
        choices in prop::collection::vec(
            (0..3u8, prop::option::of(".{0,20}"), prop::option::of(any::<u64>()), any::<f64>(),
             prop::collection::vec(("[a-z]{1,9}", any::<i64>()), 0..4)),
            1..70,
        ),
    ) {
        for (_, batch) in batch_of(&choices).finish() {
            check(&batch)?;
        }
    }
}

#[test]
fn merged_and_cut_batches_are_written_too() {
    for (table, batch) in batch_of_spans(1, 40) {
        assert_eq!(table, Table::Spans);
        check(&crate::merge::merge(&[batch.clone(), batch]).unwrap()).unwrap();
    }
}
