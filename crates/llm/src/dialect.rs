//! The dialects, one file each, and which of them a record speaks. Called by `reader`; dialects know the hub
//! (`draft`, `content`, `usage`, `raw`) and never each other, but for supersets of OpenTelemetry's.

mod braintrust;
mod claude_code;
mod codex;
pub(crate) mod datadog;
mod langfuse;
mod mlflow;
mod openinference;
mod otel_genai;
mod otel_logs;
mod traceloop;
mod vercel;

use crate::detect::Families;
use crate::draft::Draft;
use tundra_record::{LogRecord, Scope, Span};

/// How a dialect reads a span.
type ReadSpan = fn(&Scope<'_>, &Span<'_>) -> Option<Draft>;

/// What a span says about a model call or run; `None` if it is of a family but says nothing.
pub(crate) fn span(families: Families, scope: &Scope<'_>, span: &Span<'_>) -> Option<Draft> {
    // The most specific first: many libraries add `gen_ai.*` beside their own keys, and the call counts once.
    let readers: [(Families, ReadSpan); 10] = [
        (Families::DATADOG, datadog::span),
        (Families::OPENINFERENCE, openinference::span),
        (Families::LANGFUSE, langfuse::span),
        (Families::VERCEL, vercel::span),
        (Families::CLAUDE_CODE, claude_code::span),
        (Families::CODEX, codex::span),
        (Families::MLFLOW, mlflow::span),
        (Families::BRAINTRUST, braintrust::span),
        (Families::TRACELOOP, traceloop::span),
        (Families::GENAI, otel_genai::span),
    ];
    let (_, read) = readers.iter().find(|(family, _)| families.has(*family))?;
    read(scope, span)
}

/// What a log record says about a model call, its content or its judgement.
pub(crate) fn log(families: Families, scope: &Scope<'_>, log: &LogRecord<'_>) -> Option<Draft> {
    if families.has(Families::CLAUDE_CODE) {
        return claude_code::log(scope, log);
    }
    if log.event_name == datadog::EVALUATION {
        return Some(datadog::evaluation(log));
    }
    otel_logs::log(scope, log)
}
