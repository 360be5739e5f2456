//! Records of the `log` crate as `tracing` events, so that they stand inside the current span and reach every layer.
//!
//! Each target and level gets a call site of its own, made once and kept (bounded), so filters and outputs see the
//! record's own target. Key-value pairs travel as one JSON field, which the collector takes apart again.

use crate::collector::CUT;
use crate::limits::{LOG_TARGET_BYTES, LOG_TARGETS, VALUE_BYTES};
use ::log::kv::{Error, Key, Value as Given, VisitSource};
use ::log::{Level as LogLevel, Log, Metadata as LogMetadata, Record};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};
use tracing_core::callsite::{Callsite, Identifier};
use tracing_core::field::{FieldSet, Value as Visible};
use tracing_core::{Event, Interest, Kind, Level, LevelFilter, Metadata, dispatcher};
use tundra_record::value::write_json_text;
use tundra_record::{Attrs, Value};

/// The field that holds the pairs.
pub(crate) const PAIRS: &str = "log.kv";
static FIELDS: [&str; 2] = ["message", PAIRS];

struct Site;

static SITE: Site = Site;
static OTHERS: Metadata<'static> = metadata("log", Level::INFO);

const fn metadata(target: &'static str, level: Level) -> Metadata<'static> {
    let fields = FieldSet::new(&FIELDS, Identifier(&SITE));
    Metadata::new("log record", target, level, None, None, None, fields, Kind::EVENT)
}

impl Callsite for Site {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        &OTHERS
    }
}

pub(crate) type Sites = HashMap<String, [Option<&'static Metadata<'static>>; 5]>;
static SITES: RwLock<Option<Sites>> = RwLock::new(None);

/// The call sites, held by whoever forks.
pub(crate) type SitesLock = RwLockWriteGuard<'static, Option<Sites>>;

/// For whoever forks.
pub(crate) fn lock_sites() -> SitesLock {
    SITES.write().unwrap_or_else(PoisonError::into_inner)
}

struct Bridge;

static INSTALLED: AtomicBool = AtomicBool::new(false);

pub(super) fn install() {
    if ::log::set_logger(&Bridge).is_ok() {
        INSTALLED.store(true, Relaxed);
    }
    follow_filter();
}

/// What `tracing` drops at any call site the `log` macros drop as early; called when filters change.
pub(crate) fn follow_filter() {
    if INSTALLED.load(Relaxed) {
        let level = LevelFilter::current().into_level().map(|level| match level {
            Level::ERROR => ::log::LevelFilter::Error,
            Level::WARN => ::log::LevelFilter::Warn,
            Level::INFO => ::log::LevelFilter::Info,
            Level::DEBUG => ::log::LevelFilter::Debug,
            Level::TRACE => ::log::LevelFilter::Trace,
        });
        ::log::set_max_level(level.unwrap_or(::log::LevelFilter::Off));
    }
}

fn level(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    }
}

/// The call site of a target and level.
fn site(target: &str, log_level: LogLevel) -> &'static Metadata<'static> {
    // It is kept for good.
    let target = &target[..target.floor_char_boundary(LOG_TARGET_BYTES)];
    let at = log_level as usize - 1;
    let known = |sites: &Sites| sites.get(target).and_then(|levels| levels[at]);
    if let Some(site) = SITES.read().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(known) {
        return site;
    }
    let mut guard = lock_sites();
    let sites = guard.get_or_insert_default();
    let name = if sites.contains_key(target) || sites.len() < LOG_TARGETS { target } else { "log" };
    let levels = sites.entry(name.to_owned()).or_default();
    levels[at].get_or_insert_with(|| {
        let target = String::leak(name.to_owned());
        Box::leak(Box::new(metadata(target, level(log_level))))
    })
}

impl Log for Bridge {
    fn enabled(&self, metadata: &LogMetadata<'_>) -> bool {
        let site = site(metadata.target(), metadata.level());
        dispatcher::get_default(|dispatch| dispatch.enabled(site))
    }

    fn log(&self, record: &Record<'_>) {
        let site = site(record.target(), record.level());
        dispatcher::get_default(|dispatch| {
            if dispatch.enabled(site) {
                let pairs = pairs(record);
                let pairs = pairs.as_ref().map(|pairs| pairs as &dyn Visible);
                let values = [Some(record.args() as &dyn Visible), pairs];
                dispatch.event(&Event::new(site, &site.fields().value_set_all(&values)));
            }
        });
    }

    fn flush(&self) {}
}

/// Collects pairs with their types.
#[derive(Default)]
struct Pairs(Attrs<'static>);

impl<'kvs> VisitSource<'kvs> for Pairs {
    fn visit_pair(&mut self, key: Key<'kvs>, given: Given<'kvs>) -> Result<(), Error> {
        let value = given
            .to_bool()
            .map(Value::Bool)
            .or_else(|| given.to_i64().map(Value::Int))
            .or_else(|| given.to_f64().map(Value::Double))
            .unwrap_or_else(|| Value::from(given.to_string()));
        self.0.push((key.to_string().into(), value));
        Ok(())
    }
}

fn pairs(record: &Record<'_>) -> Option<String> {
    let mut pairs = Pairs::default();
    // A source that fails has told what it could.
    let _ = record.key_values().visit(&mut pairs);
    (!pairs.0.is_empty()).then(|| json(pairs.0))
}

/// JSON that is no longer than a value may be, if the names leave room for it: half of it would tell nothing.
fn json(mut pairs: Attrs<'static>) -> String {
    // A letter takes up to six bytes.
    let share = VALUE_BYTES / 8 / pairs.len().max(1);
    let mut text = written(&mut pairs);
    if text.len() > VALUE_BYTES {
        for (_, value) in &mut pairs {
            if let Value::Str(long) = value {
                let end = long.floor_char_boundary(share);
                long.to_mut().truncate(end);
            }
        }
        pairs.push((CUT.into(), Value::Bool(true)));
        text = written(&mut pairs);
    }
    text
}

fn written(pairs: &mut Attrs<'static>) -> String {
    let map = Value::Map(std::mem::take(pairs));
    let mut text = String::new();
    write_json_text(&map, &mut text);
    if let Value::Map(back) = map {
        *pairs = back;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use tundra_record::value::from_json;

    #[test]
    fn long_values_are_cut_each_for_itself() {
        let check = |texts: &[String], expect_cut: bool| {
            let named = texts.iter().enumerate();
            let mut pairs: Attrs<'static> =
                named.map(|(at, text)| (format!("k{at}").into(), Value::from(text.clone()))).collect();
            pairs.push(("small".into(), Value::Int(1)));
            let text = json(pairs);
            assert!(text.len() <= VALUE_BYTES);
            let Some(Value::Map(found)) = from_json(&text) else { panic!("it is no JSON") };
            let get = |key: &str| tundra_record::value::get(&found, key);
            assert_eq!(get("small"), Some(&Value::Int(1)));
            assert_eq!(get(CUT).is_some(), expect_cut);
            assert_eq!(found.len(), texts.len() + 1 + usize::from(expect_cut));
        };
        check(&["x".repeat(100)], false);
        check(&["x".repeat(2 * VALUE_BYTES)], true);
        check(&["\u{1}".repeat(VALUE_BYTES), "é".repeat(VALUE_BYTES)], true);
    }
}
