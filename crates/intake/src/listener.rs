//! Accepts HTTP/1 and HTTP/2 connections with bounds on their number, their headers' and their body's time.

use crate::guard::{self, Refusal};
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::path::{Intake, Protocol, TakeError};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// The body of every answer: bytes, and trailers where the protocol has them.
pub type Answer = Response<http_body_util::Either<http_body_util::Full<Bytes>, WithTrailers>>;

/// A body followed by trailers (gRPC's status).
pub type WithTrailers = http_body_util::StreamBody<
    futures::stream::Iter<std::array::IntoIter<Result<http_body::Frame<Bytes>, Infallible>, 2>>,
>;

/// One protocol's side of a listener.
pub trait Door: Clone + Send + Sync + 'static {
    /// The protocol, for the ledger.
    const PROTOCOL: Protocol;
    /// Answers one request.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Answer> + Send;
    /// The way in.
    fn intake(&self) -> &Intake;
    /// An answer in the protocol's own shape for a request turned away before it was read.
    fn refuse(&self, status: StatusCode, message: &str) -> Answer;
}

/// Serves `door` until `stop` turns true, then lets requests in work finish. `open` counts connections.
pub async fn serve<D: Door>(
    listener: TcpListener,
    door: D,
    open: Arc<AtomicUsize>,
    mut stop: watch::Receiver<bool>,
) {
    let limits = Arc::clone(&door.intake().limits);
    let places = Arc::new(Semaphore::new(limits.connections));
    let loopback_only = listener.local_addr().is_ok_and(|addr| addr.ip().is_loopback());
    let tasks = hyper_util::server::graceful::GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => {
                let Ok(place) = place else { break };
                tokio::select! {
                    accepted = listener.accept() => accepted.map(|(stream, _)| (stream, place)),
                    _ = stop.wait_for(|stop| *stop) => break,
                }
            }
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, usually: wait for some to be given back instead of spinning.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        let _best_effort = stream.set_nodelay(true);
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.header_time).max_headers(100);
        builder.http2().timer(TokioTimer::new()).max_concurrent_streams(128).max_header_list_size(16 << 10);
        let service = {
            let door = door.clone();
            service_fn(move |request| {
                let door = door.clone();
                async move { Ok::<_, Infallible>(guarded(&door, request, loopback_only).await) }
            })
        };
        let connection = tasks.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned());
        open.fetch_add(1, Ordering::Relaxed);
        let open = Arc::clone(&open);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            open.fetch_sub(1, Ordering::Relaxed);
            drop(place);
        });
    }
    drop(listener);
    tasks.shutdown().await;
}

async fn guarded<D: Door>(door: &D, request: Request<Incoming>, loopback_only: bool) -> Answer {
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let ledger: &Ledger = door.intake().ledger();
    match guard::check(request.headers(), authority.as_deref(), loopback_only) {
        Ok(()) => door.answer(request).await,
        Err(Refusal::Host) => {
            ledger.add(D::PROTOCOL, "requests_refused", "host", 1);
            door.refuse(StatusCode::MISDIRECTED_REQUEST, "this host name is not served here: use localhost")
        }
        Err(Refusal::Origin) => {
            ledger.add(D::PROTOCOL, "requests_refused", "origin", 1);
            door.refuse(StatusCode::FORBIDDEN, "web pages of other origins may not send telemetry here")
        }
    }
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is larger than the limit.
    #[error("the body is larger than {limit_bytes} bytes: send smaller batches")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// The client was too slow.
    #[error("the body did not arrive within {seconds} s")]
    TooSlow {
        /// The limit.
        seconds: u64,
    },
    /// The connection broke or the framing is wrong.
    #[error("the body is truncated")]
    Truncated,
}

/// Reads a whole body within `limits`, together with the right to hold it.
pub(crate) async fn read_body(
    intake: &Intake,
    body: Incoming,
) -> Result<Result<(Bytes, crate::admit::Permit), TakeError>, BodyError> {
    let limits: &Limits = &intake.limits;
    let told = body.size_hint().exact().and_then(|n| usize::try_from(n).ok());
    if told.is_some_and(|bytes| bytes > limits.body_bytes) {
        return Err(BodyError::TooLarge { limit_bytes: limits.body_bytes });
    }
    // A chunked body does not tell its size: it holds a place of 64 KiB until it has been read.
    let mut permit = match intake.admit(told.unwrap_or(64 << 10)) {
        Ok(permit) => permit,
        Err(error) => return Ok(Err(error)),
    };
    let reading = collect(Limited::new(body, limits.body_bytes), told.unwrap_or(0));
    let bytes = match tokio::time::timeout(limits.body_time, reading).await {
        Err(_) => return Err(BodyError::TooSlow { seconds: limits.body_time.as_secs() }),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return Err(BodyError::TooLarge { limit_bytes: limits.body_bytes });
        }
        Ok(Err(_)) => return Err(BodyError::Truncated),
        Ok(Ok(bytes)) => bytes,
    };
    let more = if told.is_some() { 0 } else { bytes.len().saturating_sub(64 << 10) };
    if intake.extend(&mut permit, more) {
        Ok(Ok((bytes, permit)))
    } else {
        Ok(Err(TakeError::Overloaded { retry_after: limits.retry_after }))
    }
}

async fn collect(
    mut body: Limited<Incoming>,
    told: usize,
) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let mut whole: Option<BytesMut> = None;
    let mut first = Bytes::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if first.is_empty() && whole.is_none() {
            first = data;
        } else {
            // What the client promised is trusted up to 1 MiB: it has to send the rest before we reserve more.
            let whole = whole.get_or_insert_with(|| {
                let mut start = BytesMut::with_capacity(told.min(1 << 20).max(first.len() + data.len()));
                start.extend_from_slice(&first);
                start
            });
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.map_or(first, BytesMut::freeze))
}

/// A plain answer.
pub(crate) fn plain(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(http_body_util::Either::Left(http_body_util::Full::new(body.into())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    answer
}

/// A header's text, if it is there and readable.
pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
