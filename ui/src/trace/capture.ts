// Which setting makes an SDK send the texts of prompts and answers: most leave them out unless asked.
import type { SpanDetail } from '../api/shapes';

export function captureHint(span: SpanDetail): { text: string; setting: string } {
  const dialect = span.llm?.call?.dialect ?? '';
  const scope = `${span.scope?.name ?? ''} ${span.name}`;
  if (/claude[_-]code/.test(`${dialect} ${scope}`)) return { text: 'Claude Code sends prompt texts only with this variable:', setting: 'OTEL_LOG_USER_PROMPTS=1' };
  if (/openinference/.test(dialect)) return { text: 'OpenInference sends texts unless they are hidden; check that these are not true:', setting: 'OPENINFERENCE_HIDE_INPUTS=false\nOPENINFERENCE_HIDE_OUTPUTS=false' };
  if (/datadog|llmobs/.test(dialect)) return { text: 'ddtrace sends messages when LLM Observability is on:', setting: 'DD_LLMOBS_ENABLED=1\nDD_LLMOBS_ML_APP=my-app' };
  if (/traceloop|openllmetry/.test(dialect)) return { text: 'OpenLLMetry sends texts unless this is false:', setting: 'TRACELOOP_TRACE_CONTENT=true' };
  if (/otel|gen_?ai/.test(dialect)) return { text: 'OpenTelemetry’s GenAI instrumentations send texts only with this variable:', setting: 'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true' };
  return { text: 'Look for the content capture setting of the SDK that sent this span.', setting: '' };
}
