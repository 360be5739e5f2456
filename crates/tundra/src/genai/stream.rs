//! A chat stream of `genai` that is read along: first token, texts, tool calls, usage, end or loss of interest.
//!
//! Hands each event on as it came. The span ends with the stream's last event, or when the stream is dropped.

use super::{fail, told, tool_call, usage};
use crate::limits::CALL_BODY_BYTES;
use crate::llm::{Call, Part};
use ::genai::chat::{ChatStream, ChatStreamEvent, StreamEnd};
use ::genai::{ModelIden, Result};
use futures_core::Stream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// What [`Traced::exec_chat_stream_traced`](super::Traced::exec_chat_stream_traced) answers.
#[derive(Debug)]
pub struct TracedChatStreamResponse {
    /// The stream.
    pub stream: TracedChatStream,
    /// The model that was asked.
    pub model_iden: ModelIden,
}

/// A [`ChatStream`] inside its LLM span.
pub struct TracedChatStream {
    inner: ChatStream,
    /// Until the end.
    call: Option<Call>,
    text: String,
    reasoning: String,
}

impl std::fmt::Debug for TracedChatStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TracedChatStream").finish_non_exhaustive()
    }
}

impl TracedChatStream {
    pub(super) fn new(inner: ChatStream, call: Call) -> Self {
        Self { inner, call: Some(call), text: String::new(), reasoning: String::new() }
    }

    fn hear(&mut self, event: &ChatStreamEvent) {
        let Some(call) = &self.call else { return };
        let keep = |whole: &mut String, piece: &str| {
            call.chunk();
            if call.content && whole.len() + piece.len() <= CALL_BODY_BYTES {
                whole.push_str(piece);
            }
        };
        match event {
            ChatStreamEvent::Chunk(chunk) => keep(&mut self.text, &chunk.content),
            ChatStreamEvent::ReasoningChunk(chunk) => keep(&mut self.reasoning, &chunk.content),
            // Pieces of a call; the end tells the whole one.
            ChatStreamEvent::ToolCallChunk(_) => call.chunk(),
            ChatStreamEvent::End(end) => self.end(end),
            _ => {}
        }
    }

    fn end(&mut self, end: &StreamEnd) {
        let Some(call) = self.call.take() else { return };
        call.stream_ended();
        call.response("", end.captured_response_id.clone().unwrap_or_default());
        if let Some(said) = &end.captured_usage {
            call.usage(usage(said));
        }
        let mut parts = self.parts();
        if call.content {
            let tools = end.captured_tool_calls().unwrap_or_default();
            parts.extend(tools.into_iter().map(tool_call));
        }
        told(&call, parts, end.captured_stop_reason.as_ref());
    }

    fn parts(&mut self) -> Vec<Part> {
        let text = |text: String, part: fn(String) -> Part| (!text.is_empty()).then(|| part(text));
        let reasoning = text(std::mem::take(&mut self.reasoning), Part::Reasoning);
        let said = text(std::mem::take(&mut self.text), Part::Text);
        reasoning.into_iter().chain(said).collect()
    }
}

impl Stream for TracedChatStream {
    type Item = Result<ChatStreamEvent>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let item = {
            let span = this.call.as_ref().map(|call| call.span().clone());
            let _inside = span.as_ref().map(tracing::Span::enter);
            ready!(Pin::new(&mut this.inner).poll_next(context))
        };
        match &item {
            Some(Ok(event)) => this.hear(event),
            Some(Err(error)) => {
                if let Some(call) = &this.call {
                    fail(call, error);
                    call.stream_ended();
                }
            }
            // A provider that closes without a word has said all it will say.
            None => this.end(&StreamEnd::default()),
        }
        Poll::Ready(item)
    }
}

impl Drop for TracedChatStream {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            let parts = self.parts();
            told(&call, parts, None);
            if !call.is_over() {
                call.cancelled();
            }
        }
    }
}
