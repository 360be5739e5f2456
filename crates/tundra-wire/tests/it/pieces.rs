//! Records written piece by piece are read back as if they had been written whole.

use super::recorder::{Item, record, spans};
use tundra_record::{
    LogRecord, Resource, Scope, Severity, Span, SpanId, SpanKind, TraceId, UnixNanos, Value,
};
use tundra_wire::datadog::encode::{self, Common, Field, Frame, Ids, Kind, Shared};
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
    let names = ["text", "truth", "a name that is longer than most", "part"];
    let names = [names.map(Name::of_span), names.map(Name::of_log)];
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
            for ((group, template), names) in pieces.iter_mut().zip([&like_span, &like_log]).zip(&names) {
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
            let observed = [&[11 << 3 | 1][..], &span.start.0.to_le_bytes()].concat();
            let told = of_logs.windows(observed.len()).filter(|part| *part == observed).count();
            assert_eq!(told, 1, "a log record says when it was observed");
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
    let resource = Resource {
        attrs: vec![
            ("service.name".into(), "s".into()),
            ("deployment.environment.name".into(), "test".into()),
            ("pid".into(), Value::Int(1)),
        ],
    };
    let tags = vec![("env".into(), "test".into()), ("pid".into(), Value::Int(1))];
    let shared = Shared { tags, ..Shared::of(&resource) };
    let fields = [
        ("text", Kind::Text),
        ("truth", Kind::Truth),
        ("a name that is longer than most of them", Kind::Int),
        ("part", Kind::Double),
    ];
    let fields = [0, 1, 2, 3].map(|at| Field { key: at as u16, name: fields[at].0, kind: fields[at].1 });
    let frame = |high_half| {
        let common = Common {
            own: &[("service", "s"), ("name", "a span"), ("resource", "a span"), ("type", "custom")],
            numbers: &[("pid", &Value::Int(1))],
            tags: &[("env", "test".into())],
            high_half,
            fields: &fields,
            text_bytes: texts().iter().map(|text| text.len()).max().unwrap_or_default(),
        };
        Frame::new(&common).expect("it is not much")
    };
    let (mut speaking, mut other) = (frame(Some("_dd.p.tid")), frame(None));
    for (text, number) in texts().iter().zip(NUMBERS).chain(texts()[..1].iter().cycle().zip(NUMBERS)) {
        for (parent, trace) in [(None, TraceId(7 << 64 | 7)), (Some(SpanId(9)), TraceId(7))] {
            let mut span = span(text, number, parent);
            (span.kind, span.trace_id) = (SpanKind::Unspecified, trace);
            span.attrs[2].0 = fields[2].name.into();
            span.attrs.push(("span.type".into(), "custom".into()));
            let mut bodies = [(); 2].map(|()| {
                let mut body = Vec::new();
                Writer::new(&mut body).array(1);
                Writer::new(&mut body).array(1);
                body
            });
            encode::write(&span, &shared, true, &mut bodies[0]);
            let frame = if parent.is_none() { &mut speaking } else { &mut other };
            assert!(frame.begins_with(0..4) && frame.begins_with(0..3) && !frame.begins_with(1..2));
            let (mut given_up, slots) = frame.begin();
            assert!(given_up.text(&slots[0], b"anything"));
            let (mut filling, slots) = frame.begin();
            assert!(filling.text(&slots[0], text.as_bytes()) && filling.truth(&slots[1], true));
            filling.number(&slots[2], number as u64);
            filling.number(&slots[3], 0.5_f64.to_bits());
            let ids = Ids { trace, span: span.span_id, parent, start: span.start.0, duration: 17 };
            filling.end(&ids, &mut bodies[1]);
            let [whole, alike] = bodies.map(|body| {
                let mut found = spans("v04", &body);
                found[0].attrs.sort_by(|a, b| a.0.cmp(&b.0));
                found
            });
            assert_eq!(whole, alike);
            assert_eq!((whole.len(), whole[0].parent_id, whole[0].trace_id), (1, parent, trace));
        }
    }
}

#[test]
fn texts_without_room_are_refused() {
    let fields = [("text", Kind::Text), ("truth", Kind::Truth)];
    let fields = [0, 1].map(|at| Field { key: at as u16, name: fields[at].0, kind: fields[at].1 });
    let common = Common { fields: &fields, text_bytes: 100, ..Common::default() };
    let mut frame = Frame::new(&common).expect("it is not much");
    let mut check = |bytes: usize, expect: [bool; 2]| {
        let (mut filling, slots) = frame.begin();
        let fits = filling.text(&slots[0], &vec![b'x'; bytes]);
        assert_eq!([fits, fits && filling.truth(&slots[1], false)], expect, "{bytes}");
    };
    check(100, [true, true]);
    // It takes what was meant for the truth.
    check(158, [true, false]);
    check(300, [false, false]);
    check(70_000, [false, false]);
    check(0, [true, true]);
}

#[test]
fn the_sender_is_told_of_once_for_each_chunk() {
    let attrs = [("telemetry.sdk.name", "t"), ("host.name", "h")];
    let mut attrs: Vec<_> = attrs.map(|(key, text)| (key.into(), Value::from(text))).into();
    attrs.push(("process.pid".into(), Value::Int(1)));
    let resource = Resource { attrs };
    let two = [span("one", 1, None), span("two", 2, None)];
    let chunks = [(); 2].map(|()| encode::Chunk { resource: Some(&resource), spans: &two });
    type Encode = fn(&[encode::Chunk<'_, '_>], &mut Vec<u8>);
    for (format, write) in [("v04", encode::v04 as Encode), ("v05", encode::v05)] {
        let mut body = Vec::new();
        write(&chunks, &mut body);
        let has = |span: &Span<'_>| {
            ["telemetry.sdk.name", "process.pid", "_dd.hostname"].map(|key| span.attr(key).is_some())
        };
        let found: Vec<_> = spans(format, &body).iter().map(has).collect();
        let (first, other) = ([true, true, true], [false, false, true]);
        assert_eq!(found, [first, other, first, other], "{format}");
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
