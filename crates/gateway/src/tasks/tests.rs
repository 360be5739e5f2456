//! Whole tasks against a provider that answers as told.

use crate::testing::{ANSWER, MODELS, Memory, Provider, Told, bare, gateway, gateway_keeping, openai};
use crate::{Config, NewTask, StartError, TaskKeeper, Tasks};
use llm::profile::{Kind, Origin, Profile};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tundra_record::{PicoUsd, Task, TaskState, TraceId};

fn order(input: &str) -> NewTask {
    NewTask {
        agent_name: "guide".to_owned(),
        task_type: "question".to_owned(),
        input: input.to_owned(),
        profile: None,
    }
}

/// The task once nothing more will happen to it; hangs (and fails by the harness) if that never comes.
async fn ended(tasks: &Tasks, id: &str) -> Task {
    loop {
        let task = tasks.get(id).expect("can be read").expect("is kept");
        if task.state.is_final() {
            return task;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

/// Answers models rightly and chat calls by how often they came.
fn provider(chat: impl Fn(usize) -> Told + Send + 'static) -> Provider {
    Provider::new(move |asked, before| match asked.what.as_str() {
        "GET /models" => (200, "", MODELS),
        _ => chat(before),
    })
}

async fn run_one(provider: &Provider, input: &str) -> Task {
    let gateway = gateway(bare(), &openai(provider));
    let (tasks, stop) = (gateway.tasks(), CancellationToken::new());
    let running = tokio::spawn(gateway.run(stop.clone()));
    let started = tasks.start(order(input)).await.expect("is taken");
    assert_eq!(started.state, TaskState::Queued);
    let task = ended(&tasks, &started.id).await;
    stop.cancel();
    running.await.expect("stops");
    task
}

#[tokio::test]
async fn a_task_succeeds() {
    let provider = provider(|_| (200, "", ANSWER));
    let task = run_one(&provider, "Capital of France? Ask jane@example.com").await;
    assert_eq!(
        (task.state, task.error.as_deref(), task.result.as_deref()),
        (TaskState::Succeeded, None, Some("Paris."))
    );
    assert_eq!((task.profile.as_deref(), task.model.as_deref()), (Some("openai"), Some("gpt-4o-mini")));
    // 7 x 0.15 and 5 x 0.60 dollars a million.
    assert_eq!(
        (task.tokens, task.cost, task.trace_id),
        (Some(12), Some(PicoUsd(4_050_000)), Some(TraceId(7)))
    );
    assert!(!task.input.contains("jane@example.com"), "kept redacted");
    let asked = provider.asked();
    let call = asked.iter().find(|asked| asked.what == "POST /chat/completions").expect("was called");
    assert!(call.body.contains("jane@example.com"), "sent as given");
    assert_eq!(call.headers["authorization"], "Bearer sk-very-secret");
}

#[tokio::test]
async fn failures_and_retries() {
    let check = async |chat: fn(usize) -> Told, calls: usize, error: Option<&str>| {
        let provider = provider(chat);
        let task = run_one(&provider, "hi").await;
        assert_eq!(task.error.as_deref(), error);
        let called = provider.asked().iter().filter(|asked| asked.what.starts_with("POST")).count();
        assert_eq!(called, calls);
    };
    const NO: &str = r#"{"error":{"message":"too many requests"}}"#;
    check(|before| if before < 2 { (500, "", "") } else { (200, "", ANSWER) }, 3, None).await;
    check(|before| if before < 1 { (429, "retry-after: 0\r\n", NO) } else { (200, "", ANSWER) }, 2, None)
        .await;
    let told = "profile `openai` answered with status 429 after 3 attempts: too many requests";
    check(|_| (429, "", NO), 3, Some(told)).await;
    let told = "profile `openai` answered with status 429 after 1 attempts: too many requests";
    check(|_| (429, "retry-after: 3600\r\n", NO), 1, Some(told)).await;
    let told = "profile `openai` refused the key (status 401): check `OPENAI_API_KEY`";
    check(|_| (401, "", ""), 1, Some(told)).await;
    let told = "profile `openai` answered with status 400 after 1 attempts: it gave no reason";
    check(|_| (400, "", "nonsense"), 1, Some(told)).await;
    let told = "profile `openai` answered with status 302 after 1 attempts: it gave no reason";
    check(|_| (302, "location: http://127.0.0.1:1/\r\n", ""), 1, Some(told)).await;
}

#[tokio::test]
async fn nothing_is_retried_once_an_answer_began() {
    // The head promises more than comes.
    let provider = provider(|_| (200, "x-y: z\r\ntransfer-encoding: chunked\r\n", "5\r\nab"));
    let task = run_one(&provider, "hi").await;
    assert_eq!(task.state, TaskState::Failed);
    assert_eq!(provider.asked().iter().filter(|asked| asked.what.starts_with("POST")).count(), 1);
}

#[tokio::test]
async fn orders_that_are_not_taken() {
    let gateway = gateway(bare(), &[]);
    let tasks = gateway.tasks();
    let check = async |new: NewTask, text: &str| {
        let error = tasks.start(new).await.expect_err("is not taken");
        assert!(error.to_string().contains(text), "{error}");
    };
    check(order("hi"), "no LLM profile works: set `OPENAI_API_KEY`").await;
    check(order(" "), "`input` must have 1 to 262144 bytes, it has 1").await;
    check(order(&"x".repeat(262_145)), "it has 262145").await;
    check(NewTask { profile: Some("mine".to_owned()), ..order("hi") }, "no LLM profile is called `mine`")
        .await;
}

#[tokio::test]
async fn the_queue_has_an_end_and_a_stop_ends_what_waits() {
    let provider = provider(|_| (200, "", ANSWER));
    let gateway = gateway(bare(), &openai(&provider));
    let tasks = gateway.tasks();
    let mut last = None;
    for _ in 0..crate::limits::QUEUE_LEN {
        last = Some(tasks.start(order("hi")).await.expect("is taken"));
    }
    assert!(matches!(tasks.start(order("hi")).await, Err(StartError::Busy { waiting: 256 })));
    let stop = CancellationToken::new();
    stop.cancel();
    gateway.run(stop).await;
    let task = tasks.get(&last.expect("some").id).expect("can be read").expect("is kept");
    assert_eq!(task.error.as_deref(), Some("daemon stopped while it ran: start it again"));
    assert_eq!(tasks.list().expect("can be listed").len(), 100);
}

#[tokio::test]
async fn what_an_earlier_daemon_left_is_ended() {
    let provider = provider(|_| (200, "", ANSWER));
    let keeper = Arc::new(Memory::default());
    let left = Task { id: "left".to_owned(), state: TaskState::Running, ..Task::default() };
    keeper.save(&left).expect("is kept");
    let gateway = gateway_keeping(bare(), &openai(&provider), Arc::clone(&keeper));
    let new = gateway.tasks().start(order("hi")).await.expect("is taken");
    let state = |id: &str| keeper.get(id).expect("can be read").expect("is kept").state;
    assert_eq!((state("left"), state(&new.id)), (TaskState::Failed, TaskState::Queued));
}

#[tokio::test]
async fn a_task_is_one_trace_with_a_priced_call() {
    let provider = provider(|_| (200, "", ANSWER));
    let collector = tundra::testing::Collector::new();
    let _current = tracing::dispatcher::set_default(&collector.dispatch());
    run_one(&provider, "Capital of France?").await;
    let agent = collector.span("invoke_agent guide").expect("an agent's run");
    let call = collector.span("chat gpt-4o-mini").expect("a model call");
    assert_eq!((call.trace_id, call.parent_id), (agent.trace_id, Some(agent.span_id)));
    let check = |key: &str, expected: &str| {
        assert_eq!(tundra::testing::attr(&call, key).as_deref(), Some(expected), "{key}");
    };
    check("gen_ai.operation.name", "chat");
    check("gen_ai.provider.name", "openai");
    check("gen_ai.request.model", "gpt-4o-mini");
    check("gen_ai.response.model", "gpt-4o-mini-2024-07-18");
    check("gen_ai.usage.input_tokens", "7");
    check("gen_ai.usage.output_tokens", "5");
    check(
        "gen_ai.input.messages",
        r#"[{"role":"user","parts":[{"type":"text","content":"Capital of France?"}]}]"#,
    );
    let understood = llm::Reader::new(llm::Prices::bundled()).span(
        &tundra_record::Resource::default(),
        &tundra_record::Scope::default(),
        &call,
    );
    let understood =
        understood.and_then(|understood| understood.call).expect("the daemon understands its own call");
    assert_eq!(understood.cost.computed, Some(PicoUsd(4_050_000)));
    let names: Vec<String> = collector.logs().iter().map(|log| log.body.to_text().into_owned()).collect();
    for event in ["llm_profile_bootstrap", "llm_request_start", "llm_request_complete", "llm_agent_execution"]
    {
        assert!(names.iter().any(|name| name == event), "{event} in {names:?}");
    }
}

#[tokio::test]
async fn a_profile_without_a_key_says_so() {
    let provider = provider(|_| (200, "", ANSWER));
    let profile = Profile {
        name: "own".to_owned(),
        kind: Kind::Custom,
        origin: Origin::Configuration,
        base_url: format!("http://127.0.0.1:{}", provider.port),
        models: vec!["m".to_owned()],
        key_variable: Some("MY_KEY".to_owned()),
        ..Profile::default()
    };
    let config = Config { profiles: vec![profile], default_profile: Some("own".to_owned()), ..bare() };
    let gateway = gateway(config, &[]);
    let (tasks, stop) = (gateway.tasks(), CancellationToken::new());
    let running = tokio::spawn(gateway.run(stop.clone()));
    let started = tasks.start(order("hi")).await.expect("is taken");
    let task = ended(&tasks, &started.id).await;
    assert_eq!(task.error.as_deref(), Some("profile `own` has no usable key: set `MY_KEY` and restart"));
    stop.cancel();
    running.await.expect("stops");
}
