//! Takes personal data, secrets and, if so wanted, content out of records, on the collector thread, before an exporter
//! or a log line sees them.
//!
//! One [`Cleaner`] is made for each walk over a batch; every record of the walk goes through it. Content is what people
//! and models said to each other: it goes when its capture is switched off, whichever library recorded it.

use crate::llm::content_captured;
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};
use tundra_record::{Attrs, LogRecord, MetricPoint, Resource, Span, Value};

#[cfg(feature = "redact")]
use std::sync::{Arc, OnceLock};
#[cfg(feature = "redact")]
pub(crate) use tundra_record::redact::PlainName;
#[cfg(feature = "redact")]
use tundra_record::redact::{Pass, RedactConfig, Redactor, RuleError};

/// Which rules a pipeline applies.
#[derive(Clone, Debug, Default)]
pub(crate) enum Redaction {
    /// The built-in ones.
    #[default]
    Standard,
    /// None.
    Off,
    /// Rules that the program brought.
    #[cfg(feature = "redact")]
    Own(Arc<Redactor>),
}

impl Redaction {
    /// Compiles the program's own rules.
    #[cfg(feature = "redact")]
    pub(crate) fn own(config: &RedactConfig) -> Result<Self, RuleError> {
        Ok(Self::Own(Arc::new(Redactor::new(config)?)))
    }

    /// The built-in rules are compiled once, when something first needs them: mostly a batch, on the collector's thread.
    #[cfg(feature = "redact")]
    fn redactor(&self) -> Option<&Redactor> {
        static STANDARD: OnceLock<Option<Redactor>> = OnceLock::new();
        match self {
            Self::Standard => STANDARD.get_or_init(|| Redactor::new(&RedactConfig::default()).ok()).as_ref(),
            Self::Own(redactor) => Some(redactor),
            Self::Off => None,
        }
    }

    /// For one walk.
    pub(crate) fn cleaner(&self) -> Cleaner<'_> {
        Cleaner {
            content: content_captured(),
            #[cfg(feature = "redact")]
            pass: self.redactor().map(Pass::new),
            rules: std::marker::PhantomData,
        }
    }
}

/// The rules for what leaves the process past all pipelines: those of the pipeline that was made last.
static OF_PROCESS: RwLock<Redaction> = RwLock::new(Redaction::Standard);

/// The process's rules, held by whoever forks.
pub(crate) type RulesLock = RwLockWriteGuard<'static, Redaction>;

/// For whoever forks, and for this module.
pub(crate) fn lock_rules() -> RulesLock {
    OF_PROCESS.write().unwrap_or_else(PoisonError::into_inner)
}

/// From now on these are the process's rules.
pub(crate) fn set_rules(rules: Redaction) {
    *lock_rules() = rules;
}

/// Cleans points that belong to no pipeline, on the thread that asks.
pub(crate) fn clean_points(points: &mut [MetricPoint<'_>]) {
    let rules = OF_PROCESS.read().unwrap_or_else(PoisonError::into_inner);
    let mut cleaner = rules.cleaner();
    points.iter_mut().for_each(|point| cleaner.metric(point));
}

/// What the name of an attribute says about its texts, where there are no rules: nothing.
#[cfg(not(feature = "redact"))]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlainName;

#[cfg(not(feature = "redact"))]
impl PlainName {
    pub(crate) const NONE: Self = Self;
}

/// The state of one walk over a batch.
pub(crate) struct Cleaner<'r> {
    content: bool,
    #[cfg(feature = "redact")]
    pass: Option<Pass<'r>>,
    rules: std::marker::PhantomData<&'r ()>,
}

