//! One trace across HTTP: a `reqwest` client and an axum server, and what hostile requests do to it.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::routing::get;
use futures::StreamExt;
use futures::stream;
use std::sync::Arc;
use tokio::sync::Notify;
use tower::ServiceExt;
use tracing::{Instrument, info, info_span};
use tundra::propagation;
use tundra::reqwest::Traced;
use tundra::testing::{Collector, attr};
use tundra::tower::ServerLayer;
use tundra_record::{SpanKind, Status};

async fn task(Path(id): Path<u32>, headers: HeaderMap) -> Result<String, StatusCode> {
    info!(id, "looking");
    if id == 7 {
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    Ok(headers.keys().map(ToString::to_string).collect::<Vec<_>>().join(" "))
}

fn app() -> Router {
    let slow = get(std::future::pending::<()>);
    Router::new().route("/tasks/{id}", get(task)).route("/slow", slow).layer(ServerLayer::new())
}

fn run<F: Future>(collector: &Collector, work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    collector.in_scope(|| runtime.block_on(work))
}

#[test]
fn client_and_server_share_a_trace() {
    for collector in crate::doors() {
        run(&collector, async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("bound");
            tokio::spawn(async { axum::serve(listener, app()).await.expect("it serves") });
            let client = reqwest::Client::new();
            let work = async {
                let ok = client.get(format!("http://user:word@{address}/tasks/3?q=x")).send_traced().await;
                let names = ok.expect("served").text().await.expect("a list");
                for name in ["traceparent", "tracestate", "x-datadog-trace-id", "x-datadog-parent-id"] {
                    assert!(names.split(' ').any(|seen| seen == name), "{name} in {names:?}");
                }
                let bad =
                    client.get(format!("http://{address}/tasks/7")).send_traced().await.expect("served");
                assert_eq!(bad.status(), 500);
                let plain = client.get(format!("http://{address}/tasks/4")).with_context().send().await;
                assert_eq!(plain.expect("served").status(), 200);
            };
            work.instrument(info_span!("request")).await;
            let nobody = client.get("http://127.0.0.1:1/").send_traced().await;
            assert!(nobody.is_err());
        });
        let tree = collector.spans();
        let find = |name: &str, status: Option<&str>| {
            let is = |span: &&tundra_record::Span<'_>| {
                span.name == name && attr(span, "http.response.status_code").as_deref() == status
            };
            tree.iter().find(is).unwrap_or_else(|| panic!("{name} in {}", collector.tree())).clone()
        };
        let root = find("request", None);
        for status in ["200", "500"] {
            let client = find("GET", Some(status));
            let server = find("GET /tasks/{id}", Some(status));
            assert_eq!((client.kind, client.parent_id), (SpanKind::Client, Some(root.span_id)));
            assert_eq!((server.kind, server.trace_id), (SpanKind::Server, root.trace_id));
            let below = tree.iter().filter(|span| span.parent_id == Some(client.span_id)).count();
            assert_eq!(below, 1);
            assert_eq!(attr(&server, "http.route").as_deref(), Some("/tasks/{id}"));
            assert_eq!(server.status == Status::Error, status == "500");
            assert_eq!(client.status == Status::Error, status == "500");
        }
        let client = find("GET", Some("200"));
        assert!(
            attr(&client, "url.full")
                .is_some_and(|url| !url.contains("word") && url.ends_with("/tasks/3?q=x"))
        );
        let failed = find("GET", None);
        assert_eq!(attr(&failed, "error.type").as_deref(), Some("connect"));
        let log = &collector.logs()[0];
        assert_eq!(log.trace_id, Some(root.trace_id));
        let direct =
            tree.iter().filter(|span| span.kind == SpanKind::Server && span.parent_id == Some(root.span_id));
        assert_eq!(direct.count(), 1);
    }
}

#[test]
fn a_request_that_is_dropped_ends_its_span() {
    let collector = Collector::new();
    run(&collector, async {
        let request = Request::get("/slow").body(Body::empty()).expect("a request");
        let mut answer = Box::pin(app().oneshot(request));
        assert!(
            std::future::poll_fn(|context| std::task::Poll::Ready(answer.as_mut().poll(context)))
                .await
                .is_pending()
        );
    });
    let span = collector.span("GET /slow").expect("closed once");
    assert_eq!(attr(&span, "error.type").as_deref(), Some("cancelled"));
}

