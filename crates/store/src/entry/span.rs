//! Spans.

use crate::cells::rows;
use crate::entry::attrs::{self, Scratch};
use crate::entry::events;
use crate::entry::origin::{Origin, first_text};
use crate::read::{Columns, ReadError};
use tundra_record::llm::Understood;
use tundra_record::{Span, SpanKind, Status, UnixNanos};

rows! {
    /// Spans of a batch.
    SpanRows, SPANS {
        trace_id: Text some "trace, 32 hex digits",
        span_id: Text some "span, 16 hex digits",
        parent_id: Text null "the span that caused it; NULL for a root",
        service: Text null "service that did the work",
        env: Text null "deployment environment",
        version: Text null "version of the service",
        host: Text null "host it ran on",
        name: Text some "operation",
        resource: Text null "what was asked for: route, statement, ...",
        kind: Text some "unspecified, internal, server, client, producer or consumer",
        start_ns: Int some "begin, nanoseconds since 1970 UTC",
        duration_ns: Int some "duration in nanoseconds",
        status: Text some "unset, ok or error",
        status_message: Text null "why it failed",
        attrs: Map some "attributes as text",
        attr_kinds: Text null "one letter for each attribute in order; NULL if all are texts in attrs",
        content: Map null "attributes whose text is long",
        events: Text null "what happened during it, JSON",
        links: Text null "related spans, JSON",
        source: Text some "otlp, datadog, gateway or sdk",
        user_id: Text null "end user",
        session_id: Text null "conversation or session",
        sample: Bool some "true for sample data",
        resource_attrs: Text null "attributes of the process, container and host, JSON",
        scope_name: Text null "library that made the span",
        scope_version: Text null "version of that library",
        trace_state: Text null "W3C tracestate",
        flags: Int some "W3C trace flags",
        llm_problems: Text null "what could not be understood of its model call, JSON list",
        own_service: Bool some "true if the span itself named the service",
        received_ns: Int some "when it arrived",
    }
}

const USER_KEYS: &[&str] = &["user.id", "usr.id", "enduser.id"];
const SESSION_KEYS: &[&str] = &["session.id"];

impl SpanRows {
    /// Appends a span.
    pub(crate) fn push(
        &mut self,
        origin: &Origin,
        span: &Span<'_>,
        understood: Option<&Understood>,
        scratch: &mut Scratch,
    ) {
        self.trace_id.ascii(&span.trace_id.hex());
        self.span_id.ascii(&span.span_id.hex());
        match span.parent_id {
            Some(id) => self.parent_id.ascii(&id.hex()),
            None => self.parent_id.null(),
        }
        self.service.maybe(span.service.as_deref().or(origin.service.as_deref()));
        self.own_service.push(span.service.is_some());
        let or_attr = |own: &Option<String>, key| match own {
            Some(_) => None,
            None => first_text(&span.attrs, &[key]).map(str::to_owned),
        };
        let (env, version) = (or_attr(&origin.env, "env"), or_attr(&origin.version, "version"));
        self.env.maybe(origin.env.as_deref().or(env.as_deref()));
        self.version.maybe(origin.version.as_deref().or(version.as_deref()));
        self.host.maybe(origin.host.as_deref());
        self.name.push(&span.name);
        self.resource.maybe(span.resource.as_deref());
        self.kind.push(span.kind.as_str());
        self.start_ns.push(span.start.0);
        self.duration_ns.push(span.duration);
        self.status.push(span.status.as_str());
        self.status_message.filled(&span.status_message);
        attrs::write(&span.attrs, &mut self.attrs, Some(&mut self.content), &mut self.attr_kinds, scratch);
        self.push_lists(span, understood);
        self.push_people(span, understood);
        self.push_origin(origin);
        self.trace_state.filled(&span.trace_state);
        self.flags.push(i64::from(span.flags));
    }

    fn push_lists(&mut self, span: &Span<'_>, understood: Option<&Understood>) {
        let mut json = String::new();
        if !span.events.is_empty() {
            events::write_events(&span.events, &mut json);
        }
        self.events.filled(&json);
        json.clear();
        if !span.links.is_empty() {
            events::write_links(&span.links, &mut json);
        }
        self.links.filled(&json);
        json.clear();
        if let Some(known) = understood.filter(|u| !u.problems.is_empty()) {
            json = json_list(&known.problems);
        }
        self.llm_problems.filled(&json);
    }

    fn push_people(&mut self, span: &Span<'_>, understood: Option<&Understood>) {
        let user = understood.and_then(|u| u.user_id.as_deref());
        self.user_id.maybe(user.or_else(|| first_text(&span.attrs, USER_KEYS)));
        let session = understood.and_then(|u| u.session_id.as_deref());
        self.session_id.maybe(session.or_else(|| first_text(&span.attrs, SESSION_KEYS)));
    }

    fn push_origin(&mut self, origin: &Origin) {
        self.source.push(origin.source.as_str());
        self.sample.push(origin.sample);
        self.resource_attrs.filled(&origin.resource_attrs);
        self.scope_name.filled(&origin.scope_name);
        self.scope_version.filled(&origin.scope_version);
        self.received_ns.push(origin.received.0);
    }
}

/// Texts as a JSON list.
pub(crate) fn json_list(texts: &[String]) -> String {
    serde_json::to_string(texts).unwrap_or_default()
}

/// The span of a row; it borrows from the batch.
pub(crate) fn read<'b>(columns: &Columns<'b>, row: usize) -> Result<Span<'b>, ReadError> {
    let damaged = |column| ReadError::Damaged { column, row };
    let text = |column| columns.text(column, row);
    let need = |column| text(column).ok_or(damaged(column));
    let own = columns.truth("own_service", row).unwrap_or_default();
    let attrs = attrs::read(columns.map("attrs", row), columns.map("content", row), text("attr_kinds"));
    Ok(Span {
        trace_id: need("trace_id")?.parse().unwrap_or_default(),
        span_id: need("span_id")?.parse().unwrap_or_default(),
        parent_id: text("parent_id").and_then(|id| id.parse().ok()),
        service: text("service").filter(|_| own).map(Into::into),
        name: need("name")?.into(),
        resource: text("resource").map(Into::into),
        kind: SpanKind::from_word(need("kind")?),
        start: UnixNanos(columns.int("start_ns", row).ok_or(damaged("start_ns"))?),
        duration: columns.int("duration_ns", row).ok_or(damaged("duration_ns"))?,
        status: Status::from_word(need("status")?),
        status_message: text("status_message").unwrap_or_default().into(),
        trace_state: text("trace_state").unwrap_or_default().into(),
        flags: columns.int("flags", row).and_then(|n| u32::try_from(n).ok()).unwrap_or_default(),
        attrs: attrs.ok_or(damaged("attrs"))?,
        events: match text("events") {
            Some(json) => events::read_events(json).ok_or(damaged("events"))?,
            None => Vec::new(),
        },
        links: match text("links") {
            Some(json) => events::read_links(json).ok_or(damaged("links"))?,
            None => Vec::new(),
        },
    })
}
