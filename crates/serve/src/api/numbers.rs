//! Numbers over a time range: overview, services, operations, model usage, and who is connected.

use crate::App;
use crate::api::traces::TraceBody;
use crate::api::words::{ns, stored_json};
use crate::error::{ApiError, ErrorBody};
use crate::limits::{CONNECT_RANGE_NS, OVERVIEW_TRACES};
use crate::params::Params;
use axum::Json;
use axum::extract::{Path, State};
use query::Search;
use query::stats::{LlmTotals, OperationStats, Overview, Sender, Series, ServiceStats, UsageBy, UsageRow};
use serde::Serialize;
use utoipa::ToSchema;

/// A range at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OverviewBody {
    /// The range in one sentence.
    sentence: String,
    spans: i64,
    traces: i64,
    errors: i64,
    llm: LlmBody,
    series: SeriesBody,
    services: Vec<ServiceBody>,
    recent_traces: Vec<TraceBody>,
}

/// All model calls of the range, sample data left out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LlmBody {
    calls: i64,
    tokens: Option<i64>,
    cost_pusd: Option<i64>,
    unpriced_calls: i64,
}

/// Spans over time; null where there were none.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeriesBody {
    step_ns: i64,
    start_ns: String,
    spans: Vec<i64>,
    errors: Vec<i64>,
    p50_ns: Vec<Option<i64>>,
    p95_ns: Vec<Option<i64>>,
}

/// Services, the busiest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServicesBody {
    services: Vec<ServiceBody>,
}

/// A service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceBody {
    service: String,
    spans: i64,
    errors: i64,
    /// About.
    traces: i64,
    p50_ns: Option<i64>,
    p95_ns: Option<i64>,
    last_seen_ns: String,
}

/// Operations of a service, the busiest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OperationsBody {
    operations: Vec<OperationBody>,
}

/// An operation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OperationBody {
    name: String,
    kind: String,
    spans: i64,
    errors: i64,
    p50_ns: Option<i64>,
    p95_ns: Option<i64>,
}

/// Model usage, the costliest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageBody {
    rows: Vec<UsageRowBody>,
}

/// Model usage of one group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageRowBody {
    key: Option<String>,
    provider: Option<String>,
    model: Option<String>,
    calls: i64,
    errors: i64,
    input_tokens: Option<i64>,
    cache_read_tokens: Option<i64>,
    output_tokens: Option<i64>,
    reasoning_tokens: Option<i64>,
    cost_pusd: Option<i64>,
    unpriced_calls: i64,
    p50_ns: Option<i64>,
    p95_ns: Option<i64>,
    ttft_p50_ns: Option<i64>,
}

/// Who has sent spans, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectBody {
    sources: Vec<SourceBody>,
}

/// A program that sends.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceBody {
    service: String,
    source: String,
    language: Option<String>,
    sdk: Option<String>,
    spans: i64,
    first_trace_id: String,
    last_seen_ns: String,
}

impl From<LlmTotals> for LlmBody {
    fn from(t: LlmTotals) -> Self {
        Self { calls: t.calls, tokens: t.tokens, cost_pusd: t.cost_pusd, unpriced_calls: t.unpriced_calls }
    }
}

impl From<Series> for SeriesBody {
    fn from(s: Series) -> Self {
        Self {
            step_ns: s.step_ns,
            start_ns: ns(s.start_ns),
            spans: s.spans,
            errors: s.errors,
            p50_ns: s.p50_ns,
            p95_ns: s.p95_ns,
        }
    }
}

impl From<ServiceStats> for ServiceBody {
    fn from(s: ServiceStats) -> Self {
        Self {
            service: s.service,
            spans: s.spans,
            errors: s.errors,
            traces: s.traces,
            p50_ns: s.p50_ns,
            p95_ns: s.p95_ns,
            last_seen_ns: ns(s.last_seen_ns),
        }
    }
}

impl From<OperationStats> for OperationBody {
    fn from(o: OperationStats) -> Self {
        Self {
            name: o.name,
            kind: o.kind,
            spans: o.spans,
            errors: o.errors,
            p50_ns: o.p50_ns,
            p95_ns: o.p95_ns,
        }
    }
}

impl From<UsageRow> for UsageRowBody {
    fn from(u: UsageRow) -> Self {
        Self {
            key: u.key,
            provider: u.provider,
            model: u.model,
            calls: u.calls,
            errors: u.errors,
            input_tokens: u.input_tokens,
            cache_read_tokens: u.cache_read_tokens,
            output_tokens: u.output_tokens,
            reasoning_tokens: u.reasoning_tokens,
            cost_pusd: u.cost_pusd,
            unpriced_calls: u.unpriced_calls,
            p50_ns: u.p50_ns,
            p95_ns: u.p95_ns,
            ttft_p50_ns: u.ttft_p50_ns,
        }
    }
}

impl From<Sender> for SourceBody {
    fn from(sender: Sender) -> Self {
        let resource = stored_json(sender.resource_attrs.as_deref());
        let told = |key: &str| resource.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        let sdk = match (told("telemetry.sdk.name"), told("telemetry.sdk.version")) {
            (Some(name), Some(version)) => Some(format!("{name} {version}")),
            (name, _) => name,
        };
        Self {
            service: sender.service,
            source: sender.source,
            language: told("telemetry.sdk.language").or_else(|| told("language")).or(sender.language),
            sdk,
            spans: sender.spans,
            first_trace_id: sender.first_trace_id,
            last_seen_ns: ns(sender.last_seen_ns),
        }
    }
}

