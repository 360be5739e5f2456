//! Parts of messages to and from models.

use crate::cells::rows;
use crate::entry::origin::Origin;
use crate::entry::run::Place;
use tundra_record::llm::LlmMessage;

rows! {
    /// Message parts of a batch.
    MessageRows, LLM_MESSAGES {
        trace_id: Text null "trace, 32 hex digits",
        span_id: Text null "span of the call or run, 16 hex digits",
        start_ns: Int some "begin of the call, nanoseconds since 1970 UTC",
        direction: Text some "input, output, system or tools",
        idx: Int some "place of the message in its direction, from 0",
        part: Int some "place of the part in the message, from 0",
        role: Text some "system, user, assistant, tool; empty if unknown",
        kind: Text some "text, tool_call, tool_result, reasoning, image, audio, document or json",
        content: Text some "the text, or arguments or result as text or JSON",
        tool_name: Text null "tool called, answered or offered",
        tool_call_id: Text null "joins a tool's call and result",
        service: Text null "service that made the call",
        session_id: Text null "conversation",
        sample: Bool some "true for sample data",
        received_ns: Int some "when it arrived",
    }
}

impl MessageRows {
    /// Appends a part.
    pub(crate) fn push(&mut self, origin: &Origin, place: &Place<'_>, message: &LlmMessage) {
        place.push_ids(&mut self.trace_id, &mut self.span_id);
        self.start_ns.push(place.start.0);
        self.direction.push(message.direction.as_str());
        self.idx.push(i64::from(message.idx));
        self.part.push(i64::from(message.part));
        self.role.push(&message.role);
        self.kind.push(&message.kind);
        self.content.push(&message.content);
        self.tool_name.maybe(message.tool_name.as_deref());
        self.tool_call_id.maybe(message.tool_call_id.as_deref());
        self.service.maybe(place.service);
        self.session_id.maybe(place.session);
        self.sample.push(origin.sample);
        self.received_ns.push(origin.received.0);
    }
}
