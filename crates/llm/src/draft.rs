//! The hub: what a dialect has understood so far, and how it becomes an [`Understood`] (one spelling, inclusive
//! totals, price). Dialects fill a draft by their table of keys and by hand; `reader` finishes it.

use crate::content::Parts;
use crate::fields::{Known, Pairs, find, nanos, opened, parse, text, word};
use crate::keys::{Keys, SESSION, USER};
use crate::limits::{EVALUATIONS_MAX, PROBLEMS_MAX, TAGS_MAX};
use crate::prices::Prices;
use crate::raw::Response;
use crate::usage::Counts;
use crate::words;
use tundra_record::llm::{AgentRun, Evaluation, LlmCall, Understood};
use tundra_record::{PicoUsd, Span, Status, Value};

/// Metadata that have fields of their own and are no tags.
const IDENTITY: &[&str] =
    &["session_id", "sessionId", "user_id", "userId", "chat_id", "chatId", "tags", "thread_id", "threadId"];

/// A record on its way to being understood.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// Becomes the call if `leaf` is set; its session, user and agent serve a run too.
    pub(crate) call: LlmCall,
    /// Whether the record is a leaf model call.
    pub(crate) leaf: bool,
    pub(crate) counts: Counts,
    pub(crate) run: Option<AgentRun>,
    pub(crate) parts: Parts,
    evaluations: Vec<Evaluation>,
    problems: Vec<String>,
}

impl Draft {
    /// A draft of a span, with what all dialects share: identity, times, error.
    pub(crate) fn of_span(dialect: &'static str, span: &Span<'_>) -> Self {
        let mut draft = Self::default();
        draft.call.dialect = dialect;
        draft.call.trace_id = span.trace_id;
        draft.call.span_id = span.span_id;
        draft.call.start = span.start;
        draft.call.duration = span.duration;
        draft.call.error_type = error_type(span);
        draft.call.success = Some(draft.call.error_type.is_none());
        draft
    }

    /// Reads everything that the table knows from `attrs`; what was known before stays.
    pub(crate) fn fill(&mut self, keys: &Keys, attrs: Pairs<'_, '_>) {
        let known = Known::of(attrs);
        let call = &mut self.call;
        let keep = |slot: &mut Option<String>, from: &[&str]| {
            if slot.is_none() {
                *slot = known.text(from);
            }
        };
        keep(&mut call.provider, keys.provider);
        keep(&mut call.request_model, keys.request_model);
        keep(&mut call.response_model, keys.response_model);
        keep(&mut call.service_tier, keys.service_tier);
        keep(&mut call.finish_reason, keys.finish);
        keep(&mut call.agent_name, keys.agent);
        keep(&mut call.workflow, keys.workflow);
        keep(&mut call.session_id, keys.session);
        keep(&mut call.user_id, keys.user);
        keep(&mut call.prompt_name, keys.prompt_name);
        keep(&mut call.prompt_version, keys.prompt_version);
        keep(&mut call.profile, keys.profile);
        keep(&mut call.task_type, keys.task_type);
        call.streaming = call.streaming.or_else(|| known.find(keys.streaming)?.as_bool());
        call.ttft = call.ttft.or_else(|| nanos(known.find(keys.ttft)?, keys.ttft_unit));
        call.cost.reported =
            call.cost.reported.or_else(|| PicoUsd::from_dollars(known.find(keys.cost)?.as_double()?));
        let said = Counts {
            input: known.count(keys.input),
            cache_read: known.count(keys.cache_read),
            cache_write: known.count(keys.cache_write),
            cache_write_5m: known.count(keys.cache_write_5m),
            cache_write_1h: known.count(keys.cache_write_1h),
            output: known.count(keys.output),
            reasoning: known.count(keys.reasoning),
            total: known.count(keys.total),
            exclusive: keys.exclusive,
            ..Counts::default()
        };
        self.counts.fill_from(&said);
        self.counts.total = self.counts.total.or(said.total);
        self.read_tags(keys, attrs, known);
        self.check_counts(keys, known);
    }

    fn read_tags(&mut self, keys: &Keys, attrs: Pairs<'_, '_>, known: Known<'_, '_>) {
        match known.find(keys.tags).map(opened).as_deref() {
            Some(Value::List(items)) => items.iter().filter_map(word).for_each(|tag| self.tag(tag)),
            Some(one) => word(one).into_iter().for_each(|tag| self.tag(tag)),
            None => {}
        }
        if let Some(map) = known.find(keys.metadata).map(opened) {
            self.tag_map(&map);
        }
        for prefix in keys.metadata_prefix {
            for (key, value) in attrs {
                let Some(rest) = key.strip_prefix(prefix).filter(|rest| !IDENTITY.contains(rest)) else {
                    continue;
                };
                if let Some(value) = word(value) {
                    self.tag(format!("{rest}:{value}"));
                }
            }
        }
    }

    /// Each scalar of a map as a `key:value` tag.
    pub(crate) fn tag_map(&mut self, map: &Value<'_>) {
        let Value::Map(entries) = map else { return };
        for (key, value) in entries {
            if !matches!(value, Value::List(_) | Value::Map(_))
                && let Some(value) = word(value)
            {
                self.tag(format!("{key}:{value}"));
            }
        }
    }

    pub(crate) fn tag(&mut self, tag: String) {
        if self.call.tags.len() >= TAGS_MAX {
            self.problem("more tags than are kept");
        } else if !self.call.tags.contains(&tag) {
            self.call.tags.push(tag);
        }
    }

