//! Whatever attributes a client sends, reading them ends, and ends without a panic.

use crate::captures::READER;
use proptest::prelude::*;
use std::borrow::Cow;
use tundra_record::{Attrs, Event, LogRecord, Resource, Scope, Span, SpanId, Status, UnixNanos, Value};

/// Every key that some dialect looks at, so that random attributes hit them.
const KEYS: &[&str] = &[
    "gen_ai.operation.name",
    "gen_ai.system",
    "gen_ai.request.model",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.response.finish_reasons",
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.prompt.0.content",
    "gen_ai.prompt.4294967296.content",
    "gen_ai.prompt.",
    "gen_ai.completion.0.0.0",
    "gen_ai.tool.definitions",
    "gen_ai.system_instructions",
    "openinference.span.kind",
    "llm.input_messages.0.message.contents.0.message_content.type",
    "llm.input_messages.0.message",
    "llm.token_count.prompt",
    "llm.token_count.total",
    "llm.invocation_parameters",
    "output.value",
    "input.value",
    "metadata",
    "tag.tags",
    "meta_struct._llmobs",
    "_dd.llmobs.span_kind",
    "ai.operationId",
    "ai.prompt.messages",
    "ai.response.toolCalls",
    "ai.response.providerMetadata",
    "ai.usage.inputTokens",
    "langfuse.observation.type",
    "langfuse.observation.usage_details",
    "langfuse.observation.completion_start_time",
    "traceloop.span.kind",
    "traceloop.association.properties.x",
    "span.type",
    "session.id",
    "error.type",
    "mlflow.spanType",
    "mlflow.spanOutputs",
    "mlflow.chat.tokenUsage",
];

const WORDS: &[&str] = &[
    "chat",
    "LLM",
    "llm",
    "EMBEDDING",
    "AGENT",
    "generation",
    "openai",
    "gpt-4o",
    "ai.generateText.doGenerate",
    "ai.toolCall",
    "execute_tool",
    "llm_request",
    "\"CHAT_MODEL\"",
    "[",
    "{",
    "[]",
    "{}",
    "[\"stop\"]",
    "true",
    "-1",
    "9223372036854775808",
    "1e400",
    "NaN",
    "é",
    "\"",
    "2026-11-20T23:21:39.5é",
];

/// Keys inside content and usage.
const INNER: &[&str] = &[
    "role",
    "content",
    "parts",
    "type",
    "text",
    "tool_calls",
    "function",
    "name",
    "arguments",
    "id",
    "messages",
    "usage",
    "input_tokens",
    "prompt_tokens",
    "total_tokens",
    "input",
    "output",
    "meta",
    "metrics",
    "tags",
    "span",
    "kind",
    "value",
    "documents",
    "choices",
    "message",
    "prompt_tokens_details",
    "cached_tokens",
    "cache_creation",
    "tool_results",
    "result",
    "x",
];

fn leaf() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        prop::sample::select(WORDS).prop_map(Value::from),
        any::<i64>().prop_map(Value::Int),
        prop::sample::select(&[i64::MIN, i64::MAX, 0, -1][..]).prop_map(Value::Int),
        any::<f64>().prop_map(Value::Double),
        any::<bool>().prop_map(Value::Bool),
        ".{0,12}".prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| Value::Bytes(Cow::Owned(bytes))),
    ]
}

fn value() -> impl Strategy<Value = Value<'static>> {
    let tree = leaf().prop_recursive(5, 40, 5, |inner| {
        let key = prop::sample::select(INNER).prop_map(Cow::Borrowed);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            prop::collection::vec((key, inner), 0..6).prop_map(Value::Map),
        ]
    });
    // As a value, and as the JSON text of one.
    (tree, any::<bool>()).prop_map(
        |(tree, as_text)| {
            if as_text { Value::from(tree.to_text().into_owned()) } else { tree }
        },
    )
}

fn attrs() -> impl Strategy<Value = Attrs<'static>> {
    let key = prop_oneof![
        8 => prop::sample::select(KEYS).prop_map(Cow::Borrowed),
        1 => "[a-z_.0-9]{0,20}".prop_map(Cow::Owned),
    ];
    prop::collection::vec((key, value()), 0..14)
}

fn scope() -> impl Strategy<Value = Scope<'static>> {
    let name = prop::sample::select(
        &["", "ai", "com.anthropic.claude_code.tracing", "codex_otel", "gemini-cli"][..],
    );
    name.prop_map(|name| Scope { name: name.into(), version: "".into() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_span_is_read(scope in scope(), attrs in attrs(), event in attrs(), start in prop::sample::select(&[i64::MIN, -1, 0, 1_795_216_855_000_000_000, i64::MAX][..]), bad in any::<bool>()) {
        let event = Event { time: UnixNanos(start), name: "gen_ai.choice".into(), attrs: event };
        let status = if bad { Status::Error } else { Status::Unset };
        let events = vec![event.clone(), Event { name: "exception".into(), ..event.clone() },
            Event { name: "gen_ai.evaluation.result".into(), ..event }];
        let span = Span { attrs, events, status, start: UnixNanos(start), status_message: "é: code: 42".into(), ..Span::default() };
        if let Some(understood) = READER.span(&Resource::default(), &scope, &span) {
            if let Some(call) = &understood.call {
                let usage = call.usage;
                for (part, whole) in [(usage.cache_read, usage.input), (usage.cache_write, usage.input), (usage.reasoning, usage.output)] {
                    if let (Some(part), Some(whole)) = (part, whole) {
                        prop_assert!(part <= whole, "{usage:?}");
                    }
                }
                prop_assert!(!call.operation.is_empty());
            }
            prop_assert!(understood.call.is_none() || understood.run.is_none());
        }
    }

    #[test]
    fn any_log_is_read(scope in scope(), attrs in attrs(), body in value(), name in prop::sample::select(&["", "gen_ai.choice",
        "gen_ai.user.message", "gen_ai.client.inference.operation.details", "gen_ai.evaluation.result",
        "datadog.llmobs.evaluation"][..])) {
        let log = LogRecord { attrs, body, event_name: name.into(), span_id: Some(SpanId(1)), ..LogRecord::default() };
        if let Some(understood) = READER.log(&Resource::default(), &scope, &log) {
            prop_assert!(understood.call.is_none(), "a log of a span is no second call");
        }
    }

    #[test]
    fn any_request_of_judgements_is_read(body in value(), garbage in ".{0,40}") {
        let text = body.to_text();
        for json in [text.as_ref(), &garbage] {
            let _either = llm::langfuse_scores(json);
        }
    }
}

#[test]
fn deep_and_large_json_is_bounded() {
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    let nested = format!("{}\"x\"{}", r#"[{"role":"user","content":"#.repeat(30), "}]".repeat(30));
    let large = format!("[{}\"x\"]", "\"x\",".repeat(2_000_000));
    for text in [deep, nested, large] {
        let attrs =
            ["gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.definitions", "output.value"]
                .map(|key| (Cow::Borrowed(key), Value::from(text.as_str())));
        let mut attrs = attrs.to_vec();
        attrs.push(("gen_ai.operation.name".into(), Value::from("chat")));
        let span = Span { attrs, ..Span::default() };
        let understood = READER.span(&Resource::default(), &Scope::default(), &span).unwrap();
        assert!(understood.messages.len() <= 4_096);
        assert!(!understood.messages.is_empty(), "what is not understood is kept as text");
    }
}
