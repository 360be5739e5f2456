//! Traces: the list, the skeleton of one, and one span.

use crate::App;
use crate::api::words::{columns, ns, object, stored_json_or};
use crate::error::{ApiError, ErrorBody};
use crate::params::Params;
use axum::Json;
use axum::extract::{Path, State};
use query::search::{Cursor, Sample, Search, Sort};
use query::trace::Llm;
use query::{Skeleton, SpanDetail, TraceSummary};
use serde::Serialize;
use serde_json::{Value, json};
use tundra_record::{SpanId, TraceId};
use utoipa::ToSchema;

/// A page of traces.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TracesBody {
    traces: Vec<TraceBody>,
    /// Give it as `cursor` for the next page; null at the end.
    next_cursor: Option<String>,
}

/// One line about a trace.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TraceBody {
    pub(crate) trace_id: String,
    name: String,
    service: String,
    start_ns: String,
    duration_ns: i64,
    spans: u64,
    errors: u64,
    llm_calls: u64,
    tokens: Option<i64>,
    cost_pusd: Option<i64>,
    services: Vec<String>,
    models: Vec<String>,
    /// No root span has arrived (yet).
    partial: bool,
    sample: bool,
}

impl From<TraceSummary> for TraceBody {
    fn from(trace: TraceSummary) -> Self {
        Self {
            trace_id: trace.trace_id,
            name: trace.name,
            service: trace.service,
            start_ns: ns(trace.start_ns),
            duration_ns: trace.duration_ns,
            spans: trace.spans,
            errors: trace.errors,
            llm_calls: trace.spent.calls,
            tokens: trace.spent.tokens,
            cost_pusd: trace.spent.cost_pusd,
            services: trace.services,
            models: trace.models,
            partial: trace.partial,
            sample: trace.sample,
        }
    }
}

/// A trace as columns in pre-order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SkeletonBody {
    trace_id: String,
    start_ns: String,
    duration_ns: i64,
    partial: bool,
    sample: bool,
    services: Vec<String>,
    names: Vec<String>,
    totals: TotalsBody,
    spans: SpansBody,
}

/// All spans of a trace together.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TotalsBody {
    spans: usize,
    errors: u64,
    llm_calls: u64,
    tokens: Option<i64>,
    cost_pusd: Option<i64>,
}

/// One array for each column; a span has the same place in each.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SpansBody {
    span_id: Vec<String>,
    /// Row of the parent, or -1.
    parent: Vec<i64>,
    depth: Vec<u32>,
    /// Spans of the subtree, this one included.
    subtree: Vec<u32>,
    /// Index into `services`.
    service: Vec<u32>,
    /// Index into `names`.
    name: Vec<u32>,
    /// 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    #[schema(value_type = Vec<u32>)]
    kind: Vec<u32>,
    /// Empty, or `llm`, `agent`, `tool`, `retrieval`, `workflow`, ...
    role: Vec<String>,
    /// Nanoseconds after `start_ns`.
    start: Vec<i64>,
    duration: Vec<i64>,
    /// 1 error, 2 model call, 4 orphan, 8 has events, 16 has logs.
    #[schema(value_type = Vec<u32>)]
    flags: Vec<u32>,
    tokens: Vec<Option<i64>>,
    cost_pusd: Vec<Option<i64>>,
    /// Nanoseconds to the first token.
    ttft: Vec<Option<i64>>,
}

impl From<Skeleton> for SkeletonBody {
    fn from(s: Skeleton) -> Self {
        let totals = TotalsBody {
            spans: s.span_id.len(),
            errors: s.errors,
            llm_calls: s.spent.calls,
            tokens: s.spent.tokens,
            cost_pusd: s.spent.cost_pusd,
        };
        let spans = SpansBody {
            span_id: s.span_id.into_iter().map(|id| SpanId(id).to_string()).collect(),
            parent: s.parent,
            depth: s.depth,
            subtree: s.subtree,
            service: s.service,
            name: s.name,
            kind: s.kind.into_iter().map(u32::from).collect(),
            role: s.role,
            start: s.start,
            duration: s.duration,
            flags: s.flags.into_iter().map(u32::from).collect(),
            tokens: s.tokens,
            cost_pusd: s.cost_pusd,
            ttft: s.ttft,
        };
        Self {
            trace_id: s.trace_id.to_string(),
            start_ns: ns(s.start_ns),
            duration_ns: s.duration_ns,
            partial: s.partial,
            sample: s.sample,
            services: s.services,
            names: s.names,
            totals,
            spans,
        }
    }
}

