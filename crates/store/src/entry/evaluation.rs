//! Judgements on calls and runs.

use crate::cells::rows;
use crate::entry::origin::Origin;
use crate::entry::run::Place;
use tundra_record::llm::Evaluation;

rows! {
    /// Judgements of a batch.
    EvaluationRows, EVALUATIONS {
        trace_id: Text null "trace, 32 hex digits",
        span_id: Text null "span that was judged, 16 hex digits",
        time_ns: Int some "when, nanoseconds since 1970 UTC",
        name: Text some "what was judged",
        value: Double null "the score",
        label: Text null "the verdict in a word",
        explanation: Text null "the reason given",
        source: Text some "otlp, datadog, gateway or sdk",
        service: Text null "service that was judged",
        sample: Bool some "true for sample data",
        received_ns: Int some "when it arrived",
    }
}

impl EvaluationRows {
    /// Appends a judgement.
    pub(crate) fn push(&mut self, origin: &Origin, place: &Place<'_>, evaluation: &Evaluation) {
        place.push_ids(&mut self.trace_id, &mut self.span_id);
        self.time_ns.push(place.start.plus(place.duration).0);
        self.name.push(&evaluation.name);
        self.value.maybe(evaluation.value);
        self.label.maybe(evaluation.label.as_deref());
        self.explanation.maybe(evaluation.explanation.as_deref());
        self.source.push(origin.source.as_str());
        self.service.maybe(place.service);
        self.sample.push(origin.sample);
        self.received_ns.push(origin.received.0);
    }
}
