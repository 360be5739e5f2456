//! Calls of `async-openai` and `genai` clients as spans, against a provider on loopback that speaks OpenAI's API.

mod provider;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use futures::StreamExt;
use genai::resolver::{AuthData, Endpoint};
use genai::{ModelIden, ServiceTarget};
use serde_json::{Value, from_value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tracing::{Instrument, info_span};
use tundra::genai::Traced;
use tundra::testing::{Collector, attr};
use tundra_record::{Span, SpanKind, Status};

/// What a test does with its clients.
struct Clients {
    openai: Client<OpenAIConfig>,
    genai: genai::Client,
    address: SocketAddr,
}

impl Clients {
    /// And a provider for them.
    async fn new() -> Self {
        let address = provider::start().await;
        let config = OpenAIConfig::new().with_api_base(format!("http://{address}/v1")).with_api_key("key");
        let openai = tundra::async_openai::traced_as("openai", Client::with_config(config));
        Self { openai, genai: genai::Client::new().expect("a client"), address }
    }

    /// A model of the provider on loopback.
    fn target(&self, model: &str) -> ServiceTarget {
        ServiceTarget {
            endpoint: Endpoint::from_owned(format!("http://{}/v1/", self.address)),
            auth: AuthData::from_single("key"),
            model: ModelIden::new(genai::adapter::AdapterKind::OpenAI, model.to_owned()),
        }
    }
}

/// Runs some calls inside of a span and gives back the only LLM span, once for each way into the SDK.
fn call<F: Future<Output = ()>>(work: impl Fn(Clients) -> F) -> Vec<Span<'static>> {
    let spans = crate::doors().into_iter().map(|collector| run(&collector, &work));
    spans.collect()
}

fn run<F: Future<Output = ()>>(collector: &Collector, work: &impl Fn(Clients) -> F) -> Span<'static> {
    collector.in_scope(|| {
        // Gone before anybody looks: a task of the client's may hold an answer until then.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let clients = Clients::new().await;
            work(clients).instrument(info_span!("request")).await;
        });
    });
    let calls = collector.calls();
    assert_eq!(calls.len(), 1, "{}", collector.tree());
    let root = collector.span("request").expect("closed");
    assert_eq!(calls[0].parent, Some(root.span_id), "{}", collector.tree());
    calls.into_iter().next().expect("one").span
}

fn check(span: &Span<'_>, expect: &[(&str, &str)]) {
    for (key, value) in expect {
        let found = attr(span, key).unwrap_or_default();
        assert_eq!(found, *value, "{key} of {span:?}");
    }
}

fn chat(more: Value) -> Value {
    let mut request = json!({
        "model": "gpt-4o", "temperature": 0.5, "max_completion_tokens": 64, "stop": ["END"],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "Weather?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "t1", "type": "function", "function": {"name": "look", "arguments": "{\"at\":\"Oslo\"}"}},
            ]},
            {"role": "tool", "tool_call_id": "t1", "content": "rain"},
        ],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        request[key] = value.clone();
    }
    request
}

const INPUT: &str = concat!(
    r#"[{"role":"system","parts":[{"type":"text","content":"Be brief."}]},"#,
    r#"{"role":"user","parts":[{"type":"text","content":"Weather?"},{"type":"image_url"}]},"#,
    r#"{"role":"assistant","parts":[{"type":"tool_call","id":"t1","name":"look","arguments":"{\"at\":\"Oslo\"}"}]},"#,
    r#"{"role":"tool","parts":[{"type":"tool_call_response","id":"t1","response":"rain"}]}]"#,
);

const OUTPUT: &str =
    r#"[{"role":"assistant","parts":[{"type":"text","content":"It rains."}],"finish_reason":"stop"}]"#;

const USAGE: [(&str, &str); 4] = [
    ("gen_ai.usage.input_tokens", "12"),
    ("gen_ai.usage.output_tokens", "3"),
    ("gen_ai.usage.cache_read.input_tokens", "4"),
    ("gen_ai.usage.reasoning.output_tokens", "1"),
];

const ANSWERED: [(&str, &str); 6] = [
    ("gen_ai.operation.name", "chat"),
    ("gen_ai.provider.name", "openai"),
    ("gen_ai.request.model", "gpt-4o"),
    ("gen_ai.response.model", "gpt-4o-2024-08-06"),
    ("gen_ai.response.finish_reasons", "[\"stop\"]"),
    ("gen_ai.output.messages", OUTPUT),
];