/// One span and what goes with it. JSON that was stored is passed on as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SpanBody {
    trace_id: String,
    span_id: String,
    parent_id: Option<String>,
    service: Option<String>,
    env: Option<String>,
    version: Option<String>,
    host: Option<String>,
    name: String,
    resource: Option<String>,
    kind: String,
    start_ns: String,
    duration_ns: i64,
    status: String,
    status_message: Option<String>,
    #[schema(value_type = Object)]
    attrs: Value,
    /// One letter for each attribute, in order; null if all are texts.
    attr_kinds: Option<String>,
    /// Attributes whose text is long.
    #[schema(value_type = Object)]
    content: Value,
    #[schema(value_type = Object)]
    resource_attrs: Value,
    #[schema(value_type = Object)]
    scope: Value,
    /// `[{time_ns, name, attrs}]`
    #[schema(value_type = Vec<Object>)]
    events: Value,
    /// `[{trace_id, span_id, attrs}]`
    #[schema(value_type = Vec<Object>)]
    links: Value,
    source: String,
    user_id: Option<String>,
    session_id: Option<String>,
    sample: bool,
    /// Null, or `{call, messages}`: the columns of `llm_calls`, and the messages in reading order.
    #[schema(value_type = Object)]
    llm: Value,
    /// Null, or the columns of `agent_runs`.
    #[schema(value_type = Object)]
    run: Value,
    /// The columns of `evaluations`.
    #[schema(value_type = Vec<Object>)]
    evaluations: Vec<Value>,
    /// `[{time_ns, severity, event_name, body, attrs}]`
    #[schema(value_type = Vec<Object>)]
    logs: Vec<Value>,
    /// What could not be understood of its model call.
    #[schema(value_type = Vec<String>)]
    problems: Value,
}

impl From<SpanDetail> for SpanBody {
    fn from(s: SpanDetail) -> Self {
        let log = |log: query::trace::LogLine| {
            json!({"time_ns": ns(log.time_ns), "severity": log.severity, "event_name": log.event_name,
                "body": log.body, "attrs": object(log.attrs)})
        };
        Self {
            trace_id: s.trace_id,
            span_id: s.span_id,
            parent_id: s.parent_id,
            service: s.service,
            env: s.env,
            version: s.version,
            host: s.host,
            name: s.name,
            resource: s.resource,
            kind: s.kind,
            start_ns: ns(s.start_ns),
            duration_ns: s.duration_ns,
            status: s.status,
            status_message: s.status_message,
            attrs: object(s.attrs),
            attr_kinds: s.attr_kinds,
            content: object(s.content),
            resource_attrs: stored_json_or(s.resource_attrs.as_deref(), json!({})),
            scope: json!({"name": s.scope_name, "version": s.scope_version}),
            events: timed(stored_json_or(s.events.as_deref(), json!([]))),
            links: stored_json_or(s.links.as_deref(), json!([])),
            source: s.source,
            user_id: s.user_id,
            session_id: s.session_id,
            sample: s.sample,
            llm: s.llm.map_or(Value::Null, llm),
            run: s.run.map_or(Value::Null, columns),
            evaluations: s.evaluations.into_iter().map(columns).collect(),
            logs: s.logs.into_iter().map(log).collect(),
            problems: stored_json_or(s.llm_problems.as_deref(), json!([])),
        }
    }
}

fn llm(llm: Llm) -> Value {
    let message = |m: query::trace::Message| {
        json!({"direction": m.direction, "idx": m.idx, "part": m.part, "role": m.role, "kind": m.kind,
            "content": m.content, "tool_name": m.tool_name, "tool_call_id": m.tool_call_id})
    };
    let messages: Vec<Value> = llm.messages.into_iter().map(message).collect();
    json!({"call": llm.call.map(columns), "messages": messages})
}

/// Absolute times of events become strings.
fn timed(mut events: Value) -> Value {
    for event in events.as_array_mut().into_iter().flatten() {
        if let Some(time) = event.get_mut("time_ns")
            && let Some(number) = time.as_i64()
        {
            *time = ns(number).into();
        }
    }
    events
}

const PARAMETERS: [&str; 14] = [
    "from_ns",
    "to_ns",
    "service",
    "operation",
    "q",
    "status",
    "min_duration_ns",
    "max_duration_ns",
    "model",
    "attr",
    "sample",
    "sort",
    "limit",
    "cursor",
];

