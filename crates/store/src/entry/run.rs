//! Runs of agents, workflows, tasks and tools.

use crate::cells::{Text, rows};
use crate::entry::origin::Origin;
use tundra_record::llm::AgentRun;
use tundra_record::{SpanId, TraceId, UnixNanos};

rows! {
    /// Runs of a batch.
    RunRows, AGENT_RUNS {
        trace_id: Text null "trace, 32 hex digits",
        span_id: Text null "span of the run, 16 hex digits",
        agent_name: Text some "agent, workflow or tool",
        parent_agent: Text null "agent that called it",
        kind: Text some "agent, workflow, task, tool, retrieval, guardrail or chain",
        start_ns: Int some "begin, nanoseconds since 1970 UTC",
        duration_ns: Int some "duration in nanoseconds",
        steps: Int null "steps it took, where the client said so",
        tool_calls: Int null "tools it called, where the client said so",
        success: Bool null "whether it went well",
        session_id: Text null "conversation",
        service: Text null "service it ran in",
        source: Text some "otlp, datadog, gateway or sdk",
        sample: Bool some "true for sample data",
        received_ns: Int some "when it arrived",
    }
}

/// The span or log record that something was understood from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) trace: Option<TraceId>,
    pub(crate) span: Option<SpanId>,
    pub(crate) start: UnixNanos,
    pub(crate) duration: i64,
    pub(crate) service: Option<&'a str>,
    pub(crate) session: Option<&'a str>,
}

impl Place<'_> {
    /// Appends both ids.
    pub(crate) fn push_ids(&self, trace: &mut Text, span: &mut Text) {
        match self.trace {
            Some(id) => trace.ascii(&id.hex()),
            None => trace.null(),
        }
        match self.span {
            Some(id) => span.ascii(&id.hex()),
            None => span.null(),
        }
    }
}

impl RunRows {
    /// Appends a run.
    pub(crate) fn push(&mut self, origin: &Origin, place: &Place<'_>, run: &AgentRun) {
        place.push_ids(&mut self.trace_id, &mut self.span_id);
        self.agent_name.push(&run.agent_name);
        self.parent_agent.maybe(run.parent_agent.as_deref());
        self.kind.push(&run.kind);
        self.start_ns.push(place.start.0);
        self.duration_ns.push(place.duration);
        self.steps.maybe(None);
        self.tool_calls.maybe(None);
        self.success.maybe(run.success);
        self.session_id.maybe(run.session_id.as_deref().or(place.session));
        self.service.maybe(place.service);
        self.source.push(origin.source.as_str());
        self.sample.push(origin.sample);
        self.received_ns.push(origin.received.0);
    }
}
