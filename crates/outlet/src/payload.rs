//! Rows of the log as requests to a Datadog Agent: spans of one trace together, a bounded number in each request.

use crate::limits::SPANS_PER_REQUEST;
use store::{LogBatch, Table, read};
use tundra_record::{EVENT_SCOPE, Resource, Source, Span, TraceId};
use tundra_wire::datadog::encode::{Chunk, v04};

/// One request.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    pub(crate) body: Vec<u8>,
    pub(crate) traces: usize,
    pub(crate) spans: u64,
}

/// What became of a read's rows.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    pub(crate) payloads: Vec<Payload>,
    /// Rows that could not be read back.
    pub(crate) damaged: u64,
    /// Spans that were told by events: no traces of an Agent's, and their traces tell them as well.
    pub(crate) events: u64,
}

/// A run of spans with the same trace, resource and door.
struct Run<'b> {
    trace: TraceId,
    resource: Resource<'b>,
    speaks_for_itself: bool,
    spans: Vec<Span<'b>>,
}

/// Encodes all spans of `batches` that may leave.
pub(crate) fn pack(batches: &[LogBatch]) -> Packed {
    let mut packed = Packed::default();
    let mut runs: Vec<Run<'_>> = Vec::new();
    let mut waiting = 0;
    let tables = batches.iter().filter(|batch| !batch.sample).flat_map(|batch| &batch.tables);
    for (_, rows) in tables.filter(|(table, _)| *table == Table::Spans) {
        for row in read::spans(rows) {
            let Ok(row) = row else {
                packed.damaged += 1;
                continue;
            };
            if row.sample {
                continue;
            }
            if row.scope.name == EVENT_SCOPE {
                packed.events += 1;
                continue;
            }
            let speaks_for_itself = row.source == Some(Source::Datadog);
            let trace = row.record.trace_id;
            let place = runs.iter_mut().rev().take(16).find(|run| {
                run.trace == trace
                    && run.speaks_for_itself == speaks_for_itself
                    && run.resource == row.resource
            });
            match place {
                Some(run) => run.spans.push(row.record),
                None => runs.push(Run {
                    trace,
                    resource: row.resource,
                    speaks_for_itself,
                    spans: vec![row.record],
                }),
            }
            waiting += 1;
            if waiting == SPANS_PER_REQUEST {
                packed.payloads.extend(encode(&runs));
                runs.clear();
                waiting = 0;
            }
        }
    }
    packed.payloads.extend(encode(&runs));
    packed
}

fn encode(runs: &[Run<'_>]) -> Option<Payload> {
    if runs.is_empty() {
        return None;
    }

    let mut payload = Payload { traces: runs.len(), ..Payload::default() };
    let chunks: Vec<Chunk<'_, '_>> = runs
        .iter()
        .map(|run| Chunk { resource: (!run.speaks_for_itself).then_some(&run.resource), spans: &run.spans })
        .collect();
    payload.spans = runs.iter().map(|run| run.spans.len() as u64).sum();
    v04(&chunks, &mut payload.body);
    Some(payload)
}