/// Takes so many items, or all until the end or the first error.
async fn drain<T, E>(stream: impl futures::Stream<Item = Result<T, E>>, most: usize) -> usize {
    stream.take(most).take_while(|item| std::future::ready(item.is_ok())).count().await
}

#[test]
fn an_openai_chat() {
    let spans = call(|clients| async move {
        let request = from_value(chat(json!({}))).expect("a request");
        let answer = clients.openai.chat().create(request).await.expect("answered");
        assert_eq!(answer.choices[0].message.content.as_deref(), Some("It rains."));
    });
    for span in spans {
        assert_eq!((span.kind, span.status, &*span.name), (SpanKind::Client, Status::Unset, "chat gpt-4o"));
        check(&span, &ANSWERED);
        check(&span, &USAGE);
        let asked = [
            ("gen_ai.request.temperature", "0.5"),
            ("gen_ai.request.max_tokens", "64"),
            ("gen_ai.request.stop_sequences", "[\"END\"]"),
            ("gen_ai.response.id", "c-1"),
            ("server.address", "127.0.0.1"),
            ("gen_ai.input.messages", INPUT),
            ("error.type", ""),
        ];
        check(&span, &asked);
    }
}

// Who answers is known by the address, unless the program says it.
#[test]
fn an_unknown_provider() {
    for said in [None, Some("ollama")] {
        let spans = call(|clients| async move {
            let config = OpenAIConfig::new()
                .with_api_base(format!("http://{}/v1", clients.address))
                .with_api_key("key");
            let client = Client::with_config(config);
            let client = match said {
                Some(name) => tundra::async_openai::traced_as(name, client),
                None => tundra::async_openai::traced(client),
            };
            let request = from_value(chat(json!({}))).expect("a request");
            client.chat().create(request).await.expect("answered");
        });
        for span in spans {
            let port = attr(&span, "server.port").expect("it has one");
            let expect = said.map_or_else(|| format!("127.0.0.1:{port}"), str::to_owned);
            check(&span, &[("gen_ai.provider.name", &expect), ("server.address", "127.0.0.1")]);
        }
    }
}

#[test]
fn an_openai_stream() {
    let spans = call(|clients| async move {
        let request = chat(json!({"stream_options": {"include_usage": true}}));
        let request = from_value(request).expect("a request");
        let stream = clients.openai.chat().create_stream(request).await.expect("answered");
        assert_eq!(drain(stream, usize::MAX).await, 5);
    });
    for span in spans {
        check(&span, &ANSWERED);
        check(&span, &USAGE);
        check(&span, &[("gen_ai.request.stream", "true"), ("error.type", "")]);
        assert!(attr(&span, "gen_ai.response.time_to_first_chunk").is_some());
    }
}

#[test]
fn tool_calls_in_a_stream() {
    let expect = concat!(
        r#"[{"role":"assistant","parts":[{"type":"tool_call","id":"t1","name":"look","arguments":"{\"at\":\"Oslo\"}"},"#,
        r#"{"type":"tool_call","id":"t2","name":"look","arguments":"{}"}],"finish_reason":"tool_calls"}]"#,
    );
    let spans = call(|clients| async move {
        let request = from_value(chat(json!({"model": "tools"}))).expect("a request");
        drain(clients.openai.chat().create_stream(request).await.expect("answered"), usize::MAX).await;
    });
    spans.iter().for_each(|span| check(span, &[("gen_ai.output.messages", expect), ("error.type", "")]));
    let spans = call(|clients| async move {
        let request = genai::chat::ChatRequest::from_user("Weather?");
        let target = clients.target("tools");
        let answer = clients.genai.exec_chat_stream_traced(target, request, None).await.expect("answered");
        drain(answer.stream, usize::MAX).await;
    });
    spans.iter().for_each(|span| check(span, &[("gen_ai.output.messages", expect), ("error.type", "")]));
}

