//! Leaf model calls. Rows are never read back into records: `query` merges them by `call_key`.

use crate::cells::rows;
use crate::entry::origin::Origin;
use crate::entry::span::json_list;
use tundra_record::UnixNanos;
use tundra_record::llm::{LlmCall, Provenance};

rows! {
    /// Model calls of a batch.
    CallRows, LLM_CALLS {
        trace_id: Text null "trace, 32 hex digits",
        span_id: Text null "span that is the call, 16 hex digits",
        start_ns: Int some "begin, nanoseconds since 1970 UTC",
        duration_ns: Int some "duration in nanoseconds",
        service: Text null "service that made it",
        env: Text null "deployment environment",
        operation: Text some "chat, text_completion, embeddings, ...",
        dialect: Text some "convention it was told in",
        provider: Text null "who ran the model",
        request_model: Text null "model asked for",
        response_model: Text null "model that answered",
        service_tier: Text null "service tier reported by the provider",
        streaming: Bool null "whether the answer was streamed",
        input_tokens: Int null "everything the model read, cache included",
        cache_read_tokens: Int null "of which from the prompt cache",
        cache_write_tokens: Int null "of which written to the cache",
        cache_write_1h_tokens: Int null "of which written to the cache for an hour",
        output_tokens: Int null "everything the model wrote, reasoning included",
        reasoning_tokens: Int null "of which reasoning",
        tokens_provenance: Text some "reported, derived, estimated or unknown",
        cost_pusd: Int null "cost by the price table, in 10^-12 US dollars",
        cost_reported_pusd: Int null "cost by the client's or provider's word, in 10^-12 US dollars",
        cost_provenance: Text some "reported, derived, estimated or unknown",
        price_ref: Text null "provider, model and date of the price used",
        ttft_ns: Int null "time to the first token in nanoseconds",
        finish_reason: Text null "why the model stopped",
        error_type: Text null "class of the error",
        agent_name: Text null "agent on whose behalf it was made",
        workflow: Text null "workflow it is part of",
        session_id: Text null "conversation",
        user_id: Text null "end user",
        prompt_name: Text null "prompt template",
        prompt_version: Text null "version of the prompt template",
        profile: Text null "LLM profile that was used",
        task_type: Text null "kind of task",
        success: Bool null "whether it went well",
        tags: Text null "free tags, JSON list",
        call_key: Text some "the same call has the same key, however often it was told",
        revision: Int some "of rows with one key the highest revision counts",
        source: Text some "otlp, datadog, gateway or sdk",
        sample: Bool some "true for sample data",
    }
}

/// Added to the revision of a call whose tokens are known, so that a later telling without them never hides them.
const KNOWS_TOKENS: i64 = 1 << 62;
/// Added to the revision of a call that is told itself, so that its shadow never hides it.
const NO_SHADOW: i64 = 1 << 61;

/// The same call told as span, log and gateway capture has one trace and span id. A call without ids is its own.
fn call_key(call: &LlmCall, origin: &Origin, row: usize) -> String {
    if call.span_id.is_valid() {
        let (trace, span) = (call.trace_id.hex(), call.span_id.hex());
        let mut key = String::with_capacity(trace.len() + 1 + span.len());
        key.extend(trace.iter().map(|digit| char::from(*digit)));
        key.push('-');
        key.extend(span.iter().map(|digit| char::from(*digit)));
        key
    } else {
        format!("{}-{}-{row}", origin.received.0, call.start.0)
    }
}

fn revision(call: &LlmCall, received: UnixNanos) -> i64 {
    let known = call.usage.provenance != Provenance::Unknown;
    let rank = if known { KNOWS_TOKENS } else { 0 } + if call.shadow { 0 } else { NO_SHADOW };
    received.0.saturating_add(rank)
}

impl CallRows {
    /// Appends a call; `service` is its span's.
    pub(crate) fn push(&mut self, origin: &Origin, service: Option<&str>, call: &LlmCall, row: usize) {
        self.push_ids(call);
        self.service.maybe(service);
        self.env.maybe(origin.env.as_deref());
        self.push_model(call);
        self.push_numbers(call);
        self.push_people(call);
        self.success.maybe(call.success);
        let tags = if call.tags.is_empty() { String::new() } else { json_list(&call.tags) };
        self.tags.filled(&tags);
        self.call_key.unique(&call_key(call, origin, row));
        self.revision.push(revision(call, origin.received));
        self.source.push(origin.source.as_str());
        self.sample.push(origin.sample);
    }

    fn push_ids(&mut self, call: &LlmCall) {
        if call.trace_id.is_valid() {
            self.trace_id.ascii(&call.trace_id.hex());
        } else {
            self.trace_id.null();
        }
        if call.span_id.is_valid() {
            self.span_id.ascii(&call.span_id.hex());
        } else {
            self.span_id.null();
        }
        self.start_ns.push(call.start.0);
        self.duration_ns.push(call.duration);
    }

    fn push_model(&mut self, call: &LlmCall) {
        self.operation.push(&call.operation);
        self.dialect.push(call.dialect);
        self.provider.maybe(call.provider.as_deref());
        self.request_model.maybe(call.request_model.as_deref());
        self.response_model.maybe(call.response_model.as_deref());
        self.service_tier.maybe(call.service_tier.as_deref());
        self.streaming.maybe(call.streaming);
        self.finish_reason.maybe(call.finish_reason.as_deref());
        self.error_type.maybe(call.error_type.as_deref());
    }

    fn push_numbers(&mut self, call: &LlmCall) {
        let usage = &call.usage;
        self.input_tokens.count(usage.input);
        self.cache_read_tokens.count(usage.cache_read);
        self.cache_write_tokens.count(usage.cache_write);
        self.cache_write_1h_tokens.count(usage.cache_write_1h);
        self.output_tokens.count(usage.output);
        self.reasoning_tokens.count(usage.reasoning);
        self.tokens_provenance.push(usage.provenance.as_str());
        self.cost_pusd.maybe(call.cost.computed.map(|money| money.0));
        self.cost_reported_pusd.maybe(call.cost.reported.map(|money| money.0));
        self.cost_provenance.push(call.cost.provenance.as_str());
        self.price_ref.maybe(call.cost.price_ref.as_deref());
        self.ttft_ns.maybe(call.ttft);
    }

    fn push_people(&mut self, call: &LlmCall) {
        self.agent_name.maybe(call.agent_name.as_deref());
        self.workflow.maybe(call.workflow.as_deref());
        self.session_id.maybe(call.session_id.as_deref());
        self.user_id.maybe(call.user_id.as_deref());
        self.prompt_name.maybe(call.prompt_name.as_deref());
        self.prompt_version.maybe(call.prompt_version.as_deref());
        self.profile.maybe(call.profile.as_deref());
        self.task_type.maybe(call.task_type.as_deref());
    }
}
