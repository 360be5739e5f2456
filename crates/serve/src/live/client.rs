//! One client of the live stream: its filter, what it missed, and the messages it gets. Pure; `socket` and `sse` send.

use super::{Seen, Step};
use crate::limits::LIVE_TRACES;
use serde::Deserialize;
use serde_json::{Value, json};

/// What a client may say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    filter: Option<Filter>,
    paused: Option<bool>,
}

/// Which traces a client wants.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    #[serde(default)]
    pub(crate) service: Option<String>,
    #[serde(default)]
    pub(crate) q: Option<String>,
    #[serde(default)]
    pub(crate) status: Option<String>,
}

/// A client.
#[derive(Debug, Default)]
pub(crate) struct Client {
    filter: Filter,
    paused: bool,
    /// `told` and `skipped` of the last step it got; `None` before the first.
    last: Option<(u64, u64)>,
    skipped: u64,
}

impl Filter {
    fn passes(&self, seen: &Seen) -> bool {
        let trace = &seen.summary;
        let filled = |text: &Option<String>| {
            text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_lowercase)
        };
        let has = |text: &str, part: &str| text.to_lowercase().contains(part);
        let service = self.service.as_deref().filter(|service| !service.is_empty());
        service.is_none_or(|service| trace.services.iter().any(|known| known == service))
            && (self.status.as_deref() != Some("error") || trace.errors > 0)
            && filled(&self.q).is_none_or(|part| {
                let texts = [&trace.name, &trace.service, &trace.trace_id];
                texts.into_iter().chain(&trace.services).chain(&trace.models).any(|text| has(text, &part))
            })
    }
}

impl Client {
    pub(crate) fn new(filter: Filter) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Takes a message of the client; what is not understood changes nothing.
    pub(crate) fn hear(&mut self, text: &str) {
        let Ok(wish) = serde_json::from_str::<Wish>(text) else { return };
        if let Some(filter) = wish.filter {
            self.filter = filter;
        }
        if let Some(paused) = wish.paused {
            self.paused = paused;
        }
    }

    /// The messages that a step makes for this client.
    pub(crate) fn messages(&mut self, step: &Step) -> Vec<Value> {
        let here = step.traces.len() as u64;
        if let Some((told, skipped)) = self.last {
            // Steps that were lost on the way to a slow client, and traces that nobody looked at.
            self.skipped +=
                step.told.saturating_sub(told).saturating_sub(here) + step.skipped.saturating_sub(skipped);
        }
        self.last = Some((step.told, step.skipped));
        let wanted: Vec<&Seen> = step.traces.iter().filter(|seen| self.filter.passes(seen)).collect();
        let most = if self.paused { 0 } else { LIVE_TRACES };
        self.skipped += wanted.len().saturating_sub(most) as u64;
        let trace = |seen: &&Seen| json!({"type": "trace", "trace": seen.body});
        // The newest come first in a step; a list grows at its top, so the newest is told last.
        let mut messages: Vec<Value> = wanted.iter().take(most).rev().map(trace).collect();
        if let Some(rate) = step.rate {
            messages.push(json!({"type": "rate", "spans_per_s": rate.spans_per_s,
                "skipped": self.skipped, "total_spans": rate.total_spans}));
        }
        messages
    }
}

#[cfg(test)]
mod tests;
