//! What a task tells of itself: an agent span, a model-call span below it with OpenTelemetry's GenAI names, the events
//! of a request's life, and counters. Contents go through the daemon's own redaction like any application's.

use super::Order;
use super::call::Called;
use llm::profile::Profile;
use serde_json::json;
use tracing::Span;
use tracing::field::Empty;

/// What every event about one call carries.
pub(super) struct Facts<'t> {
    pub(super) profile: &'t Profile,
    pub(super) model: &'t str,
    pub(super) agent_name: &'t str,
    pub(super) task_type: &'t str,
}

/// The run of the agent: the root of the task's trace.
pub(super) fn agent_span(order: &Order, profile: &Profile) -> Span {
    let name = format!("invoke_agent {}", order.agent_name);
    tracing::info_span!(
        parent: None,
        "invoke_agent",
        otel.name = name,
        otel.kind = "internal",
        gen_ai.operation.name = "invoke_agent",
        gen_ai.agent.name = order.agent_name,
        gen_ai.provider.name = profile.provider_id,
        tundra.task.id = order.task.id,
        tundra.task.r#type = order.task.task_type,
        tundra.profile = profile.name,
        error.r#type = Empty,
        otel.status_code = Empty,
        otel.status_description = Empty,
    )
}

/// The model call itself.
pub(super) fn chat_span(facts: &Facts<'_>, input: &str) -> Span {
    let name = format!("chat {}", facts.model);
    let messages = json!([{"role": "user", "parts": [{"type": "text", "content": input}]}]).to_string();
    tracing::info_span!(
        "chat",
        otel.name = name,
        otel.kind = "client",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = facts.profile.provider_id,
        gen_ai.request.model = facts.model,
        gen_ai.agent.name = facts.agent_name,
        gen_ai.input.messages = messages,
        gen_ai.output.messages = Empty,
        gen_ai.response.model = Empty,
        gen_ai.response.finish_reasons = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.usage.cache_read.input_tokens = Empty,
        gen_ai.usage.cache_creation.input_tokens = Empty,
        gen_ai.usage.reasoning.output_tokens = Empty,
        tundra.profile = facts.profile.name,
        tundra.task.r#type = facts.task_type,
        tundra.retries = Empty,
        error.r#type = Empty,
        otel.status_code = Empty,
        otel.status_description = Empty,
    )
}

/// The outcome, on the model call's span.
pub(super) fn chat_ended(span: &Span, called: &Result<Called, String>) {
    let called = match called {
        Ok(called) => called,
        Err(error) => return failed(span, error),
    };
    let answer = &called.answer;
    let finish = answer.finish.as_deref().unwrap_or("unknown");
    let part = json!({"type": "text", "content": answer.text});
    let messages = json!([{"role": "assistant", "parts": [part], "finish_reason": finish}]);
    span.record("gen_ai.output.messages", messages.to_string());
    if let Some(model) = &answer.model {
        span.record("gen_ai.response.model", model.as_str());
    }
    if answer.finish.is_some() {
        span.record("gen_ai.response.finish_reasons", json!([finish]).to_string());
    }
    let usage = &answer.usage;
    let counts = [
        ("gen_ai.usage.input_tokens", usage.input),
        ("gen_ai.usage.output_tokens", usage.output),
        ("gen_ai.usage.cache_read.input_tokens", usage.cache_read),
        ("gen_ai.usage.cache_creation.input_tokens", usage.cache_write),
        ("gen_ai.usage.reasoning.output_tokens", usage.reasoning),
        ("tundra.retries", Some(u64::from(called.retries)).filter(|retries| *retries > 0)),
    ];
    for (name, count) in counts {
        // Unknown stays unknown: an attribute that is not there.
        if let Some(count) = count {
            span.record(name, count);
        }
    }
}

fn failed(span: &Span, error: &str) {
    span.record("error.type", "llm_request_failed");
    span.record("otel.status_code", "error");
    span.record("otel.status_description", error);
}

/// Before the request.
pub(super) fn started(facts: &Facts<'_>) {
    tracing::info!(
        model = facts.model,
        provider = facts.profile.provider,
        agent_name = facts.agent_name,
        task_type = facts.task_type,
        "llm_request_start"
    );
}

/// After the answer, or in its place; called inside the agent's span.
pub(super) fn ended(facts: &Facts<'_>, called: &Result<Called, String>) {
    let (model, provider) = (facts.model, facts.profile.provider.as_str());
    let tokens_used = called.as_ref().ok().and_then(Called::tokens);
    let success = called.is_ok();
    if let Err(error) = called {
        failed(&Span::current(), error);
        let (agent_name, task_type) = (facts.agent_name, facts.task_type);
        tracing::warn!(model, provider, agent_name, task_type, reason = error.as_str(), "llm task failed");
    }
    for event in ["llm_request_complete", "llm_agent_execution"] {
        tracing::info!(
            model,
            provider,
            agent_name = facts.agent_name,
            task_type = facts.task_type,
            tokens_used,
            success,
            "{event}"
        );
    }
    let success = if success { "true" } else { "false" };
    tundra::increment_counter!("llm.requests", model = model, provider = provider, success = success);
}