#[test]
fn an_answer_that_nobody_waits_for() {
    for collector in crate::doors() {
        run(&collector, async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let url = format!("http://{}/never", listener.local_addr().expect("bound"));
            let asked = reqwest::Client::new().get(url).send_traced();
            tokio::select! { _ = asked => panic!("answered"), taken = listener.accept() => drop(taken) }
        });
        let span = collector.span("GET").expect("closed");
        assert_eq!((attr(&span, "error.type").as_deref(), span.status), (Some("cancelled"), Status::Unset));
    }
}

// Nobody went away: it is a failure, with or without a hook that tells of it.
#[test]
fn a_request_that_panics_failed() {
    let whole = || -> axum::response::Response { panic!("at once") };
    let body = || {
        let pieces = stream::iter([piece("It ")]).chain(stream::once(async { panic!("later") }));
        axum::response::Response::new(Body::from_stream(pieces))
    };
    let routes: [fn() -> axum::response::Response; 2] = [whole, body];
    for route in routes {
        let collector = Collector::new();
        run(&collector, async {
            let app = Router::new().route("/it", get(move || async move { route() }));
            let request = Request::get("/it").body(Body::empty()).expect("a request");
            let answer = app.layer(ServerLayer::new()).oneshot(request);
            let work =
                async { http_body_util::BodyExt::collect(answer.await.expect("served").into_body()).await };
            let work = std::panic::AssertUnwindSafe(work);
            assert!(futures::FutureExt::catch_unwind(work).await.is_err());
        });
        let span = collector.span("GET /it").expect("closed");
        assert_eq!((attr(&span, "error.type").as_deref(), span.status), (Some("panic"), Status::Error));
    }
}

type Piece = Result<Bytes, std::io::Error>;

fn piece(text: &'static str) -> Piece {
    Ok(Bytes::from_static(text.as_bytes()))
}

/// A response whose body is made by these pieces, each of which tells a log record.
fn streamed(pieces: Vec<Piece>) -> Body {
    Body::from_stream(stream::iter(pieces).inspect(|_| info!("a piece")))
}

