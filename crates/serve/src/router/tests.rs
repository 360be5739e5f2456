//! The whole API in process: every route, every guard, and answers over a store with known spans.

use crate::doors::{
    Health, HealthState, NewTask, Profile, ProfileList, Profiles, Refused, RefusedKind, Samples, Task, Tasks,
};
use crate::{Parts, Server};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use futures::StreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use query::{Config, Ledger, LedgerRow, Query};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Batch, FolderObjects, RealFs, Store};
use tower::ServiceExt;
use tundra_record::env::{Clock, SystemClock};
use tundra_record::redact::{Pass, RedactConfig, Redactor};
use tundra_record::{Resource, Source, Span, SpanId, Status, TraceId, UnixNanos};

#[derive(Debug)]
struct Doubles {
    store: Store,
    redactor: Redactor,
}

impl Doubles {
    async fn store(&self, mut resource: Resource<'static>, spans: Vec<Span<'static>>, sample: bool) {
        let mut batch = Batch::new(SystemClock.now(), Source::Otlp);
        batch.sample(sample);
        let mut pass = Pass::new(&self.redactor);
        batch.resource(&pass.resource(&mut resource));
        for mut span in spans {
            batch.span(&pass.span(&mut span), None);
        }
        self.store.append(batch).await.unwrap();
    }
}

impl Ledger for Doubles {
    fn rows(&self) -> Vec<LedgerRow> {
        vec![LedgerRow {
            protocol: "otlp".into(),
            counter: "received".into(),
            reason: String::new(),
            value: 3,
        }]
    }
}

impl Health for Doubles {
    fn state(&self) -> HealthState {
        HealthState {
            ready: true,
            version: "9.9.9".into(),
            addresses: vec![("api", Some("127.0.0.1:9090".into())), ("dogstatsd", None)],
            ledger: self.rows(),
            ..HealthState::default()
        }
    }
}

#[async_trait]
impl Tasks for Doubles {
    async fn start(&self, task: NewTask) -> Result<Task, Refused> {
        if task.profile.as_deref() == Some("none") {
            let (message, hint) = ("no such profile".to_owned(), "see /api/profiles".to_owned());
            return Err(Refused { kind: RefusedKind::Unavailable, message, hint });
        }
        Ok(self.get("t1").unwrap())
    }

    fn list(&self) -> Vec<Task> {
        self.get("t1").into_iter().collect()
    }

    fn get(&self, id: &str) -> Option<Task> {
        (id == "t1").then(|| Task { id: "t1".into(), state: "queued", created_ns: 5, ..Task::default() })
    }
}

impl Profiles for Doubles {
    fn list(&self) -> ProfileList {
        let profile = |name: &str, healthy| Profile {
            name: name.into(),
            healthy,
            kind: "local",
            source: "discovered",
            ..Profile::default()
        };
        ProfileList {
            chosen: Some("a".into()),
            rule: "first".into(),
            profiles: vec![profile("a", Some(true)), profile("b", None)],
        }
    }
}

#[async_trait]
impl Samples for Doubles {
    async fn submit(&self, resource: Resource<'static>, spans: Vec<Span<'static>>) -> Result<(), String> {
        self.store(resource, spans, true).await;
        Ok(())
    }

    async fn remove(&self) -> Result<u64, String> {
        Ok(0)
    }
}

struct Api {
    router: Router,
    server: Server,
    doubles: Arc<Doubles>,
    _folder: tempfile::TempDir,
}

async fn api() -> Api {
    api_with(None).await
}

async fn api_with(token: Option<&str>) -> Api {
    let folder = tempfile::tempdir().unwrap();
    let (fs, clock) = (Arc::new(RealFs), Arc::new(SystemClock));
    let objects = Arc::new(FolderObjects::open(fs.clone(), folder.path().join("objects")).unwrap());
    let mut settings = store::Config::new(folder.path());
    settings.background = false;
    settings.reserve_bytes = 0;
    let store = Store::open(settings, store::Parts { fs, clock: clock.clone(), objects }).await.unwrap();
    let doubles = Arc::new(Doubles {
        store: store.clone(),
        redactor: Redactor::new(&RedactConfig::default()).unwrap(),
    });
    let query =
        Arc::new(Query::new(store, doubles.clone(), Config { partitions: 2, ..Config::default() }).unwrap());
    let server = Server::new(Parts {
        query,
        health: doubles.clone(),
        tasks: doubles.clone(),
        profiles: doubles.clone(),
        samples: doubles.clone(),
        clock,
        token: token.map(str::to_owned),
    });
    Api { router: server.router(), server, doubles, _folder: folder }
}