    fn check_counts(&mut self, keys: &Keys, known: Known<'_, '_>) {
        for list in [keys.input, keys.output, keys.cache_read, keys.cache_write, keys.reasoning] {
            if known.find(list).is_some() && known.count(list).is_none() {
                self.problem("a token count is not a whole number from 0 up");
            }
        }
    }

    /// Marks the record as a leaf model call.
    pub(crate) fn leaf(&mut self, operation: &str) {
        self.leaf = true;
        self.call.operation = words::operation(operation).into_owned();
    }

    /// Marks the record as a run of an agent, workflow, tool or the like.
    pub(crate) fn run(&mut self, kind: &str, name: Option<String>, span: &Span<'_>) {
        self.run = Some(AgentRun {
            agent_name: name.unwrap_or_else(|| span.name.clone().into_owned()),
            kind: kind.to_owned(),
            success: self.call.success,
            ..AgentRun::default()
        });
    }

    /// Takes from the raw response what the dialect itself did not say.
    pub(crate) fn mine(&mut self, raw: Response) {
        if let Some(counts) = raw.counts {
            self.counts.fill_from(&counts);
        }
        let call = &mut self.call;
        call.service_tier = call.service_tier.take().or(raw.service_tier);
        call.finish_reason = call.finish_reason.take().or(raw.finish);
        call.response_model = call.response_model.take().or(raw.model);
    }

    /// Time to the first event of one of these names.
    pub(crate) fn ttft_from_events(&mut self, keys: &Keys, span: &Span<'_>) {
        let first = span.events.iter().find(|event| keys.ttft_event.contains(&event.name.as_ref()));
        if let Some(event) = first {
            self.call.streaming = self.call.streaming.or(Some(true));
            self.call.ttft = self.call.ttft.or(Some(event.time.since(span.start)));
        }
    }

    pub(crate) fn evaluation(&mut self, evaluation: Evaluation) {
        if self.evaluations.len() < EVALUATIONS_MAX {
            self.evaluations.push(evaluation);
        } else {
            self.problem("more evaluations than are kept");
        }
    }

    /// Notes what could not be made sense of. Never pass content here.
    pub(crate) fn problem(&mut self, what: &str) {
        if self.problems.len() < PROBLEMS_MAX && !self.problems.iter().any(|known| known == what) {
            self.problems.push(what.to_owned());
        }
    }

    /// One spelling, inclusive totals, price.
    pub(crate) fn finish(mut self, prices: &Prices) -> Understood {
        if self.parts.lost > 0 {
            self.problem(&format!("{} message parts beyond the limit were left out", self.parts.lost));
        }
        let session_id = self.call.session_id.clone();
        let user_id = self.call.user_id.clone();
        let run = self.run.map(|mut run| {
            run.session_id = run.session_id.or_else(|| session_id.clone());
            run
        });
        let call = self.leaf.then(|| finished(self.call, self.counts, &self.parts, prices));
        Understood {
            call,
            messages: self.parts.into_list(),
            run,
            evaluations: self.evaluations,
            session_id,
            user_id,
            problems: self.problems,
        }
    }
}

fn finished(mut call: LlmCall, counts: Counts, parts: &Parts, prices: &Prices) -> LlmCall {
    let model = call.response_model.as_deref().or(call.request_model.as_deref());
    call.provider = (call.provider.as_deref().and_then(words::provider))
        .or_else(|| words::provider_of_model(model?).map(str::to_owned));
    call.finish_reason = call.finish_reason.as_deref().and_then(words::finish);
    if call.finish_reason.is_none() && parts.asks_for_tool() {
        call.finish_reason = Some("tool_calls".to_owned());
    }
    call.usage = counts.usage();
    if call.operation == "embeddings" && call.usage.input.is_some() {
        // Not unknown: an embedding model writes no tokens.
        call.usage.output.get_or_insert(0);
    }
    if call.operation.is_empty() {
        call.operation.push_str("chat");
    }
    prices.apply(&mut call);
    call
}

/// The class of a span's error: said, from its exception, or from its status; `None` if it did not fail.
pub(crate) fn error_type(span: &Span<'_>) -> Option<String> {
    if let Some(said) = span.attr_str("error.type") {
        return Some(said.to_owned());
    }
    if span.status != Status::Error {
        return None;
    }
    let thrown = span.events.iter().rev().filter(|event| event.name == "exception");
    let class = thrown.filter_map(|event| text(&event.attrs, &["exception.type"])).next();
    class.or_else(|| class_in(&span.status_message)).or_else(|| Some("error".to_owned()))
}

/// `RateLimitError: ...` names its class, `... code: 429 ...` its HTTP status.
fn class_in(message: &str) -> Option<String> {
    let head = message.split(':').next().unwrap_or_default();
    let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
    let classy = head.len() <= 100 && head.bytes().all(name) && head.bytes().any(|b| b.is_ascii_uppercase());
    if message.contains(':') && classy {
        return Some(head.to_owned());
    }
    let after = message.split_once("code: ")?.1;
    let digits: String = after.chars().take_while(char::is_ascii_digit).take(4).collect();
    (digits.len() == 3).then_some(digits)
}

/// Session and user of a record that is no LLM record.
pub(crate) fn identity(attrs: Pairs<'_, '_>) -> Option<Understood> {
    let (session_id, user_id) = (text(attrs, SESSION), text(attrs, USER));
    (session_id.is_some() || user_id.is_some()).then(|| Understood {
        session_id,
        user_id,
        ..Understood::default()
    })
}

/// JSON text that is worth looking into.
pub(crate) fn json_of<'v>(attrs: Pairs<'v, 'v>, keys: &[&str]) -> Option<Value<'v>> {
    match find(attrs, keys)? {
        Value::Str(text) => parse(text),
        other => Some(other.clone()),
    }
}
