//! Small spans and logs written by hand, each with what must be understood of it (`tests/cases/*.json`).

use crate::captures::READER;
use tundra_record::llm::{LlmCall, Understood};
use tundra_record::value::from_json;
use tundra_record::{Attrs, Event, LogRecord, Resource, Scope, Span, SpanId, Value};

fn attrs(of: &Value<'_>, key: &str) -> Attrs<'static> {
    match of.get(key).cloned().map(Value::into_owned) {
        Some(Value::Map(entries)) => entries,
        _ => Attrs::new(),
    }
}

fn text<'v>(of: &'v Value<'_>, key: &str) -> &'v str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn texts(of: &Value<'_>, key: &str) -> Vec<String> {
    match of.get(key) {
        Some(Value::List(items)) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
        _ => Vec::new(),
    }
}

fn line(call: &LlmCall) -> String {
    let number = |n: Option<u64>| n.map_or("-".to_owned(), |n| n.to_string());
    let word = |w: Option<&String>| w.cloned().unwrap_or("-".to_owned());
    let u = &call.usage;
    format!(
        "{} {} {} in {} ({} {} {}) out {} ({}) {} {}",
        call.operation,
        word(call.provider.as_ref()),
        word(call.response_model.as_ref().or(call.request_model.as_ref())),
        number(u.input),
        number(u.cache_read),
        number(u.cache_write),
        number(u.cache_write_1h),
        number(u.output),
        number(u.reasoning),
        word(call.finish_reason.as_ref()),
        call.dialect
    )
}

fn check(case: &Value<'_>) {
    let told: &[Value<'_>] = match case.get("events") {
        Some(Value::List(events)) => events,
        _ => &[],
    };
    let events = told.iter().map(|event| Event {
        name: text(event, "name").to_owned().into(),
        attrs: attrs(event, "attrs"),
        ..Event::default()
    });
    let name = Some(text(case, "name")).filter(|name| !name.is_empty()).unwrap_or("span");
    let span = Span {
        name: name.to_owned().into(),
        attrs: attrs(case, "attrs"),
        events: events.collect(),
        ..Span::default()
    };
    let scope = Scope { name: text(case, "scope").to_owned().into(), version: "".into() };
    let got = READER.span(&Resource::default(), &scope, &span).unwrap_or_default();
    let what = text(case, "what");
    assert_eq!(got.call.as_ref().map(line).unwrap_or_default(), text(case, "call"), "{what}");
    let run = got.run.as_ref().map(|run| format!("{} {}", run.kind, run.agent_name));
    assert_eq!(run.unwrap_or_default(), text(case, "run"), "{what}");
    let messages: Vec<_> = got
        .messages
        .iter()
        .map(|m| format!("{} {} {} {}", m.direction.as_str(), m.role, m.kind, m.content))
        .collect();
    assert_eq!(messages, texts(case, "messages"), "{what}");
    let evaluations: Vec<_> =
        got.evaluations.iter().map(|e| format!("{} {}", e.name, e.value.unwrap_or_default())).collect();
    assert_eq!(evaluations, texts(case, "evaluations"), "{what}");
    assert_eq!(got.problems, texts(case, "problems"), "{what}");
    if let Some(session) = case.get("session") {
        assert_eq!(got.session_id.as_deref(), session.as_str(), "{what}");
    }
    let profile = got
        .call
        .as_ref()
        .and_then(|call| Some(format!("{} {}", call.profile.as_ref()?, call.task_type.as_ref()?)));
    assert_eq!(profile.unwrap_or_default(), text(case, "profile"), "{what}");
    let reported = got.call.and_then(|call| call.cost.reported).map(|cost| cost.0);
    assert_eq!(reported, case.get("reported").and_then(Value::as_int), "{what}");
}

#[test]
fn spans() {
    for file in [include_str!("../cases/otel.json"), include_str!("../cases/others.json")] {
        let Some(Value::List(cases)) = from_json(file) else { panic!("the cases are not a JSON list") };
        cases.iter().for_each(check);
    }
}

fn log(name: &str, span: Option<SpanId>, json: &str, body: &str) -> Option<Understood> {
    let attrs = attrs(&Value::Map(vec![("a".into(), from_json(json).unwrap())]), "a");
    let body = from_json(body).unwrap();
    let log = LogRecord { event_name: name.into(), attrs, body, span_id: span, ..LogRecord::default() };
    READER.log(&Resource::default(), &Scope::default(), &log)
}

#[test]
fn logs() {
    let span = Some(SpanId(7));
    let contents = |u: &Understood| u.messages.iter().map(|m| m.content.clone()).collect::<Vec<_>>();
    let user =
        log("gen_ai.user.message", span, r#"{"gen_ai.system":"openai"}"#, r#"{"content":"hi"}"#).unwrap();
    assert_eq!((contents(&user), user.call), (vec!["hi".to_owned()], None));
    let choice = r#"{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"yo"}}"#;
    let choice = log("gen_ai.choice", span, "{}", choice).unwrap();
    assert_eq!((contents(&choice), choice.call), (vec!["yo".to_owned()], None));

    let details = r#"{"gen_ai.operation.name":"chat","gen_ai.provider.name":"openai","gen_ai.request.model":"gpt-4o",
        "gen_ai.usage.input_tokens":1234,"gen_ai.usage.output_tokens":56,
        "gen_ai.input.messages":[{"role":"user","parts":[{"type":"text","content":"hi"}]}]}"#;
    let name = "gen_ai.client.inference.operation.details";
    let of_span = log(name, span, details, "\"\"").unwrap();
    assert_eq!((contents(&of_span), of_span.call), (vec!["hi".to_owned()], None));
    let alone = log(name, None, details, "\"\"").unwrap();
    assert_eq!(alone.call.unwrap().usage.input, Some(1234));

    let judged = r#"{"gen_ai.evaluation.name":"toxic","gen_ai.evaluation.score.label":"no"}"#;
    let judged = log("gen_ai.evaluation.result", span, judged, "\"\"").unwrap();
    assert_eq!(judged.evaluations[0].label.as_deref(), Some("no"));
    assert_eq!(log("", span, r#"{"http.method":"GET"}"#, "\"a plain line\""), None);
}

#[test]
fn datadog_evaluations() {
    let check = |json: &str, value: Option<f64>, label: Option<&str>| {
        let judged = log("datadog.llmobs.evaluation", Some(SpanId(7)), json, "\"\"").unwrap();
        assert_eq!(judged.call, None, "{json}");
        let [evaluation] = &judged.evaluations[..] else { panic!("{json}: {judged:?}") };
        assert_eq!((evaluation.value, evaluation.label.as_deref()), (value, label), "{json}");
        assert_eq!(evaluation.name, "l", "{json}");
    };
    check(r#"{"label":"l","metric_type":"score","score_value":0.25}"#, Some(0.25), None);
    check(r#"{"label":"l","score_value":1,"assessment":"pass"}"#, Some(1.0), Some("pass"));
    check(r#"{"label":"l","categorical_value":"positive"}"#, None, Some("positive"));
    check(r#"{"label":"l","boolean_value":true}"#, Some(1.0), Some("true"));
    check(r#"{"label":"l","boolean_value":false}"#, Some(0.0), Some("false"));
    check(r#"{"label":"l","text_value":"well"}"#, None, Some("well"));
    check(r#"{"label":"l","json_value":{"tone":"ok"}}"#, None, Some(r#"{"tone":"ok"}"#));
    check(r#"{"label":"l","score_value":"high"}"#, None, None);
    let reasoned = r#"{"label":"l","score_value":1,"reasoning":"because","session_id":"s"}"#;
    let reasoned = log("datadog.llmobs.evaluation", None, reasoned, "\"\"").unwrap();
    assert_eq!(reasoned.evaluations[0].explanation.as_deref(), Some("because"));
    assert_eq!(reasoned.session_id.as_deref(), Some("s"));
}
