//! Which call sites are recorded: static directives as in `RUST_LOG`, answered once per call site.
//!
//! The subscriber asks when `tracing` registers a call site, so a filter costs nothing afterwards. Forms:
//! `info`, `my_crate=debug`, `my_crate::module=off`, separated by commas. Span and field directives are refused by name.

use crate::limits::DIRECTIVES;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock, TryLockError};
use std::time::Duration;
use tracing_core::{LevelFilter, Metadata};

/// A filter that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// Not a level.
    #[error("`{word}` is no level: use off, error, warn, info, debug or trace")]
    Level {
        /// What was written.
        word: String,
    },
    /// Span or field directives need per-span work, which this filter never does.
    #[error("`{directive}` asks for span or field filtering, which is not supported: use `target=level`")]
    Dynamic {
        /// What was written.
        directive: String,
    },
    /// Too long a list.
    #[error("more than {limit} directives: drop some")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
}

/// What the targets of the SDK's own spans and events begin with: model calls, requests, settings.
const OURS: &str = "tundra";

/// Directives, the most specific first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    default: LevelFilter,
    targets: Vec<(String, LevelFilter)>,
}

impl Filter {
    /// Everything up to a level.
    pub(crate) fn up_to(level: LevelFilter) -> Self {
        Self { default: level, targets: Vec::new() }
    }

    /// Reads a list of directives. Targets without a level mean `trace`; no default means `error`, as elsewhere, but for the
    /// SDK's own spans and events: who names their own crate alone did ask for model calls and requests.
    pub(crate) fn parse(text: &str) -> Result<Self, FilterError> {
        let (filter, errors) = Self::parse_known(text);
        errors.into_iter().next().map_or(Ok(filter), Err)
    }

    /// The same of the directives that can be read, and what is wrong with the others. If there are any, no default means
    /// `info`: the one that cannot be read may have been it, and a typo shall not silence a program.
    pub(crate) fn parse_known(text: &str) -> (Self, Vec<FilterError>) {
        let (mut default, mut targets, mut errors) = (None, Vec::new(), Vec::new());
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            if targets.len() + errors.len() >= DIRECTIVES {
                errors.push(FilterError::TooMany { limit: DIRECTIVES });
                break;
            }
            match directive(part) {
                Ok((None, level)) => default = Some(level),
                Ok((Some(target), level)) => targets.push((target.to_owned(), level)),
                Err(error) => errors.push(error),
            }
        }
        let says_ours = || targets.iter().any(|(target, _)| target == OURS);
        if default.is_none() && errors.is_empty() && !targets.is_empty() && !says_ours() {
            targets.push((OURS.to_owned(), LevelFilter::INFO));
        }
        targets.sort_by_key(|(target, _)| std::cmp::Reverse(target.len()));
        let otherwise = if errors.is_empty() { LevelFilter::ERROR } else { LevelFilter::INFO };
        (Self { default: default.unwrap_or(otherwise), targets }, errors)
    }

    /// Whether a call site is recorded.
    pub(crate) fn enables(&self, metadata: &Metadata<'_>) -> bool {
        self.level_for(metadata.target()) >= *metadata.level()
    }

    fn level_for(&self, target: &str) -> LevelFilter {
        let covers = |prefix: &str| {
            target.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        self.targets.iter().find(|(prefix, _)| covers(prefix)).map_or(self.default, |(_, level)| *level)
    }

    /// The most talkative level of all.
    pub(crate) fn max_level(&self) -> LevelFilter {
        self.targets.iter().map(|(_, level)| *level).fold(self.default, Ord::max)
    }
}

/// The filter in force, which its guard may replace at any time.
#[derive(Debug)]
pub(crate) struct ActiveFilter {
    /// Whether there are spans at all, whatever the filter says.
    spans: bool,
    filter: RwLock<Filter>,
    changes: AtomicU32,
    /// Set where the guard was dropped and nothing had been recorded: nothing is from then on, and the first new call site
    /// that would have been is reason to say so.
    unused: AtomicBool,
    waiting: AtomicBool,
}

/// What is said of the most common mistake.
const UNUSED: &str = "tundra: the guard was dropped before anything was recorded, so nothing is: keep it in `main`, as in \
    `let _tundra = tundra::init()?`";

/// In a forked child a thread that no longer exists may hold the lock: do not wait for it for ever.
const REPLACE_ATTEMPTS: u32 = 1000;

impl ActiveFilter {
    pub(crate) fn new(filter: Filter, spans: bool) -> Self {
        let (unused, waiting) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { spans, filter: RwLock::new(filter), changes: AtomicU32::new(0), unused, waiting }
    }

    fn ask<R>(&self, question: impl FnOnce(&Filter) -> R) -> R {
        question(&self.filter.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn enables(&self, metadata: &Metadata<'_>) -> bool {
        let wanted = (self.spans || metadata.is_event()) && self.ask(|filter| filter.enables(metadata));
        if !self.unused.load(Relaxed) {
            return wanted;
        }
        if wanted && self.waiting.swap(false, Relaxed) {
            // There is no other door left: the pipeline is closed.
            let _ = writeln!(std::io::stderr(), "{UNUSED}");
        }
        false
    }

    pub(crate) fn max_level(&self) -> LevelFilter {
        self.ask(Filter::max_level)
    }

    /// The guard is gone, and nothing was recorded. `ask_again` asks all known call sites once more.
    pub(crate) fn end_unused(&self, ask_again: impl FnOnce()) {
        self.unused.store(true, Relaxed);
        self.changes.fetch_add(1, Relaxed);
        ask_again();
        self.waiting.store(true, Relaxed);
    }

    /// How often it was replaced: what was asked before the latest change has to be asked again.
    #[cfg(feature = "layer")]
    pub(crate) fn changes(&self) -> u32 {
        self.changes.load(Relaxed)
    }

    pub(crate) fn replace(&self, filter: Filter) {
        for _ in 0..REPLACE_ATTEMPTS {
            let mut current = match self.filter.try_write() {
                Ok(current) => current,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    std::thread::sleep(Duration::from_micros(100));
                    continue;
                }
            };
            *current = filter;
            drop(current);
            self.changes.fetch_add(1, Relaxed);
            return;
        }
    }
}

/// One directive: a target, `None` for the default, and its level.
fn directive(text: &str) -> Result<(Option<&str>, LevelFilter), FilterError> {
    if text.contains(['[', '{']) {
        return Err(FilterError::Dynamic { directive: text.to_owned() });
    }
    match text.split_once('=') {
        Some((target, word)) => Ok((Some(target.trim()), level(word.trim())?)),
        None => match level(text) {
            Ok(default) => Ok((None, default)),
            Err(_) if is_target(text) => Ok((Some(text), LevelFilter::TRACE)),
            Err(error) => Err(error),
        },
    }
}

/// A word without a level is taken for a target only if it looks like a path; a single odd word is a typo.
fn is_target(word: &str) -> bool {
    word.contains("::") || word.contains('_')
}

fn level(word: &str) -> Result<LevelFilter, FilterError> {
    let known = [
        ("off", LevelFilter::OFF),
        ("error", LevelFilter::ERROR),
        ("critical", LevelFilter::ERROR),
        ("warn", LevelFilter::WARN),
        ("warning", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("debug", LevelFilter::DEBUG),
        ("trace", LevelFilter::TRACE),
    ];
    known
        .into_iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name))
        .map(|(_, level)| level)
        .ok_or_else(|| FilterError::Level { word: word.to_owned() })
}
