//! What goes to Datadog's LLM product beside the traces, through the Agent's event proxy: spans, for an Agent that takes no
//! structures, and evaluations.
//!
//! Pure: makes JSON texts that the exporter puts together and sends. The forms are those of Datadog's own clients.

use crate::propagation::call_tree;
use tundra_record::value::{get, write_json_text};
use tundra_record::{Attrs, LogRecord, Resource, Span, Status, Text, Value};

/// Paths of the proxy by its version, newest first: for spans and for evaluations.
const PATHS: [(&str, &str, &str); 3] = [
    ("/evp_proxy/v4/", "/evp_proxy/v4/api/v2/llmobs", "/evp_proxy/v4/api/intake/llm-obs/v2/eval-metric"),
    ("/evp_proxy/v3/", "/evp_proxy/v3/api/v2/llmobs", "/evp_proxy/v3/api/intake/llm-obs/v2/eval-metric"),
    ("/evp_proxy/v2/", "/evp_proxy/v2/api/v2/llmobs", "/evp_proxy/v2/api/intake/llm-obs/v2/eval-metric"),
];

/// Where an Agent takes events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) spans: &'static str,
    pub(super) evaluations: &'static str,
}

impl Proxy {
    /// That of all Agents that have one.
    pub(super) const USUAL: Self = Self { spans: PATHS[2].1, evaluations: PATHS[2].2 };

    /// The newest one that an Agent lists.
    pub(super) fn among(lists: impl Fn(&str) -> bool) -> Option<Self> {
        let listed = |path: &str| lists(path) || lists(path.trim_end_matches('/'));
        let (_, spans, evaluations) = PATHS.into_iter().find(|(path, _, _)| listed(path))?;
        Some(Self { spans, evaluations })
    }
}

/// The header that names the intake behind the proxy.
pub(super) const SUBDOMAIN: &str = "X-Datadog-EVP-Subdomain";
pub(super) const SPANS_SUBDOMAIN: &str = "llmobs-intake";
pub(super) const EVALUATIONS_SUBDOMAIN: &str = "api";

/// The product refuses larger events.
const EVENT_BYTES: usize = 5_000_000;

/// The event of `_llmobs` with what an APM span says beside it, in its envelope.
pub(super) fn span_event(event: Value<'_>, span: &Span<'_>) -> String {
    let Value::Map(mut members) = event else { return String::new() };
    let tags = members.iter().position(|(key, _)| key == "tags").map(|at| members.swap_remove(at).1);
    let tags = if let Some(Value::Map(tags)) = tags { tags } else { Attrs::new() };
    members.retain(|(key, _)| key != "ml_app");
    let failed = span.status == Status::Error;
    let trace = span.trace_id.to_string();
    let mut add = |key: &'static str, value: Value<'static>| members.push((key.into(), value));
    add("span_id", Value::from(span.span_id.0.to_string()));
    add("start_ns", Value::Int(span.start.0));
    add("duration", Value::Int(span.duration));
    add("status", Value::from(if failed { "error" } else { "ok" }));
    if failed && !span.status_message.is_empty() {
        add("status_message", Value::from(span.status_message.to_string()));
    }
    if let Some(service) = get(&tags, "service") {
        add("service", service.clone().into_owned());
    }
    let tag = |(key, value): &(Text<'_>, Value<'_>)| Value::from(format!("{key}:{}", value.to_text()));
    add("tags", Value::List(tags.iter().map(tag).collect()));
    add(
        "_dd",
        Value::Map(vec![
            ("span_id".into(), Value::from(span.span_id.0.to_string())),
            ("trace_id".into(), Value::from(trace.clone())),
            ("apm_trace_id".into(), Value::from(trace)),
        ]),
    );
    let json = envelope(&members);
    if json.len() <= EVENT_BYTES {
        return json;
    }
    if let Some((_, Value::Map(meta))) = members.iter_mut().find(|(key, _)| key == "meta") {
        meta.retain(|(key, _)| key != "input" && key != "output");
    }
    members.push(("collection_errors".into(), Value::List(vec!["dropped_io".into()])));
    envelope(&members)
}

