//! An LLM span as Datadog's LLM product expects it: one event in `meta_struct._llmobs`, built from GenAI attributes.
//!
//! Called for each LLM span on its way to an Agent. Content moves into the event, so that it is not sent twice; the other
//! attributes stay as the shadow tags that Datadog's own clients set, marked as such. The event goes inside the span, or
//! beside it through the Agent's event proxy; where neither is possible the attributes stay as they are.

use super::evp;
use crate::propagation::call_tree;
use tundra_record::value::{from_json, get};
use tundra_record::{Attrs, Resource, Span, Status, Text, Value};

/// Attributes that hold content: they are only in the event.
const CONTENT: [&str; 7] = [
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    PROMPT,
    COMPLETION,
];

/// What went in and came out, under older names that libraries such as `rig` still use.
const PROMPT: &str = "gen_ai.prompt";
const COMPLETION: &str = "gen_ai.completion";

/// Where the event's numbers come from; the first of those with one name counts.
const METRICS: [(&str, &str); 8] = [
    ("input_tokens", "gen_ai.usage.input_tokens"),
    ("output_tokens", "gen_ai.usage.output_tokens"),
    ("cache_read_input_tokens", "gen_ai.usage.cache_read.input_tokens"),
    ("cache_write_input_tokens", "gen_ai.usage.cache_creation.input_tokens"),
    ("reasoning_output_tokens", "gen_ai.usage.reasoning.output_tokens"),
    ("time_to_first_token", "gen_ai.response.time_to_first_chunk"),
    ("cache_read_input_tokens", "gen_ai.usage.cached_tokens"),
    ("reasoning_output_tokens", "gen_ai.usage.reasoning_tokens"),
];

/// What the request asked for, under the names that Datadog's clients give it.
const METADATA: [(&str, &str); 5] = [
    ("temperature", "gen_ai.request.temperature"),
    ("max_tokens", "gen_ai.request.max_tokens"),
    ("top_p", "gen_ai.request.top_p"),
    ("finish_reason", "gen_ai.response.finish_reasons"),
    ("response_id", "gen_ai.response.id"),
];

/// The nearest LLM span above, as the SDK's own calls note it where that is not their parent.
pub(crate) const PARENT: &str = "tundra.llm.parent_id";
/// What Datadog's clients say where there is none.
pub(crate) const NO_PARENT: &str = "undefined";

/// Takes out what only Datadog's product understands.
pub(crate) fn without_no_parent(span: &mut Span<'_>) {
    span.attrs.retain(|(key, value)| key != PARENT || value.as_str() != Some(NO_PARENT));
}

/// How the events of an Agent's LLM spans travel.
#[derive(Debug)]
pub(super) enum Form {
    /// In a structure of the span.
    Inside,
    /// As events of their own, gathered here.
    Beside(Vec<String>),
    /// Not at all.
    Absent,
}

/// Makes the event of a span.
pub(super) fn add(span: &mut Span<'_>, resource: &Resource<'_>, app: &str, form: &mut Form) {
    let made = match form {
        Form::Absent => return,
        Form::Inside | Form::Beside(_) => event(span, resource, app).into_owned(),
    };
    span.attrs.retain(|(key, _)| !CONTENT.contains(&&**key) && key != PARENT);
    match form {
        Form::Beside(events) => {
            events.push(evp::span_event(made, span));
            // So that nobody counts it twice.
            span.attrs.push(("_dd.llmobs.submitted".into(), Value::from("1")));
        }
        Form::Inside | Form::Absent => span.attrs.push(("meta_struct._llmobs".into(), made)),
    }
    span.attrs.push(("_dd.llmobs.artificial_gen_ai_tags".into(), Value::from("true")));
}

