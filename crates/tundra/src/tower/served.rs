//! The body of an answer, inside the server span of its request.
//!
//! Made by `Answer` with the head; passes frames on as they come and lets go of the span with the last one.

use super::inside::Inside;
use super::{fail, leave, settle_grpc};
use ::bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// A body that keeps the server span of its request open.
    #[derive(Debug)]
    pub struct Served<B> {
        #[pin]
        inner: B,
        open: Open,
    }
}

impl<B: Body> Served<B> {
    /// Where it is made, and whether the head told of a failure; `bare` if nothing of it will be asked for; the length, if the head
    /// tells it.
    pub(super) fn new(
        inner: B,
        (inside, failed): (Inside, bool),
        (bare, length): (bool, Option<u64>),
    ) -> Self {
        let expects = length.or_else(|| inner.size_hint().exact());
        let mut open = Open { inside: Some(inside), failed, sent: 0, expects };
        // A server does not ask an empty body for anything.
        if bare || inner.is_end_stream() {
            open.end();
        }
        Self { inner, open }
    }
}

/// The span, until the body ends.
#[derive(Debug)]
struct Open {
    inside: Option<Inside>,
    /// What failed before is not cancelled later.
    failed: bool,
    sent: u64,
    /// The length, where the head or the body tells it.
    expects: Option<u64>,
}

impl Open {
    fn end(&mut self) {
        if let Some(inside) = self.inside.take() {
            inside.span().record("http.response.body.size", self.sent);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // A server that knows the length does not wait to hear that this was all.
        let cancelled = !self.failed && self.expects != Some(self.sent);
        if let Some(inside) = self.inside.as_ref().filter(|_| cancelled) {
            leave(inside.span());
        }
        self.end();
    }
}

impl<B: Body> Body for Served<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let mut ask = || this.inner.as_mut().poll_frame(context);
        let frame = ready!(match &this.open.inside {
            Some(inside) => inside.run(ask),
            None => ask(),
        });
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    this.open.sent += data.remaining() as u64;
                }
                if let (Some(inside), Some(trailers)) = (&this.open.inside, frame.trailers_ref()) {
                    settle_grpc(inside.span(), trailers);
                }
                if frame.is_trailers() || this.inner.is_end_stream() {
                    this.open.end();
                }
            }
            Some(Err(_)) => {
                if let Some(inside) = &this.open.inside {
                    fail(inside.span(), "body");
                }
                this.open.end();
            }
            None => this.open.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