fn envelope(members: &Attrs<'_>) -> String {
    let mut json = format!(
        r#"{{"_dd.stage":"raw","_dd.tracer_version":"{}","event_type":"span","spans":["#,
        env!("CARGO_PKG_VERSION")
    );
    write_json_text(&Value::Map(members.clone()), &mut json);
    json.push_str("]}");
    json
}

/// One body from several events.
pub(super) fn span_body(events: &[String]) -> Vec<u8> {
    format!("[{}]", events.join(",")).into_bytes()
}

/// One body from several evaluations.
pub(super) fn evaluation_body(metrics: &[String]) -> Vec<u8> {
    let metrics = metrics.join(",");
    format!(r#"{{"data":{{"type":"evaluation_metric","attributes":{{"metrics":[{metrics}]}}}}}}"#)
        .into_bytes()
}

/// An event `gen_ai.evaluation.result` as metrics of its span: one for the score, one for a label that is more than
/// passed or failed. Nothing if it happened outside of a span.
pub(super) fn evaluations(log: &LogRecord<'_>, resource: &Resource<'_>, app: &str) -> Vec<String> {
    let (Some(trace), Some(span)) = (log.trace_id, log.span_id) else { return Vec::new() };
    let said = |key: &str| get(&log.attrs, key);
    let text =
        |key: &str| said(key).map(|value| value.to_text().into_owned()).filter(|text| !text.is_empty());
    let name = text("gen_ai.evaluation.name").unwrap_or_else(|| "evaluation".to_owned());
    // Dots separate facets there.
    let label = name.replace('.', "_");
    let verdict = text("gen_ai.evaluation.score.label");
    let score = said("gen_ai.evaluation.score.value").and_then(Value::as_double);
    // What JSON has no number for would spoil all that goes with it.
    let score = score.filter(|score| score.is_finite());
    let is_plain = verdict.as_deref().is_some_and(|verdict| matches!(verdict, "pass" | "fail"));
    let mut tags = vec![Value::from(format!("ml_app:{app}"))];
    tags.extend(resource.env().map(|env| Value::from(format!("env:{env}"))));
    let metric = |label: String, kind: &'static str, key: &'static str, value: Value<'static>| {
        let ids = vec![
            ("span_id".into(), Value::from(span.0.to_string())),
            ("trace_id".into(), Value::from(call_tree(trace).to_string())),
        ];
        let mut members: Attrs<'_> = vec![
            ("join_on".into(), Value::Map(vec![("span".into(), Value::Map(ids))])),
            ("event_kind".into(), "evaluation".into()),
            ("eval_scope".into(), "span".into()),
            ("ml_app".into(), Value::from(app)),
            ("timestamp_ms".into(), Value::Int(log.time.0 / 1_000_000)),
            ("label".into(), Value::from(label)),
            ("metric_type".into(), kind.into()),
            (key.into(), value),
            ("tags".into(), Value::List(tags.clone())),
        ];
        members.extend(
            verdict.clone().filter(|_| is_plain).map(|verdict| ("assessment".into(), Value::from(verdict))),
        );
        let why = text("gen_ai.evaluation.explanation");
        members.extend(why.map(|why| ("reasoning".into(), Value::from(why))));
        let mut json = String::new();
        write_json_text(&Value::Map(members), &mut json);
        json
    };
    let mut found = Vec::new();
    if let Some(score) = score {
        found.push(metric(label.clone(), "score", "score_value", Value::Double(score)));
    }
    if let Some(verdict) = verdict.clone().filter(|_| score.is_none() || !is_plain) {
        let label = if score.is_some() { format!("{label}_label") } else { label };
        found.push(metric(label, "categorical", "categorical_value", Value::from(verdict)));
    }
    found
}
