//! Targets that do not take what they are sent: who, and why, one sentence each, until they take something again.
//!
//! Senders, writers and the collector say it; the collector passes what is new on to the console of the pipeline it concerns,
//! and `health()` shows all. Never holds up a sender: the list is short and bounded. Who comes and goes is told once in a while
//! and not each time.

use crate::limits::{AILING, AILING_BYTES, AILING_PERIOD};
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Whom it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) pipeline: u16,
    /// As a sentence begins.
    pub(crate) name: String,
    /// What of it: a server may take one signal and not the other. Empty for all.
    pub(crate) path: &'static str,
}

/// What one target has.
pub(crate) struct Ailment {
    target: Target,
    why: String,
    /// Whether it took something since.
    is_over: bool,
    told: Option<Instant>,
}

impl Ailment {
    fn text(&self) -> String {
        let Target { name, path, .. } = &self.target;
        let to = if path.is_empty() { String::new() } else { format!(" to `{path}`") };
        format!("{name} does not take what is sent{to}: {}", self.why)
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

/// A target failed. The first reason counts until it recovers.
pub(crate) fn ails(target: Target, why: &dyn Display) {
    let cut = |mut why: String| {
        why.truncate(why.floor_char_boundary(AILING_BYTES));
        why
    };
    let mut known = lock_ailing();
    match known.iter_mut().find(|ailment| ailment.target == target) {
        Some(ailment) if ailment.is_over => {
            (ailment.is_over, ailment.why) = (false, cut(why.to_string()));
            ailment.told = ailment.told.filter(|told| told.elapsed() < AILING_PERIOD);
        }
        Some(_) => {}
        None => {
            if known.len() >= AILING {
                known.remove(0);
            }
            known.push(Ailment { target, why: cut(why.to_string()), is_over: false, told: None });
        }
    }
}

/// It took something.
pub(crate) fn recovers(target: &Target) {
    let mut known = lock_ailing();
    known.iter_mut().filter(|ailment| ailment.target == *target).for_each(|ailment| ailment.is_over = true);
}

/// What was not told yet of a pipeline's targets.
pub(crate) fn take_ailing(pipeline: u16) -> Vec<String> {
    let mut known = lock_ailing();
    let is_new = |ailment: &&mut Ailment| {
        ailment.target.pipeline == pipeline && !ailment.is_over && ailment.told.is_none()
    };
    let tell = |ailment: &mut Ailment| {
        ailment.told = Some(Instant::now());
        ailment.text()
    };
    known.iter_mut().filter(is_new).map(tell).collect()
}

/// All that is known.
pub(super) fn all() -> Vec<String> {
    lock_ailing().iter().filter(|ailment| !ailment.is_over).map(Ailment::text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_and_goes_is_told_once() {
        let target = |path| Target { pipeline: u16::MAX - 1, name: "somebody".to_owned(), path };
        let told = || take_ailing(u16::MAX - 1);
        let known = || all().iter().filter(|text| text.starts_with("somebody")).count();
        let long = "é".repeat(AILING_BYTES);
        ails(target(""), &"gone");
        ails(target(""), &"gone for long");
        ails(target("/logs"), &long);
        let first = ["somebody does not take what is sent: gone".to_owned(), {
            format!("somebody does not take what is sent to `/logs`: {}", &long[..AILING_BYTES])
        }];
        assert_eq!((told(), told(), known()), (first.to_vec(), Vec::new(), 2));
        for _ in 0..3 {
            recovers(&target(""));
            assert_eq!(known(), 1);
            ails(target(""), &"gone again");
            assert_eq!((told(), known()), (Vec::new(), 2));
        }
    }
}