#[test]
fn streams_that_do_not_come_to_their_end() {
    // The caller loses interest, or the connection breaks.
    for (model, most, error) in [("endless", 2, "cancelled"), ("cut", usize::MAX, "body")] {
        let spans = call(|clients| async move {
            let request = from_value(chat(json!({"model": model}))).expect("a request");
            let stream = clients.openai.chat().create_stream(request).await.expect("answered");
            drain(stream, most).await;
        });
        let said =
            r#"[{"role":"assistant","parts":[{"type":"text","content":"It "}],"finish_reason":"error"}]"#;
        spans.iter().for_each(|span| check(span, &[("error.type", error), ("gen_ai.output.messages", said)]));
    }
    let spans = call(|clients| async move {
        let (request, target) = (genai::chat::ChatRequest::from_user("Weather?"), clients.target("endless"));
        let answer = clients.genai.exec_chat_stream_traced(target, request, None).await.expect("answered");
        // The start, and the piece that says something.
        drain(answer.stream, 2).await;
    });
    spans.iter().for_each(|span| check(span, &[("error.type", "cancelled")]));
    // Not even the head came.
    let spans = call(|clients| async move {
        let request = from_value(chat(json!({"model": "silent"}))).expect("a request");
        let chat = clients.openai.chat();
        let mut answer = Box::pin(chat.create(request));
        let waited = provider::asked(&clients.address);
        tokio::select! { _ = &mut answer => panic!("answered"), () = waited => {} }
    });
    spans
        .iter()
        .for_each(|span| check(span, &[("error.type", "cancelled"), ("gen_ai.request.model", "silent")]));
}

// Nobody has to wait for the provider's next word, nor for the end of the runtime.
#[test]
fn a_stream_that_is_dropped_ends_its_call() {
    for collector in crate::doors() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let ended = collector.in_scope(|| {
            runtime.block_on(async {
                let clients = Clients::new().await;
                let request = from_value(chat(json!({"model": "endless"}))).expect("a request");
                let stream = clients.openai.chat().create_stream(request).await.expect("answered");
                drain(stream, 2).await;
                let patience = Instant::now() + Duration::from_secs(60);
                while collector.calls().is_empty() && Instant::now() < patience {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                collector.calls()
            })
        });
        assert_eq!(ended.len(), 1, "{}", collector.tree());
        check(&ended[0].span, &[("error.type", "cancelled")]);
    }
}

// What went wrong is told in a stream that began well, as OpenAI does or as a mere text.
#[test]
fn streams_that_tell_an_error() {
    let texts = [("failing", "openai_error"), ("failing with a text", "_OTHER")];
    for (model, error) in texts {
        let spans = call(|clients| async move {
            let request = from_value(chat(json!({"model": model}))).expect("a request");
            let stream = clients.openai.chat().create_stream(request).await.expect("answered");
            drain(stream, usize::MAX).await;
        });
        for span in spans {
            check(&span, &[("error.type", error)]);
            assert_eq!((span.status, &*span.status_message), (Status::Error, "out of memory"));
        }
        let spans = call(|clients| async move {
            let (request, target) = (genai::chat::ChatRequest::from_user("Weather?"), clients.target(model));
            let answer = clients.genai.exec_chat_stream_traced(target, request, None).await;
            drain(answer.expect("answered").stream, usize::MAX).await;
        });
        for span in spans {
            check(&span, &[("error.type", "ChatResponse")]);
            assert!(
                span.status == Status::Error && span.status_message.contains("out of memory"),
                "{span:?}"
            );
        }
    }
}

#[test]
fn refusals() {
    let expect = [("error.type", "model_not_found"), ("http.response.status_code", "404")];
    let spans = call(|clients| async move {
        let request = from_value(chat(json!({"model": "missing"}))).expect("a request");
        clients.openai.chat().create(request).await.expect_err("refused");
    });
    for span in spans {
        check(&span, &expect);
        assert_eq!((span.status, &*span.status_message), (Status::Error, "no such model"));
    }
    let spans = call(|clients| async move {
        let (request, target) = (genai::chat::ChatRequest::from_user("Weather?"), clients.target("missing"));
        clients.genai.exec_chat_traced(target, request, None).await.expect_err("refused");
    });
    for span in spans {
        check(&span, &[("error.type", "404")]);
        assert_eq!(span.status, Status::Error);
    }
    // Refused once and taken the second time: still one call.
    let spans = call(|clients| async move {
        let request = from_value(chat(json!({"model": "busy"}))).expect("a request");
        clients.openai.chat().create(request).await.expect("answered");
    });
    spans.iter().for_each(|span| check(span, &[("error.type", ""), ("gen_ai.output.messages", OUTPUT)]));
    // Nobody is there.
    let config = OpenAIConfig::new().with_api_base("http://127.0.0.1:1/v1");
    let spans = call(|_| async {
        let service = async_openai::middleware::ReqwestService::default();
        let service = tower::Layer::layer(&tundra::async_openai::CallLayer::new(), service);
        let client = Client::with_config(config.clone()).with_http_service(service);
        let request = from_value(chat(json!({}))).expect("a request");
        client.chat().create(request).await.expect_err("nobody");
    });
    spans.iter().for_each(|span| check(span, &[("error.type", "request")]));
}

