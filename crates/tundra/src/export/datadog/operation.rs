//! What Datadog calls a span: an operation that many spans share, where OpenTelemetry's name tells the route or the model; and
//! the tags of requests that Datadog looks at.
//!
//! Pure, asked for each span that is sent or counted. The names are those that an Agent gives to spans that come by OTLP, and
//! for model calls those of Datadog's own tracers. Any other span's name is its operation.

use super::llmobs::kind_of;
use std::borrow::Cow;
use tundra_record::{Span, SpanKind, Text, Value};
use tundra_wire::datadog::OPERATION;

/// The operation of a span: as it was told, as its attributes say, else its name.
pub(super) fn operation<'s>(span: &'s Span<'_>) -> Text<'s> {
    let told = said(span, &[OPERATION]).or_else(|| made(span).map(Cow::Owned));
    told.unwrap_or_else(|| Cow::Borrowed(&*span.name))
}

/// Says the operation, and what OpenTelemetry says of a request under Datadog's names.
pub(super) fn add(span: &mut Span<'_>) {
    let mut found = Vec::new();
    if let Some(operation) = made(span) {
        found.push((OPERATION, operation));
    }
    if matches!(span.kind, SpanKind::Client | SpanKind::Server) {
        for (name, key) in [("http.method", METHOD), ("http.status_code", "http.response.status_code")] {
            found.extend(said(span, &[key]).map(|text| (name, text.into_owned())));
        }
        found.extend(url(span).map(|url| ("http.url", url)));
    }
    for (name, text) in found {
        if span.attr(name).is_none() {
            span.attrs.push((name.into(), Value::from(text)));
        }
    }
}

const METHOD: &str = "http.request.method";

/// What is said under the first of these names.
fn said<'s>(span: &'s Span<'_>, keys: &[&str]) -> Option<Text<'s>> {
    let text = keys.iter().find_map(|key| span.attr(key))?.to_text();
    Some(text).filter(|text| !text.is_empty())
}

/// The operation by a span's attributes, if they tell one.
fn made(span: &Span<'_>) -> Option<String> {
    let said = |keys: &[&str]| said(span, keys).map(|text| text.to_lowercase());
    if let Some(operation) = said(&["gen_ai.operation.name"]) {
        let is_models = matches!(kind_of(&operation), "llm" | "embedding");
        let provider = said(&["gen_ai.provider.name", "gen_ai.system"]).filter(|_| is_models);
        return Some(provider.map_or(operation, |provider| format!("{provider}.request")));
    }
    let side = match span.kind {
        SpanKind::Server => Some("server"),
        SpanKind::Client => Some("client"),
        SpanKind::Producer | SpanKind::Consumer => None,
        SpanKind::Internal | SpanKind::Unspecified => return None,
    };
    let is_client = side == Some("client");
    // gRPC is HTTP as well, and says so.
    match (side, said(&["rpc.system.name", "rpc.system"])) {
        (Some("client"), Some(system)) if system == "aws-api" => {
            let service = said(&["rpc.service"]).unwrap_or_else(|| "client".to_owned());
            return Some(format!("aws.{service}.request"));
        }
        (Some(side), Some(system)) => return Some(format!("{system}.{side}.request")),
        _ => {}
    }
    if let Some(side) = side
        && said(&[METHOD, "http.method"]).is_some()
    {
        return Some(format!("http.{side}.request"));
    }
    if let Some(system) = said(&["db.system.name", "db.system"]).filter(|_| is_client) {
        return Some(format!("{system}.query"));
    }
    let does = said(&["messaging.operation.name", "messaging.operation", "messaging.operation.type"])?;
    Some(format!("{}.{does}", said(&["messaging.system"])?))
}

