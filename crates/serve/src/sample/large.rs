//! The trace of 10,000 spans: a nightly import that works through batches of orders, with a few failures. Regular enough
//! to read, large enough to show that a waterfall of this size is nothing special.

use super::{LARGE_SPANS, Pen, attrs};
use tundra_record::{Span, SpanId, SpanKind, Status, TraceId, UnixNanos};

/// Steps of one batch: service, name, kind, milliseconds.
const STEPS: [(usize, &str, SpanKind, i64); 9] = [
    (0, "read batch", SpanKind::Internal, 1),
    (1, "GET /orders", SpanKind::Server, 3),
    (1, "SELECT orders", SpanKind::Client, 2),
    (0, "validate", SpanKind::Internal, 1),
    (2, "POST /stock", SpanKind::Server, 4),
    (2, "UPDATE stock", SpanKind::Client, 3),
    (2, "publish stock.changed", SpanKind::Producer, 1),
    (0, "write batch", SpanKind::Internal, 2),
    (1, "INSERT import_log", SpanKind::Client, 1),
];
const SERVICES: [&str; 3] = ["nightly-import", "orders", "stock"];
/// Every so many batches one fails.
const FAILS_EVERY: i64 = 97;

/// The spans by service, which end about now.
pub(super) fn spans(trace: TraceId, now: UnixNanos) -> [(&'static str, Vec<Span<'static>>); 3] {
    let batch_spans = STEPS.len() + 1;
    let batches = i64::try_from((LARGE_SPANS - 1) / batch_spans).unwrap_or(0);
    let rest = (LARGE_SPANS - 1) % batch_spans;
    let batch_ms = STEPS.iter().map(|step| step.3).sum::<i64>() + 1;
    let total_ms = batches * batch_ms + 50;
    let mut pen = Pen::new(trace, now.plus(-total_ms * super::MILLISECOND));
    let mut of: Vec<usize> = Vec::with_capacity(LARGE_SPANS);
    let root = pen.span(None, "import orders", SpanKind::Internal, 0, total_ms).span_id;
    of.push(0);
    for batch in 0..batches {
        one_batch(&mut pen, &mut of, root, batch, batch * batch_ms, batch_ms);
    }
    for at in 0..rest {
        let start = batches * batch_ms + i64::try_from(at).unwrap_or(0);
        pen.span(Some(root), "clean up", SpanKind::Internal, start, 1);
        of.push(0);
    }
    let mut spans = SERVICES.map(|service| (service, Vec::new()));
    for (span, service) in pen.spans.into_iter().zip(of) {
        spans[service].1.push(span);
    }
    spans
}

fn one_batch(pen: &mut Pen, of: &mut Vec<usize>, root: SpanId, batch: i64, start_ms: i64, batch_ms: i64) {
    let fails = batch % FAILS_EVERY == FAILS_EVERY - 1;
    let span = pen.span(Some(root), "import batch", SpanKind::Internal, start_ms, batch_ms);
    span.attrs = attrs([("batch.number", batch.into()), ("batch.orders", 50_i64.into())]);
    if fails {
        span.status = Status::Error;
    }
    let whole = span.span_id;
    of.push(0);
    let (mut at, mut parent) = (start_ms, whole);
    for (service, name, kind, milliseconds) in STEPS {
        // A call goes under the request that made it; everything else under the batch.
        let above = if kind == SpanKind::Client { parent } else { whole };
        let span = pen.span(Some(above), name, kind, at, milliseconds);
        if fails && name == "UPDATE stock" {
            span.status = Status::Error;
            span.status_message = "deadlock detected".into();
            span.attrs = attrs([("error.type", "deadlock".into()), ("db.system.name", "postgresql".into())]);
        }
        parent = span.span_id;
        of.push(service);
        at += milliseconds;
    }
}
