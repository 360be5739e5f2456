//! The ground truth of the captures, call by call.

use crate::captures::{Case, case};
use tundra_record::llm::LlmCall;

/// One line of what matters: operation, provider, model asked, input (read, write, of which an hour), output
/// (reasoning), finish, cost in pico-dollars, error.
fn told(call: &LlmCall) -> String {
    let number = |n: Option<u64>| n.map_or("-".to_owned(), |n| n.to_string());
    let word = |w: &Option<String>| w.clone().unwrap_or("-".to_owned());
    let u = &call.usage;
    format!(
        "{} {} {} in {} ({} {} {}) out {} ({}) {} {} {}",
        call.operation,
        word(&call.provider),
        word(&call.response_model.clone().or(call.request_model.clone())),
        number(u.input),
        number(u.cache_read),
        number(u.cache_write),
        number(u.cache_write_1h),
        number(u.output),
        number(u.reasoning),
        word(&call.finish_reason),
        call.cost.computed.map_or("-".to_owned(), |cost| cost.0.to_string()),
        word(&call.error_type),
    )
}

fn check(case: &Case, expect: &[&str]) {
    let got: Vec<String> = case.calls().into_iter().map(told).collect();
    assert_eq!(got, expect, "\n{}\n", got.join("\n"));
    for call in case.calls() {
        assert_eq!(call.success, Some(call.error_type.is_none()));
        assert_eq!(call.cost.computed.is_some(), call.cost.price_ref.is_some());
    }
    for (span, understood) in &case.spans {
        let problems = understood.iter().flat_map(|u| &u.problems).collect::<Vec<_>>();
        assert!(problems.is_empty(), "{}: {problems:?}", span.name);
    }
}

const WEATHER: &str = "system 0.0 system text: You are a weather assistant.";
const ASK: &str = "input 0.0 user text: What is the weather in Paris?";

#[test]
fn otel_genai() {
    let case = case("otel-genai-openai-span");
    check(
        &case,
        &[
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) tool_calls 2365000000 -",
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) stop 2365000000 -",
            "chat openai gpt-4o-mini-2024-08-06 in 1234 (1024 - -) out 56 (32) stop 141900000 -",
            "chat openai gpt-4o-mini-2024-08-06 in - (- - -) out - (-) stop - -",
            "embeddings openai text-embedding-3-small in 9 (- - -) out 0 (-) - 180000 -",
            "chat openai gpt-5 in 1234 (1024 - -) out 56 (32) tool_calls 950500000 -",
            "chat openai gpt-5 in 1234 (1024 - -) out 56 (32) stop 950500000 -",
            "chat openai mock-429 in - (- - -) out - (-) - - openai.RateLimitError",
        ],
    );
    assert_eq!(case.messages(0)[..2], [WEATHER, ASK]);
    assert_eq!(
        case.messages(0)[2],
        "output 0.0 assistant tool_call get_weather #call_mock_1: {\"city\":\"Paris\"}"
    );
    assert!(case.messages(0)[3].starts_with("tools 0.0  json get_weather: {\"name\":\"get_weather\""));
    assert_eq!(case.messages(1)[3], "input 2.0 tool tool_result #call_mock_1: {\"temp_c\":18}");
    assert_eq!(case.messages(5)[0], "system 0.0 system text: Be brief");
    let streamed = case.calls()[2];
    assert_eq!((streamed.streaming, streamed.ttft), (Some(true), Some(90_903_361)));
    assert_eq!(streamed.service_tier.as_deref(), Some("default"));
}

#[test]
fn openinference() {
    let case = case("openinference-openai");
    check(
        &case,
        &[
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) tool_calls 2365000000 -",
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) stop 2365000000 -",
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) tool_calls 2365000000 -",
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) stop 2365000000 -",
            "chat openai gpt-4o-mini-2024-08-06 in 1234 (1024 - -) out 56 (32) stop 141900000 -",
            "chat openai gpt-4o-mini-2024-08-06 in - (- - -) out - (-) stop - -",
            "embeddings openai text-embedding-3-small in 9 (- - -) out 0 (-) - 180000 -",
            "chat openai gpt-5 in 1234 (1024 - -) out 56 (32) tool_calls 950500000 -",
            "chat openai gpt-5 in 1234 (1024 - -) out 56 (32) stop 950500000 -",
            "chat openai mock-429 in - (- - -) out - (-) - - openai.RateLimitError",
        ],
    );
    assert_eq!(case.runs(), ["agent weather_agent", "retrieval retrieve"]);
    assert_eq!(case.messages(0)[..2], [WEATHER, ASK]);
    let first = case.calls()[0];
    assert_eq!(first.session_id.as_deref(), Some("sess-7"));
    assert_eq!(first.user_id.as_deref(), Some("user-42"));
    assert_eq!(first.prompt_version.as_deref(), Some("v3"));
    assert_eq!(first.tags, ["prod", "rag", "team:search", "tier:gold"]);
    assert_eq!(first.service_tier.as_deref(), Some("default"));
    let streamed = case.calls()[4];
    assert_eq!(streamed.streaming, Some(true));
    assert!(streamed.ttft.is_some_and(|ttft| ttft > 40_000_000));
}

#[test]
fn datadog() {
    let case = case("ddtrace-llmobs-agentproxy");
    check(
        &case,
        &[
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) tool_calls 2365000000 -",
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) stop 2365000000 -",
            "chat openai gpt-4o-mini-2024-08-06 in 1234 (1024 - -) out 56 (32) stop 141900000 -",
            "chat openai gpt-4o-mini-2024-08-06 in 1234 (1024 - -) out 56 (32) stop 141900000 -",
            "embeddings openai text-embedding-3-small in 9 (- - -) out 0 (-) - 180000 -",
            "chat openai gpt-5 in 1234 (1024 - -) out 56 (32) tool_calls 950500000 -",
            "chat openai gpt-5 in 1234 (1024 - -) out 56 (32) - 950500000 -",
            "chat openai mock-429 in - (- - -) out - (-) - - openai.RateLimitError",
        ],
    );
    assert_eq!(case.runs(), ["agent weather_agent", "tool get_weather"]);
    let tool = case.spans.iter().find_map(|(_, u)| u.as_ref()?.run.as_ref().filter(|run| run.kind == "tool"));
    assert_eq!(tool.unwrap().parent_agent.as_deref(), Some("weather_agent"));
    assert_eq!(case.messages(0)[..2], [WEATHER, ASK]);
    assert_eq!(case.messages(1)[3], "input 2.0 tool tool_result #call_mock_1: {\"temp_c\":18}");
    let first = case.calls()[0];
    assert_eq!(first.dialect, "datadog_llmobs");
    assert_eq!(first.session_id.as_deref(), Some("sess-7"));
    assert_eq!(first.agent_name.as_deref(), Some("weather_agent"));
    assert_eq!(case.calls()[2].streaming, Some(true));
    let agent = case.spans[0].1.as_ref().unwrap();
    assert_eq!(agent.user_id.as_deref(), Some("user-42"));
}
