//! The agent run: a question about an order, a plan by one model, tools of which one fails and is tried again, an answer
//! by a second model and a check of it by a third. Told in OpenTelemetry's GenAI attributes.

use super::{Pen, attrs};
use serde_json::{Value as Json, json};
use tundra_record::{Event, Span, SpanId, SpanKind, Status, TraceId, UnixNanos, Value};

const SYSTEM: &str = "You are a support agent of a small outdoor shop. Use the tools; never guess an order's state. \
    Answer in two sentences.";
const QUESTION: &str =
    "Hi, my order 1042 was to arrive on Monday. Where is it, and can I still change the address?";
const ANSWER: &str = "Your order 1042 left our warehouse yesterday and is with the carrier; the new estimate is Thursday. \
    The address can no longer be changed by us, but the carrier's tracking page lets you redirect it until tomorrow noon.";

/// What one model call was.
struct Call {
    provider: &'static str,
    model: &'static str,
    answered: &'static str,
    start_ms: i64,
    duration_ms: i64,
    ttft_s: f64,
    input: i64,
    cached: i64,
    output: i64,
    finish: &'static str,
    messages: Json,
    reply: Json,
}

fn text(role: &str, content: &str) -> Json {
    json!({"role": role, "parts": [{"type": "text", "content": content}]})
}

fn wants(id: &str, name: &str, arguments: &Json) -> Json {
    json!({"role": "assistant", "parts": [{"type": "tool_call", "id": id, "name": name, "arguments": arguments}]})
}

fn told(id: &str, response: &Json) -> Json {
    json!({"role": "tool", "parts": [{"type": "tool_call_response", "id": id, "response": response}]})
}

impl Pen {
    fn call(&mut self, parent: SpanId, call: Call) {
        let name = format!("chat {}", call.model);
        let span = self.span(Some(parent), name, SpanKind::Client, call.start_ms, call.duration_ms);
        span.attrs = attrs([
            ("gen_ai.operation.name", "chat".into()),
            ("gen_ai.provider.name", call.provider.into()),
            ("gen_ai.request.model", call.model.into()),
            ("gen_ai.response.model", call.answered.into()),
            ("gen_ai.request.stream", true.into()),
            ("gen_ai.response.time_to_first_chunk", call.ttft_s.into()),
            ("gen_ai.response.finish_reasons", Value::List(vec![call.finish.into()])),
            ("gen_ai.usage.input_tokens", call.input.into()),
            ("gen_ai.usage.cache_read.input_tokens", call.cached.into()),
            ("gen_ai.usage.output_tokens", call.output.into()),
            ("gen_ai.conversation.id", "sample-conversation".into()),
            ("gen_ai.agent.name", "support-agent".into()),
            ("gen_ai.system_instructions", json!([{"type": "text", "content": SYSTEM}]).to_string().into()),
            ("gen_ai.input.messages", call.messages.to_string().into()),
            ("gen_ai.output.messages", json!([call.reply]).to_string().into()),
        ]);
    }

    fn tool(
        &mut self,
        parent: SpanId,
        name: &'static str,
        start_ms: i64,
        duration_ms: i64,
        arguments: &Json,
    ) -> &mut Span<'static> {
        let span = self.span(
            Some(parent),
            format!("execute_tool {name}"),
            SpanKind::Internal,
            start_ms,
            duration_ms,
        );
        span.attrs = attrs([
            ("gen_ai.operation.name", "execute_tool".into()),
            ("gen_ai.tool.name", name.into()),
            ("gen_ai.tool.type", "function".into()),
            ("gen_ai.tool.call.arguments", arguments.to_string().into()),
        ]);
        span
    }
}

/// The spans, which end about now.
pub(super) fn spans(trace: TraceId, now: UnixNanos) -> Vec<Span<'static>> {
    let mut pen = Pen::new(trace, now.plus(-9_400 * super::MILLISECOND));
    let root = pen.span(None, "POST /chat", SpanKind::Server, 0, 9_300);
    root.attrs = attrs([
        ("http.request.method", "POST".into()),
        ("http.route", "/chat".into()),
        ("http.response.status_code", 200_i64.into()),
        ("session.id", "sample-conversation".into()),
    ]);
    let root = root.span_id;
    let agent = pen.span(Some(root), "invoke_agent support-agent", SpanKind::Internal, 20, 9_250);
    agent.attrs = attrs([
        ("gen_ai.operation.name", "invoke_agent".into()),
        ("gen_ai.agent.name", "support-agent".into()),
        ("gen_ai.conversation.id", "sample-conversation".into()),
    ]);
    let agent = agent.span_id;
    plan(&mut pen, agent);
    tools(&mut pen, agent);
    answer(&mut pen, agent);
    pen.spans
}