fn event<'s>(span: &'s Span<'_>, resource: &'s Resource<'_>, app: &'s str) -> Value<'s> {
    let said = |key: &str| span.attr(key).map(Value::to_text);
    let kind = kind_of(&said("gen_ai.operation.name").unwrap_or_default());
    let mut meta: Attrs<'s> = vec![("span".into(), object([("kind", Some(Value::from(kind)))]))];
    let model = said("gen_ai.response.model").or_else(|| said("gen_ai.request.model"));
    let provider = said("gen_ai.provider.name").or_else(|| said("gen_ai.system"));
    let model_said = matches!(kind, "llm" | "embedding");
    for (key, text) in [("model_name", model), ("model_provider", provider)] {
        meta.extend(text.filter(|_| model_said).map(|text| (key.into(), Value::Str(text))));
    }
    let (input, output) = sides(span, kind);
    meta.extend(input.map(|input| ("input".into(), input)));
    meta.extend(output.map(|output| ("output".into(), output)));
    meta.push(("metadata".into(), picked(span, &METADATA)));
    if span.status == Status::Error {
        let text = |key: &str| said(key).map(Value::Str);
        let message = Some(Value::from(&*span.status_message)).filter(|_| !span.status_message.is_empty());
        let error = [("type", text("error.type")), ("message", message), ("stack", text("error.stack"))];
        meta.push(("error".into(), object(error)));
    }
    let session = said("gen_ai.conversation.id").or_else(|| said("session.id"));
    let parent = said(PARENT).unwrap_or_else(|| match span.parent_id {
        Some(parent) => parent.0.to_string().into(),
        None => NO_PARENT.into(),
    });
    object([
        ("name", Some(Value::from(&*span.name))),
        ("ml_app", Some(Value::from(app))),
        ("trace_id", Some(Value::from(call_tree(span.trace_id).to_string()))),
        ("parent_id", Some(Value::Str(parent))),
        ("session_id", session.map(Value::Str)),
        ("meta", Some(Value::Map(meta))),
        ("metrics", Some(metrics(span))),
        ("tags", Some(tags(span, resource, app))),
    ])
}

/// Datadog's kind of an operation.
pub(super) fn kind_of(operation: &str) -> &'static str {
    match operation {
        "chat" | "text_completion" | "generate_content" => "llm",
        "embeddings" => "embedding",
        "execute_tool" => "tool",
        "invoke_agent" | "create_agent" => "agent",
        "invoke_workflow" => "workflow",
        "retrieval" => "retrieval",
        _ => "task",
    }
}

fn object<'v, const N: usize>(members: [(&'static str, Option<Value<'v>>); N]) -> Value<'v> {
    Value::Map(members.into_iter().filter_map(|(key, value)| Some((key.into(), value?))).collect())
}

fn picked<'s>(span: &'s Span<'_>, keys: &[(&'static str, &str)]) -> Value<'s> {
    let pick = |(name, key): &(&'static str, &str)| Some((Text::Borrowed(*name), span.attr(key)?.clone()));
    Value::Map(keys.iter().filter_map(pick).collect())
}

fn metrics<'s>(span: &'s Span<'_>) -> Value<'s> {
    let mut metrics = Attrs::new();
    for (name, key) in METRICS {
        let number =
            span.attr(key).filter(|value| value.as_double().is_some() && get(&metrics, name).is_none());
        metrics.extend(number.map(|number| (name.into(), number.clone())));
    }
    let number = |key: &str| get(&metrics, key).and_then(Value::as_int);
    if let (Some(input), Some(output)) = (number("input_tokens"), number("output_tokens")) {
        metrics.push(("total_tokens".into(), Value::Int(input.saturating_add(output))));
    }
    Value::Map(metrics)
}

fn tags<'s>(span: &'s Span<'_>, resource: &'s Resource<'_>, app: &'s str) -> Value<'s> {
    let failed = if span.status == Status::Error { "1" } else { "0" };
    object([
        ("ml_app", Some(Value::from(app))),
        ("service", span.service.as_deref().or_else(|| resource.service()).map(Value::from)),
        ("env", resource.env().map(Value::from)),
        ("version", resource.version().map(Value::from)),
        ("source", Some(Value::from("integration"))),
        ("language", Some(Value::from("rust"))),
        ("error", Some(Value::from(failed))),
        ("error_type", span.attr("error.type").map(|kind| Value::Str(kind.to_text()))),
    ])
}

/// What went in and what came out.
fn sides<'s>(span: &'s Span<'_>, kind: &str) -> (Option<Value<'s>>, Option<Value<'s>>) {
    let text = |key: &str| span.attr(key).map(Value::to_text);
    if kind == "tool" {
        let value = |key: &str, older: &str| {
            text(key).or_else(|| text(older)).map(|text| object([("value", Some(Value::Str(text)))]))
        };
        return (value("gen_ai.tool.call.arguments", PROMPT), value("gen_ai.tool.call.result", COMPLETION));
    }
    let mut input = Vec::new();
    if let Some(Value::List(parts)) = text("gen_ai.system_instructions").as_deref().and_then(from_json) {
        input.push(message(&Value::Map(vec![
            ("role".into(), "system".into()),
            ("parts".into(), Value::List(parts)),
        ])));
    }
    let told = |key: &str, older: &str, role| match (text(key), text(older)) {
        (Some(json), _) => messages(&json),
        (None, Some(text)) if !text.is_empty() => older_form(&text, role),
        (None, _) => Vec::new(),
    };
    input.extend(told("gen_ai.input.messages", PROMPT, "user"));
    let output = told("gen_ai.output.messages", COMPLETION, "assistant");
    let side = |messages: Vec<Value<'static>>| {
        let plain =
            || messages.iter().filter_map(|m| m.get("content")?.as_str()).collect::<Vec<_>>().join("\n");
        match kind {
            _ if messages.is_empty() => None,
            "llm" => Some(object([("messages", Some(Value::List(messages)))])),
            _ => Some(object([("value", Some(Value::from(plain())))])),
        }
    };
    (side(input), side(output))
}