/// The address of a request: as it was asked for, or put together from its parts.
fn url(span: &Span<'_>) -> Option<String> {
    let part = |key| said(span, &[key]);
    if let Some(full) = part("url.full") {
        return Some(full.into_owned());
    }
    let mut url = String::new();
    if let Some(host) = part("server.address") {
        url.push_str(part("url.scheme").as_deref().unwrap_or("http"));
        url.push_str("://");
        // An IPv6 address stands in brackets there.
        url.push_str(&if host.contains(':') { format!("[{host}]").into() } else { host });
        part("server.port").into_iter().for_each(|port| url.extend([":", &port]));
    }
    url.push_str(&part("url.path")?);
    part("url.query").into_iter().for_each(|query| url.extend(["?", &query]));
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(kind: SpanKind, attrs: &[(&'static str, &'static str)]) -> Span<'static> {
        let attrs = attrs.iter().map(|(key, text)| ((*key).into(), Value::from(*text))).collect();
        Span { name: "its own".into(), kind, attrs, ..Span::default() }
    }

    #[test]
    fn operations() {
        use SpanKind::{Client, Consumer, Internal, Producer, Server};
        let check = |kind, attrs: &[(&'static str, &'static str)], expect: &str| {
            let mut span = span(kind, attrs);
            assert_eq!(operation(&span), expect, "{kind:?} {attrs:?}");
            add(&mut span);
            assert_eq!(operation(&span), expect, "{kind:?} {attrs:?}");
            assert_eq!(span.attr(OPERATION).is_some(), expect != "its own");
        };
        let get = (METHOD, "GET");
        check(Server, &[get], "http.server.request");
        check(Client, &[("http.method", "GET")], "http.client.request");
        check(Server, &[get, ("rpc.system.name", "grpc")], "grpc.server.request");
        check(Client, &[("rpc.system", "grpc")], "grpc.client.request");
        check(Client, &[("rpc.system", "aws-api"), ("rpc.service", "S3")], "aws.s3.request");
        check(Client, &[("rpc.system", "aws-api")], "aws.client.request");
        check(Client, &[("db.system.name", "postgresql")], "postgresql.query");
        check(Client, &[("db.system", "Redis")], "redis.query");
        let kafka = ("messaging.system", "kafka");
        check(Consumer, &[kafka, ("messaging.operation.type", "receive")], "kafka.receive");
        check(Producer, &[kafka, ("messaging.operation.name", "send")], "kafka.send");
        check(Client, &[kafka, ("messaging.operation", "publish")], "kafka.publish");
        let openai = ("gen_ai.provider.name", "openai");
        check(Client, &[("gen_ai.operation.name", "chat"), openai], "openai.request");
        check(Client, &[("gen_ai.operation.name", "embeddings"), ("gen_ai.system", "AWS")], "aws.request");
        check(Client, &[("gen_ai.operation.name", "chat")], "chat");
        check(Internal, &[("gen_ai.operation.name", "execute_tool"), openai], "execute_tool");
        // What was told wins; what nothing is known of keeps its name.
        check(Server, &[get, (OPERATION, "mine")], "mine");
        check(Server, &[get, (OPERATION, "")], "http.server.request");
        for kind in [Internal, SpanKind::Unspecified] {
            check(kind, &[get, ("db.system", "redis"), kafka, ("messaging.operation", "send")], "its own");
        }
        check(Server, &[("db.system", "redis")], "its own");
        check(Producer, &[kafka], "its own");
        check(Consumer, &[get, ("rpc.system", "grpc")], "its own");
    }

    #[test]
    fn tags_of_requests() {
        let check = |attrs: &[(&'static str, &'static str)], expect: [&str; 3]| {
            let mut request = span(SpanKind::Server, attrs);
            request.attrs.push(("http.response.status_code".into(), Value::Int(503)));
            add(&mut request);
            let told = ["http.method", "http.url", "http.status_code"];
            let found = told.map(|key| request.attr(key).and_then(Value::as_str).unwrap_or_default());
            assert_eq!(found, expect, "{attrs:?}");
        };
        let (get, path) = ((METHOD, "GET"), ("url.path", "/a"));
        check(&[get], ["GET", "", "503"]);
        check(&[get, ("url.full", "https://h/b"), path], ["GET", "https://h/b", "503"]);
        check(&[get, path, ("url.query", "q=1")], ["GET", "/a?q=1", "503"]);
        let host = ("server.address", "h");
        check(&[get, path, host, ("url.scheme", "https")], ["GET", "https://h/a", "503"]);
        check(&[path, ("server.address", "::1"), ("server.port", "81")], ["", "http://[::1]:81/a", "503"]);
        // What was told under Datadog's names stays.
        check(&[get, ("http.method", "PUT"), ("http.url", "u"), path], ["PUT", "u", "503"]);
        let mut inner = span(SpanKind::Internal, &[get, path]);
        add(&mut inner);
        assert_eq!(inner.attrs.len(), 2, "{inner:?}");
    }
}
