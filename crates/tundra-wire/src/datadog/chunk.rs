//! From the fields of a Datadog span, whichever encoding they came in, to a finished record. The decoders of v0.3/v0.4,
//! v0.5 and JSON share it: they fill a [`Draft`] and give it to the [`Chunk`].

use super::headers::DatadogHeaders;
use super::{OPERATION, tags};
use crate::budget::{Budget, Fault};
use std::borrow::Cow;
use tundra_record::{
    Reject, Resource, Scope, Sink, Span, SpanId, SpanKind, Status, Text, TraceId, UnixNanos, Value,
};

/// One span being read. Its buffers serve all spans of the request.
#[derive(Debug, Default)]
pub(crate) struct Draft<'a> {
    pub(crate) span: Span<'a>,
    /// The low half of the trace id.
    pub(crate) low: u64,
    /// The high half, if this span says it.
    pub(crate) high: Option<u64>,
    /// The whole trace id, if this span says it (`otel.trace_id`).
    whole: Option<TraceId>,
    env: Option<Text<'a>>,
    version: Option<Text<'a>>,
    host: Option<Text<'a>>,
    error_text: Option<Text<'a>>,
    /// What Datadog calls the operation, if a tag says that as well.
    operation: Option<Text<'a>>,
    /// Whether `error` says so; a status in tags is weaker.
    pub(crate) error: bool,
    /// Why this span cannot be kept.
    pub(crate) refused: Option<Reject>,
}

impl<'a> Draft<'a> {
    pub(crate) fn clear(&mut self) {
        self.span.clear();
        let span = std::mem::take(&mut self.span);
        *self = Self { span, ..Self::default() };
    }

    pub(crate) fn set_span_id(&mut self, id: u64) {
        self.span.span_id = SpanId(id);
    }

    /// Zero means a root.
    pub(crate) fn set_parent_id(&mut self, id: u64) {
        self.span.parent_id = Some(SpanId(id)).filter(|id| id.is_valid());
    }

    pub(crate) fn set_type(
        &mut self,
        text: Text<'a>,
        budget: &mut Budget,
        offset: usize,
    ) -> Result<(), Fault> {
        if text.is_empty() {
            return Ok(());
        }
        self.push(Cow::Borrowed("span.type"), Value::Str(text), budget, offset)
    }

    /// One entry of `meta` or `metrics`.
    #[inline]
    pub(crate) fn tag(
        &mut self,
        key: Text<'a>,
        value: Value<'a>,
        budget: &mut Budget,
        offset: usize,
    ) -> Result<(), Fault> {
        if let Value::Str(text) = &value
            && self.understood(&key, text, budget, offset)?
        {
            return Ok(());
        }
        self.push(key, value, budget, offset)
    }

    /// One entry of `meta_struct`, unpacked.
    pub(crate) fn structure(
        &mut self,
        key: &str,
        value: Value<'a>,
        budget: &mut Budget,
        offset: usize,
    ) -> Result<(), Fault> {
        let name = match key {
            "_llmobs" => Cow::Borrowed("meta_struct._llmobs"),
            other => Cow::Owned(format!("{}{other}", super::META_STRUCT)),
        };
        self.push(name, value, budget, offset)
    }

    #[inline]
    fn push(
        &mut self,
        key: Text<'a>,
        value: Value<'a>,
        budget: &mut Budget,
        offset: usize,
    ) -> Result<(), Fault> {
        let text = value.as_str().map_or(0, str::len);
        budget.attr(self.span.attrs.len(), key.len() + text, offset)?;
        self.span.attrs.push((key, value));
        Ok(())
    }

