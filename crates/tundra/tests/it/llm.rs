//! Typed model calls: names, content, usage, agents with tools.

use tundra::SpanExt;
use tundra::llm::{self, Message, Part, Usage};
use tundra::testing::{Collector, attr};
use tundra_record::{Span, SpanKind, Status, Value};

fn text(span: &Span<'_>, key: &str) -> String {
    attr(span, key).unwrap_or_default()
}

#[test]
fn an_agent_with_a_tool() {
    for collector in crate::doors() {
        collector.in_scope(|| {
            let agent = llm::agent("planner");
            agent.conversation("c-1");
            agent.in_scope(|| {
                let call = llm::chat("openai", "gpt-4o");
                call.system_instructions("be brief");
                call.input(Message::user("weather in \"Oslo\"?"));
                call.chunk();
                call.chunk();
                let arguments = "{\"city\":\"Oslo\"}".to_owned();
                let part = Part::ToolCall { id: "t1".to_owned(), name: "weather".to_owned(), arguments };
                call.output(Message {
                    role: "assistant".to_owned(),
                    parts: vec![part],
                    finish_reason: String::new(),
                });
                call.response("gpt-4o-2024-08-06", "r-1");
                call.usage(Usage {
                    input: Some(12),
                    output: Some(3),
                    cache_read: Some(4),
                    ..Usage::default()
                });
                call.finish_reason("tool_calls");
                drop(call);
                let tool = llm::tool("weather", "t1");
                tool.arguments("{}");
                tool.failed("timeout", "no answer");
            });
        });
        let chat = collector.span("chat gpt-4o").expect("renamed");
        assert_eq!(chat.kind, SpanKind::Client);
        let expect = [
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.provider.name", "openai"),
            ("gen_ai.request.model", "gpt-4o"),
            ("gen_ai.response.model", "gpt-4o-2024-08-06"),
            ("gen_ai.response.id", "r-1"),
            ("gen_ai.usage.input_tokens", "12"),
            ("gen_ai.usage.output_tokens", "3"),
            ("gen_ai.usage.cache_read.input_tokens", "4"),
            ("gen_ai.response.finish_reasons", "[\"tool_calls\"]"),
            ("gen_ai.system_instructions", "[{\"type\":\"text\",\"content\":\"be brief\"}]"),
            (
                "gen_ai.input.messages",
                "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"weather in \\\"Oslo\\\"?\"}]}]",
            ),
        ];
        for (key, value) in expect {
            assert_eq!(text(&chat, key), value, "{key}");
        }
        assert!(text(&chat, "gen_ai.output.messages").contains("\"type\":\"tool_call\",\"id\":\"t1\""));
        assert!(matches!(chat.attr("gen_ai.response.time_to_first_chunk"), Some(Value::Double(_))));
        let agent = collector.span("invoke_agent planner").expect("renamed");
        let tool = collector.span("execute_tool weather").expect("renamed");
        assert_eq!((chat.parent_id, tool.parent_id), (Some(agent.span_id), Some(agent.span_id)));
        assert_eq!((tool.status, &*tool.status_message), (Status::Error, "no answer"));
        assert_eq!(text(&tool, "error.type"), "timeout");
    }
}

#[test]
fn nobody_is_called_nothing() {
    let check = |call: fn() -> llm::Call, name: &str, key: &str| {
        let collector = Collector::new();
        collector.in_scope(|| drop(call()));
        let span = collector.span(name).unwrap_or_else(|| panic!("{name} in {}", collector.tree()));
        assert_eq!(span.attr(key), None, "{name}");
        assert_eq!(text(&span, "gen_ai.operation.name"), name);
    };
    check(|| llm::chat("openai", ""), "chat", "gen_ai.request.model");
    check(|| llm::embeddings("openai", ""), "embeddings", "gen_ai.request.model");
    check(|| llm::tool("", ""), "execute_tool", "gen_ai.tool.name");
    check(|| llm::agent(""), "invoke_agent", "gen_ai.agent.name");
    check(|| llm::workflow(""), "invoke_workflow", "gen_ai.workflow.name");
    check(|| llm::retrieval(""), "retrieval", "gen_ai.data_source.id");
}

