//! Which profile is best: a rule short enough to be printed at start. Used by `gateway`.

use super::{Kind, Origin};

/// The rule in one sentence, as `GET /api/profiles` shows it.
pub const RULE: &str = "the configured default, then configured profiles in their order, then healthy cloud providers \
by latency, then healthy local runtimes by latency, then cloud providers not yet checked; never one that failed its \
last check unless it is the configured default and nothing else works";

/// What the rule looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// Whether the operator named this very profile as the default.
    pub is_default: bool,
    /// Where it was learned of.
    pub origin: Origin,
    /// Where its models run.
    pub kind: Kind,
    /// What its last probe said; `None` if it was not probed yet.
    pub healthy: Option<bool>,
    /// How long that took.
    pub latency_ms: Option<u32>,
}

/// The chosen candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its place in the list.
    pub index: usize,
    /// Why it was chosen, for people.
    pub reason: &'static str,
}

/// Applies [`RULE`]. Among equals the earlier in the list wins, so that the choice never depends on chance.
pub fn choose(candidates: &[Candidate]) -> Option<Choice> {
    let ranked = candidates.iter().enumerate().filter_map(|(index, candidate)| {
        let (rank, reason) = rank(candidate)?;
        // Configured profiles keep the operator's order, the others go by latency.
        let latency = candidate.latency_ms.unwrap_or(u32::MAX);
        let order = if candidate.origin == Origin::Configuration { 0 } else { latency };
        Some(((rank, order, index), Choice { index, reason }))
    });
    ranked.min_by_key(|(key, _)| *key).map(|(_, choice)| choice)
}

fn rank(candidate: &Candidate) -> Option<(u8, &'static str)> {
    let local = candidate.kind == Kind::Local;
    let configured = candidate.origin == Origin::Configuration;
    Some(match (candidate.is_default, configured, candidate.healthy, local) {
        (true, _, Some(true) | None, _) => (0, "configured as the default"),
        (_, true, Some(true), _) => (1, "configured and healthy"),
        (_, true, None, _) => (2, "configured, not checked yet"),
        (_, _, Some(true), false) => (3, "the fastest healthy cloud provider"),
        (_, _, Some(true), true) => (4, "the fastest healthy local runtime"),
        (_, _, None, false) => (5, "a cloud provider with a key, not checked yet"),
        (_, _, None, true) => (6, "a local runtime, not checked yet"),
        (true, _, Some(false), _) => (7, "configured as the default, though its last check failed"),
        (false, _, Some(false), _) => return None,
    })
}
