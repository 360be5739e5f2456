//! Where a request is answered: inside of its span, and of the span above where its own is not recorded.
//!
//! Entered by `Answer` and `Served` for each poll. Holds no more of what came in headers than the span above.

use crate::SpanExt;
use crate::engine::SpanIdentity;
use crate::propagation::{Remote, in_scope_of};
use tracing::Span;

#[derive(Debug)]
pub(super) struct Inside {
    span: Span,
    /// What came from above, if nobody records the span: who is asked from here goes on from there.
    above: Option<SpanIdentity>,
}

/// Inside of nothing.
impl Default for Inside {
    fn default() -> Self {
        Self { span: Span::none(), above: None }
    }
}

impl Inside {
    /// Makes the span of a request that came with this context.
    pub(super) fn make(remote: Option<&Remote>, make: impl FnOnce() -> Span) -> Self {
        let Some(remote) = remote else { return Self { span: make(), above: None } };
        let span = remote.in_scope(make);
        let above = span.ids().is_none().then(|| remote.identity());
        Self { span, above }
    }

    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    pub(super) fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        match self.above {
            Some(above) => in_scope_of(above, || self.span.in_scope(work)),
            None => self.span.in_scope(work),
        }
    }
}
