//! OpenLLMetry (Traceloop): OpenTelemetry's names plus `traceloop.*` for workflows, agents, tasks and tools and
//! `traceloop.association.properties.*` for identity. Builds on the OpenTelemetry dialect, of which it is a superset.

use super::otel_genai;
use crate::draft::Draft;
use crate::fields::{find, text};
use crate::keys::Keys;
use tundra_record::llm::Direction;
use tundra_record::{Scope, Span};

const DIALECT: &str = "openllmetry";

const KEYS: Keys = Keys {
    agent: &["gen_ai.agent.name"],
    workflow: &["traceloop.workflow.name"],
    session: &[
        "traceloop.association.properties.session_id",
        "traceloop.association.properties.sessionId",
        "traceloop.association.properties.chat_id",
        "session.id",
    ],
    user: &["traceloop.association.properties.user_id", "traceloop.association.properties.userId", "user.id"],
    prompt_name: &["traceloop.prompt.key"],
    prompt_version: &["traceloop.prompt.version_name", "traceloop.prompt.version"],
    metadata_prefix: &["traceloop.association.properties."],
    ..Keys::NONE
};

pub(super) fn span(_scope: &Scope<'_>, span: &Span<'_>) -> Option<Draft> {
    let mut draft = Draft::of_span(DIALECT, span);
    draft.fill(&KEYS, &span.attrs);
    match text(&span.attrs, &["traceloop.span.kind"]) {
        Some(kind) => run(&mut draft, span, &kind),
        None => otel_genai::read(&mut draft, span),
    }
    Some(draft)
}

fn run(draft: &mut Draft, span: &Span<'_>, kind: &str) {
    draft.run(kind, text(&span.attrs, &["traceloop.entity.name"]), span);
    let sides = [
        (Direction::Input, "user", "traceloop.entity.input"),
        (Direction::Output, "assistant", "traceloop.entity.output"),
    ];
    for (direction, role, key) in sides {
        if let Some(value) = find(&span.attrs, &[key]) {
            draft.parts.text(direction, role, &value.to_text());
        }
    }
}
