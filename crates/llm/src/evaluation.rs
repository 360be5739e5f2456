//! Judgements that arrive as requests of their own, with the JSON body of Langfuse's scores. (Datadog's come as log
//! records, which `dialect::datadog` reads.)

use crate::fields::{inside, parse, word};
use crate::limits::EVALUATIONS_MAX;
use tundra_record::llm::Evaluation;
use tundra_record::{SpanId, TraceId, Value};

/// A judgement and what it is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// The judgement itself.
    pub evaluation: Evaluation,
    /// The trace, if named.
    pub trace_id: Option<TraceId>,
    /// The span that was judged.
    pub span_id: Option<SpanId>,
    /// The conversation that was judged, if it is one.
    pub session_id: Option<String>,
}

/// A body that holds no judgements.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// Not JSON, or too large a JSON.
    #[error("the body is not JSON of at most 4 MiB; send one JSON document")]
    NotJson,
    /// JSON of another shape.
    #[error("`{field}` is missing or of another type; send what the client library sends")]
    Shape {
        /// What was looked for.
        field: &'static str,
    },
    /// More judgements than one request may hold.
    #[error("`{count}` evaluations in one request, the limit is `{limit}`; send them in several requests")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
}

fn items<'v, 'a>(
    value: Option<&'v Value<'a>>,
    field: &'static str,
) -> Result<&'v [Value<'a>], EvaluationError> {
    match value {
        Some(Value::List(items)) if items.len() > EVALUATIONS_MAX => {
            Err(EvaluationError::TooMany { count: items.len(), limit: EVALUATIONS_MAX })
        }
        Some(Value::List(items)) => Ok(items),
        _ => Err(EvaluationError::Shape { field }),
    }
}

/// Reads the body of Langfuse's `/api/public/scores`: one score or a list.
pub fn langfuse_scores(json: &str) -> Result<Vec<Judgement>, EvaluationError> {
    let body = parse(json).ok_or(EvaluationError::NotJson)?;
    match &body {
        Value::Map(_) => Ok(vec![langfuse_score(&body)]),
        list => Ok(items(Some(list), "list of scores")?.iter().map(langfuse_score).collect()),
    }
}

fn langfuse_score(score: &Value<'_>) -> Judgement {
    let text = |keys: &[&str]| inside(score, keys).and_then(word);
    let value = score.get("value");
    let label = value.and_then(Value::as_str).filter(|text| text.parse::<f64>().is_err());
    Judgement {
        evaluation: Evaluation {
            name: text(&["name"]).unwrap_or_default(),
            value: value.and_then(Value::as_double),
            label: label.map(str::to_owned).or_else(|| text(&["stringValue"])),
            explanation: text(&["comment"]),
        },
        trace_id: text(&["traceId"]).and_then(|id| id.parse().ok()),
        span_id: text(&["observationId"]).and_then(|id| id.parse().ok()),
        session_id: text(&["sessionId"]),
    }
}

#[cfg(test)]
mod tests;