fn resource(service: &'static str) -> Resource<'static> {
    Resource {
        attrs: vec![
            ("service.name".into(), service.into()),
            ("telemetry.sdk.language".into(), "python".into()),
        ],
    }
}

/// A trace of two spans that began a second ago; the second failed.
async fn some_spans(api: &Api) -> i64 {
    let start = SystemClock.now().0 - 1_000_000_000;
    let span = |id: u64, parent: Option<u64>, name: &'static str| Span {
        trace_id: TraceId(0xabc),
        span_id: SpanId(id),
        parent_id: parent.map(SpanId),
        name: name.into(),
        start: UnixNanos(start),
        duration: 500,
        attrs: vec![("__proto__".into(), "<b>".into()), ("constructor".into(), 7_i64.into())],
        ..Span::default()
    };
    let failed = Span { status: Status::Error, ..span(2, Some(1), "pay") };
    api.doubles.store(resource("shop"), vec![span(1, None, "GET /cart"), failed], false).await;
    start
}

impl Api {
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        json_of(self.send("GET", path, &[("host", "localhost:9090")], "").await).await
    }

    async fn post(&self, path: &str, body: &str) -> (StatusCode, Value) {
        let headers =
            [("host", "localhost:9090"), ("content-type", "application/json"), ("content-length", "2")];
        json_of(self.send("POST", path, &headers, body).await).await
    }
}

async fn json_of(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into()))
}

/// Every route of the description: paths with their parameters filled in.
async fn routes(api: &Api) -> Vec<(String, String)> {
    let (_, description) = api.get("/api/openapi.json").await;
    let mut all = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in ["get", "post", "delete", "put", "patch"] {
            if item.get(method).is_some() {
                let filled = path
                    .replace("{trace_id}", "00000000000000000000000000000abc")
                    .replace("{span_id}", "0000000000000001")
                    .replace("{service}", "shop")
                    .replace("{id}", "t1");
                assert!(!filled.contains('{'), "{path}");
                all.push((method.to_uppercase(), filled));
            }
        }
    }
    all
}

#[tokio::test]
async fn every_route_is_described_and_says_its_permission() {
    let api = api().await;
    let routes = routes(&api).await;
    let (_, description) = api.get("/api/openapi.json").await;
    for (method, path) in [
        ("GET", "/api/health"),
        ("GET", "/api/overview"),
        ("GET", "/api/traces"),
        ("GET", "/api/traces/{trace_id}"),
        ("GET", "/api/traces/{trace_id}/spans/{span_id}"),
        ("GET", "/api/services"),
        ("GET", "/api/services/{service}/operations"),
        ("GET", "/api/llm/usage"),
        ("GET", "/api/connect"),
        ("GET", "/api/profiles"),
        ("POST", "/api/tasks"),
        ("GET", "/api/tasks"),
        ("GET", "/api/tasks/{id}"),
        ("POST", "/api/sample"),
        ("DELETE", "/api/sample"),
        ("POST", "/api/sql"),
        ("GET", "/api/sql/tables"),
        ("GET", "/api/live"),
        ("GET", "/api/live/traces"),
        ("GET", "/api/openapi.json"),
    ] {
        let operation = &description["paths"][path][method.to_lowercase()];
        let text = operation["description"].as_str().unwrap_or_default();
        assert!(text.contains("Permission: `"), "{method} {path}: {operation}");
    }
    assert_eq!(routes.len(), 20, "a route was added: add it to this list");
}

