//! An axum service whose requests are traces: `cargo run -p tundra-sdk --features axum --example axum_service`.
//!
//! It starts on a free port, asks itself twice and ends. A real service would call `tundra::init()` and keep the guard;
//! here an exporter in memory shows what would have been sent:
//!
//! ```text
//! caller http.request.method="GET"
//!   GET /tasks/{id} http.request.method="GET" url.scheme="http" url.path="/tasks/3" http.route="/tasks/{id}" server.address="localhost" http.response.status_code=200 http.response.body.size=6
//!     load id=3
//! caller http.request.method="GET"
//!   GET /tasks/{id} ! http.request.method="GET" url.scheme="http" url.path="/tasks/4" http.route="/tasks/{id}" server.address="localhost" http.response.status_code=500 http.response.body.size=0 error.type="500"
//!     load ! id=4 error.message="no task 4" error.fingerprint="78899855d9684716" [exception]
//! ```

use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Router, routing::get};
use std::io::{Error, Write};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tracing::{Instrument, info_span, instrument};

#[instrument(err)]
async fn load(id: u32) -> Result<String, String> {
    if id == 4 { Err(format!("no task {id}")) } else { Ok(format!("task {id}")) }
}

async fn task(Path(id): Path<u32>) -> Result<String, StatusCode> {
    tundra::increment_counter!("tasks.asked");
    load(id).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

/// A client that speaks just enough HTTP; with `reqwest` it would be `client.get(url).send_traced()`.
async fn ask(address: std::net::SocketAddr, path: &str) -> Result<(), Error> {
    let mut request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    tundra::propagation::inject(|name, value| request.push_str(&format!("{name}: {value}\r\n")));
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(format!("{request}\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map(drop)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = tundra::testing::Memory::default();
    let builder = tundra::builder().service("tasks").no_log_output().exporter(Box::new(memory.clone()));
    let guard = builder.install()?;

    let app = Router::new().route("/tasks/{id}", get(task)).layer(tundra::tower::ServerLayer::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async { axum::serve(listener, app).await });
    for path in ["/tasks/3", "/tasks/4"] {
        ask(address, path).instrument(info_span!("caller", http.request.method = "GET")).await?;
    }
    drop(guard);
    let spans = std::mem::take(&mut memory.0.lock().map_err(|_| "poisoned")?.spans);
    write!(std::io::stdout(), "{}", tundra::testing::tree(&spans))?;
    Ok(())
}