#[test]
fn attributes_by_any_name() {
    for collector in crate::doors() {
        collector.in_scope(|| {
            let span = tracing::info_span!("s", known = 1);
            span.set_attribute("made.up", "text".to_owned());
            span.set_attribute("made.up", 2);
            span.set_attribute("known", 3.5);
            span.set_attribute("service.name", "other");
            span.set_name(format!("renamed {}", 1));
            (0..1000).for_each(|n| span.set_attribute("many", n));
        });
        let span = collector.span("renamed 1").expect("renamed");
        assert_eq!((text(&span, "made.up"), text(&span, "known")), ("2".to_owned(), "3.5".to_owned()));
        assert_eq!(span.service.as_deref(), Some("other"));
        assert_eq!(span.attr("tundra.truncated"), Some(&Value::Bool(true)));
    }
}

// The spans of `rig`: of its own where there is none around, else the one it finds. Names of fields as it records them.
#[test]
fn spans_of_other_libraries() {
    use tracing::field::Empty;
    let record = |span: &tracing::Span| {
        span.record("gen_ai.system_instructions", "be brief");
        span.record("gen_ai.usage.input_tokens", 12_u64);
        span.record("gen_ai.usage.output_tokens", 3_u64);
        span.record("gen_ai.usage.cache_read.input_tokens", 4_u64);
        span.record("gen_ai.response.model", "gpt-4o-2024-08-06");
        span.record("gen_ai.completion", "Sunny.");
    };
    for collector in crate::doors() {
        collector.in_scope(|| {
            let own = tracing::info_span!(
                target: "rig::completions",
                "chat",
                gen_ai.operation.name = "chat",
                gen_ai.provider.name = "openai",
                gen_ai.request.model = "gpt-4o",
                gen_ai.system_instructions = Empty,
                gen_ai.response.model = Empty,
                gen_ai.completion = Empty,
                gen_ai.usage.output_tokens = Empty,
                gen_ai.usage.input_tokens = Empty,
                gen_ai.usage.cache_read.input_tokens = Empty,
            );
            record(&own);
            llm::adoptable("invoke_agent").in_scope(|| record(&tracing::Span::current()));
        });
        for name in ["chat", "invoke_agent"] {
            let span = collector.span(name).expect("recorded");
            let expect = [
                ("gen_ai.operation.name", name),
                ("gen_ai.system_instructions", "be brief"),
                ("gen_ai.usage.input_tokens", "12"),
                ("gen_ai.usage.output_tokens", "3"),
                ("gen_ai.usage.cache_read.input_tokens", "4"),
                ("gen_ai.response.model", "gpt-4o-2024-08-06"),
                ("gen_ai.completion", "Sunny."),
            ];
            for (key, value) in expect {
                assert_eq!(text(&span, key), value, "{name} {key}");
            }
        }
    }
}

