//! Calls through `genai` as LLM spans: one word at the call, for every provider that `genai` speaks to.
//!
//! ```no_run
//! use genai::chat::{ChatMessage, ChatRequest};
//! use tundra::genai::Traced;
//!
//! # async fn ask() -> genai::Result<()> {
//! let request = ChatRequest::new(vec![ChatMessage::user("What is the weather?")]);
//! let answer = genai::Client::new()?.exec_chat_traced("gpt-4o-mini", request, None).await?;
//! # Ok(())
//! # }
//! ```
//!
//! `genai` has spans of its own behind its feature `otel`, which are understood as they are and need nothing of this
//! module: without messages unless `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true`, and for streams without
//! usage unless the request asks for it. Use one or the other, else each call is told twice.

mod stream;

pub use stream::{TracedChatStream, TracedChatStreamResponse};

use crate::llm::{Call, Message, Part, Usage, chat, embeddings};
use ::genai::adapter::AdapterKind;
use ::genai::chat::{
    ChatMessage, ChatOptions, ChatRequest, ChatResponse, ChatRole, ContentPart, MessageContent, StopReason,
};
use ::genai::embed::{EmbedOptions, EmbedRequest, EmbedResponse};
use ::genai::{Client, Error, ModelSpec, Result, ServiceTarget};
use std::future::Future;
use tundra_record::Value;

/// More for a [`Client`]: the same calls, recorded.
pub trait Traced {
    /// [`Client::exec_chat`] inside an LLM span.
    fn exec_chat_traced(
        &self,
        model: impl Into<ModelSpec> + Send,
        request: ChatRequest,
        options: Option<&ChatOptions>,
    ) -> impl Future<Output = Result<ChatResponse>> + Send;

    /// [`Client::exec_chat_stream`] inside an LLM span that lasts to the end of the stream. Usage and
    /// tool calls are captured, whatever the options say.
    fn exec_chat_stream_traced(
        &self,
        model: impl Into<ModelSpec> + Send,
        request: ChatRequest,
        options: Option<&ChatOptions>,
    ) -> impl Future<Output = Result<TracedChatStreamResponse>> + Send;

    /// [`Client::exec_embed`] inside an LLM span.
    fn exec_embed_traced(
        &self,
        model: impl Into<ModelSpec> + Send,
        request: EmbedRequest,
        options: Option<&EmbedOptions>,
    ) -> impl Future<Output = Result<EmbedResponse>> + Send;
}

impl Traced for Client {
    async fn exec_chat_traced(
        &self,
        model: impl Into<ModelSpec> + Send,
        request: ChatRequest,
        options: Option<&ChatOptions>,
    ) -> Result<ChatResponse> {
        let target = self.resolve_service_target(model).await?;
        let call = Waiting::new(begin_chat(&target, &request, options));
        let result = call.get().run(self.exec_chat(target, request, options)).await;
        let call = call.over();
        match &result {
            Ok(answer) => {
                let model = answer.provider_model_iden.model_name.to_string();
                call.response(model, answer.response_id.clone().unwrap_or_default());
                call.usage(usage(&answer.usage));
                let mut parts = parts(&answer.content);
                parts.extend(answer.reasoning_content.clone().map(Part::Reasoning));
                told(&call, parts, answer.stop_reason.as_ref());
            }
            Err(error) => fail(&call, error),
        }
        result
    }

    async fn exec_chat_stream_traced(
        &self,
        model: impl Into<ModelSpec> + Send,
        request: ChatRequest,
        options: Option<&ChatOptions>,
    ) -> Result<TracedChatStreamResponse> {
        let target = self.resolve_service_target(model).await?;
        let call = Waiting::new(begin_chat(&target, &request, options));
        call.get().attribute("gen_ai.request.stream", true);
        // Without being asked it tells neither at the end of a stream.
        let options = options.cloned().unwrap_or_default();
        let options = options.with_capture_usage(true).with_capture_tool_calls(true);
        let result = call.get().run(self.exec_chat_stream(target, request, Some(&options))).await;
        let call = call.over();
        match result {
            Ok(response) => {
                let stream = TracedChatStream::new(response.stream, call);
                Ok(TracedChatStreamResponse { stream, model_iden: response.model_iden })
            }
            Err(error) => {
                fail(&call, &error);
                Err(error)
            }
        }
    }

    async fn exec_embed_traced(
        &self,
        model: impl Into<ModelSpec> + Send,
        request: EmbedRequest,
        options: Option<&EmbedOptions>,
    ) -> Result<EmbedResponse> {
        let target = self.resolve_service_target(model).await?;
        let call = embeddings(provider(target.model.adapter_kind), target.model.model_name.to_string());
        server(&call, target.endpoint.base_url());
        if let Some(dimensions) = options.and_then(EmbedOptions::dimensions) {
            call.attribute("gen_ai.embeddings.dimension.count", whole(dimensions));
        }
        let call = Waiting::new(call);
        let result = call.get().run(self.exec_embed(target, request, options)).await;
        let call = call.over();
        match &result {
            Ok(answer) => {
                call.response(answer.provider_model_iden.model_name.to_string(), "");
                call.usage(usage(&answer.usage));
            }
            Err(error) => fail(&call, error),
        }
        result
    }
}

/// A call whose answer is awaited. Dropped before, it was not wanted any more.
struct Waiting(Option<Call>);

impl Waiting {
    fn new(call: Call) -> Self {
        Self(Some(call))
    }

    fn get(&self) -> &Call {
        self.0.as_ref().expect("only `over` takes it, and takes `self` too")
    }

