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
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

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

/// How many connections a listener holds at once, and how long one may take to send its headers.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Further connections wait in the kernel's backlog.
    pub connections: usize,
    /// Slower clients are cut off.
    pub header_time: Duration,
}

/// A socket that connections come in by.
pub trait Listener: Send + 'static {
    /// One connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// The next connection.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    /// Whether every honest client names this machine as the `Host`: on a loopback port, which a web page could be
    /// tricked into. No web page reaches a unix socket, and its clients name whatever they like.
    fn is_loopback(&self) -> bool;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.accept().await?;
        let _best_effort = stream.set_nodelay(true);
        Ok(stream)
    }

    fn is_loopback(&self) -> bool {
        self.local_addr().is_ok_and(|addr| addr.ip().is_loopback())
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        self.accept().await.map(|(stream, _)| stream)
    }

    fn is_loopback(&self) -> bool {
        false
    }
}

/// Serves `door` until `stop` turns true, then lets requests in work finish. `open` counts connections.
pub async fn serve<D: Door>(
    listener: impl Listener,
    door: D,
    open: Arc<AtomicUsize>,
    stop: watch::Receiver<bool>,
) {
    let limits = Arc::clone(&door.intake().limits);
    let bounds = Bounds { connections: limits.connections, header_time: limits.header_time };
    let loopback_only = listener.is_loopback();
    let answer = move |request| {
        let door = door.clone();
        async move { guarded(&door, request, loopback_only).await }
    };
    accept(listener, bounds, open, stop, answer).await;
}

/// Accepts connections and gives each request to `answer`, for any HTTP service of the process.
pub async fn accept<L, H, F, B>(
    listener: L,
    bounds: Bounds,
    open: Arc<AtomicUsize>,
    mut stop: watch::Receiver<bool>,
    answer: H,
) where
    L: Listener,
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let places = Arc::new(Semaphore::new(bounds.connections));
    let tasks = GracefulShutdown::new();
    while let Some((stream, place)) = next(&listener, &places, &mut stop).await {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(bounds.header_time).max_headers(100);
        builder.http2().timer(TokioTimer::new()).max_concurrent_streams(128).max_header_list_size(16 << 10);
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answered = answer(request);
            async move { Ok::<_, Infallible>(answered.await) }
        });
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = tasks.watch(connection);
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

/// The next connection and its place, or nothing once it is time to stop.
async fn next<L: Listener>(
    listener: &L,
    places: &Arc<Semaphore>,
    stop: &mut watch::Receiver<bool>,
) -> Option<(L::Stream, OwnedSemaphorePermit)> {
    loop {
        let accepting = async {
            let place = Arc::clone(places).acquire_owned().await.ok()?;
            Some(listener.next().await.map(|stream| (stream, place)))
        };
        let accepted = tokio::select! {
            accepted = accepting => accepted?,
            _ = stop.wait_for(|stop| *stop) => return None,
        };
        match accepted {
            Ok(accepted) => return Some(accepted),
            Err(error) => {
                // Out of file descriptors, usually: wait for some to be given back instead of spinning.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
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
    let mut permit = match intake.permit(told.unwrap_or(64 << 10)) {
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