fn plan(pen: &mut Pen, agent: SpanId) {
    pen.call(
        agent,
        Call {
            provider: "openai",
            model: "gpt-4o",
            answered: "gpt-4o-2024-08-06",
            start_ms: 60,
            duration_ms: 1_900,
            ttft_s: 0.42,
            input: 1_240,
            cached: 1_024,
            output: 58,
            finish: "tool_calls",
            messages: json!([text("user", QUESTION)]),
            reply: wants("call_1", "find_order", &json!({"number": 1042})),
        },
    );
}

fn tools(pen: &mut Pen, agent: SpanId) {
    let order = json!({"number": 1042});
    let find = pen.tool(agent, "find_order", 2_000, 140, &order);
    find.attrs
        .push(("gen_ai.tool.call.result".into(), r#"{"state":"shipped","carrier":"NorthPost"}"#.into()));
    let find = find.span_id;
    let sql = pen.span(Some(find), "SELECT orders", SpanKind::Client, 2_020, 95);
    sql.attrs = attrs([
        ("db.system.name", "postgresql".into()),
        ("db.query.text", "SELECT * FROM orders WHERE number = $1".into()),
    ]);
    let track = pen.tool(agent, "track_parcel", 2_180, 1_500, &json!({"carrier": "NorthPost"}));
    track.status = Status::Error;
    track.status_message = "carrier timed out after 1500 ms".into();
    track.attrs.push(("error.type".into(), "timeout".into()));
    track.events.push(Event {
        time: track.end(),
        name: "exception".into(),
        attrs: attrs([
            ("exception.type", "CarrierTimeout".into()),
            ("exception.message", "carrier timed out after 1500 ms".into()),
        ]),
    });
    let track = track.span_id;
    let http = pen.span(Some(track), "GET /v2/track", SpanKind::Client, 2_190, 1_480);
    http.status = Status::Error;
    http.status_message = "deadline exceeded".into();
    http.attrs =
        attrs([("http.request.method", "GET".into()), ("server.address", "api.northpost.example".into())]);
    let again = pen.tool(agent, "track_parcel", 3_720, 420, &json!({"carrier": "NorthPost", "retry": 1}));
    again.attrs.push((
        "gen_ai.tool.call.result".into(),
        r#"{"estimate":"Thursday","redirect_until":"tomorrow 12:00"}"#.into(),
    ));
    let again = again.span_id;
    pen.span(Some(again), "GET /v2/track", SpanKind::Client, 3_730, 400);
}

fn answer(pen: &mut Pen, agent: SpanId) {
    let shipped = json!({"state": "shipped", "carrier": "NorthPost"});
    let tracked = json!({"estimate": "Thursday", "redirect_until": "tomorrow 12:00"});
    pen.call(
        agent,
        Call {
            provider: "anthropic",
            model: "claude-3-5-sonnet-latest",
            answered: "claude-3-5-sonnet-20241022",
            start_ms: 4_200,
            duration_ms: 3_600,
            ttft_s: 0.81,
            input: 1_610,
            cached: 0,
            output: 164,
            finish: "stop",
            messages: json!([
                text("user", QUESTION),
                wants("call_1", "find_order", &json!({"number": 1042})),
                told("call_1", &shipped),
                wants("call_2", "track_parcel", &json!({"carrier": "NorthPost"})),
                told("call_2", &tracked),
            ]),
            reply: text("assistant", ANSWER),
        },
    );
    let check = pen.span(Some(agent), "check answer", SpanKind::Internal, 7_850, 1_380);
    let check = check.span_id;
    pen.call(
        check,
        Call {
            provider: "openai",
            model: "gpt-4o-mini",
            answered: "gpt-4o-mini-2024-07-18",
            start_ms: 7_870,
            duration_ms: 1_340,
            ttft_s: 0.3,
            input: 780,
            cached: 0,
            output: 24,
            finish: "stop",
            messages: json!([text(
                "user",
                &format!("Does this answer only state what the tools said? {ANSWER}")
            )]),
            reply: text("assistant", "Yes. Every statement follows from the two tool results."),
        },
    );
}