    fn over(mut self) -> Call {
        self.0.take().expect("only `over` takes it, and takes `self` too")
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(call) = &self.0 {
            call.cancelled();
        }
    }
}

fn begin_chat(target: &ServiceTarget, request: &ChatRequest, options: Option<&ChatOptions>) -> Call {
    let call = chat(provider(target.model.adapter_kind), target.model.model_name.to_string());
    server(&call, target.endpoint.base_url());
    if let Some(options) = options {
        for (key, number) in
            [("gen_ai.request.temperature", options.temperature), ("gen_ai.request.top_p", options.top_p)]
        {
            if let Some(number) = number {
                call.attribute(key, number);
            }
        }
        if let Some(tokens) = options.max_tokens {
            call.attribute("gen_ai.request.max_tokens", i64::from(tokens));
        }
        if let Some(seed) = options.seed {
            call.attribute("gen_ai.request.seed", i64::try_from(seed).unwrap_or(i64::MAX));
        }
        if !options.stop_sequences.is_empty() {
            let stops = options.stop_sequences.iter().map(|stop| Value::from(stop.clone())).collect();
            call.attribute("gen_ai.request.stop_sequences", Value::List(stops));
        }
    }
    if call.content {
        if let Some(system) = &request.system {
            call.system_instructions(system.clone());
        }
        request.messages.iter().flat_map(messages).for_each(|message| call.input(message));
    }
    call
}

/// OpenTelemetry's name for a provider, else `genai`'s.
fn provider(kind: AdapterKind) -> &'static str {
    match kind {
        AdapterKind::OpenAI | AdapterKind::OpenAIResp => "openai",
        AdapterKind::Gemini | AdapterKind::GeminiIx => "gcp.gemini",
        AdapterKind::Vertex => "gcp.vertex_ai",
        AdapterKind::BedrockApi => "aws.bedrock",
        AdapterKind::Mistral => "mistral_ai",
        AdapterKind::Xai => "x_ai",
        AdapterKind::Moonshot => "moonshot_ai",
        other => other.as_lower_str(),
    }
}

/// Host and port of a URL such as `https://api.openai.com/v1/`.
fn server(call: &Call, url: &str) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
        _ => (authority, (scheme == "https").then_some(443)),
    };
    call.attribute("server.address", host.trim_matches(['[', ']']).to_owned());
    if let Some(port) = port {
        call.attribute("server.port", Value::Int(port));
    }
}

/// Answers of tools are messages of their own in the convention.
fn messages(message: &ChatMessage) -> Vec<Message> {
    let role = match message.role {
        ChatRole::System => "system",
        ChatRole::User => "user",
        ChatRole::Assistant => "assistant",
        ChatRole::Tool => "tool",
    };
    let parts = parts(&message.content);
    if role == "tool" {
        let alone = |part| Message { role: role.to_owned(), parts: vec![part], finish_reason: String::new() };
        return parts.into_iter().map(alone).collect();
    }
    vec![Message { role: role.to_owned(), parts, finish_reason: String::new() }]
}

fn parts(content: &MessageContent) -> Vec<Part> {
    content.parts().iter().filter_map(part).collect()
}

fn part(part: &ContentPart) -> Option<Part> {
    Some(match part {
        ContentPart::Text(text) => Part::Text(text.clone()),
        ContentPart::ReasoningContent(text) => Part::Reasoning(text.clone()),
        ContentPart::ToolCall(call) => tool_call(call),
        ContentPart::ToolResponse(response) => {
            Part::ToolResponse { id: response.call_id.clone(), response: response.content.clone() }
        }
        ContentPart::Binary(binary) => Part::Opaque(binary.content_type.clone()),
        _ => return None,
    })
}

fn tool_call(call: &::genai::chat::ToolCall) -> Part {
    let arguments = call.fn_arguments.as_str().map_or_else(|| call.fn_arguments.to_string(), str::to_owned);
    Part::ToolCall { id: call.call_id.clone(), name: call.fn_name.clone(), arguments }
}

/// What the model said, and why it stopped.
fn told(call: &Call, parts: Vec<Part>, stop: Option<&StopReason>) {
    let reason = stop.map(|stop| stop.raw().to_owned()).unwrap_or_default();
    if !reason.is_empty() {
        call.finish_reason(reason.clone());
    }
    if !parts.is_empty() {
        call.output(Message { role: "assistant".to_owned(), parts, finish_reason: reason });
    }
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn usage(said: &::genai::chat::Usage) -> Usage {
    let number = |number: Option<i32>| number.and_then(|number| u64::try_from(number).ok());
    let (input, output) = (said.prompt_tokens_details.as_ref(), said.completion_tokens_details.as_ref());
    Usage {
        input: number(said.prompt_tokens),
        output: number(said.completion_tokens),
        cache_read: number(input.and_then(|details| details.cached_tokens)),
        cache_write: number(input.and_then(|details| details.cache_creation_tokens)),
        reasoning: number(output.and_then(|details| details.reasoning_tokens)),
    }
}

/// The status that the provider answered with, else the name of the error.
fn fail(call: &Call, error: &Error) {
    let status = match error {
        Error::WebModelCall { webc_error, .. } | Error::WebAdapterCall { webc_error, .. } => {
            webc_error.status()
        }
        Error::HttpError { status, .. } => Some(*status),
        _ => None,
    };
    let kind = status.map(|status| status.as_str().to_owned()).unwrap_or_else(|| {
        let shown = format!("{error:?}");
        shown.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned()
    });
    call.failed(kind, error.to_string());
}