fn messages(json: &str) -> Vec<Value<'static>> {
    match from_json(json) {
        Some(Value::List(items)) => items.iter().map(message).collect(),
        _ => Vec::new(),
    }
}

/// What stands under an older name: a text, or messages with a text each.
fn older_form(text: &str, role: &'static str) -> Vec<Value<'static>> {
    let listed = messages(text);
    if !listed.is_empty() && listed.iter().all(|message| message.get("role").is_some()) {
        return listed;
    }
    let content = Value::from(text.to_owned());
    vec![object([("role", Some(Value::from(role))), ("content", Some(content))])]
}

/// A message of OpenTelemetry's convention in Datadog's form.
fn message(item: &Value<'_>) -> Value<'static> {
    let (mut content, mut calls, mut results) = (Vec::new(), Vec::new(), Vec::new());
    let parts = match item.get("parts").or_else(|| item.get("content")) {
        Some(Value::List(parts)) => parts.as_slice(),
        Some(Value::Str(text)) => {
            content.push(text.to_string());
            &[]
        }
        _ => &[],
    };
    for part in parts {
        let text = |key: &str| part.get(key).map(|value| Value::from(value.to_text().into_owned()));
        match part.get("type").and_then(Value::as_str) {
            Some("tool_call") => {
                // Arguments are JSON in a text; the product shows the object.
                let arguments = text("arguments").map(|arguments| match from_json(&arguments.to_text()) {
                    Some(object @ Value::Map(_)) => object.into_owned(),
                    _ => Value::Map(vec![("value".into(), arguments)]),
                });
                let kind = Some(Value::from("function"));
                calls.push(object([
                    ("name", text("name")),
                    ("arguments", arguments),
                    ("tool_id", text("id")),
                    ("type", kind),
                ]));
            }
            Some("tool_call_response") => {
                let kind = Some(Value::from("tool_result"));
                results.push(object([("result", text("response")), ("tool_id", text("id")), ("type", kind)]));
            }
            // Datadog has no place for it, and what was thought was not said.
            Some("reasoning") => {}
            _ => {
                let said = part.get("content").or_else(|| part.get("text"));
                content.extend(said.map(|said| said.to_text().into_owned()));
            }
        }
    }
    let list = |items: Vec<Value<'static>>| (!items.is_empty()).then_some(Value::List(items));
    object([
        ("role", item.get("role").map(|role| role.clone().into_owned())),
        ("content", Some(Value::from(content.join("\n")))),
        ("tool_calls", list(calls)),
        ("tool_results", list(results)),
    ])
}

#[cfg(test)]
mod tests {
    //! The event, built from what `tundra::llm` records.

    use super::*;
    use crate::llm::{Message, Part, Usage, agent, chat, tool};
    use crate::testing::Collector;
    use tundra_record::value::write_json_text;

    /// The events of all LLM spans by name, as JSON, and the keys of what stayed beside them.
    fn events(work: impl FnOnce()) -> Vec<(String, String, Vec<String>)> {
        let collector = Collector::with(|builder| builder.env("test"));
        collector.in_scope(work);
        let resource = Resource { attrs: vec![("service.name".into(), "app".into())] };
        let mut found: Vec<_> = collector
            .spans()
            .into_iter()
            .map(|mut span| {
                span.trace_id = tundra_record::TraceId(1);
                add(&mut span, &resource, "app", &mut Form::Inside);
                let mut json = String::new();
                write_json_text(span.attr("meta_struct._llmobs").expect("an event"), &mut json);
                (span.name.to_string(), json, span.attrs.iter().map(|(key, _)| key.to_string()).collect())
            })
            .collect();
        found.sort();
        found
    }

    #[test]
    fn a_chat_with_a_tool_call() {
        let found = events(|| {
            let call = chat("openai", "gpt-4o");
            call.system_instructions("Be brief.");
            call.input(Message::user("Weather?"));
            let tool_call =
                Part::ToolCall { id: "c1".into(), name: "w".into(), arguments: "{\"city\":\"Rome\"}".into() };
            call.output(Message {
                role: "assistant".into(),
                parts: vec![tool_call],
                finish_reason: String::new(),
            });
            call.usage(Usage { input: Some(12), output: Some(3), cache_read: Some(2), ..Usage::default() });
            call.response("gpt-4o-2024", "r1");
            call.finish_reason("tool_calls");
        });
        let expect = concat!(
            r#"{"name":"chat gpt-4o","ml_app":"app","trace_id":"00000000000000000000000000000001","parent_id":"undefined","#,
            r#""meta":{"span":{"kind":"llm"},"model_name":"gpt-4o-2024","model_provider":"openai","#,
            r#""input":{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Weather?"}]},"#,
            r#""output":{"messages":[{"role":"assistant","content":"","#,
            r#""tool_calls":[{"name":"w","arguments":{"city":"Rome"},"tool_id":"c1","type":"function"}]}]},"#,
            r#""metadata":{"finish_reason":["tool_calls"],"response_id":"r1"}},"#,
            r#""metrics":{"input_tokens":12,"output_tokens":3,"cache_read_input_tokens":2,"total_tokens":15},"#,
            r#""tags":{"ml_app":"app","service":"app","source":"integration","language":"rust","error":"0"}}"#,
        );
        assert_eq!(found[0].1, expect);
        // Content is nowhere else.
        assert!(found[0].2.iter().all(|key| !CONTENT.contains(&&**key)), "{:?}", found[0].2);
    }

    // The names of `rig`, on the span that it finds.
    #[test]
    fn older_names() {
        let check = |operation: &'static str, fields: &[(&'static str, Value<'static>)], expect: &[&str]| {
            let found = events(|| {
                let span = crate::llm::adoptable(operation);
                for (key, value) in fields {
                    crate::SpanExt::set_attribute(&span, key, value.clone());
                }
            });
            let (_, json, kept) = &found[0];
            expect.iter().for_each(|part| assert!(json.contains(part), "{part} in {json}"));
            assert!(kept.iter().all(|key| !CONTENT.contains(&&**key)), "{kept:?}");
        };
        let number = |key, number| (key, Value::Int(number));
        let text = |key, text: &'static str| (key, Value::from(text));
        let cached = number("gen_ai.usage.cached_tokens", 7);
        let thought = number("gen_ai.usage.reasoning_tokens", 5);
        check(
            "chat",
            &[cached.clone(), thought],
            &[r#""metrics":{"cache_read_input_tokens":7,"reasoning_output_tokens":5}"#],
        );
        check(
            "chat",
            &[cached, number("gen_ai.usage.cache_read.input_tokens", 3)],
            &[r#""metrics":{"cache_read_input_tokens":3}"#],
        );
        let (asked, said) = (text("gen_ai.prompt", "Weather?"), text("gen_ai.completion", "Sunny."));
        let input = r#""input":{"messages":[{"role":"user","content":"Weather?"}]}"#;
        let output = r#""output":{"messages":[{"role":"assistant","content":"Sunny."}]}"#;
        check("chat", &[asked.clone(), said.clone()], &[input, output]);
        check("chat", &[text("gen_ai.prompt", r#"[{"role":"user","content":"Weather?"}]"#)], &[input]);
        let parts = r#"[{"role":"user","content":[{"type":"text","text":"Weather?"}]}]"#;
        check("chat", &[text("gen_ai.prompt", parts)], &[input]);
        check("chat", &[text("gen_ai.prompt", "")], &[r#""meta":{"span":{"kind":"llm"},"metadata":{}}"#]);
        check("chat", &[text("gen_ai.prompt", "[1]")], &[r#"{"role":"user","content":"[1]"}"#]);
        let newer = r#"[{"role":"user","parts":[{"type":"text","content":"Weather?"}]}]"#;
        check("chat", &[text("gen_ai.input.messages", newer), text("gen_ai.prompt", "older")], &[input]);
        let values = [r#""input":{"value":"Weather?"}"#, r#""output":{"value":"Sunny."}"#];
        check("invoke_agent", &[asked.clone(), said.clone()], &values);
        check("execute_tool", &[asked, said], &values);
    }

    #[test]
    fn calls_know_the_call_above() {
        let found = events(|| {
            // A span that another library writes on counts as well.
            let run = crate::llm::adoptable("invoke_agent");
            run.in_scope(|| drop(tool("adopted", "c0")));
            let run = agent("planner");
            run.in_scope(|| {
                // An ordinary span between them does not hide the agent.
                let step = tracing::info_span!("gen_ai_step", gen_ai.operation.name = "step");
                step.in_scope(|| {
                    let call = tool("search", "c1");
                    call.arguments("{\"q\":1}");
                    call.result("found");
                    call.failed("Timeout", "too slow");
                });
            });
        });
        let parent = |json: &str| {
            json.split_once("\"parent_id\":\"")
                .map(|(_, rest)| rest.split('"').next().unwrap_or_default().to_owned())
        };
        let of = |name: &str| &found.iter().find(|(found, _, _)| found == name).expect(name).1;
        assert_eq!(parent(of("invoke_agent planner")).as_deref(), Some("undefined"));
        let id = parent(of("execute_tool adopted")).and_then(|id| id.parse::<u64>().ok());
        assert!(id.is_some(), "{found:?}");
        let tool = of("execute_tool search");
        assert!(parent(tool).is_some_and(|id| id.parse::<u64>().is_ok()), "{tool}");
        assert!(tool.contains(r#""input":{"value":"{\"q\":1}"},"output":{"value":"found"}"#), "{tool}");
        assert!(tool.contains(r#""error":{"type":"Timeout","message":"too slow"}"#), "{tool}");
    }

    // Datadog's own clients begin trees of calls that have ids of their own.
    #[test]
    fn a_tree_from_above_goes_on() {
        let own = "1".to_owned() + &"0".repeat(15) + &format!("{:016x}", 8105);
        let check = |tags: &str, expect: &str| {
            let tags = format!("_dd.p.tid=1000000000000000,{tags}");
            let headers =
                [("x-datadog-trace-id", "8105"), ("x-datadog-parent-id", "7"), ("x-datadog-tags", &tags)];
            let get = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
            let above = crate::propagation::extract(get).expect("a context");
            let collector = Collector::new();
            collector.in_scope(|| {
                let call = || drop(chat("openai", "below"));
                above.in_scope(|| tracing::info_span!("http.server").in_scope(call));
            });
            let mut span = collector.span("chat below").expect("recorded");
            let mut form = Form::Beside(Vec::new());
            add(&mut span, &Resource::default(), "app", &mut form);
            let Form::Beside(events) = form else { panic!("{form:?}") };
            assert!(
                events[0].contains(&format!(r#""name":"chat below","trace_id":"{expect}""#)),
                "{events:?}"
            );
            assert!(events[0].contains(&format!(r#""apm_trace_id":"{own}""#)), "{events:?}");
        };
        let parent = "_dd.p.llmobs_parent_id=12";
        check(
            &format!("{parent},_dd.p.llmobs_trace_id=141393847380800662846519802803680448779"),
            "6a5f76e7000000001973227978d8110b",
        );
        check(
            &format!("{parent},_dd.p.llmobs_trace_id=6A5F76E7000000001973227978d8110b"),
            "6a5f76e7000000001973227978d8110b",
        );
        check(&format!("{parent},_dd.p.llmobs_trace_id=13"), &format!("{:032x}", 13));
        for told in ["", "0", "x", "-1", "6a5f", "999999999999999999999999999999999999999999"] {
            check(&format!("{parent},_dd.p.llmobs_trace_id={told}"), &own);
        }
        check(parent, &own);
    }

    // A span that is no call never gets where the parent is looked for.
    #[test]
    fn what_is_no_call_is_no_parent() {
        let check = |tags: &str, expect: &str| {
            let headers = [
                ("x-datadog-trace-id", if tags.is_empty() { "8101" } else { "8102" }),
                ("x-datadog-parent-id", "7"),
                ("x-datadog-tags", tags),
            ];
            let get = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
            let above = crate::propagation::extract(get).expect("a context");
            let found = events(|| {
                let make = || tracing::info_span!("http.server");
                above.in_scope(make).in_scope(|| drop(chat("openai", "inside")));
                above.in_scope(|| drop(chat("openai", "directly")));
            });
            for name in ["chat inside", "chat directly"] {
                let json = &found.iter().find(|(found, _, _)| found == name).expect(name).1;
                assert!(json.contains(&format!("\"parent_id\":\"{expect}\"")), "{json}");
            }
        };
        check("", "undefined");
        check("_dd.p.llmobs_parent_id=12345,_dd.p.dm=-1", "12345");
    }
}
