//! Judgements that arrive as requests of their own: Datadog's eval metrics and Langfuse's scores. `intake` calls these
//! with the JSON body and stores each judgement beside the span it names.

use crate::fields::{dig, inside, parse, word};
use crate::limits::EVALUATIONS_MAX;
use tundra_record::llm::Evaluation;
use tundra_record::{SpanId, TraceId, UnixNanos, Value};

/// A judgement and what it is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// The judgement itself.
    pub evaluation: Evaluation,
    /// The trace, where the client names the trace that its spans are in. Datadog's LLM trace id is another id than
    /// that of the APM trace, so for Datadog only the span joins.
    pub trace_id: Option<TraceId>,
    /// The span that was judged.
    pub span_id: Option<SpanId>,
    /// The tag that the judged span carries, for clients that join by a tag.
    pub tag: Option<(String, String)>,
    /// The conversation that was judged, if it is one.
    pub session_id: Option<String>,
    /// When it was judged, if said.
    pub time: Option<UnixNanos>,
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

/// Reads the body of Datadog's `/api/intake/llm-obs/v1` and `v2` `/eval-metric`.
pub fn datadog_evaluations(json: &str) -> Result<Vec<Judgement>, EvaluationError> {
    let body = parse(json).ok_or(EvaluationError::NotJson)?;
    let metrics = dig(&body, &["data", "attributes", "metrics"]);
    Ok(items(metrics, "data.attributes.metrics")?.iter().map(datadog_metric).collect())
}

fn datadog_metric(metric: &Value<'_>) -> Judgement {
    let text = |keys: &[&str]| inside(metric, keys).and_then(word);
    let span = dig(metric, &["join_on", "span"]).unwrap_or(metric);
    let tag = dig(metric, &["join_on", "tag"]).and_then(|tag| {
        Some((inside(tag, &["key"]).and_then(word)?, inside(tag, &["value"]).and_then(word)?))
    });
    let truth = metric.get("boolean_value").and_then(Value::as_bool);
    let json = metric.get("json_value").map(|value| value.to_text().into_owned());
    let label = text(&["categorical_value", "text_value"]).or(truth.map(|t| t.to_string())).or(json);
    Judgement {
        evaluation: Evaluation {
            name: text(&["label"]).unwrap_or_default(),
            value: metric.get("score_value").and_then(Value::as_double).or(truth.map(f64::from)),
            label: label.or_else(|| text(&["assessment"])),
            explanation: text(&["reasoning"]),
        },
        trace_id: None,
        span_id: inside(span, &["span_id"]).and_then(decimal_span),
        tag,
        session_id: text(&["session_id"]),
        time: metric
            .get("timestamp_ms")
            .and_then(Value::as_int)
            .map(|ms| UnixNanos(ms.saturating_mul(1_000_000))),
    }
}

/// Datadog writes span ids in decimal, as text or number.
fn decimal_span(value: &Value<'_>) -> Option<SpanId> {
    let id = match value {
        Value::Str(text) => text.parse().ok()?,
        other => other.as_int().and_then(|id| u64::try_from(id).ok())?,
    };
    Some(SpanId(id)).filter(|id| id.is_valid())
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
        tag: None,
        session_id: text(&["sessionId"]),
        time: None,
    }
}

#[cfg(test)]
mod tests;
