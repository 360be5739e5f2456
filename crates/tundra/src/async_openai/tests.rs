//! Answers of providers, byte by byte as they send them, and what a call says of each.

use super::answer::Answer;
use crate::llm::chat;
use crate::testing::{Collector, attr};
use ::http::{HeaderMap, HeaderValue, StatusCode, header};
use tundra_record::Span;

/// How an answer comes to its end.
#[derive(Clone, Copy, Debug)]
enum End {
    /// With its last byte.
    Whole,
    /// Nobody wants the rest.
    Dropped,
}

/// The span of a call that was answered so.
fn answered(kind: &'static str, body: &str, end: End) -> Span<'static> {
    answered_with(StatusCode::OK, kind, body, end)
}

/// The span of a call that was refused so.
fn refused(status: StatusCode, body: &str) -> Span<'static> {
    answered_with(status, "application/json", body, End::Whole)
}

fn answered_with(status: StatusCode, kind: &'static str, body: &str, end: End) -> Span<'static> {
    let collector = Collector::new();
    collector.in_scope(|| {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        let mut answer = Answer::new(chat("openai", "m"), status, &headers);
        // Whatever the network made of it.
        body.as_bytes().chunks(7).for_each(|bytes| answer.hear(bytes));
        match end {
            End::Whole => answer.end(),
            End::Dropped => drop(answer),
        }
    });
    collector.span("chat m").expect("one call")
}

/// A stream of these events.
fn streamed(events: &[&str], end: End) -> Span<'static> {
    let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    answered("text/event-stream", &body, end)
}

fn check(span: &Span<'_>, expect: &[(&str, &str)]) {
    for (key, value) in expect {
        assert_eq!(attr(span, key).unwrap_or_default(), *value, "{key} of {span:?}");
    }
}

