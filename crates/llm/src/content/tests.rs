//! The same conversation in every shape it was seen in.

use super::*;
use crate::fields::parse;

fn show(parts: Parts) -> Vec<String> {
    let one = |m: LlmMessage| {
        format!(
            "{}/{}/{} {} {} {:?} {} {}",
            m.direction.as_str(),
            m.idx,
            m.part,
            m.role,
            m.kind,
            m.content,
            m.tool_name.unwrap_or_default(),
            m.tool_call_id.unwrap_or_default()
        )
        .trim_end()
        .to_owned()
    };
    parts.into_list().into_iter().map(one).collect()
}

fn check(json: &str, expect: &[&str]) {
    let mut parts = Parts::default();
    parts.conversation(Direction::Input, "user", &parse(json).unwrap());
    assert_eq!(show(parts), expect, "{json}");
}

const ASKED: &[&str] = &[
    "system/0/0 system text \"Be brief\"",
    "input/0/0 user text \"Weather?\"",
    "input/1/0 assistant tool_call \"{\\\"city\\\":\\\"Paris\\\"}\" get_weather c1",
    "input/2/0 tool tool_result \"18\"  c1",
];

#[test]
fn conversations() {
    // OpenTelemetry parts.
    check(
        r#"[{"role":"system","parts":[{"type":"text","content":"Be brief"}]},{"role":"user","parts":[{"type":"text","content":"Weather?"}]},
        {"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"get_weather","arguments":{"city":"Paris"}}]},
        {"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":"18"}]}]"#,
        ASKED,
    );
    // OpenAI chat.
    check(
        r#"{"messages":[{"role":"developer","content":"Be brief"},{"role":"user","content":[{"type":"text","text":"Weather?"}]},
        {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}}]},
        {"role":"tool","tool_call_id":"c1","content":"18"}]}"#,
        ASKED,
    );
    // OpenAI responses.
    check(
        r#"{"instructions":"Be brief","input":[{"role":"user","content":"Weather?"},
        {"type":"function_call","call_id":"c1","id":"fc","name":"get_weather","arguments":"{\"city\":\"Paris\"}"},
        {"type":"function_call_output","call_id":"c1","output":"18"}]}"#,
        ASKED,
    );
    // OpenInference, unflattened.
    check(
        r#"[{"message":{"role":"system","content":"Be brief"}},{"message":{"role":"user","contents":[{"message_content":{"type":"text","text":"Weather?"}}]}},
        {"message":{"role":"assistant","tool_calls":[{"tool_call":{"id":"c1","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}}}]}},
        {"message":{"role":"tool","tool_call_id":"c1","content":"18"}}]"#,
        ASKED,
    );
    // Datadog.
    check(
        r#"[{"role":"system","content":"Be brief"},{"role":"user","content":"Weather?"},
        {"role":"assistant","content":"","tool_calls":[{"name":"get_weather","arguments":{"city":"Paris"},"tool_id":"c1","type":"function"}]},
        {"role":"tool","content":"","tool_results":[{"name":"","result":"18","tool_id":"c1","type":"tool_result"}]}]"#,
        ASKED,
    );
    // AI SDK.
    check(
        r#"[{"role":"system","content":"Be brief"},{"role":"user","content":[{"type":"text","text":"Weather?"}]},
        {"role":"assistant","content":[{"type":"tool-call","toolCallId":"c1","toolName":"get_weather","input":{"city":"Paris"}}]},
        {"role":"tool","content":[{"type":"tool-result","toolCallId":"c1","output":{"type":"text","value":"18"}}]}]"#,
        ASKED,
    );
    // Gemini.
    check(
        r#"{"contents":[{"role":"user","parts":[{"text":"Weather?"}]},{"role":"model","parts":[{"functionCall":{"name":"get_weather","args":{"city":"Paris"}}}]}]}"#,
        &[
            "input/0/0 user text \"Weather?\"",
            "input/1/0 assistant tool_call \"{\\\"city\\\":\\\"Paris\\\"}\" get_weather",
        ],
    );
}

#[test]
fn other_parts() {
    check(r#""just text""#, &["input/0/0 user text \"just text\""]);
    check(r#"["hello","world"]"#, &["input/0/0 user text \"hello\"", "input/1/0 user text \"world\""]);
    check(r#"[{"role":"reasoning","content":"hm"}]"#, &["input/0/0 assistant reasoning \"hm\""]);
    check(
        r#"[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://x/y.png"}},{"type":"new","x":1}]}]"#,
        &[
            "input/0/0 user image \"http://x/y.png\"",
            "input/0/1 user json \"{\\\"type\\\":\\\"new\\\",\\\"x\\\":1}\"",
        ],
    );
    check(
        r#"{"args":["Paris"],"kwargs":{}}"#,
        &[r#"input/0/0 user json "{\"args\":[\"Paris\"],\"kwargs\":{}}""#],
    );
    check("{}", &[r#"input/0/0 user json "{}""#]);
    check("[]", &[]);
}

#[test]
fn tools() {
    for json in [
        r#"[{"type":"function","function":{"name":"get_weather"}}]"#,
        r#"[{"name":"get_weather","parameters":{}}]"#,
        r#"["{\"name\":\"get_weather\"}"]"#,
        r#"[{"tool":{"json_schema":"{\"name\":\"get_weather\"}"}}]"#,
    ] {
        let mut parts = Parts::default();
        parts.tools(&parse(json).unwrap());
        let list = parts.into_list();
        assert_eq!(list.len(), 1, "{json}");
        assert_eq!(list[0].tool_name.as_deref(), Some("get_weather"), "{json}");
        assert_eq!(list[0].direction, Direction::Tools);
    }
}

#[test]
fn parts_are_bounded() {
    let mut parts = Parts::default();
    let json = format!("[{}\"x\"]", "\"x\",".repeat(PARTS_MAX + 9));
    parts.conversation(Direction::Input, "user", &parse(&json).unwrap());
    assert_eq!((parts.lost, parts.into_list().len()), (10, PARTS_MAX));
}