    /// Takes note of tags that say more than themselves; `true` if a field now says all of it.
    fn understood(
        &mut self,
        key: &str,
        text: &Text<'a>,
        budget: &mut Budget,
        offset: usize,
    ) -> Result<bool, Fault> {
        match key {
            "_dd.p.tid" => {
                self.high = tags::high_half(text).or(self.high);
                return Ok(self.high.is_some());
            }
            "span.kind" => {
                self.span.kind = SpanKind::from_word(text);
                return Ok(self.span.kind.as_str() == *text && self.span.kind != SpanKind::Unspecified);
            }
            "w3c.tracestate" => {
                self.span.trace_state = text.clone();
                return Ok(true);
            }
            "events" => return tags::events(text, &mut self.span.events, budget, offset),
            "_dd.span_links" => return tags::links(text, &mut self.span.links, budget, offset),
            "env" => self.env = Some(text.clone()),
            "version" => self.version = Some(text.clone()),
            "_dd.hostname" => self.host = Some(text.clone()),
            "error.message" | "error.msg" => self.error_text = Some(text.clone()),
            OPERATION => self.operation = Some(text.clone()),
            "otel.status_code" if text.eq_ignore_ascii_case("ok") => self.span.status = Status::Ok,
            "otel.trace_id" => self.whole = text.parse().ok(),
            _ => {}
        }
        Ok(false)
    }
}

/// The state that spans of one chunk share, and of the request around it.
#[derive(Debug)]
pub(crate) struct Chunk<'a, 'h> {
    headers: &'h DatadogHeaders<'h>,
    /// The high half that the chunk's first span said.
    high: u64,
    first: bool,
    /// Environment, version and host of the resource announced last.
    announced: Option<[Option<Text<'a>>; 3]>,
}

impl<'a, 'h> Chunk<'a, 'h> {
    pub(crate) fn new(headers: &'h DatadogHeaders<'h>) -> Self {
        Self { headers, high: 0, first: true, announced: None }
    }

    /// The spans that follow are another chunk's.
    pub(crate) fn begin(&mut self) {
        self.high = 0;
        self.first = true;
    }

    /// Finishes what was read of a span and hands it over, or says why it cannot be kept.
    pub(crate) fn finish(&mut self, draft: &mut Draft<'a>, sink: &mut impl Sink) {
        if self.first {
            self.first = false;
            self.high = draft.high.unwrap_or(0);
            self.announce(draft, sink);
        }
        let whole = draft.whole.filter(|id| id.low() == draft.low);
        let high = draft.high.or(whole.map(TraceId::high)).unwrap_or(self.high);
        let span = &mut draft.span;
        span.trace_id = TraceId(u128::from(high) << 64 | u128::from(draft.low));
        if draft.error {
            span.status = Status::Error;
            span.status_message = draft.error_text.take().unwrap_or_default();
        }
        if draft.operation.take().is_some_and(|operation| operation == span.name)
            && let Some(own) = span.resource.as_ref().filter(|own| !own.is_empty())
        {
            span.name = own.clone();
        }
        // A trace id whose low half is zero is no Datadog id, whatever the high half says.
        let bad_id = draft.low == 0 || !span.span_id.is_valid();
        match draft.refused.or(bad_id.then_some(Reject::InvalidId)) {
            Some(reason) => sink.reject(reason),
            None => sink.span(span),
        }
    }

    fn announce(&mut self, draft: &Draft<'a>, sink: &mut impl Sink) {
        let said = [draft.env.clone(), draft.version.clone(), draft.host.clone()];
        if self.announced.as_ref() == Some(&said) {
            return;
        }
        let mut resource = Resource::default();
        self.headers.add_to(&mut resource.attrs);
        let names = ["deployment.environment.name", "service.version", "host.name"];
        for (name, text) in names.into_iter().zip(&said) {
            if let Some(text) = text {
                resource.attrs.push((Cow::Borrowed(name), Value::Str(Cow::Borrowed(text))));
            }
        }
        sink.resource(&mut resource);
        if self.announced.is_none() {
            sink.scope(&mut Scope::default());
        }
        self.announced = Some(said);
    }
}

/// A duration or start as Datadog's clients send it; negative ones become zero.
pub(crate) fn time(nanos: i64) -> UnixNanos {
    UnixNanos(nanos.max(0))
}
