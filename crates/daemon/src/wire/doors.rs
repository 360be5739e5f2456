//! Every listener with what answers on it.

use crate::ports::{Bound, Moved, unix};
use axum::body::Body;
use futures::future::{BoxFuture, join_all};
use intake::datadog::{Datadog, Info};
use intake::dogstatsd;
use intake::listener::{self, Bounds, Door};
use intake::otlp_grpc::OtlpGrpc;
use intake::otlp_http::OtlpHttp;
use intake::{Intake, Limits};
use serve::Server;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tokio::sync::watch;

/// Bounds of the listeners for people: few browsers, quick headers.
const PEOPLE: Bounds = Bounds { connections: 512, header_time: Duration::from_secs(5) };

/// Bound sockets and the way in.
pub(super) struct Doors {
    bound: Bound,
    intake: Intake,
    pub(super) moved: Vec<Moved>,
    /// Connections that are open now, over all listeners.
    pub(super) open: Arc<AtomicUsize>,
}

impl Doors {
    pub(super) fn new(bound: Bound, intake: Intake) -> Self {
        let moved = bound.moved.clone();
        Self { bound, intake, moved, open: Arc::default() }
    }

    /// Serves all of them until `stop` turns true; the result is ready when requests in work have ended.
    pub(super) fn serve(self, server: &Server, stop: watch::Receiver<bool>) -> BoxFuture<'static, ()> {
        let Self { bound, intake, open, .. } = self;
        let port = |socket: &TcpListener| socket.local_addr().map(|addr| addr.port()).ok();
        let receiver = bound.datadog.as_ref().and_then(port).unwrap_or(0);
        let statsd =
            bound.dogstatsd.as_ref().and_then(|socket| socket.local_addr().ok()).map(|addr| addr.port());
        let path = bound.datadog_socket.as_ref().map(|bound| bound.file.path());
        let info = Info::new(receiver, path, statsd, Limits::default().body_bytes);
        let mut all: Vec<tokio::task::JoinHandle<()>> = Vec::new();
        for socket in [bound.ui, bound.api].into_iter().flatten() {
            let router = server.router();
            if let Some(socket) = async_socket(socket) {
                let (open, stop) = (Arc::clone(&open), stop.clone());
                all.push(tokio::spawn(listener::accept(
                    socket,
                    PEOPLE,
                    open,
                    stop,
                    move |request: http::Request<_>| {
                        let router = router.clone();
                        async move {
                            let answer = tower::ServiceExt::oneshot(router, request.map(Body::new)).await;
                            answer.unwrap_or_else(|never| match never {})
                        }
                    },
                )));
            }
        }
        all.extend(door(bound.otlp_http, OtlpHttp::new(intake.clone()), &open, &stop));
        all.extend(door(bound.otlp_grpc, OtlpGrpc::new(intake.clone()), &open, &stop));
        let datadog = Datadog::new(intake.clone(), info);
        all.extend(door(bound.datadog, datadog.clone(), &open, &stop));
        if let Some(socket) = bound.dogstatsd.and_then(|socket| tokio::net::UdpSocket::from_std(socket).ok())
        {
            all.push(tokio::spawn(dogstatsd::serve(socket, intake.clone(), stop.clone())));
        }
        let mut files = Vec::new();
        if let Some(unix::Bound { socket, file }) = bound.datadog_socket {
            files.push(file);
            let socket = kept(tokio::net::UnixListener::from_std(socket));
            all.extend(
                socket.map(|socket| tokio::spawn(listener::serve(socket, datadog, open, stop.clone()))),
            );
        }
        if let Some(unix::Bound { socket, file }) = bound.dogstatsd_socket {
            files.push(file);
            let socket = kept(tokio::net::UnixDatagram::from_std(socket));
            all.extend(socket.map(|socket| tokio::spawn(dogstatsd::serve(socket, intake, stop))));
        }
        Box::pin(async move {
            join_all(all).await;
            drop(files);
        })
    }
}

fn async_socket(socket: TcpListener) -> Option<tokio::net::TcpListener> {
    kept(tokio::net::TcpListener::from_std(socket))
}

fn kept<S>(socket: std::io::Result<S>) -> Option<S> {
    socket.inspect_err(|error| tracing::error!(%error, "a listener was lost")).ok()
}

fn door<D: Door>(
    socket: Option<TcpListener>,
    door: D,
    open: &Arc<AtomicUsize>,
    stop: &watch::Receiver<bool>,
) -> Option<tokio::task::JoinHandle<()>> {
    let socket = async_socket(socket?)?;
    Some(tokio::spawn(listener::serve(socket, door, Arc::clone(open), stop.clone())))
}