fn sentence(o: &Overview) -> String {
    if o.spans == 0 {
        return "No spans in this time.".to_owned();
    }
    let s = |n: i64| if n == 1 { "" } else { "s" };
    let (spans, traces) = (grouped(o.spans), grouped(o.traces));
    let mut text = format!("{spans} span{} in about {traces} trace{}", s(o.spans), s(o.traces));
    match o.errors {
        0 => text.push_str(", no errors"),
        n => text.push_str(&format!(", {} with error{}", grouped(n), s(n))),
    }
    if o.llm.calls > 0 {
        text.push_str(&format!("; {} model call{}", grouped(o.llm.calls), s(o.llm.calls)));
    }
    text.push('.');
    text
}

/// A count as the UI writes it: a narrow space between thousands, where no line breaks.
fn grouped(count: i64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A range at a glance, by default the last hour.
#[utoipa::path(get, path = "/api/overview", tag = "numbers",
    params(("from_ns" = Option<String>, Query), ("to_ns" = Option<String>, Query)),
    responses((status = 200, body = OverviewBody), (status = 400, body = ErrorBody)))]
pub(crate) async fn overview(State(app): State<App>, params: Params) -> Result<Json<OverviewBody>, ApiError> {
    let range = params.only(&["from_ns", "to_ns"])?.range(app.clock.now().0)?;
    let recent = Search {
        from_ns: Some(range.from_ns),
        to_ns: Some(range.to_ns),
        limit: Some(OVERVIEW_TRACES),
        ..Search::default()
    };
    let (overview, recent) = tokio::try_join!(app.query.overview(range), app.query.search(&recent))?;
    Ok(Json(OverviewBody {
        sentence: sentence(&overview),
        spans: overview.spans,
        traces: overview.traces,
        errors: overview.errors,
        llm: overview.llm.into(),
        series: overview.series.into(),
        services: overview.services.into_iter().map(ServiceBody::from).collect(),
        recent_traces: recent.traces.into_iter().map(TraceBody::from).collect(),
    }))
}

/// Services that sent spans, by default within the last hour.
#[utoipa::path(get, path = "/api/services", tag = "numbers",
    params(("from_ns" = Option<String>, Query), ("to_ns" = Option<String>, Query)),
    responses((status = 200, body = ServicesBody), (status = 400, body = ErrorBody)))]
pub(crate) async fn services(State(app): State<App>, params: Params) -> Result<Json<ServicesBody>, ApiError> {
    let range = params.only(&["from_ns", "to_ns"])?.range(app.clock.now().0)?;
    let services = app.query.services(range).await?;
    Ok(Json(ServicesBody { services: services.into_iter().map(ServiceBody::from).collect() }))
}

/// Operations of a service, by default within the last hour.
#[utoipa::path(get, path = "/api/services/{service}/operations", tag = "numbers",
    params(("service" = String, Path), ("from_ns" = Option<String>, Query), ("to_ns" = Option<String>, Query)),
    responses((status = 200, body = OperationsBody), (status = 400, body = ErrorBody)))]
pub(crate) async fn operations(
    State(app): State<App>,
    Path(service): Path<String>,
    params: Params,
) -> Result<Json<OperationsBody>, ApiError> {
    let range = params.only(&["from_ns", "to_ns"])?.range(app.clock.now().0)?;
    let operations = app.query.operations(&service, range).await?;
    Ok(Json(OperationsBody { operations: operations.into_iter().map(OperationBody::from).collect() }))
}

/// Model usage, by default of the last hour. Sample data is never counted.
#[utoipa::path(get, path = "/api/llm/usage", tag = "llm",
    params(("from_ns" = Option<String>, Query), ("to_ns" = Option<String>, Query),
        ("group_by" = Option<String>, Query, description = "model, provider, service or agent")),
    responses((status = 200, body = UsageBody), (status = 400, body = ErrorBody)))]
pub(crate) async fn llm_usage(State(app): State<App>, params: Params) -> Result<Json<UsageBody>, ApiError> {
    let params = params.only(&["from_ns", "to_ns", "group_by"])?;
    let words = [
        ("model", UsageBy::Model),
        ("provider", UsageBy::Provider),
        ("service", UsageBy::Service),
        ("agent", UsageBy::Agent),
    ];
    let by = params.word("group_by", &words, UsageBy::Model)?;
    let rows = app.query.llm_usage(params.range(app.clock.now().0)?, by).await?;
    Ok(Json(UsageBody { rows: rows.into_iter().map(UsageRowBody::from).collect() }))
}

/// Who has sent spans since a moment, by default within the last day: the Connect page's live check.
#[utoipa::path(get, path = "/api/connect", tag = "daemon", params(("since_ns" = Option<String>, Query)),
    responses((status = 200, body = ConnectBody), (status = 400, body = ErrorBody)))]
pub(crate) async fn connect(State(app): State<App>, params: Params) -> Result<Json<ConnectBody>, ApiError> {
    let now = app.clock.now().0;
    let since =
        params.only(&["since_ns"])?.number("since_ns")?.unwrap_or(now.saturating_sub(CONNECT_RANGE_NS));
    let senders = app.query.senders(since).await?;
    Ok(Json(ConnectBody { sources: senders.into_iter().map(SourceBody::from).collect() }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_stand_apart() {
        let check = |count, expect: &str| assert_eq!(super::grouped(count).replace('\u{202f}', " "), expect);
        check(0, "0");
        check(999, "999");
        check(1_000, "1 000");
        check(-100_000, "-100 000");
        check(12_345_678, "12 345 678");
    }
}
