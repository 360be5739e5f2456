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

#[test]
fn traceloop() {
    let case = case("traceloop-sdk");
    let streamed = "chat openai gpt-4o-mini-2024-08-06 in 1234 (1024 - -) out 56 (-) stop 141900000 -";
    check(
        &case,
        &[
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) tool_calls 2365000000 -",
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) stop 2365000000 -",
            streamed,
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) tool_calls 2365000000 -",
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) stop 2365000000 -",
            streamed,
            "chat openai gpt-4o-mini-2024-08-06 in - (- - -) out - (-) stop - -",
            "embeddings openai text-embedding-3-small in 9 (0 - -) out 0 (-) - 180000 -",
            "chat openai gpt-5 in 1234 (1024 - -) out 56 (32) tool_calls 950500000 -",
            "chat openai gpt-5 in 1234 (1024 - -) out 56 (32) stop 950500000 -",
            "chat openai mock-429 in - (- - -) out - (-) - - RateLimitError",
        ],
    );
    assert_eq!(
        case.runs(),
        ["tool lookup_city", "agent weather_agent", "task summarise", "workflow weather_workflow"]
    );
    let first = case.calls()[0];
    assert_eq!(first.dialect, "openllmetry");
    assert_eq!(first.workflow.as_deref(), Some("weather_workflow"));
    assert_eq!(first.agent_name.as_deref(), Some("weather_agent"));
    assert_eq!((first.session_id.as_deref(), first.user_id.as_deref()), (Some("sess-7"), Some("user-42")));
    assert_eq!(case.calls()[2].streaming, Some(true));
    assert_eq!(case.calls()[2].ttft, Some(81_516_148));
}

#[test]
fn vercel() {
    let case = case("vercel-ai-sdk-proto");
    check(
        &case,
        &[
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) tool_calls 2365000000 -",
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) stop 2365000000 -",
            "chat openai gpt-5 in 1234 (1024 - -) out 56 (32) stop 950500000 -",
            "chat anthropic claude-sonnet-4-5 in 1534 (1024 300 200) out 56 (-) stop 3352200000 -",
            "chat anthropic claude-sonnet-4-5 in 1534 (1024 300 200) out 56 (-) tool_calls 3352200000 -",
            "chat anthropic claude-sonnet-4-5 in 1534 (1024 300 200) out 56 (-) stop 3352200000 -",
            "embeddings openai text-embedding-3-small in 9 (- - -) out 0 (-) - 180000 -",
            "chat openai mock-429 in - (- - -) out - (-) - - AI_APICallError",
        ],
    );
    assert_eq!(case.runs().len(), 8, "outer spans are runs, never calls");
    assert_eq!(case.runs()[0], "tool get_weather");
    let messages = case.messages(0);
    assert_eq!(messages[..2], [WEATHER, ASK]);
    assert!(messages[2].starts_with("tools 0.0  json get_weather: "), "{messages:?}");
    assert_eq!(messages[3], "output 0.0 assistant tool_call get_weather #call_mock_1: {\"city\":\"Paris\"}");
    let streamed = case.calls()[2];
    assert_eq!((streamed.streaming, streamed.ttft), (Some(true), Some(234_923_534)));
    assert_eq!(streamed.service_tier.as_deref(), Some("default"));
    assert_eq!(
        (streamed.session_id.as_deref(), streamed.user_id.as_deref()),
        (Some("sess-7"), Some("user-42"))
    );
    assert_eq!(streamed.tags, ["prod"]);
}

#[test]
fn langfuse() {
    let case = case("langfuse-python");
    check(
        &case,
        &[
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) tool_calls 2365000000 -",
            "chat openai gpt-4o-2024-08-06 in 1234 (1024 - -) out 56 (32) - 2365000000 -",
            "chat openai gpt-4o-mini-2024-08-06 in 1234 (1024 - -) out 56 (32) stop 141900000 -",
            "chat openai gpt-4o-mini-2024-08-06 in - (- - -) out - (-) stop - -",
            "embeddings openai text-embedding-3-small in 9 (- - -) out 0 (-) - 180000 -",
            "chat openai gpt-5 in 1234 (1024 - -) out 56 (32) tool_calls 950500000 -",
            "chat openai gpt-5 in 1234 (1024 - -) out 56 (32) stop 950500000 -",
            "chat - mock-429 in - (- - -) out - (-) - - 429",
            "chat anthropic claude-sonnet-4-5 in 1534 (1024 300 -) out 56 (-) - 2902200000 -",
        ],
    );
    assert_eq!(case.runs(), ["tool get_weather", "agent weather_agent"]);
    assert_eq!(case.messages(0)[..2], [WEATHER, ASK]);
    let streamed = case.calls()[2];
    assert_eq!(streamed.streaming, Some(true));
    assert!(streamed.ttft.is_some_and(|ttft| (40_000_000..400_000_000).contains(&ttft)));
    assert_eq!(streamed.tags, ["prod", "team:search"]);
    assert_eq!(case.calls()[8].cost.reported.map(|cost| cost.0), Some(1_470_000_000));
}

#[test]
fn claude_code() {
    let case = case("claude-code-proto");
    check(
        &case,
        &[
            "chat anthropic claude-sonnet-4-5 in 1534 (1024 300 -) out 56 (-) tool_calls 2902200000 -",
            "chat anthropic claude-sonnet-4-5 in 1534 (1024 300 -) out 56 (-) stop 2902200000 -",
        ],
    );
    assert_eq!(case.runs(), ["tool Bash", "agent claude-code"]);
    assert_eq!(case.calls()[0].ttft, Some(128_000_000));
    assert!(
        case.logs.iter().all(|(_, u)| u.as_ref().is_none_or(|u| u.call.is_none())),
        "spans tell the calls"
    );
    let said = case.logs.iter().filter(|(name, _)| name == "assistant_response");
    let said: Vec<_> = said.map(|(_, u)| u.as_ref().unwrap().messages[0].content.as_str()).collect();
    assert_eq!(said, ["Reading. ", "The weather in Paris is 18 C and sunny. "]);
}
