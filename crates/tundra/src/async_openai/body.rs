//! A response body that is read along while it passes to the caller.
//!
//! Made for each answer to a call; never holds anything back, and drops its answer with the last byte, so that the span
//! ends then and not when the caller lets go of the response.

use super::answer::Answer;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The body and who reads along.
pub(super) struct Heard {
    inner: reqwest_0_13::Body,
    answer: Option<Answer>,
}

impl Heard {
    pub(super) fn new(inner: reqwest_0_13::Body, answer: Answer) -> Self {
        Self { inner, answer: Some(answer) }
    }
}

impl Body for Heard {
    type Data = Bytes;
    type Error = reqwest_0_13::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(answer), Some(bytes)) = (&mut self.answer, frame.data_ref()) {
                    answer.hear(bytes);
                }
                // A caller that knows the length does not ask for more after the last byte.
                if self.inner.is_end_stream()
                    && let Some(answer) = self.answer.take()
                {
                    answer.end();
                }
            }
            Some(Err(error)) => {
                if let Some(answer) = self.answer.take() {
                    answer.broke(error);
                }
            }
            None => {
                if let Some(answer) = self.answer.take() {
                    answer.end();
                }
            }
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