fn search(params: &Params) -> Result<Search, ApiError> {
    let text = |name| params.text(name).map(str::to_owned);
    let (mut attrs, mut not_attrs) = (Vec::new(), Vec::new());
    for pair in params.texts("attr").filter(|pair| !pair.is_empty()) {
        let (list, pair) = match pair.strip_prefix('!') {
            Some(pair) => (&mut not_attrs, pair),
            None => (&mut attrs, pair),
        };
        let pair = pair.split_once(':').filter(|(key, _)| !key.is_empty());
        let wrong = || ApiError::parameter("attr", "is written `key:value`, or `!key:value` to exclude");
        let (key, value) = pair.ok_or_else(wrong)?;
        list.push((key.to_owned(), value.to_owned()));
    }
    let cursor = match params.text("cursor") {
        None => None,
        Some(word) => {
            Some(Cursor::from_word(word).ok_or_else(|| ApiError::parameter("cursor", "is not one of ours"))?)
        }
    };
    Ok(Search {
        from_ns: params.number("from_ns")?,
        to_ns: params.number("to_ns")?,
        service: text("service"),
        operation: text("operation"),
        text: text("q"),
        errors: params.word("status", &[("error", true), ("any", false)], false)?,
        min_duration_ns: params.number("min_duration_ns")?,
        max_duration_ns: params.number("max_duration_ns")?,
        model: text("model"),
        attrs,
        not_attrs,
        sample: params.word(
            "sample",
            &[("include", Sample::Include), ("exclude", Sample::Exclude), ("only", Sample::Only)],
            Sample::Include,
        )?,
        sort: params.word("sort", &[("newest", Sort::Newest), ("slowest", Sort::Slowest)], Sort::Newest)?,
        limit: params.number("limit")?,
        cursor,
    })
}

/// Traces, newest activity first.
#[utoipa::path(get, path = "/api/traces", tag = "traces", operation_id = "list_traces",
    params(
        ("from_ns" = Option<String>, Query, description = "earliest start of a matching span, inclusive"),
        ("to_ns" = Option<String>, Query, description = "latest start, exclusive"),
        ("service" = Option<String>, Query), ("operation" = Option<String>, Query),
        ("q" = Option<String>, Query, description = "text in name, resource, attributes or content; or a trace id"),
        ("status" = Option<String>, Query, description = "error"),
        ("min_duration_ns" = Option<i64>, Query), ("max_duration_ns" = Option<i64>, Query),
        ("model" = Option<String>, Query),
        ("attr" = Option<Vec<String>>, Query, description = "key:value of the matching span, or !key:value that no span of the trace has; may be repeated"),
        ("sample" = Option<String>, Query, description = "include, exclude or only"),
        ("sort" = Option<String>, Query, description = "newest or slowest"),
        ("limit" = Option<usize>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = TracesBody), (status = 400, body = ErrorBody)))]
pub(crate) async fn list(State(app): State<App>, params: Params) -> Result<Json<TracesBody>, ApiError> {
    let search = search(&params.only(&PARAMETERS)?)?;
    let page = app.query.search(&search).await?;
    let traces = page.traces.into_iter().map(TraceBody::from).collect();
    Ok(Json(TracesBody { traces, next_cursor: page.next.map(|cursor| cursor.to_word()) }))
}

fn trace_id(text: &str) -> Result<TraceId, ApiError> {
    text.parse().map_err(|error| ApiError::parameter("trace_id", error))
}

/// The skeleton of a trace: columns in pre-order, without attributes.
#[utoipa::path(get, path = "/api/traces/{trace_id}", tag = "traces", operation_id = "get_trace",
    params(("trace_id" = String, Path)),
    responses((status = 200, body = SkeletonBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn skeleton(
    State(app): State<App>,
    Path(trace): Path<String>,
) -> Result<Json<SkeletonBody>, ApiError> {
    let skeleton = app.query.trace(trace_id(&trace)?).await?;
    Ok(Json(skeleton.ok_or_else(|| ApiError::not_found("trace of this id"))?.into()))
}

/// One span with attributes, events, messages, logs and judgements.
#[utoipa::path(get, path = "/api/traces/{trace_id}/spans/{span_id}", tag = "traces", operation_id = "get_span",
    params(("trace_id" = String, Path), ("span_id" = String, Path)),
    responses((status = 200, body = SpanBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn span(
    State(app): State<App>,
    Path((trace, span)): Path<(String, String)>,
) -> Result<Json<SpanBody>, ApiError> {
    let span: SpanId = span.parse().map_err(|error| ApiError::parameter("span_id", error))?;
    let detail = app.query.span(trace_id(&trace)?, span).await?;
    Ok(Json(detail.ok_or_else(|| ApiError::not_found("span of this id"))?.into()))
}
