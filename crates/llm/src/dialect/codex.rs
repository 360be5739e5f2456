//! Codex CLI: OpenTelemetry's usage names on `handle_responses` spans, one span for each event of a stream, of which
//! only the one that completes the response carries usage. The turn's span repeats the sum under names of its own and is
//! a run. The model is not said on the call's span.

use super::otel_genai;
use crate::draft::Draft;
use crate::keys::{Keys, USER};
use tundra_record::{Scope, Span};

const DIALECT: &str = "codex";

const KEYS: Keys = Keys {
    provider: &["gen_ai.provider.name", "provider_name"],
    request_model: &["gen_ai.request.model", "model", "slug"],
    response_model: &["gen_ai.response.model"],
    cache_write: &["gen_ai.usage.cache_write.input_tokens"],
    reasoning: &["codex.usage.reasoning_output_tokens"],
    total: &["codex.usage.total_tokens"],
    session: &["conversation.id", "gen_ai.conversation.id", "session.id"],
    user: USER,
    ..otel_genai::KEYS
};

/// What a turn says about itself; its token sums are shown with the span, never counted.
const TURN: Keys = Keys { session: KEYS.session, user: KEYS.user, ..Keys::NONE };

pub(super) fn span(_scope: &Scope<'_>, span: &Span<'_>) -> Option<Draft> {
    let mut draft = Draft::of_span(DIALECT, span);
    if span.name.ends_with(".turn") || span.name == "session_task" {
        draft.fill(&TURN, &span.attrs);
        draft.run("agent", Some("codex".to_owned()), span);
        return Some(draft);
    }
    draft.fill(&KEYS, &span.attrs);
    if span.name == "handle_responses" {
        draft.counts.input.or(draft.counts.output)?;
        draft.leaf("chat");
        draft.call.provider.get_or_insert_with(|| "openai".to_owned());
        draft.call.agent_name = Some("codex".to_owned());
        draft.call.streaming = Some(true);
        return Some(draft);
    }
    // Every other span of the agent, hundreds in a turn, matters only for its conversation.
    draft.call.session_id.is_some().then_some(draft)
}
