//! Targets that do not take what they are sent: who, and why, one sentence each, until they take something again.
//!
//! Senders and the collector say it; the collector passes what is new on to the console of the pipeline it concerns, and
//! `health()` shows all. Never holds up a sender: the list is short and bounded.

use crate::limits::AILING;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What one target of a pipeline has.
pub(crate) struct Ailment {
    pipeline: u16,
    target: String,
    why: String,
    told: bool,
}

impl Ailment {
    fn text(&self) -> String {
        format!("{} does not take what is sent: {}", self.target, self.why)
    }
}

pub(crate) type Ailing = Vec<Ailment>;
static KNOWN: Mutex<Ailing> = Mutex::new(Vec::new());

/// The list, held by whoever forks.
pub(crate) type AilingLock = MutexGuard<'static, Ailing>;

/// For whoever forks, and for this module.
pub(crate) fn lock_ailing() -> AilingLock {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A target failed: `who` as a sentence begins. Told once, until it recovers.
pub(crate) fn ails(pipeline: u16, target: &str, why: impl Into<String>) {
    let mut known = lock_ailing();
    if !known.iter().any(|ailment| ailment.pipeline == pipeline && ailment.target == target) {
        if known.len() >= AILING {
            known.remove(0);
        }
        known.push(Ailment { pipeline, target: target.to_owned(), why: why.into(), told: false });
    }
}

/// It took something.
pub(crate) fn recovers(pipeline: u16, target: &str) {
    lock_ailing().retain(|ailment| ailment.pipeline != pipeline || ailment.target != target);
}

/// What was not told yet of a pipeline's targets.
pub(crate) fn take_ailing(pipeline: u16) -> Vec<String> {
    let mut known = lock_ailing();
    let new = known.iter_mut().filter(|ailment| ailment.pipeline == pipeline && !ailment.told);
    new.map(|ailment| {
        ailment.told = true;
        ailment.text()
    })
    .collect()
}

/// All that is known.
pub(super) fn all() -> Vec<String> {
    lock_ailing().iter().map(Ailment::text).collect()
}
