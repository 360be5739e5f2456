//! One trace: its skeleton for the waterfall, and one span with everything about it. `serve` asks.

pub(crate) mod detail;
mod gather;
pub(crate) mod skeleton;

pub use detail::{Llm, LogLine, Message, SpanDetail};
pub(crate) use gather::{is_trace, sum};
pub use skeleton::{Flags, Skeleton};

use crate::engine::{Query, View};
use crate::error::QueryError;
use crate::limits::TRACE_SPANS;
use tundra_record::{SpanId, TraceId};

/// Tokens and money of several calls. `None` is unknown, which is not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Model calls.
    pub calls: u64,
    /// Tokens read and written, of the calls that say.
    pub tokens: Option<i64>,
    /// Cost in pico-USD, of the calls that have one.
    pub cost_pusd: Option<i64>,
}

impl Spent {
    /// Counts one more call.
    pub(crate) fn add(&mut self, tokens: Option<i64>, cost_pusd: Option<i64>) {
        let plus = |sum: &mut Option<i64>, more: Option<i64>| {
            if let Some(more) = more {
                *sum = Some(sum.unwrap_or(0).saturating_add(more));
            }
        };
        self.calls += 1;
        plus(&mut self.tokens, tokens);
        plus(&mut self.cost_pusd, cost_pusd);
    }
}

impl Query {
    /// The skeleton of a trace; `None` if nothing of it is stored.
    pub async fn trace(&self, trace: TraceId) -> Result<Option<Skeleton>, QueryError> {
        self.bounded(async {
            let view = self.view();
            view.skeleton(trace).await
        })
        .await
    }

    /// One span with its messages, logs and judgements; `None` if it is not stored.
    pub async fn span(&self, trace: TraceId, span: SpanId) -> Result<Option<SpanDetail>, QueryError> {
        self.bounded(async {
            let view = self.view();
            // Boxed: six reads at once are much for one future's frame.
            Box::pin(view.span(trace, span)).await
        })
        .await
    }
}

impl View {
    async fn skeleton(&self, trace: TraceId) -> Result<Option<Skeleton>, QueryError> {
        let mut gathered = self.spans_of(trace).await?;
        if gathered.rows.is_empty() {
            return Ok(None);
        }
        let cut = gathered.rows.len() >= TRACE_SPANS;
        self.annotate(trace, &mut gathered).await?;
        let mut skeleton = skeleton::assemble(gathered);
        skeleton.trace_id = trace;
        skeleton.partial |= cut;
        Ok(Some(skeleton))
    }
}

#[cfg(test)]
mod tests;
