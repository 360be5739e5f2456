//! One task from its turn to its end: an agent span around one model call, every state kept on the way.

use super::call::{self, Called};
use super::telemetry::{self, Facts};
use super::{Doing, HOW_TO_GET_ONE, Order, STOPPED};
use crate::limits::TASK_WAIT;
use llm::profile::Profile;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use tundra_record::llm::LlmCall;
use tundra_record::{Task, TaskState};

pub(super) async fn run(doing: Arc<Doing>, order: Order, stop: CancellationToken) {
    // The queue has its own time: a profile may have come or gone meanwhile.
    let picked = doing.profiles.pick(order.wanted.as_deref());
    let model = picked.as_ref().and_then(|profile| profile.default_model()).map(str::to_owned);
    let (Some(profile), Some(model)) = (picked, model) else {
        let mut task = order.task;
        doing.finish(&mut task, Err(format!("no LLM profile works any more: {HOW_TO_GET_ONE}")));
        return kept(&doing, &task).await;
    };
    let span = telemetry::agent_span(&order, &profile);
    execute(&doing, order, &profile, &model, stop).instrument(span).await;
}

async fn execute(doing: &Doing, order: Order, profile: &Profile, model: &str, stop: CancellationToken) {
    let Order { mut task, agent_name, input, .. } = order;
    task.state = TaskState::Running;
    task.profile = Some(profile.name.clone());
    task.model = Some(model.to_owned());
    task.trace_id = (doing.current_trace)();
    kept(doing, &task).await;

    let facts = Facts { profile, model, agent_name: &agent_name, task_type: &task.task_type };
    telemetry::started(&facts);
    let span = telemetry::chat_span(&facts, &input);
    let one = call::call(doing, profile, model, &input).instrument(span.clone());
    let called = tokio::select! {
        () = stop.cancelled() => Err(STOPPED.to_owned()),
        called = tokio::time::timeout(TASK_WAIT, one) => match called {
            Ok(called) => called.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} minutes: try a smaller task", TASK_WAIT.as_secs() / 60)),
        },
    };
    telemetry::chat_ended(&span, &called);
    drop(span);
    telemetry::ended(&facts, &called);
    if let Ok(called) = &called {
        measure(doing, &mut task, called, profile, model);
    }
    doing.finish(&mut task, called.map(|called| called.answer.text));
    kept(doing, &task).await;
}

fn measure(doing: &Doing, task: &mut Task, called: &Called, profile: &Profile, model: &str) {
    task.tokens = called.tokens();
    let mut priced = LlmCall {
        start: task.created,
        operation: "chat".to_owned(),
        provider: Some(profile.provider_id.clone()),
        request_model: Some(model.to_owned()),
        response_model: called.answer.model.clone(),
        service_tier: called.answer.service_tier.clone(),
        usage: called.answer.usage,
        ..LlmCall::default()
    };
    doing.prices.apply(&mut priced);
    task.cost = priced.cost.computed;
}

async fn kept(doing: &Doing, task: &Task) {
    if let Err(error) = doing.keep(task).await {
        tracing::error!(task = task.id, error = %error, "a task's state is not kept");
    }
}
