//! Finding traces: newest first by walking back through time in growing steps, or slowest first within a range.
//! `serve` asks. Pages are bounded in traces, steps in rows, a walk in time; a cursor goes on where a page ended.
//!
//! "Newest" is the start of the newest span that matches, so a long run that still goes on stays on top.

mod filter;
mod summary;
mod text;
mod walk;

pub use summary::TraceSummary;

use crate::engine::{Query, View};
use crate::error::QueryError;
use crate::limits::{PAGE_DEFAULT, PAGE_MAX, SEARCH_ATTRS, SEARCH_TEXT_BYTES, WALK_TIME};
use std::collections::HashSet;
use tokio::time::Instant;
use tundra_record::TraceId;

/// What to do with sample data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sample {
    /// Like all other data.
    #[default]
    Include,
    /// Leave it out.
    Exclude,
    /// Nothing else.
    Only,
}

/// The order of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Newest activity first.
    #[default]
    Newest,
    /// Longest first.
    Slowest,
}

/// Which traces. A trace matches if one of its spans meets all conditions on spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Earliest start of a matching span, inclusive.
    pub from_ns: Option<i64>,
    /// Latest start of a matching span, exclusive.
    pub to_ns: Option<i64>,
    /// The span's service.
    pub service: Option<String>,
    /// The span's name.
    pub operation: Option<String>,
    /// Text in the span's name, resource, attributes or content, in any case; or a whole trace id.
    pub text: Option<String>,
    /// Only spans that failed.
    pub errors: bool,
    /// The trace took at least this long.
    pub min_duration_ns: Option<i64>,
    /// The trace took at most this long.
    pub max_duration_ns: Option<i64>,
    /// A model that the trace asked or that answered.
    pub model: Option<String>,
    /// Attributes of the span, all of them.
    pub attrs: Vec<(String, String)>,
    /// Attributes that no span of the trace has.
    pub not_attrs: Vec<(String, String)>,
    /// Sample data.
    pub sample: Sample,
    /// The order.
    pub sort: Sort,
    /// Traces on the page.
    pub limit: Option<usize>,
    /// Where to go on.
    pub cursor: Option<Cursor>,
}

/// Where a page ended: the sort key and id of its last trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Start or duration in nanoseconds.
    pub key: i64,
    /// The trace id; empty before all.
    pub trace: String,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The traces in order.
    pub traces: Vec<TraceSummary>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

/// A trace that matches, before its summary is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) trace: String,
    pub(crate) key: i64,
}

impl Cursor {
    /// As one word for a URL.
    pub fn to_word(&self) -> String {
        format!("{}.{}", self.key, self.trace)
    }

    /// From the word; `None` if it is not one of ours.
    pub fn from_word(word: &str) -> Option<Self> {
        let (key, trace) = word.split_once('.')?;
        let valid = trace.is_empty() || trace.parse::<TraceId>().is_ok();
        valid.then_some(())?;
        Some(Self { key: key.parse().ok()?, trace: trace.to_owned() })
    }
}

impl Search {
    fn page(&self) -> usize {
        self.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
    }

    fn check(&self) -> Result<(), QueryError> {
        let wrong = |name, problem: String| Err(QueryError::Parameter { name, problem });
        if self.attrs.len() + self.not_attrs.len() > SEARCH_ATTRS {
            return wrong("attr", format!("may be given {SEARCH_ATTRS} times"));
        }
        let pairs = self.attrs.iter().chain(&self.not_attrs).flat_map(|(key, value)| [key, value]);
        let words = [&self.service, &self.operation, &self.text, &self.model].into_iter().flatten();
        if pairs.chain(words).any(|text| text.len() > SEARCH_TEXT_BYTES) {
            return wrong("q", format!("and the other texts may have {SEARCH_TEXT_BYTES} bytes"));
        }
        if let (Some(from), Some(to)) = (self.from_ns, self.to_ns)
            && from > to
        {
            return wrong("from_ns", format!("is after `to_ns`: {from} > {to}"));
        }
        Ok(())
    }

    fn lasted(&self, summary: &TraceSummary) -> bool {
        self.min_duration_ns.is_none_or(|least| summary.duration_ns >= least)
            && self.max_duration_ns.is_none_or(|most| summary.duration_ns <= most)
    }
}

impl Query {
    /// One page of the traces that match.
    pub async fn search(&self, search: &Search) -> Result<Page, QueryError> {
        search.check()?;
        self.bounded(async {
            let view = self.view();
            if let Some(trace) = search.text.as_deref().and_then(|text| text.trim().parse::<TraceId>().ok()) {
                let traces = view.summaries(&[trace.to_string()], None).await?;
                return Ok(Page { traces, next: None });
            }
            match search.sort {
                Sort::Newest => view.newest(search).await,
                Sort::Slowest => view.slowest(search).await,
            }
        })
        .await
    }

    /// The summaries of some traces, in their order; unknown ones are left out.
    pub async fn summaries(&self, traces: &[TraceId]) -> Result<Vec<TraceSummary>, QueryError> {
        let ids: Vec<String> = traces.iter().take(PAGE_MAX).map(ToString::to_string).collect();
        self.bounded(async { self.view().summaries(&ids, None).await }).await
    }
}

impl View {
    async fn newest(&self, search: &Search) -> Result<Page, QueryError> {
        let deadline = Instant::now() + WALK_TIME;
        let mut page = Page::default();
        let mut seen: HashSet<String> = HashSet::new();
        let mut walk = self.walk(search)?;
        while let Some(step) = walk.step() {
            let want = search.page() - page.traces.len() + seen.len();
            let (mut found, last) = self.candidates(search, &step, walk.after.as_ref(), want).await?;
            found.retain(|candidate| seen.insert(candidate.trace.clone()));
            self.drop_shown(search, &mut found).await?;
            self.drop_excluded(search, &mut found).await?;
            let ids: Vec<String> = found.iter().map(|candidate| candidate.trace.clone()).collect();
            let summaries = self.summaries(&ids, found.iter().map(|candidate| candidate.key).min()).await?;
            for summary in summaries {
                if search.lasted(&summary) && page.traces.len() < search.page() {
                    let key = found.iter().find(|c| c.trace == summary.trace_id).map_or(0, |c| c.key);
                    page.next = Some(Cursor { key, trace: summary.trace_id.clone() });
                    page.traces.push(summary);
                }
            }
            if page.traces.len() >= search.page() {
                return Ok(page);
            }
            match last {
                // More of this step are left: go on behind the last one.
                Some(last) => walk.go_on_behind(&last),
                None => walk.next(),
            }
            if Instant::now() >= deadline {
                page.next = walk.place();
                return Ok(page);
            }
        }
        page.next = None;
        Ok(page)
    }

    async fn slowest(&self, search: &Search) -> Result<Page, QueryError> {
        let mut found = self.slow_candidates(search).await?;
        let last = found.last().filter(|_| found.len() >= search.page()).cloned();
        self.drop_excluded(search, &mut found).await?;
        let ids: Vec<String> = found.iter().map(|candidate| candidate.trace.clone()).collect();
        let mut traces = self.summaries(&ids, search.from_ns).await?;
        traces.retain(|summary| search.lasted(summary));
        Ok(Page { traces, next: last.map(|last| Cursor { key: last.key, trace: last.trace }) })
    }
}

#[cfg(test)]
mod tests;