#[test]
fn failures() {
    use End::{Dropped, Whole};
    let check = |events: &[&str], end, kind: &str| check(&streamed(events, end), &[("error.type", kind)]);
    let said = r#"{"choices":[{"index":0,"delta":{"content":"It "}}]}"#;
    check(&[said], Dropped, "cancelled");
    check(&[said], Whole, "");
    // Whoever hears of a failure stops listening.
    let busy = r#"{"error":{"code":"rate_limit_exceeded","message":"slow down"}}"#;
    check(&[said, busy], Dropped, "rate_limit_exceeded");
    check(&[r#"{"error":{"message":"slow down"}}"#], Whole, "_OTHER");
    // Events of the Responses API: the error is the event, or in it.
    let piece = r#"{"type":"response.output_text.delta","delta":"It "}"#;
    check(&[piece, r#"{"type":"error","code":"server_error","message":"boom"}"#], Whole, "server_error");
    check(&[piece, r#"{"type":"error","code":null,"message":"boom"}"#], Whole, "_OTHER");
    check(&[piece, r#"{"type":"error","error":{"code":"busy","type":"t"}}"#], Whole, "busy");
    check(&[piece, r#"{"type":"error","error":{"code":"","type":"server_error"}}"#], Dropped, "server_error");
    // A mere text, by itself or as the error; and an error that is the element, with a number for its code.
    check(&[said, r#"{"error":"boom"}"#], Whole, "_OTHER");
    check(&[said, r#"{"error":"boom"}"#], Dropped, "_OTHER");
    check(&[said, r#""boom""#], Whole, "_OTHER");
    check(&[piece, r#"{"type":"error","error":"boom"}"#], Whole, "_OTHER");
    check(
        &[said, r#"{"object":"error","message":"boom","type":"BadRequestError","code":400}"#],
        Whole,
        "400",
    );
    check(&[said, r#"{"error":{"object":"error","message":"boom","type":"t","code":500}}"#], Whole, "500");
    // Nothing went wrong.
    for fine in [r#"{"error":null,"choices":[]}"#, r#"{"error":"","choices":[]}"#, r#""""#] {
        check(&[said, fine], Whole, "");
    }
}

// What a provider says by its status, it need not say again.
#[test]
fn refusals() {
    let check = |body: &str, kind: &str, message: &str| {
        let span = refused(StatusCode::NOT_FOUND, body);
        check(&span, &[("error.type", kind), ("http.response.status_code", "404")]);
        assert_eq!(span.status_message, message, "{body}");
    };
    check(r#"{"error":{"message":"no such model","code":"not_found"}}"#, "not_found", "no such model");
    check(r#"{"error":{"message":"no such model"}}"#, "404", "no such model");
    check(r#"{"error":"no such model"}"#, "404", "no such model");
    check(r#""no such model""#, "404", "no such model");
    check(r#"{"object":"error","message":"no such model","type":"NotFound"}"#, "NotFound", "no such model");
    check("<html>", "404", "Not Found");
    check("", "404", "Not Found");
}

#[test]
fn failures_have_a_message() {
    for event in [
        r#"{"error":{"message":"boom"}}"#,
        r#"{"error":"boom"}"#,
        r#""boom""#,
        r#"{"object":"error","message":"boom","code":400}"#,
        r#"{"type":"error","code":null,"message":"boom"}"#,
        r#"{"type":"error","error":{"type":"server_error","code":"server_error","message":"boom"}}"#,
    ] {
        assert_eq!(streamed(&[event], End::Whole).status_message, "boom", "{event}");
    }
}

#[test]
fn names_are_taken_from_where_they_are_told() {
    let check = |events: &[&str], model: &str, id: &str| {
        let expect = [("gen_ai.response.model", model), ("gen_ai.response.id", id)];
        check(&streamed(events, End::Dropped), &expect);
    };
    check(&[r#"{"id":"c-1","model":"a","choices":[]}"#, r#"{"id":"c-2","model":"b"}"#], "a", "c-1");
    // Azure begins with what it thinks of the prompt.
    let azure = r#"{"id":"","model":"","choices":[],"prompt_filter_results":[]}"#;
    check(&[azure, r#"{"id":"c-1","model":"a","choices":[]}"#], "a", "c-1");
    check(&[r#"{"id":"c-1","model":""}"#, r#"{"id":"c-2","model":"b"}"#], "b", "c-1");
    check(&[azure], "", "");
    check(&[r#"{"type":"response.created","response":{"id":"r-1","model":"a"}}"#], "a", "r-1");
}

#[test]
fn what_was_thought_counts_as_written() {
    let check = |usage: &str, output: &str, reasoning: &str| {
        let expect =
            [("gen_ai.usage.output_tokens", output), ("gen_ai.usage.reasoning.output_tokens", reasoning)];
        let whole = format!(r#"{{"choices":[],"usage":{usage}}}"#);
        check(&answered("application/json", &whole, End::Whole), &expect);
        check(&streamed(&[&whole], End::Whole), &expect);
    };
    let apart = r#"{"prompt_tokens":32,"completion_tokens":9,"total_tokens":135,
        "completion_tokens_details":{"reasoning_tokens":94}}"#
        .replace('\n', "");
    check(&apart, "103", "94");
    check(&apart.replace("135", "41"), "9", "94");
    check(&apart.replace("135", "136"), "9", "94");
    check(&apart.replace("94", "0"), "9", "0");
    check(r#"{"prompt_tokens":32,"completion_tokens":9,"total_tokens":41}"#, "9", "");
    check(
        r#"{"input_tokens":1,"output_tokens":2,"total_tokens":6,"output_tokens_details":{"reasoning_tokens":3}}"#,
        "5",
        "3",
    );
}

const TOOLS: [&str; 2] = [
    r#"{"type":"tool_call","id":"a","name":"w","arguments":"{1}"}"#,
    r#"{"type":"tool_call","id":"b","name":"t","arguments":"{2}"}"#,
];

#[test]
fn tool_calls_in_pieces() {
    let piece = |calls: &str| format!(r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{calls}]}}}}]}}"#);
    let check = |calls: &[&str], expect: &[&str]| {
        let events: Vec<String> = calls.iter().map(|calls| piece(calls)).collect();
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        let output =
            format!(r#"[{{"role":"assistant","parts":[{}],"finish_reason":"unknown"}}]"#, expect.join(","));
        check(&streamed(&events, End::Whole), &[("gen_ai.output.messages", &output)]);
    };
    let call = |index: u8, id: &str, name: &str, arguments: &str| {
        format!(r#"{{"index":{index},"id":"{id}","function":{{"name":"{name}","arguments":"{arguments}"}}}}"#)
    };
    check(&[&call(0, "a", "w", "{1"), &call(0, "", "", "}"), &call(1, "b", "t", "{2}")], &TOOLS);
    // Gemini numbers all of them alike.
    check(&[&call(0, "a", "w", "{1}"), &call(0, "b", "t", "{2}")], &TOOLS);
    check(&[&format!("{},{}", call(0, "a", "w", "{1}"), call(0, "b", "t", "{2}"))], &TOOLS);
    check(&[&call(0, "a", "w", "{1}"), &call(0, "b", "t", "{2"), &call(0, "", "", "}")], &TOOLS);
    // With every piece the same id, or another one.
    check(&[&call(0, "a", "w", "{1"), &call(0, "a", "w", "}"), &call(1, "b", "t", "{2}")], &TOOLS);
    check(&[&call(0, "a", "w", "{1"), &call(0, "x", "", "}"), &call(1, "b", "t", "{2}")], &TOOLS);
    // Not numbered at all, and of a form of its own.
    let bare = r#"{"id":"a","function":{"name":"w","arguments":"{1}"}},{"id":"b","custom":{"name":"t","input":"{2}"}}"#;
    check(&[bare], &TOOLS);
    let many: Vec<String> = (0..200).map(|n| call(0, &format!("i{n}"), "w", "")).collect();
    let kept = many.iter().take(crate::limits::CALL_CHOICES).enumerate();
    let kept: Vec<String> = kept
        .map(|(n, _)| format!(r#"{{"type":"tool_call","id":"i{n}","name":"w","arguments":""}}"#))
        .collect();
    let (many, kept): (Vec<&str>, Vec<&str>) =
        (many.iter().map(String::as_str).collect(), kept.iter().map(String::as_str).collect());
    check(&many, &kept);
}

#[test]
fn thoughts_are_shown() {
    let thought = r#"[{"role":"assistant","parts":[{"type":"reasoning","content":"Hm."},{"type":"text","content":"Yes."}],"finish_reason":"unknown"}]"#;
    let check = |span: Span<'_>| check(&span, &[("gen_ai.output.messages", thought)]);
    for key in ["reasoning_content", "reasoning"] {
        let message = format!(r#"{{"role":"assistant","content":"Yes.","{key}":"Hm."}}"#);
        let whole = format!(r#"{{"choices":[{{"index":0,"message":{message}}}]}}"#);
        check(answered("application/json", &whole, End::Whole));
        let piece =
            |key: &str, text: &str| format!(r#"{{"choices":[{{"index":0,"delta":{{"{key}":"{text}"}}}}]}}"#);
        let pieces = [piece(key, "H"), piece(key, "m."), piece("content", "Yes.")];
        check(streamed(&pieces.each_ref().map(String::as_str), End::Whole));
    }
    // Said twice by some, and then only once here.
    let both = r#"{"choices":[{"message":{"role":"assistant","content":"Yes.","reasoning":"Hm.","reasoning_content":"Hm."}}]}"#;
    check(answered("application/json", both, End::Whole));
}

#[test]
fn items_of_a_response() {
    let check = |items: &str, parts: &[&str]| {
        let whole = format!(r#"{{"status":"completed","output":[{items}]}}"#);
        let one = |part| format!(r#"{{"role":"assistant","parts":[{part}],"finish_reason":"completed"}}"#);
        let messages: Vec<String> = parts.iter().map(one).collect();
        let output = format!("[{}]", messages.join(","));
        check(&answered("application/json", &whole, End::Whole), &[("gen_ai.output.messages", &output)]);
    };
    let function = r#"{"type":"function_call","call_id":"a","name":"w","arguments":"{1}"}"#;
    let custom = r#"{"type":"custom_tool_call","call_id":"b","name":"t","input":"{2}"}"#;
    check(&format!("{function},{custom}"), &TOOLS);
    let thought = r#"{"type":"reasoning","content":"Hm."}"#;
    check(r#"{"type":"reasoning","summary":[{"type":"summary_text","text":"Hm."}]}"#, &[thought]);
    check(
        r#"{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"Hm."}]}"#,
        &[thought],
    );
}

const RESPONSE: [&str; 9] = [
    r#"{"type":"response.created","response":{"id":"r-1","model":"m-1","output":[]}}"#,
    r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","summary":[]}}"#,
    r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"delta":"Hm."}"#,
    r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","call_id":"a","name":"w","arguments":""}}"#,
    r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":"{1}"}"#,
    r#"{"type":"response.output_item.added","output_index":2,"item":{"type":"custom_tool_call","call_id":"b","name":"t","input":""}}"#,
    r#"{"type":"response.custom_tool_call_input.delta","output_index":2,"delta":"{2}"}"#,
    r#"{"type":"response.output_text.delta","output_index":3,"delta":"It "}"#,
    r#"{"type":"response.output_text.delta","output_index":3,"delta":"rains."}"#,
];

#[test]
fn responses_that_do_not_come_to_their_end() {
    let parts = [
        r#"{"type":"reasoning","content":"Hm."}"#,
        TOOLS[0],
        TOOLS[1],
        r#"{"type":"text","content":"It rains."}"#,
    ];
    let so_far = |reason: &str| {
        let one = |part| format!(r#"{{"role":"assistant","parts":[{part}],"finish_reason":"{reason}"}}"#);
        format!("[{}]", parts.map(one).join(","))
    };
    let check = |last: &[&str], end, error: &str, output: &str| {
        let events: Vec<&str> = RESPONSE.iter().chain(last).copied().collect();
        let expect = [
            ("error.type", error),
            ("gen_ai.output.messages", output),
            ("gen_ai.response.id", "r-1"),
            ("gen_ai.response.model", "m-1"),
        ];
        check(&streamed(&events, end), &expect);
    };
    check(&[], End::Dropped, "cancelled", &so_far("error"));
    check(&[], End::Whole, "", &so_far("unknown"));
    check(
        &[r#"{"type":"error","code":"server_error","message":"boom"}"#],
        End::Dropped,
        "server_error",
        &so_far("error"),
    );
    let failed = r#"{"type":"response.failed","response":{"id":"r-1","model":"m-1","output":[],"error":{"code":"busy"}}}"#;
    check(&[failed], End::Whole, "busy", &so_far("error"));
    // What the end tells is told once.
    let done = r#"{"type":"response.completed","response":{"id":"r-1","model":"m-1","output":[
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"Yes."}]}]}}"#
        .replace('\n', "");
    let said =
        r#"[{"role":"assistant","parts":[{"type":"text","content":"Yes."}],"finish_reason":"unknown"}]"#;
    check(&[&done], End::Dropped, "", said);
}

// Whatever a server sends: so many items, and of each name so much.
#[test]
fn a_response_without_end_is_kept_in_part() {
    let name = "n".repeat(1000);
    let item = |n: usize| {
        format!(
            r#"{{"type":"response.output_item.added","output_index":{n},
            "item":{{"type":"function_call","call_id":"{name}","name":"{name}","arguments":""}}}}"#
        )
        .replace('\n', "")
    };
    let events: Vec<String> = (0..1000).map(item).collect();
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let output = attr(&streamed(&events, End::Dropped), "gen_ai.output.messages").unwrap_or_default();
    assert_eq!(output.matches("tool_call").count(), crate::limits::CALL_CHOICES);
    assert!(output.len() < 1 << 17, "{}", output.len());
}
