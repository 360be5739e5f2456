//! Records of the `log` crate as `tracing` events, so that they stand inside the current span and reach every layer.
//!
//! Each target and level gets a call site of its own, made once and kept (bounded), so filters and outputs see the
//! record's own target. Key-value pairs travel as one JSON field, which the collector takes apart again.

use crate::limits::LOG_TARGETS;
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
    (!pairs.0.is_empty()).then(|| {
        let mut text = String::new();
        write_json_text(&Value::Map(pairs.0), &mut text);
        text
    })
}
