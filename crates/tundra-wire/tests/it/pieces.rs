//! Records written piece by piece are read back as if they had been written whole.

use super::recorder::{Item, record, spans};
use tundra_record::{
    LogRecord, Resource, Scope, Severity, Span, SpanId, SpanKind, TraceId, UnixNanos, Value,
};
use tundra_wire::datadog::encode::{self, Ids, Shared, SpanWriter};
use tundra_wire::msgpack::Writer;
use tundra_wire::otlp::encode::{Group, Name, Template};

/// Texts of every width that a length can have.
fn texts() -> [String; 6] {
    [0, 1, 31, 200, 20_000, 70_000].map(|len| "t".repeat(len))
}

const NUMBERS: [i64; 8] = [0, 1, -1, 127, 128, 65_536, i64::MIN, i64::MAX];

fn span<'a>(text: &'a str, number: i64, parent: Option<SpanId>) -> Span<'a> {
    Span {
        trace_id: TraceId(7),
        span_id: SpanId(u64::MAX),
        parent_id: parent,
        name: "a span".into(),
        kind: SpanKind::Internal,
        start: UnixNanos(1_700_000_000_000_000_000),
        duration: 17,
        flags: 1,
        attrs: vec![
            ("text".into(), Value::from(text)),
            ("truth".into(), Value::Bool(true)),
            ("a name that is longer than most".into(), Value::Int(number)),
            ("part".into(), Value::Double(0.5)),
        ],
        ..Span::default()
    }
}

#[test]
fn otlp() {
    let names = ["text", "truth", "a name that is longer than most", "part"].map(Name::new);
    for (text, number) in texts().iter().zip(NUMBERS).chain(texts()[..1].iter().cycle().zip(NUMBERS)) {
        for parent in [None, Some(SpanId(9))] {
            let span = span(text, number, parent);
            let log = LogRecord {
                time: span.start,
                severity: Severity(9),
                severity_text: "INFO".into(),
                event_name: "named".into(),
                body: Value::from(text.as_str()),
                trace_id: Some(span.trace_id),
                span_id: parent,
                attrs: [&[("target".into(), Value::from("here"))], &span.attrs[..]].concat(),
            };
            let like_span = Template::of_span("a span", SpanKind::Internal, 1);
            let like_log = Template::of_log((Severity(9), "INFO"), "named", ("target", &Value::from("here")));
            let (resource, scope) = (Resource::default(), Scope::default());
            let mut pieces = [(); 2].map(|()| Group::begin(&resource, &scope, Vec::new()));
            for (group, template) in pieces.iter_mut().zip([&like_span, &like_log]) {
                let is_log = std::ptr::eq(template, &like_log);
                let mut piece = group.like(template);
                if is_log {
                    piece.log_time(log.time.0 as u64);
                    piece.log_trace(span.trace_id);
                    parent.into_iter().for_each(|id| piece.log_span(id));
                } else {
                    piece.span_ids(
                        span.trace_id,
                        span.span_id,
                        parent,
                        [span.start, span.end()].map(|t| t.0 as u64),
                    );
                }
                piece.text(&names[0], text.as_bytes());
                piece.bool(&names[1], true);
                piece.int(&names[2], number);
                piece.double(&names[3], 0.5);
                if is_log {
                    piece.body(text.as_bytes());
                }
                piece.end(true);
                group.like(template).end(false);
            }
            let [of_spans, of_logs] = pieces.map(Group::end);
            assert_eq!(
                record("otlp-traces", &of_spans).unwrap()[2..],
                [Item::Span(span.clone().into_owned())]
            );
            assert_eq!(record("otlp-logs", &of_logs).unwrap().len(), 3);
            let mut whole = Group::begin(&resource, &scope, Vec::new());
            whole.log(&log);
            assert_eq!(record("otlp-logs", &of_logs).unwrap(), record("otlp-logs", &whole.end()).unwrap());
        }
    }
}

#[test]
fn a_tail_moves_into_the_next_request() {
    let (resource, scope) = (Resource::default(), Scope::default());
    let [mut first, mut second] = [(); 2].map(|()| Group::begin(&resource, &scope, Vec::new()));
    let records = ["one", "two"].map(|text| span(text, 1, None));
    first.span(&records[0]);
    let before = first.len_bytes();
    first.span(&records[1]);
    first.move_tail(before, &mut second);
    for (group, record) in [first, second].into_iter().zip(records) {
        assert_eq!(spans("otlp-traces", &group.end()), [record]);
    }
}

#[test]
fn datadog() {
    let names = ["text", "truth", "a name that is longer than most", "part"].map(encode::Name::new);
    let template = encode::Template::new(|piece| {
        for (key, text) in [("service", "s"), ("name", "a span"), ("resource", "a span"), ("type", "custom")]
        {
            piece.field(key).text(text);
        }
        piece.tag("env", "test");
    });
    let mut numbers = encode::Numbers::new([("pid", &Value::Int(1))]);
    let resource = Resource {
        attrs: vec![
            ("service.name".into(), "s".into()),
            ("deployment.environment.name".into(), "test".into()),
            ("pid".into(), Value::Int(1)),
        ],
    };
    let shared = Shared {
        tags: vec![("env".into(), "test".into()), ("pid".into(), Value::Int(1))],
        ..Shared::of(&resource)
    };
    for (text, number) in texts().iter().zip(NUMBERS).chain(texts()[..1].iter().cycle().zip(NUMBERS)) {
        for parent in [None, Some(SpanId(9))] {
            let mut span = span(text, number, parent);
            span.kind = SpanKind::Unspecified;
            span.attrs.push(("span.type".into(), "custom".into()));
            let mut bodies = [(); 2].map(|()| {
                let mut body = Vec::new();
                let at = Writer::new(&mut body).open_array();
                Writer::new(&mut body).close_array(at, 1);
                Writer::new(&mut body).array(1);
                body
            });
            encode::write(&span, &shared, true, &mut bodies[0]);
            let mut piece = SpanWriter::begin(&mut bodies[1]);
            piece.like(&template);
            piece.named_tag(&names[0], text.as_bytes());
            piece.named_tag(&names[1], b"true");
            numbers.reset();
            numbers.int(&names[2], number);
            numbers.double(&names[3], 0.5);
            piece.numbers(&numbers);
            let (trace, span, start) = (span.trace_id, span.span_id, span.start.0);
            piece.end(&Ids { trace, span, parent, start, duration: 17 });
            let mut none = SpanWriter::begin(&mut bodies[1]);
            none.like(&template);
            none.cancel();
            let [whole, pieces] = bodies.map(|body| {
                let mut found = spans("v04", &body);
                found[0].attrs.sort_by(|a, b| a.0.cmp(&b.0));
                found
            });
            assert_eq!(whole, pieces);
            assert_eq!((whole.len(), whole[0].parent_id), (1, parent));
        }
    }
}

#[test]
fn a_map_grows_beyond_its_head() {
    let mut body = Vec::new();
    let mut writer = Writer::new(&mut body);
    let at = writer.open_map();
    for _ in 0..70_000 {
        writer.int(1);
        writer.int(2);
    }
    writer.close_map(at, 70_000);
    let mut reader = tundra_wire::msgpack::Reader::new(&body);
    assert_eq!(reader.map().unwrap(), 70_000);
}