#[tokio::test]
async fn a_token_where_one_is_set() {
    let api = api_with(Some("s3 cret")).await;
    some_spans(&api).await;
    let json = ("content-type", "application/json");
    for (method, path) in routes(&api).await {
        if path.starts_with("/api/live") {
            continue; // With the token these never end; without, the loop below has them.
        }
        let with = [("host", "10.0.0.7:9090"), json, ("authorization", "Bearer s3 cret")];
        let status = api.send(&method, &path, &with, "").await.status();
        assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
    for (method, path) in routes(&api).await {
        for wrong in ["", "Bearer s3", "Basic s3 cret"] {
            let headers = [("host", "10.0.0.7:9090"), json, ("authorization", wrong)];
            let status = api.send(&method, &path, &headers, "").await.status();
            let public = ["/api/health", "/api/openapi.json"].contains(&path.as_str());
            assert_eq!(status == StatusCode::UNAUTHORIZED, !public, "{method} {path} {wrong:?}: {status}");
        }
    }
    let own = [("host", "10.0.0.7:3001")];
    for (path, status) in [("/login", 200), ("/login?token=no", 401), ("/status", 401)] {
        assert_eq!(api.send("GET", path, &own, "").await.status().as_u16(), status, "{path}");
    }
    let taken = api.send("GET", "/login?token=s3%20cret", &own, "").await;
    assert_eq!(taken.status(), StatusCode::SEE_OTHER);
    let cookie = taken.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let with = [("host", "10.0.0.7:3001"), ("cookie", cookie)];
    assert_eq!(api.send("GET", "/api/traces", &with, "").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn every_route_behind_every_guard() {
    let api = api().await;
    some_spans(&api).await;
    let own = ("host", "localhost:9090");
    let json = ("content-type", "application/json");
    for (method, path) in routes(&api).await {
        let status = |headers: &'static [(&'static str, &'static str)], method: String| {
            let (api, path) = (&api, path.clone());
            async move { api.send(&method, &path, headers, "{}").await.status().as_u16() }
        };
        assert_eq!(status(&[("host", "evil.example")], method.clone()).await, 421, "{method} {path}");
        assert_eq!(status(&[], method.clone()).await, 421, "{method} {path}");
        let foreign: &[_] = &[
            ("host", "localhost:9090"),
            ("origin", "http://evil.example"),
            ("content-type", "application/json"),
        ];
        let refused = method != "GET" || path.starts_with("/api/live");
        assert_eq!(status(foreign, method.clone()).await == 403, refused, "{method} {path}");
        if method == "POST" {
            let plain: &[_] = &[("host", "localhost:9090"), ("content-type", "text/plain")];
            assert_eq!(status(plain, method.clone()).await, 415, "{method} {path}");
        }
        for wrong in ["PUT", "PATCH", "TRACE", "OPTIONS", "PROPFIND"] {
            let response = api.send(wrong, &path, &[own, json], "{}").await;
            assert_eq!(response.status(), 405, "{wrong} {path}");
            let (_, body) = json_of(response).await;
            assert!(body["error"]["code"].is_string(), "{wrong} {path}: {body}");
        }
        // Whatever the answer is, it is never a failure of ours, and never readable for a foreign page.
        let response = api.send(&method, &path, &[own, json], "{}").await;
        assert!(response.status().as_u16() < 500, "{method} {path}: {}", response.status());
        assert!(!response.headers().contains_key("access-control-allow-origin"));
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn traces() {
    let api = api().await;
    let start = some_spans(&api).await;
    let (status, list) = api.get("/api/traces?service=shop&status=error&attr=constructor:7&limit=5").await;
    assert_eq!(status, 200, "{list}");
    let trace = &list["traces"][0];
    assert_eq!(trace["trace_id"], "00000000000000000000000000000abc");
    assert_eq!(
        (&trace["name"], &trace["spans"], &trace["errors"]),
        (&json!("GET /cart"), &json!(2), &json!(1))
    );
    assert_eq!((&trace["start_ns"], &trace["tokens"]), (&json!(start.to_string()), &Value::Null));
    let (_, none) = api.get("/api/traces?service=nobody").await;
    assert_eq!(none, json!({"traces": [], "next_cursor": null}));
    let (_, skeleton) = api.get("/api/traces/00000000000000000000000000000abc").await;
    assert_eq!(skeleton["spans"]["span_id"], json!(["0000000000000001", "0000000000000002"]));
    assert_eq!(skeleton["spans"]["parent"], json!([-1, 0]));
    assert_eq!(skeleton["spans"]["flags"], json!([0, 1]));
    assert_eq!(skeleton["totals"]["spans"], 2);
    let (_, span) = api.get("/api/traces/00000000000000000000000000000abc/spans/0000000000000001").await;
    assert_eq!(span["attrs"], json!({"__proto__": "<b>", "constructor": "7"}));
    assert_eq!(span["resource_attrs"]["service.name"], "shop");
    assert_eq!((&span["llm"], &span["run"], &span["events"]), (&Value::Null, &Value::Null, &json!([])));
    for (path, status, code) in [
        ("/api/traces/00000000000000000000000000000def", 404, "not_found"),
        ("/api/traces/xyz", 400, "bad_parameter"),
        ("/api/traces/00000000000000000000000000000abc/spans/0000000000000009", 404, "not_found"),
        ("/api/traces?limit=many", 400, "bad_parameter"),
        ("/api/traces?attr=nocolon", 400, "bad_parameter"),
        ("/api/traces?cursor=x", 400, "bad_parameter"),
        ("/api/traces?status=fine", 400, "bad_parameter"),
        ("/api/traces?from_ns=2&to_ns=1", 400, "bad_parameter"),
        ("/api/traces?serivce=shop", 400, "bad_parameter"),
        ("/api/nothing", 404, "no_route"),
        ("/api", 404, "no_route"),
        ("/api/", 404, "no_route"),
        ("/api/traces/", 404, "no_route"),
    ] {
        let (found, body) = api.get(path).await;
        assert_eq!((found.as_u16(), &body["error"]["code"]), (status, &json!(code)), "{path}: {body}");
    }
}

#[tokio::test]
async fn sql_and_its_errors() {
    let api = api().await;
    some_spans(&api).await;
    let (_, rows) = api.post("/api/sql", r#"{"sql": "select name, status from spans order by name"}"#).await;
    assert_eq!(
        rows,
        "{\"name\":\"GET /cart\",\"status\":\"unset\"}\n{\"name\":\"pay\",\"status\":\"error\"}\n"
    );
    let (_, row) = api.post("/api/sql", r#"{"sql": "select name from spans", "limit": 1}"#).await;
    assert!(row["name"].is_string());
    for (body, status, code) in [
        (r#"{"sql": "select nmae from spans"}"#, 400, "invalid_sql"),
        (r#"{"sql": "drop table spans"}"#, 403, "refused"),
        (r#"{"sql": 5}"#, 400, "bad_body"),
        (r#"{"sql": "select 1", "rows": 5}"#, 400, "bad_body"),
        ("[", 400, "bad_body"),
    ] {
        let (found, error) = api.post("/api/sql", body).await;
        assert_eq!((found.as_u16(), &error["error"]["code"]), (status, &json!(code)), "{body}: {error}");
    }
    let (_, error) = api.post("/api/sql", r#"{"sql": "select nmae from spans"}"#).await;
    assert_eq!(error["error"]["position"], json!({"line": 1, "column": 8}));
    assert!(error["error"]["hint"].as_str().unwrap().contains("`name`"), "{error}");
    let big = format!("{{\"sql\": \"{}\"}}", "x".repeat(2 << 20));
    let (status, _) = api.post("/api/sql", &big).await;
    assert_eq!(status, 413);
    let (_, tables) = api.get("/api/sql/tables").await;
    assert_eq!(tables["tables"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn numbers() {
    let api = api().await;
    some_spans(&api).await;
    let (_, overview) = api.get("/api/overview").await;
    assert_eq!((&overview["spans"], &overview["errors"]), (&json!(2), &json!(1)), "{overview}");
    assert_eq!(overview["sentence"], "2 spans in about 1 trace, 1 with error.");
    assert_eq!(overview["recent_traces"].as_array().unwrap().len(), 1);
    let (_, services) = api.get("/api/services").await;
    assert_eq!(services["services"][0]["service"], "shop");
    let (_, operations) = api.get("/api/services/shop/operations").await;
    assert_eq!(operations["operations"].as_array().unwrap().len(), 2);
    let (_, usage) = api.get("/api/llm/usage?group_by=agent").await;
    assert_eq!(usage, json!({"rows": []}));
    let (_, connect) = api.get("/api/connect?since_ns=0").await;
    assert_eq!(connect["sources"][0]["language"], "python", "{connect}");
    let (_, health) = api.get("/api/health").await;
    assert_eq!((&health["status"], &health["addresses"]["dogstatsd"]), (&json!("ok"), &Value::Null));
    assert_eq!(health["ledger"][0]["value"], 3);
}

#[tokio::test]
async fn tasks_and_profiles() {
    let api = api().await;
    let task = r#"{"agent_name": "a", "task_type": "t", "input": "i"}"#;
    assert_eq!(
        api.post("/api/tasks", task).await,
        (StatusCode::ACCEPTED, json!({"id": "t1", "state": "queued"}))
    );
    for (body, status) in [
        (r#"{"agent_name": "a", "task_type": "t", "input": " "}"#, 400),
        (r#"{"agent_name": "a", "task_type": "t"}"#, 400),
        (r#"{"agent_name": "a", "task_type": "t", "input": "i", "profile": "none"}"#, 503),
    ] {
        assert_eq!(api.post("/api/tasks", body).await.0, status, "{body}");
    }
    let (_, one) = api.get("/api/tasks/t1").await;
    assert_eq!(
        (&one["state"], &one["created_ns"], &one["trace_id"]),
        (&json!("queued"), &json!("5"), &Value::Null)
    );
    assert_eq!(api.get("/api/tasks/t2").await.0, 404);
    assert_eq!(api.get("/api/tasks").await.1["tasks"].as_array().unwrap().len(), 1);
    let (_, profiles) = api.get("/api/profiles").await;
    assert_eq!((&profiles["chosen"], &profiles["total_available"]), (&json!("a"), &json!(1)));
}

#[tokio::test]
async fn sample_data_is_found_and_costs_nothing() {
    let api = api().await;
    let (status, loaded) = api.post("/api/sample", "{}").await;
    assert_eq!(status, 200, "{loaded}");
    let (_, large) = api.get(&format!("/api/traces/{}", loaded["large_trace_id"].as_str().unwrap())).await;
    assert_eq!(
        (&large["totals"]["spans"], &large["sample"], &large["partial"]),
        (&json!(10_000), &json!(true), &json!(false))
    );
    let (_, list) = api.get("/api/traces?sample=only").await;
    assert_eq!(list["traces"].as_array().unwrap().len(), 2);
    let (_, none) = api.get("/api/traces?sample=exclude").await;
    assert_eq!(none["traces"], json!([]));
}

#[tokio::test]
async fn pages_and_assets() {
    let api = api().await;
    some_spans(&api).await;
    let own = [("host", "localhost")];
    let (status, page) = json_of(api.send("GET", "/status", &own, "").await).await;
    assert_eq!(status, 200);
    assert!(page.as_str().unwrap().contains("GET /cart"), "{page}");
    let response = api.send("GET", "/", &own, "").await;
    assert_eq!(response.status(), 200);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(api.send("GET", "/assets/gone.js", &own, "").await.status(), 404);
}

#[tokio::test]
async fn the_live_stream_tells_new_traces() {
    let api = api().await;
    let server = api.server.clone();
    let tail = tokio::spawn(async move { server.run().await });
    let response = api.send("GET", "/api/live/traces?service=shop", &[("host", "localhost")], "").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut events = response.into_body().into_data_stream();
    some_spans(&api).await;
    let mut heard = String::new();
    while !heard.contains("event: trace") {
        heard.push_str(&String::from_utf8_lossy(&events.next().await.unwrap().unwrap()));
    }
    assert!(heard.contains("\"trace_id\":\"00000000000000000000000000000abc\""), "{heard}");
    tail.abort();
}