impl Cleaner<'_> {
    /// What a name says about its texts; `None` if whatever is under it must go through the other functions.
    #[cfg_attr(not(feature = "redact"), expect(clippy::unused_self, reason = "there are no rules to apply"))]
    pub(crate) fn plain_name(&mut self, name: &str) -> Option<PlainName> {
        if is_content(name) {
            return None;
        }
        #[cfg(feature = "redact")]
        if let Some(pass) = &mut self.pass {
            return pass.plain_name(name);
        }
        Some(PlainName::NONE)
    }

    /// Whether a text, as it lies in a record, stays as it is.
    #[inline]
    #[cfg_attr(not(feature = "redact"), expect(clippy::unused_self, reason = "there are no rules to apply"))]
    pub(crate) fn is_clean(&mut self, text: &[u8], name: PlainName) -> bool {
        #[cfg(feature = "redact")]
        if let Some(pass) = &mut self.pass {
            return pass.is_clean(text, name);
        }
        let _ = (text, name);
        true
    }

    pub(crate) fn span(&mut self, span: &mut Span<'_>) {
        if !self.content {
            drop_content(&mut span.attrs);
            span.events.iter_mut().for_each(|event| {
                drop_content(&mut event.attrs);
                if is_message(&event.name) {
                    drop_message(&mut event.attrs);
                }
            });
        }
        #[cfg(feature = "redact")]
        if let Some(pass) = &mut self.pass {
            pass.span(span);
        }
    }

    pub(crate) fn log(&mut self, log: &mut LogRecord<'_>) {
        if !self.content {
            drop_content(&mut log.attrs);
            if is_message(&log.event_name) {
                drop_message(&mut log.attrs);
                log.body = Value::from("");
            }
        }
        #[cfg(feature = "redact")]
        if let Some(pass) = &mut self.pass {
            pass.log(log);
        }
    }

    #[cfg_attr(not(feature = "redact"), expect(clippy::unused_self, reason = "there are no rules to apply"))]
    pub(crate) fn metric(&mut self, point: &mut MetricPoint<'_>) {
        #[cfg(feature = "redact")]
        if let Some(pass) = &mut self.pass {
            pass.metric(point);
        }
        let _ = point;
    }

    #[cfg_attr(not(feature = "redact"), expect(clippy::unused_self, reason = "there are no rules to apply"))]
    pub(crate) fn resource(&mut self, resource: &mut Resource<'_>) {
        #[cfg(feature = "redact")]
        if let Some(pass) = &mut self.pass {
            pass.resource(resource);
        }
        let _ = resource;
    }
}

/// Attributes that hold content, in the spellings of OpenTelemetry (today's and yesterday's), OpenInference and OpenLLMetry.
const CONTENT: [&str; 25] = [
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.tool.definitions",
    "gen_ai.retrieval.documents",
    "gen_ai.retrieval.query.text",
    "gen_ai.evaluation.explanation",
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.event.content",
    "input.value",
    "output.value",
    "llm.prompts",
    "llm.prompt",
    "llm.completion",
    "llm.function_call",
    "llm.prompt_template.template",
    "llm.prompt_template.variables",
    "reranker.query",
    "tool.parameters",
    "tool_call.function.arguments",
    "traceloop.entity.input",
    "traceloop.entity.output",
];

/// The same, one attribute for each message or document.
const CONTENT_PREFIXES: [&str; 10] = [
    "gen_ai.prompt.",
    "gen_ai.completion.",
    "llm.input_messages.",
    "llm.output_messages.",
    "llm.choices.",
    "llm.tools.",
    "embedding.embeddings.",
    "reranker.input_documents.",
    "reranker.output_documents.",
    "retrieval.documents.",
];

/// Names of prompts are no content.
const NAMES: [&str; 3] = ["gen_ai.prompt.name", "gen_ai.prompt.version", "gen_ai.prompt.id"];

fn is_content(key: &str) -> bool {
    CONTENT.contains(&key)
        || (CONTENT_PREFIXES.iter().any(|prefix| key.starts_with(prefix)) && !NAMES.contains(&key))
}

fn drop_content(attrs: &mut Attrs<'_>) {
    if attrs.iter().any(|(key, _)| is_content(key)) {
        attrs.retain(|(key, _)| !is_content(key));
    }
}

/// What an event that is a message says of it.
fn drop_message(attrs: &mut Attrs<'_>) {
    attrs.retain(|(key, _)| key != "content" && key != "message");
}

/// Events that are a message each.
pub(super) fn is_message(name: &str) -> bool {
    name.starts_with("gen_ai.") && (name.ends_with(".message") || name == "gen_ai.choice")
}