/// Serves one route on loopback and asks it once; gives the server's span.
fn served<R, F>(
    route: R,
    ask: impl FnOnce(reqwest::RequestBuilder) -> F,
) -> (Collector, tundra_record::Span<'static>)
where
    R: Fn() -> axum::response::Response + Clone + Send + Sync + 'static,
    F: Future<Output = ()>,
{
    let collector = Collector::new();
    let gone = run(&collector, async {
        let ended = Arc::new(Notify::new());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let app = Router::new().route("/it", get(move || std::future::ready(route())));
        let told = Arc::clone(&ended);
        // Outside of our layer: hears that the body is let go of.
        let tell = tower::util::MapResponseLayer::new(move |response: axum::response::Response| {
            let told = Let(Arc::clone(&told));
            response.map(|body| {
                let body = http_body_util::BodyExt::map_frame(body, move |frame| {
                    let _ = &told;
                    frame
                });
                Body::new(body)
            })
        });
        let app = app.layer(ServerLayer::new()).layer(tell);
        tokio::spawn(async { axum::serve(listener, app).await.expect("it serves") });
        ask(reqwest::Client::new().get(format!("http://{address}/it"))).await;
        tokio::time::timeout(std::time::Duration::from_secs(60), ended.notified()).await.is_ok()
    });
    assert!(gone, "the body is still held");
    let span = collector.span("GET /it").expect("closed");
    (collector, span)
}

/// Tells when it is dropped.
struct Let(Arc<Notify>);

impl Drop for Let {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

// The span ends with the body, not with its head.
#[test]
fn bodies_are_part_of_the_answer() {
    use axum::response::{IntoResponse, Response};
    type Make = fn() -> Response;
    let cases: [(&str, Make, &str, Option<&str>); 6] = [
        ("whole", || "twelve bytes".into_response(), "12", None),
        ("empty", || "".into_response(), "0", None),
        ("bare", || (StatusCode::NO_CONTENT, "").into_response(), "0", None),
        ("stream", || Response::new(streamed(vec![piece("It "), piece("rains.")])), "9", None),
        (
            "declared",
            || ([("content-length", "9")], streamed(vec![piece("It "), piece("rains.")])).into_response(),
            "9",
            None,
        ),
        (
            "broken",
            || Response::new(streamed(vec![piece("It "), Err(std::io::Error::other("cut"))])),
            "3",
            Some("body"),
        ),
    ];
    for (name, make, size, error) in cases {
        let (collector, span) = served(make, async |request: reqwest::RequestBuilder| {
            if let Ok(response) = request.send().await {
                let _ = response.bytes().await;
            }
        });
        assert_eq!(attr(&span, "http.response.body.size").as_deref(), Some(size), "{name}");
        assert_eq!(attr(&span, "error.type").as_deref(), error, "{name}");
        assert_eq!(span.status == Status::Error, error.is_some(), "{name}");
        // What the body does to come about is part of the request.
        let logs = collector.logs();
        let mut pieces = logs.iter().filter(|log| log.body.to_text() == "a piece");
        assert!(pieces.all(|log| log.span_id == Some(span.span_id)), "{name}");
    }
}

#[test]
fn a_client_that_goes_away_ends_the_stream() {
    let never = || {
        axum::response::Response::new(Body::from_stream(
            stream::iter([piece("It ")]).chain(stream::pending()),
        ))
    };
    let (_, span) = served(never, async |request: reqwest::RequestBuilder| {
        let mut response = request.send().await.expect("a head");
        assert_eq!(response.chunk().await.expect("a piece").as_deref(), Some(&b"It "[..]));
    });
    assert_eq!(attr(&span, "error.type").as_deref(), Some("cancelled"));
    assert_eq!(attr(&span, "http.response.body.size").as_deref(), Some("3"));
    assert_eq!(
        (attr(&span, "http.response.status_code").as_deref(), span.status),
        (Some("200"), Status::Unset)
    );
}

/// The span of a request that a service was asked.
async fn asked(request: Request<Body>) {
    let service = tower::service_fn(async |_: Request<Body>| {
        Ok::<_, std::convert::Infallible>(axum::response::Response::new(Body::empty()))
    });
    tower::Layer::layer(&ServerLayer::new(), service).oneshot(request).await.expect("served");
}

#[test]
fn whom_a_request_asks_and_how() {
    type Expect<'e> = [(&'e str, Option<&'e str>); 3];
    let check = |request: axum::http::request::Builder, name: &str, expect: Expect<'_>| {
        let collector = Collector::new();
        run(&collector, asked(request.body(Body::empty()).expect("a request")));
        let span = collector.span(name).unwrap_or_else(|| panic!("{name} in {}", collector.tree()));
        for (key, value) in expect {
            assert_eq!(attr(&span, key).as_deref(), value, "{key} in {}", collector.tree());
        }
    };
    let place = |uri: &str, host: Option<&str>, [scheme, address, port]: [Option<&str>; 3]| {
        let request = Request::get(uri);
        let request = match host {
            Some(host) => request.header("host", host).header("x-forwarded-proto", "gopher"),
            None => request,
        };
        check(request, "GET", [("url.scheme", scheme), ("server.address", address), ("server.port", port)]);
    };
    let http = Some("http");
    place("/x", Some("example.com:8080"), [http, Some("example.com"), Some("8080")]);
    place("/x", Some("example.com"), [http, Some("example.com"), None]);
    place("/x", Some("[::1]:8080"), [http, Some("::1"), Some("8080")]);
    place("/x", Some("[::1]"), [http, Some("::1"), None]);
    place("/x", Some("user:word@example.com"), [http, Some("example.com"), None]);
    place("/x", Some("no host at all"), [http, None, None]);
    place("/x", Some(""), [http, None, None]);
    place("/x", None, [http, None, None]);
    // HTTP/2 has it all in the address.
    place("https://example.com:8443/x", None, [Some("https"), Some("example.com"), Some("8443")]);
    place("https://[::1]/x", None, [Some("https"), Some("::1"), None]);
    place("https://other.com/x", Some("example.com"), [Some("https"), Some("example.com"), None]);
    let method = |method: &str, name: &str, told: &str, original: Option<&str>| {
        let request = Request::builder().method(method).uri("/x");
        let told = ("http.request.method", Some(told));
        check(request, name, [told, ("http.request.method_original", original), ("url.path", Some("/x"))]);
    };
    for known in ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] {
        method(known, known, known, None);
    }
    method("FOO", "HTTP", "_OTHER", Some("FOO"));
    method("get", "HTTP", "_OTHER", Some("get"));
}

