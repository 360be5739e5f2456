//! Spans, their events and their links.

use crate::id::{SpanId, TraceId};
use crate::time::UnixNanos;
use crate::value::{Attrs, Text, Value, get};
use std::borrow::Cow;

/// The scope of a span that was told by an event beside its trace. The trace may tell the same span, with more about it;
/// then that telling is the span, and this one counts as nothing but what was understood of it.
pub const EVENT_SCOPE: &str = "llm.event";

/// One finished operation of a trace, with everything the client said about it.
///
/// Both OpenTelemetry's and Datadog's spans fit without loss. What Datadog has and OpenTelemetry has not:
/// `resource` (its own field here), `type` (attribute `span.type`), `meta_struct` entries (attributes
/// `meta_struct.<name>` with the unpacked value).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span<'a> {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// The span that caused it; `None` for a root.
    pub parent_id: Option<SpanId>,
    /// The service, where a span says so itself (Datadog); else the resource's.
    pub service: Option<Text<'a>>,
    /// The operation's name.
    pub name: Text<'a>,
    /// What was asked for (route, statement, ...): Datadog's `resource`.
    pub resource: Option<Text<'a>>,
    /// Its role in a call.
    pub kind: SpanKind,
    /// When it began.
    pub start: UnixNanos,
    /// How long it took, in nanoseconds; never negative.
    pub duration: i64,
    /// How it ended.
    pub status: Status,
    /// Why it failed; empty if unknown.
    pub status_message: Text<'a>,
    /// W3C `tracestate`; empty if none.
    pub trace_state: Text<'a>,
    /// W3C trace flags and OTLP's extra bits.
    pub flags: u32,
    /// Attributes in the order they came.
    pub attrs: Attrs<'a>,
    /// Things that happened during it.
    pub events: Vec<Event<'a>>,
    /// Other spans it relates to.
    pub links: Vec<Link<'a>>,
}

/// Something that happened at one moment during a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event<'a> {
    /// When.
    pub time: UnixNanos,
    /// What.
    pub name: Text<'a>,
    /// Details.
    pub attrs: Attrs<'a>,
}

/// A relation to a span of this or another trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link<'a> {
    /// The other trace.
    pub trace_id: TraceId,
    /// The other span.
    pub span_id: SpanId,
    /// The other span's `tracestate`; empty if none.
    pub trace_state: Text<'a>,
    /// The other span's flags.
    pub flags: u32,
    /// Details.
    pub attrs: Attrs<'a>,
}

/// The role of a span in a call. Numbers are OTLP's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// Not said.
    #[default]
    Unspecified = 0,
    /// Work inside the process.
    Internal = 1,
    /// Answers a request.
    Server = 2,
    /// Makes a request.
    Client = 3,
    /// Puts a message somewhere.
    Producer = 4,
    /// Takes a message from somewhere.
    Consumer = 5,
}

impl SpanKind {
    /// From OTLP's number; unknown numbers are `Unspecified`.
    pub fn from_otlp(number: u64) -> Self {
        match number {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }

    /// The word that SQL and Datadog's `span.kind` use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }

    /// From the word, in any case; unknown words are `Unspecified`.
    pub fn from_word(word: &str) -> Self {
        [Self::Internal, Self::Server, Self::Client, Self::Producer, Self::Consumer]
            .into_iter()
            .find(|kind| word.eq_ignore_ascii_case(kind.as_str()))
            .unwrap_or_default()
    }
}

/// How a span ended. Numbers are OTLP's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not said.
    #[default]
    Unset = 0,
    /// Well.
    Ok = 1,
    /// Badly.
    Error = 2,
}

impl Status {
    /// The word that SQL uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }

    /// From the word; unknown words are `Unset`.
    pub fn from_word(word: &str) -> Self {
        match word {
            "ok" => Self::Ok,
            "error" => Self::Error,
            _ => Self::Unset,
        }
    }
}

/// The door a record came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// OpenTelemetry's protocol.
    Otlp,
    /// A Datadog tracer or client.
    Datadog,
    /// Our own LLM gateway.
    Gateway,
    /// Our own SDK.
    Sdk,
}

impl Source {
    /// The word that SQL uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Otlp => "otlp",
            Self::Datadog => "datadog",
            Self::Gateway => "gateway",
            Self::Sdk => "sdk",
        }
    }
}

impl<'a> Span<'a> {
    /// Makes it the default span again and keeps the buffers, so that a decoder allocates once a request.
    pub fn clear(&mut self) {
        let mut attrs = std::mem::take(&mut self.attrs);
        let mut events = std::mem::take(&mut self.events);
        let mut links = std::mem::take(&mut self.links);
        attrs.clear();
        events.clear();
        links.clear();
        *self = Self { attrs, events, links, ..Self::default() };
    }

    /// The last attribute under `key`.
    pub fn attr(&self, key: &str) -> Option<&Value<'a>> {
        get(&self.attrs, key)
    }

    /// The text attribute under `key`, unless it is missing, empty or of another type.
    pub fn attr_str(&self, key: &str) -> Option<&str> {
        self.attr(key)?.as_str().filter(|text| !text.is_empty())
    }

    /// When it ended.
    pub fn end(&self) -> UnixNanos {
        self.start.plus(self.duration)
    }

    /// The same span with nothing borrowed.
    pub fn into_owned(self) -> Span<'static> {
        fn text(text: Text<'_>) -> Text<'static> {
            Cow::Owned(text.into_owned())
        }
        let event = |e: Event<'_>| Event {
            time: e.time,
            name: text(e.name),
            attrs: crate::value::into_owned(e.attrs),
        };
        let link = |l: Link<'_>| Link {
            trace_id: l.trace_id,
            span_id: l.span_id,
            trace_state: text(l.trace_state),
            flags: l.flags,
            attrs: crate::value::into_owned(l.attrs),
        };
        Span {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_id: self.parent_id,
            service: self.service.map(text),
            name: text(self.name),
            resource: self.resource.map(text),
            kind: self.kind,
            start: self.start,
            duration: self.duration,
            status: self.status,
            status_message: text(self.status_message),
            trace_state: text(self.trace_state),
            flags: self.flags,
            attrs: crate::value::into_owned(self.attrs),
            events: self.events.into_iter().map(event).collect(),
            links: self.links.into_iter().map(link).collect(),
        }
    }
}
