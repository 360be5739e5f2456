//! `at connect`: what to paste so that a program's telemetry arrives, with this daemon's real addresses, and the wait
//! for its first span.

use crate::Context;
use crate::arguments::Client;
use crate::home::url;
use crate::limits::LOOK_PAUSE;
use crate::status::{Addresses, Health};
use crate::text::{clean, counted};
use anyhow::Context as _;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sources {
    sources: Vec<Source>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Source {
    service: String,
    spans: u64,
    first_trace_id: Option<String>,
}

/// The daemon traces itself; that is not the program somebody waits for.
const OURSELVES: &str = "at-daemon";

pub(crate) fn run(context: &mut Context<'_>, client: Client, wait: bool) -> anyhow::Result<()> {
    let health: Health = context.api.get("/api/health", &[])?;
    let since = context.clock.now();
    let snippet = snippet(client, &health.addresses, since.0)?;
    writeln!(context.out, "{snippet}")?;
    if !wait {
        return Ok(());
    }
    writeln!(context.out, "\n{}", context.paint.dim("waiting for your first span... (Ctrl-C ends it)"))?;
    context.out.flush()?;
    loop {
        let query = [("since_ns", since.0.to_string())];
        let found: Sources = context.api.get("/api/connect", &query)?;
        if let Some(source) = found.sources.iter().find(|source| source.service != OURSELVES) {
            let told =
                format!("received {} from `{}`", counted(source.spans, "span"), clean(&source.service));
            writeln!(context.out, "{}", context.paint.green(&told))?;
            if let Some(id) = &source.first_trace_id {
                writeln!(context.out, "  {}", context.api.link(&format!("/traces/{}", clean(id))))?;
            }
            return Ok(());
        }
        std::thread::sleep(LOOK_PAUSE);
    }
}

fn snippet(client: Client, addresses: &Addresses, now_ns: i64) -> anyhow::Result<String> {
    let door = |address: &Option<String>, name: &str| {
        let address = address.as_deref().with_context(|| format!("the daemon does not listen for {name}"))?;
        Ok::<_, anyhow::Error>(clean(address).into_owned())
    };
    Ok(match client {
        Client::Otel => format!(
            "export OTEL_EXPORTER_OTLP_ENDPOINT={}\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n\
             export OTEL_SERVICE_NAME=my-service",
            url(&door(&addresses.otlp_http, "OTLP over HTTP")?)
        ),
        Client::Ddtrace => {
            format!(
                "export DD_TRACE_AGENT_URL={}\nexport DD_SERVICE=my-service",
                url(&door(&addresses.datadog, "Datadog")?)
            )
        }
        Client::ClaudeCode => format!(
            "export CLAUDE_CODE_ENABLE_TELEMETRY=1\nexport OTEL_LOGS_EXPORTER=otlp OTEL_METRICS_EXPORTER=otlp\n\
             export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nexport OTEL_EXPORTER_OTLP_ENDPOINT={}",
            url(&door(&addresses.otlp_http, "OTLP over HTTP")?)
        ),
        Client::Curl => curl(&url(&door(&addresses.otlp_http, "OTLP over HTTP")?), now_ns),
    })
}

/// One span of one second that ends now.
fn curl(endpoint: &str, now_ns: i64) -> String {
    let start = now_ns.saturating_sub(1_000_000_000);
    let resource = "\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"my-service\"}}]}";
    let span = format!(
        "{{\"traceId\":\"{:032x}\",\"spanId\":\"{:016x}\",\"name\":\"hello\",\"kind\":1,\
         \"startTimeUnixNano\":\"{start}\",\"endTimeUnixNano\":\"{now_ns}\"}}",
        now_ns, now_ns
    );
    format!(
        "curl -s {endpoint}/v1/traces -H 'content-type: application/json' -d \
         '{{\"resourceSpans\":[{{{resource},\"scopeSpans\":[{{\"spans\":[{span}]}}]}}]}}'"
    )
}

#[cfg(test)]
mod tests;