#[test]
fn how_a_client_asks() {
    let check = |method: &str, name: &str, told: &str, original: Option<&str>| {
        let collector = Collector::new();
        run(&collector, async {
            let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
            let nobody = reqwest::Client::new().request(method, "http://[::1]:1/").send_traced().await;
            assert!(nobody.is_err());
        });
        let span = collector.span(name).unwrap_or_else(|| panic!("{name} in {}", collector.tree()));
        assert_eq!(attr(&span, "http.request.method").as_deref(), Some(told));
        assert_eq!(attr(&span, "http.request.method_original").as_deref(), original);
        assert_eq!(attr(&span, "server.address").as_deref(), Some("::1"));
        // What it came of is told as well.
        let message = attr(&span, "error.message").unwrap_or_default();
        assert!(message.starts_with("error sending request") && message.contains("(os error"), "{message}");
        assert_eq!(span.status_message, message);
    };
    check("GET", "GET", "GET", None);
    check("PATCH", "PATCH", "PATCH", None);
    check("FOO", "HTTP", "_OTHER", Some("FOO"));
    check("get", "HTTP", "_OTHER", Some("get"));
}

#[test]
fn a_failure_that_is_not_read_to_its_end() {
    let broken = || {
        let pieces = stream::iter([piece("It ")]).chain(stream::pending());
        axum::response::IntoResponse::into_response((
            StatusCode::INTERNAL_SERVER_ERROR,
            Body::from_stream(pieces),
        ))
    };
    let (_, span) = served(broken, async |request: reqwest::RequestBuilder| {
        request.send().await.expect("a head").chunk().await.expect("a piece");
    });
    assert_eq!((attr(&span, "error.type").as_deref(), span.status), (Some("500"), Status::Error));
}

#[test]
fn only_the_head_was_asked_for() {
    let collector = Collector::new();
    run(&collector, async {
        let request = Request::head("/tasks/1").body(Body::empty()).expect("a request");
        drop(app().oneshot(request).await.expect("served"));
    });
    let span = collector.span("HEAD /tasks/{id}").expect("closed");
    assert_eq!(attr(&span, "error.type"), None);
}

