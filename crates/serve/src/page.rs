//! The page without JavaScript: what stands in where the UI was not built, and `/status` always. Rendered here, escaped
//! here; every text on it may be hostile.

use crate::App;
use crate::assets;
use crate::doors::HealthState;
use crate::limits::PAGE_TRACES;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use query::{Search, TraceSummary};
use std::fmt::Write as _;

/// The page styles itself; it has no script, and nothing foreign reaches an attribute of a style.
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;\
color:#1c2024;background:#fff}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .75rem \
.25rem 0;border-bottom:1px solid #d9dee3}pre{background:#f2f4f6;padding:.75rem;overflow:auto}\
.note{background:#fff4d6;padding:.5rem .75rem}@media(prefers-color-scheme:dark){body{color:#e6e9ec;background:#14171a}\
td,th{border-color:#30363c}pre{background:#1f2429}.note{background:#3d3214}a{color:#7cb7ff}}";

/// The daemon at a glance: health, counters, the latest traces, how to connect.
pub(crate) async fn status(State(app): State<App>) -> Response {
    let state = app.health.state();
    let search = Search { limit: Some(PAGE_TRACES), ..Search::default() };
    let traces = app.query.search(&search).await.map(|page| page.traces).unwrap_or_default();
    html(StatusCode::OK, &render(&state, &traces, assets::is_built()))
}

/// A screen of a UI that is not there.
pub(crate) fn not_built(path: &str) -> Response {
    let body = format!(
        "<h1>Not here</h1><p><code>{}</code> is a screen of the full UI, which was not built. Run <code>make ui</code> \
         and start again, or see <a href=\"/status\">the status page</a>.</p>",
        escape(path)
    );
    html(StatusCode::NOT_FOUND, &body)
}

/// Asks a person for the token.
pub(crate) fn login(was_wrong: bool) -> Response {
    let wrong = if was_wrong { "<p class=\"note\">That is not the token of this daemon.</p>" } else { "" };
    let body = format!(
        "<h1>Tundra</h1>{wrong}<p>This daemon asks for the token it was started with (<code>AT_API_TOKEN</code>).</p>\
         <form action=\"/login\"><label>Token <input name=\"token\" type=\"password\" autocomplete=\"current-password\" \
         autofocus required></label> <button>Open</button></form>"
    );
    html(if was_wrong { StatusCode::UNAUTHORIZED } else { StatusCode::OK }, &body)
}

fn html(status: StatusCode, body: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Tundra</title><style>{STYLE}</style></head><body>{body}</body></html>"
    );
    let mut response = (status, page).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

fn render(state: &HealthState, traces: &[TraceSummary], ui_built: bool) -> String {
    let mut page = String::from("<h1>Tundra</h1>");
    if !ui_built {
        page.push_str("<p class=\"note\">Full UI not built: run <code>make ui</code> and start again.</p>");
    }
    let word = if state.ready { "ok" } else { "starting" };
    let _infallible = write!(
        page,
        "<p>at-daemon {} is <strong>{word}</strong>, up {} s, process {}, data in <code>{}</code>.</p>",
        escape(&state.version),
        state.uptime_ms / 1000,
        state.pid,
        escape(&state.data_dir)
    );
    listeners(state, &mut page);
    counters(state, &mut page);
    table_of_traces(traces, &mut page);
    connect(state, &mut page);
    page
}

fn listeners(state: &HealthState, page: &mut String) {
    page.push_str("<h2>Listeners</h2><table>");
    for (name, address) in &state.addresses {
        let address = address.as_deref().unwrap_or("off");
        let _infallible = write!(page, "<tr><td>{name}</td><td><code>{}</code></td></tr>", escape(address));
    }
    let target = state.forwarder.target.as_deref().unwrap_or("nowhere");
    let _infallible = write!(
        page,
        "<tr><td>forwarding</td><td>{} to <code>{}</code> {}</td></tr></table>",
        escape(&state.forwarder.state),
        escape(target),
        escape(&state.forwarder.detail)
    );
}

fn counters(state: &HealthState, page: &mut String) {
    page.push_str(
        "<h2>Received</h2><table><tr><th>protocol</th><th>counter</th><th>reason</th><th>value</th></tr>",
    );
    for row in state.ledger.iter().filter(|row| row.value > 0) {
        let (protocol, counter, reason) = (escape(&row.protocol), escape(&row.counter), escape(&row.reason));
        let value = row.value;
        let _infallible =
            write!(page, "<tr><td>{protocol}</td><td>{counter}</td><td>{reason}</td><td>{value}</td></tr>");
    }
    page.push_str("</table>");
}

fn table_of_traces(traces: &[TraceSummary], page: &mut String) {
    page.push_str("<h2>Latest traces</h2>");
    if traces.is_empty() {
        page.push_str("<p>Nothing has arrived yet.</p>");
        return;
    }
    page.push_str(
        "<table><tr><th>trace</th><th>service</th><th>spans</th><th>errors</th><th>ms</th><th>id</th></tr>",
    );
    for trace in traces {
        let _infallible = write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.3}</td><td><a href=\"/api/traces/{id}\"><code>{id}</code></a></td></tr>",
            escape(&trace.name),
            escape(&trace.service),
            trace.spans,
            trace.errors,
            trace.duration_ns as f64 / 1e6,
            id = escape(&trace.trace_id),
        );
    }
    page.push_str("</table>");
}

fn connect(state: &HealthState, page: &mut String) {
    let address = |name: &str| {
        let known = state
            .addresses
            .iter()
            .find(|(known, _)| *known == name)
            .and_then(|(_, address)| address.as_deref());
        known.map(escape)
    };
    page.push_str("<h2>Connect</h2>");
    if let Some(otlp) = address("otlp_http") {
        let _infallible = write!(
            page,
            "<p>OpenTelemetry</p><pre>OTEL_EXPORTER_OTLP_ENDPOINT=http://{otlp} OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \
             your-program</pre>"
        );
    }
    if let Some(datadog) = address("datadog") {
        let _infallible =
            write!(page, "<p>Datadog clients</p><pre>DD_TRACE_AGENT_URL=http://{datadog} your-program</pre>");
    }
    if let Some(api) = address("api") {
        let _infallible = write!(
            page,
            "<p>curl</p><pre>curl http://{api}/api/sql -H 'content-type: application/json' \\\n  -d '{{\"sql\": \"select name, count(*) from spans group by name\"}}'</pre>"
        );
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().take(500) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
