//! A provider that speaks OpenAI's API on loopback: chats, responses and vectors, whole or as server-sent events cut
//! into pieces at odd places. What goes wrong is chosen by the model's name.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Response, StatusCode, header};
use axum::routing::post;
use futures::stream::{self, Stream, StreamExt};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use tokio::sync::Notify;

fn doorbells() -> &'static Mutex<HashMap<SocketAddr, Arc<Notify>>> {
    static ALL: OnceLock<Mutex<HashMap<SocketAddr, Arc<Notify>>>> = OnceLock::new();
    ALL.get_or_init(Mutex::default)
}

/// Starts one on the current runtime.
pub(super) async fn start() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let bell = Arc::new(Notify::new());
    doorbells().lock().expect("no panic").insert(address, Arc::clone(&bell));
    let tries = Arc::new(AtomicUsize::new(0));
    let answer = move |path: &'static str, body: Bytes| {
        let (bell, tries) = (Arc::clone(&bell), Arc::clone(&tries));
        async move {
            let request: Value = serde_json::from_slice(&body).expect("JSON");
            bell.notify_one();
            answer(path, &request, &tries).await
        }
    };
    let mut app = Router::new();
    for path in ["chat/completions", "responses", "embeddings"] {
        let answer = answer.clone();
        app = app.route(&format!("/v1/{path}"), post(move |body: Bytes| answer(path, body)));
    }
    // What the provider does is not the client's trace.
    let served = async { axum::serve(listener, app).await.expect("it serves") };
    tokio::spawn(tracing::instrument::WithSubscriber::with_subscriber(
        served,
        tracing::subscriber::NoSubscriber::new(),
    ));
    address
}

/// Waits until a request has come.
pub(super) async fn asked(address: &SocketAddr) {
    let bell = doorbells().lock().expect("no panic").get(address).map(Arc::clone).expect("started");
    bell.notified().await;
}

fn usage(names: [&str; 4]) -> Value {
    let [input, output, inputs, outputs] = names;
    json!({
        input: 12, output: 3, "total_tokens": 15,
        inputs: {"cached_tokens": 4}, outputs: {"reasoning_tokens": 1},
    })
}

fn chat_usage() -> Value {
    usage(["prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details"])
}

fn reply(status: StatusCode, body: &Value) -> Response<Body> {
    let head = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
    head.header("retry-after", "0").body(Body::from(body.to_string())).expect("well-formed")
}

async fn answer(path: &str, request: &Value, tries: &AtomicUsize) -> Response<Body> {
    match request["model"].as_str().expect("a model") {
        "missing" => {
            let error = json!({"message": "no such model", "type": "invalid_request_error", "code": "model_not_found",
                "param": null});
            return reply(StatusCode::NOT_FOUND, &json!({"error": error}));
        }
        "busy" if tries.fetch_add(1, Relaxed) == 0 => {
            let error =
                json!({"message": "later", "type": "rate_limit", "code": "rate_limit", "param": null});
            return reply(StatusCode::TOO_MANY_REQUESTS, &json!({"error": error}));
        }
        "silent" => std::future::pending::<()>().await,
        _ => {}
    }
    let streamed = request["stream"].as_bool() == Some(true);
    match (path, streamed) {
        ("embeddings", _) => reply(
            StatusCode::OK,
            &json!({"object": "list", "model": "e-3", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 1.0]}],
                "usage": {"prompt_tokens": 12, "total_tokens": 12}}),
        ),
        ("responses", false) => reply(StatusCode::OK, &response()),
        ("responses", true) => events(responded(), "gpt-4o"),
        (_, false) => reply(
            StatusCode::OK,
            &json!({"id": "c-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-08-06",
                "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null,
                    "message": {"role": "assistant", "content": "It rains.", "refusal": null}}],
                "usage": chat_usage()}),
        ),
        (_, true) => {
            events(chunks(request["model"].as_str() == Some("tools")), &request["model"].to_string())
        }
    }
}

fn response() -> Value {
    json!({
        "id": "r-1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-4o-2024-08-06",
        "output": [{"type": "message", "id": "m-1", "status": "completed", "role": "assistant",
            "content": [{"type": "output_text", "text": "It rains.", "annotations": []}]}],
        "usage": usage(["input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details"]),
    })
}

fn responded() -> Vec<String> {
    let mut running = response();
    running["status"] = json!("in_progress");
    running["output"] = json!([]);
    let delta = json!({"type": "response.output_text.delta", "sequence_number": 1, "item_id": "m-1", "output_index": 0,
        "content_index": 0, "delta": "It rains.", "logprobs": []});
    let of = |kind: &str, number: usize, response: Value| json!({"type": kind, "sequence_number": number, "response": response});
    let all = [of("response.created", 0, running), delta, of("response.completed", 2, response())];
    let event =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default());
    all.iter().map(event).collect()
}

fn chunks(tools: bool) -> Vec<String> {
    let chunk = |delta: Value, reason: Value| {
        json!({"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-2024-08-06",
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": null}]})
    };
    let tool = |index: usize, id: Value, name: Value, arguments: &str| {
        let call = json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
        chunk(json!({"tool_calls": [call]}), Value::Null)
    };
    let mut all = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    if tools {
        all.push(tool(0, json!("t1"), json!("look"), ""));
        all.push(tool(0, Value::Null, Value::Null, "{\"at\":"));
        all.push(tool(0, Value::Null, Value::Null, "\"Oslo\"}"));
        all.push(tool(1, json!("t2"), json!("look"), "{}"));
        all.push(chunk(json!({}), json!("tool_calls")));
    } else {
        all.push(chunk(json!({"content": "It "}), Value::Null));
        all.push(chunk(json!({"content": "rains."}), Value::Null));
        all.push(chunk(json!({}), json!("stop")));
    }
    let mut last = chunk(Value::Null, Value::Null);
    last["choices"] = json!([]);
    last["usage"] = chat_usage();
    all.push(last);
    let mut all: Vec<_> = all.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    all.push("data: [DONE]\n\n".to_owned());
    all
}

fn events(all: Vec<String>, model: &str) -> Response<Body> {
    let head = Response::builder().header(header::CONTENT_TYPE, "text/event-stream; charset=utf-8");
    let first: String = all.iter().take(2).map(String::as_str).collect();
    let body = match model.trim_matches('"') {
        "endless" => {
            let never = stream::pending::<Result<Bytes, std::io::Error>>();
            Body::from_stream(pieces(&first, 7).chain(never))
        }
        "failing" | "failing with a text" => {
            let error = if model.contains("text") {
                json!("out of memory")
            } else {
                json!({"message": "out of memory", "type": "openai_error", "code": null})
            };
            Body::from_stream(pieces(&format!("{first}data: {}\n\n", json!({"error": error})), 7))
        }
        "cut" => {
            let broken = stream::iter([Err(std::io::Error::other("cut"))]);
            // The client has to see what came before the cut.
            let pause = stream::once(async {
                tokio::task::yield_now().await;
                Ok(Bytes::new())
            });
            Body::from_stream(pieces(&first, 1000).chain(pause).chain(broken))
        }
        _ => Body::from_stream(pieces(&all.concat(), 7)),
    };
    head.body(body).expect("well-formed")
}

/// Server-sent events cut without regard for lines.
fn pieces(text: &str, bytes: usize) -> impl Stream<Item = Result<Bytes, std::io::Error>> + use<> {
    let all: Vec<_> = text.as_bytes().chunks(bytes).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(all)
}