// A rule decides when the span begins, so what it may look at has to be known by then.
#[test]
fn rules_fit_spans_of_requests() {
    let check = |rule: &str, expect: &[&str]| {
        let rules = format!("[{{{rule}, \"sample_rate\": 0}}]");
        let collector = Collector::with(|builder| builder.sampling_rules(&rules).keep_errors(false));
        run(&collector, async {
            let service = get(|| std::future::ready(""));
            let app = Router::new().route("/health/{probe}", service.clone());
            let app = app.route("/shop.Orders/Place", service).layer(ServerLayer::new());
            for (path, kind) in [("/health/live", "text/plain"), ("/shop.Orders/Place", "application/grpc")] {
                let request = Request::get(path).header("content-type", kind);
                let answer = app.clone().oneshot(request.body(Body::empty()).expect("a request")).await;
                drop(answer.expect("served"));
            }
            let nobody = reqwest::Client::new().post("http://127.0.0.1:1/").send_traced().await;
            assert!(nobody.is_err());
        });
        let mut names: Vec<_> = collector.spans().iter().map(|span| span.name.to_string()).collect();
        names.sort();
        assert_eq!(names, expect, "{rule}");
    };
    const ALL: [&str; 3] = ["GET /health/{probe}", "POST", "shop.Orders/Place"];
    check(r#""name": "none of them""#, &ALL);
    check(r#""name": "http.server""#, &ALL);
    check(r#""resource": "GET /health*""#, &ALL[1..]);
    check(r#""name": "get /health/{probe}""#, &ALL[1..]);
    check(r#""tags": {"http.route": "/health/*"}"#, &ALL[1..]);
    check(r#""tags": {"url.path": "/health/live"}"#, &ALL[1..]);
    check(r#""name": "shop.Orders/*""#, &ALL[..2]);
    check(r#""tags": {"rpc.system.name": "grpc", "rpc.method": "shop.Orders/Place"}"#, &ALL[..2]);
    check(r#""name": "POST""#, &[ALL[0], ALL[2]]);
}

// What is not recorded does not break the trace: who is asked from here, and what is told, goes on from the span above.
#[test]
fn a_request_whose_span_nobody_wants() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let service = get(|| async {
        let mut headers = HeaderMap::new();
        propagation::http::inject(&mut headers);
        tracing::warn!("while answered");
        let pieces = stream::iter(vec![piece("It "), piece("rains.")]).inspect(|_| tracing::warn!("a piece"));
        (headers, Body::from_stream(pieces))
    });
    let app = Router::new().route("/it", service).layer(ServerLayer::new());
    let ask = async |with: &[(&str, &str)]| {
        let mut request = Request::get("/it");
        for (name, value) in with {
            request = request.header(*name, *value);
        }
        let answer = app.clone().oneshot(request.body(Body::empty()).expect("a request")).await;
        let (head, body) = answer.expect("served").into_parts();
        http_body_util::BodyExt::collect(body).await.expect("whole");
        ["traceparent", "tracestate", "baggage"].map(|name| {
            head.headers.get(name).map(|value| value.to_str().expect("text").to_owned()).unwrap_or_default()
        })
    };
    let with = [("traceparent", parent), ("tracestate", "dd=s:2;o:rum,a=1"), ("baggage", "user=7")];
    let expect = [parent, "dd=s:2;p:b7ad6b7169203331;o:rum,a=1", "user=7"];
    for collector in crate::doors_with(|builder| builder.filter("warn")) {
        let found = run(&collector, async { [ask(&with).await, ask(&[]).await, ask(&with[2..]).await] });
        assert_eq!(found, [expect, [""; 3], ["", "", "user=7"]]);
        let logs = collector.logs();
        assert_eq!((collector.spans().len(), logs.len()), (0, 9));
        let inside = |log: &&tundra_record::LogRecord<'_>| {
            log.span_id.is_some_and(|id| id.to_string() == "b7ad6b7169203331")
        };
        assert_eq!(logs.iter().filter(inside).count(), 3, "{}", collector.lines());
    }
    // Nor does an SDK that is switched off.
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    assert_eq!(runtime.block_on(ask(&with)), expect);
}

#[test]
fn lists_in_several_lines() {
    let check = |lines: &[(&'static str, &str)], expect: Option<[&str; 2]>| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).expect("well-formed"));
        }
        let remotes = [
            propagation::http::extract(&headers),
            #[cfg(feature = "tonic")]
            propagation::tonic::extract(&tonic::metadata::MetadataMap::from_headers(headers.clone())),
        ];
        for remote in remotes {
            let found = remote.as_ref().map(|remote| [&*remote.trace_state, &*remote.baggage]);
            assert_eq!(found, expect, "{lines:?}");
        }
    };
    let parent = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let other = ("traceparent", "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-01");
    check(&[parent, ("tracestate", "a=1"), ("tracestate", "b=2, c=3")], Some(["a=1,b=2, c=3", ""]));
    check(&[parent, ("baggage", "a=1"), ("baggage", "b=2")], Some(["", "a=1,b=2"]));
    // 512 characters have to be passed on.
    let most = format!("a={}", "x".repeat(510));
    check(&[parent, ("tracestate", &most)], Some([&most, ""]));
    // Of two spans above none is known to be the right one.
    check(&[parent, other], None);
    check(&[parent, parent], Some(["", ""]));
    // Of a list that is too long the long members go, then the last.
    let long = format!("long={}", "x".repeat(200));
    let short = |n: usize| format!("k{n}={}", "y".repeat(96));
    let all = [long.clone(), short(1), short(2), short(3), short(4), short(5), short(6)].join(",");
    let kept = [short(1), short(2), short(3), short(4), short(5)].join(",");
    check(&[parent, ("tracestate", &all)], Some([&kept, ""]));
    // What was decided is told all the same.
    let mut headers = HeaderMap::new();
    headers.append(parent.0, HeaderValue::from_static(parent.1));
    headers.append("tracestate", HeaderValue::from_str(&format!("{all},dd=s:2;o:rum")).expect("well-formed"));
    let remote = propagation::http::extract(&headers).expect("`traceparent` is fine");
    assert_eq!((remote.priority, &*remote.origin), (Some(2), "rum"));
}

#[test]
fn hostile_requests() {
    let collector = Collector::new();
    run(&collector, async {
        let mut request = Request::get("/tasks/1").body(Body::empty()).expect("a request");
        let headers = request.headers_mut();
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.insert("traceparent", HeaderValue::from_static(parent));
        for n in 0..10_000 {
            headers.append("baggage", HeaderValue::from_str(&format!("k{n}=v")).expect("well-formed"));
            headers.append("tracestate", HeaderValue::from_bytes(b"k=\xff").expect("opaque"));
        }
        let remote = propagation::http::extract(headers).expect("`traceparent` is fine");
        assert!(
            remote.baggage.len() <= 8192 && remote.baggage.starts_with("k0=v,k1=v"),
            "{}",
            remote.baggage.len()
        );
        assert_eq!(remote.trace_state, "");
        app().oneshot(request).await.expect("served");
    });
    let span = collector.span("GET /tasks/{id}").expect("recorded");
    assert_eq!(span.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(span.parent_id.map(|id| id.to_string()).as_deref(), Some("b7ad6b7169203331"));
}

#[test]
fn grpc_requests_have_their_own_words() {
    use axum::response::IntoResponse;
    let collector = Collector::new();
    run(&collector, async {
        let service = get(|| async { ([("grpc-status", "13")], "").into_response() });
        let app = Router::new().route("/shop.Orders/Place", service).layer(ServerLayer::new());
        let request = Request::get("/shop.Orders/Place").header("content-type", "application/grpc+proto");
        app.oneshot(request.body(Body::empty()).expect("a request")).await.expect("served");
    });
    let span = collector.span("shop.Orders/Place").expect("named by the method");
    let expect = [
        ("rpc.system.name", "grpc"),
        ("rpc.method", "shop.Orders/Place"),
        ("rpc.response.status_code", "INTERNAL"),
        ("rpc.grpc.status_code", "13"),
        ("error.type", "INTERNAL"),
    ];
    for (key, value) in expect {
        assert_eq!(attr(&span, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(span.status, Status::Error);
}

#[test]
fn grpc_tells_its_status_last() {
    let collector = Collector::new();
    run(&collector, async {
        let service = get(|| async {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("14"));
            let frames = [
                Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from_static(b"message"))),
                Ok(http_body::Frame::trailers(trailers)),
            ];
            axum::response::Response::new(Body::new(http_body_util::StreamBody::new(stream::iter(frames))))
        });
        let app = Router::new().route("/shop.Orders/Place", service).layer(ServerLayer::new());
        let request = Request::get("/shop.Orders/Place").header("content-type", "application/grpc");
        let answer = app.oneshot(request.body(Body::empty()).expect("a request")).await.expect("served");
        http_body_util::BodyExt::collect(answer.into_body()).await.expect("whole");
    });
    let span = collector.span("shop.Orders/Place").expect("closed");
    assert_eq!(attr(&span, "rpc.grpc.status_code").as_deref(), Some("14"));
    assert_eq!((attr(&span, "error.type").as_deref(), span.status), (Some("UNAVAILABLE"), Status::Error));
}

#[cfg(feature = "tonic")]
#[test]
fn tonic_metadata() {
    use tonic::service::Interceptor;
    let collector = Collector::new();
    collector.in_scope(|| {
        let _s = info_span!("client").entered();
        let request = propagation::tonic::Propagate.call(tonic::Request::new(())).expect("never refused");
        let remote = propagation::tonic::extract(request.metadata()).expect("ours");
        remote.in_scope(|| info_span!("server").in_scope(|| ()));
        assert_eq!(propagation::tonic::extract(&tonic::metadata::MetadataMap::new()), None);
    });
    assert_eq!(collector.tree(), "client\n  server\n");
}