#[test]
fn responses() {
    let request = json!({
        "model": "gpt-4o", "instructions": "Be brief.", "input": [
            {"role": "user", "content": "Weather?"},
            {"type": "function_call", "call_id": "t1", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "t1", "output": "rain"},
        ],
    });
    let input = concat!(
        r#"[{"role":"user","parts":[{"type":"text","content":"Weather?"}]},"#,
        r#"{"role":"assistant","parts":[{"type":"tool_call","id":"t1","name":"look","arguments":"{}"}]},"#,
        r#"{"role":"tool","parts":[{"type":"tool_call_response","id":"t1","response":"rain"}]}]"#,
    );
    let expect = [
        ("gen_ai.system_instructions", r#"[{"type":"text","content":"Be brief."}]"#),
        ("gen_ai.input.messages", input),
        (
            "gen_ai.output.messages",
            r#"[{"role":"assistant","parts":[{"type":"text","content":"It rains."}],"finish_reason":"completed"}]"#,
        ),
        ("gen_ai.response.id", "r-1"),
        ("gen_ai.response.finish_reasons", "[\"completed\"]"),
        ("error.type", ""),
    ];
    let asked = request.clone();
    let whole = call(move |clients| {
        let request = from_value(asked.clone()).expect("a request");
        async move {
            clients.openai.responses().create(request).await.expect("answered");
        }
    });
    let streamed = call(move |clients| {
        let request = from_value(request.clone()).expect("a request");
        async move {
            let stream = clients.openai.responses().create_stream(request).await.expect("answered");
            drain(stream, usize::MAX).await;
        }
    });
    for span in whole.iter().chain(&streamed) {
        check(span, &expect);
        check(span, &USAGE);
    }
    assert!(streamed.iter().all(|span| attr(span, "gen_ai.response.time_to_first_chunk").is_some()));
}

#[test]
fn vectors() {
    let expect = [
        ("gen_ai.operation.name", "embeddings"),
        ("gen_ai.request.model", "e-3"),
        ("gen_ai.usage.input_tokens", "12"),
        ("gen_ai.input.messages", ""),
    ];
    let spans = call(|clients| async move {
        let request = from_value(json!({"model": "e-3", "input": ["a", "b"]})).expect("a request");
        clients.openai.embeddings().create(request).await.expect("answered");
    });
    spans.iter().for_each(|span| check(span, &expect));
    let spans = call(|clients| async move {
        let request = genai::embed::EmbedRequest::new("a");
        clients.genai.exec_embed_traced(clients.target("e-3"), request, None).await.expect("answered");
    });
    spans.iter().for_each(|span| check(span, &expect));
}

#[test]
fn a_genai_chat() {
    use genai::chat::{ChatMessage, ChatOptions, ChatRequest};
    let request = ChatRequest::new(vec![ChatMessage::user("Weather?")]).with_system("Be brief.");
    let expect = [
        ("gen_ai.system_instructions", r#"[{"type":"text","content":"Be brief."}]"#),
        ("gen_ai.input.messages", r#"[{"role":"user","parts":[{"type":"text","content":"Weather?"}]}]"#),
        ("gen_ai.request.temperature", "0.5"),
        ("server.address", "127.0.0.1"),
        ("error.type", ""),
    ];
    let asked = request.clone();
    let whole = call(move |clients| {
        let request = asked.clone();
        async move {
            let options = ChatOptions::default().with_temperature(0.5);
            let target = clients.target("gpt-4o");
            let answer =
                clients.genai.exec_chat_traced(target, request, Some(&options)).await.expect("answered");
            assert_eq!(answer.first_text(), Some("It rains."));
        }
    });
    let streamed = call(move |clients| {
        let request = request.clone();
        async move {
            let options = ChatOptions::default().with_temperature(0.5);
            let target = clients.target("gpt-4o");
            let answer = clients.genai.exec_chat_stream_traced(target, request, Some(&options)).await;
            drain(answer.expect("answered").stream, usize::MAX).await;
        }
    });
    for span in whole.iter().chain(&streamed) {
        check(span, &expect);
        check(span, &USAGE);
        check(span, &[("gen_ai.response.finish_reasons", "[\"stop\"]"), ("gen_ai.output.messages", OUTPUT)]);
    }
    assert!(streamed.iter().all(|span| attr(span, "gen_ai.response.time_to_first_chunk").is_some()));
}
