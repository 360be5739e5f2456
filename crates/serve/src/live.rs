//! The live stream: one tail over the store that looks at most every so often, and fans out what is new to all clients.
//! Each client filters for itself, is bounded, and is told how much it did not see.

pub(crate) mod client;
pub(crate) mod socket;
pub(crate) mod sse;

use crate::api::traces::TraceBody;
use crate::limits::{LIVE_CLIENTS, LIVE_RATE, LIVE_STEP, LIVE_STEPS};
use query::{Query, TraceSummary};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio::time::{Instant, MissedTickBehavior};

/// A trace that got spans, as the filters and the clients need it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) summary: TraceSummary,
    pub(crate) body: TraceBody,
}

/// What one step found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    pub(crate) traces: Vec<Seen>,
    /// Traces of all steps so far, so that a client that missed steps knows how many.
    pub(crate) told: u64,
    /// Traces of all steps so far that were too many to look at.
    pub(crate) skipped: u64,
    /// The rate, once in a while.
    pub(crate) rate: Option<Rate>,
}

/// How fast spans come in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rate {
    pub(crate) spans_per_s: f64,
    pub(crate) total_spans: u64,
}

/// Where clients join.
#[derive(Clone, Debug)]
pub(crate) struct Hub {
    steps: broadcast::Sender<Arc<Step>>,
    places: Arc<Semaphore>,
}

/// A client's end of the stream.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) steps: broadcast::Receiver<Arc<Step>>,
    _place: OwnedSemaphorePermit,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self { steps: broadcast::Sender::new(LIVE_STEPS), places: Arc::new(Semaphore::new(LIVE_CLIENTS)) }
    }

    /// A seat, if one is free.
    pub(crate) fn join(&self) -> Option<Seat> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        Some(Seat { steps: self.steps.subscribe(), _place: place })
    }

    /// Looks at the store for as long as it is polled. Without clients it only sleeps.
    pub(crate) async fn run(&self, query: &Query) {
        let mut tail =
            Tail { place: query.place(), told: 0, skipped: 0, spans: query.spans(), rated: Instant::now() };
        let mut rate = tokio::time::interval(LIVE_RATE);
        rate.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next = Instant::now() + LIVE_STEP;
            let rated = tokio::select! {
                () = query.changed(tail.place) => false,
                _ = rate.tick() => true,
            };
            if self.steps.receiver_count() == 0 {
                tail.idle(query);
            } else {
                let step = tail.look(query, rated).await;
                // Nobody left in the meantime is no error.
                let _clients = self.steps.send(Arc::new(step));
            }
            tokio::time::sleep_until(next).await;
        }
    }
}

/// Where the tail is.
struct Tail {
    place: query::Place,
    told: u64,
    skipped: u64,
    spans: u64,
    rated: Instant,
}

impl Tail {
    fn idle(&mut self, query: &Query) {
        self.place = query.place();
        self.spans = query.spans();
        self.rated = Instant::now();
    }

    async fn look(&mut self, query: &Query, rated: bool) -> Step {
        let news = query.news(&mut self.place).await.unwrap_or_else(|error| {
            tracing::warn!(error = %error, "the live stream skipped a step");
            self.place = query.place();
            query::News::default()
        });
        self.skipped += news.skipped;
        self.told += news.traces.len() as u64;
        let see = |summary: TraceSummary| Seen { body: summary.clone().into(), summary };
        Step {
            traces: news.traces.into_iter().map(see).collect(),
            told: self.told,
            skipped: self.skipped,
            rate: rated.then(|| self.rate(query)),
        }
    }

    fn rate(&mut self, query: &Query) -> Rate {
        let total_spans = query.spans();
        let seconds = self.rated.elapsed().as_secs_f64().max(0.001);
        // Retention may remove more than came in; a rate is never negative.
        let spans_per_s = total_spans.saturating_sub(self.spans) as f64 / seconds;
        (self.spans, self.rated) = (total_spans, Instant::now());
        Rate { spans_per_s, total_spans }
    }
}
