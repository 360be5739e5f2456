//! Judgements on answers: OpenTelemetry's event `gen_ai.evaluation.result`, inside the span it judges.

use tracing::field::Empty;
use tracing::{Level, Span, event, info_span};

/// The event's name.
pub(crate) const EVALUATION: &str = "gen_ai.evaluation.result";

/// One judgement: a score, a label, or both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// What was judged (`relevance`, `toxicity`, ...).
    pub name: String,
    /// The score.
    pub value: Option<f64>,
    /// The verdict (`pass`, `relevant`, ...); empty if none.
    pub label: String,
    /// Why; empty if not said.
    pub explanation: String,
    /// The answer's id, if the judgement is told outside of its span; empty if not.
    pub response_id: String,
}

/// A span for the work of judging, usually a call of another model.
pub fn evaluation(name: &str) -> Span {
    info_span!(
        "evaluate",
        gen_ai.operation.name = "evaluate",
        gen_ai.evaluation.name = name,
        otel.kind = "internal",
        gen_ai.evaluation.score.value = Empty,
        gen_ai.evaluation.score.label = Empty
    )
}

impl Evaluation {
    /// Tells it about the span that the thread is inside of.
    pub fn tell(&self) {
        let some = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
        event!(name: EVALUATION, Level::INFO, gen_ai.evaluation.name = self.name,
            gen_ai.evaluation.score.value = self.value, gen_ai.evaluation.score.label = some(&self.label),
            gen_ai.evaluation.explanation = some(&self.explanation), gen_ai.response.id = some(&self.response_id),
            "gen_ai.evaluation.result");
    }
}