// The spans of `genai` with its own feature `otel`: names of fields as it declares and records them.
#[test]
fn spans_of_genai() {
    use tracing::field::Empty;
    for collector in crate::doors() {
        collector.in_scope(|| {
            let span = tracing::info_span!(
                target: "genai::otel::span",
                "genai.chat",
                "otel.name" = "chat gpt-4o",
                "otel.kind" = "client",
                "otel.status_code" = Empty,
                "error.type" = Empty,
                "gen_ai.operation.name" = "chat",
                "gen_ai.provider.name" = "openai",
                "gen_ai.request.model" = "gpt-4o",
                "gen_ai.request.stream" = true,
                "gen_ai.response.finish_reasons" = Empty,
                "gen_ai.usage.input_tokens" = Empty,
                "gen_ai.response.time_to_first_chunk" = Empty,
                "gen_ai.input.messages" = Empty,
                "gen_ai.output.messages" = Empty,
            );
            span.record(
                "gen_ai.input.messages",
                r#"[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]"#,
            );
            span.record("gen_ai.response.time_to_first_chunk", 0.25);
            span.record("gen_ai.response.finish_reasons", r#"["stop"]"#);
            span.record("gen_ai.usage.input_tokens", 12_i64);
            span.record("otel.status_code", "error");
            span.record("error.type", "429");
        });
        let calls = collector.calls();
        let call = calls.first().expect("one");
        assert_eq!((&*call.provider, &*call.name, &*call.input), ("openai", "gpt-4o", "Hi"));
        assert_eq!((call.input_tokens, call.failed), (Some(12), true));
        let span = &call.span;
        assert_eq!((&*span.name, span.kind, span.status), ("chat gpt-4o", SpanKind::Client, Status::Error));
        assert_eq!(text(span, "gen_ai.response.finish_reasons"), "[\"stop\"]");
        assert_eq!((text(span, "error.type"), text(span, "otel.status_code")), ("429".into(), String::new()));
    }
}

#[test]
fn streams_that_break_off_are_marked() {
    let collector = Collector::new();
    collector.in_scope(|| {
        llm::chat("openai", "broken").chunk();
        let ended = llm::chat("openai", "ended");
        ended.chunk();
        ended.stream_ended();
        let counted = llm::text_completion("openai", "counted");
        counted.chunk();
        counted.usage(Usage { output: Some(1), ..Usage::default() });
        let failed = llm::chat("openai", "failed");
        failed.chunk();
        failed.failed("overloaded", "busy");
        drop(llm::embeddings("openai", "plain"));
    });
    for (name, kind) in [
        ("chat broken", "cancelled"),
        ("chat ended", ""),
        ("chat failed", "overloaded"),
        ("text_completion counted", ""),
        ("embeddings plain", ""),
    ] {
        assert_eq!(text(&collector.span(name).expect("made"), "error.type"), kind, "{name}");
    }
}

#[test]
fn events_and_evaluations() {
    let collector = Collector::new();
    collector.in_scope(|| {
        llm::profile_bootstrap("default", "openai", 2);
        llm::request_start("openai", "gpt-4o", "planner", "plan");
        llm::request_complete(("openai", "gpt-4o"), ("planner", "plan"), 15, true);
        llm::agent_execution(("openai", "gpt-4o"), ("planner", "plan"), 15, false);
        let call = llm::chat("openai", "gpt-4o");
        let evaluation = llm::Evaluation {
            name: "relevance".to_owned(),
            value: Some(0.5),
            label: "pass".to_owned(),
            ..llm::Evaluation::default()
        };
        call.evaluated(&evaluation);
        llm::evaluation("toxicity").in_scope(|| llm::workflow("w").in_scope(|| drop(llm::retrieval("docs"))));
    });
    let logs = collector.logs();
    let names: Vec<_> = logs.iter().map(|log| &*log.event_name).collect();
    let expect =
        ["llm_profile_bootstrap", "llm_request_start", "llm_request_complete", "llm_agent_execution"];
    assert_eq!(names[..4], expect);
    for log in &logs[2..4] {
        for key in ["model", "provider", "agent_name", "task_type", "tokens_used", "success"] {
            assert!(tundra_record::value::get(&log.attrs, key).is_some(), "{key}");
        }
    }
    let judged = collector.span("chat gpt-4o").expect("made");
    assert_eq!((&*logs[4].event_name, logs[4].span_id), ("gen_ai.evaluation.result", Some(judged.span_id)));
    let score = tundra_record::value::get(&logs[4].attrs, "gen_ai.evaluation.score.value");
    assert_eq!(score, Some(&Value::Double(0.5)));
    assert_eq!(collector.tree().lines().count(), 4);
}

#[test]
fn futures_run_inside_a_call() {
    use tracing::Instrument;
    let collector = Collector::new();
    collector.in_scope(|| {
        let work = async {
            llm::agent("planner").run(async { tracing::info_span!("step").in_scope(|| ()) }).await;
        };
        futures::executor::block_on(work.instrument(tracing::info_span!("request")));
    });
    assert!(collector.tree().contains("\n  invoke_agent planner"), "{}", collector.tree());
    assert!(collector.tree().contains("\n    step"), "{}", collector.tree());
}
