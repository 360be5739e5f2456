//! Records written piece by piece are read back as if they had been written whole.

use super::recorder::{Item, record, spans};
use tundra_record::{
    Attrs, LogRecord, Resource, Scope, Severity, Span, SpanId, SpanKind, TraceId, UnixNanos, Value,
};
use tundra_wire::alike::{Field, Fill, Frame as _, Kind, Slot};
use tundra_wire::datadog::encode::{self, Common, Frame, Ids, Shared};
use tundra_wire::msgpack::Writer;
use tundra_wire::otlp::encode::{self as otlp, Group};

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

/// Names of every width that a length can have, and those of usual length.
fn names() -> [[String; 4]; 3] {
    let usual = ["text", "truth", "a name that is longer than most", "part"].map(str::to_owned);
    [
        usual,
        ["a", "b", "c", "d"].map(|letter| letter.repeat(121)),
        ["a", "b", "c", "d"].map(|letter| letter.repeat(20_000)),
    ]
}

#[test]
fn otlp() {
    for names in names() {
        let kinds = [Kind::Text, Kind::Truth, Kind::Int, Kind::Double, Kind::Body];
        let name = |at: usize| names.get(at).map_or("message", String::as_str);
        let fields = [0, 1, 2, 3, 4].map(|at| Field { key: at as u16, name: name(at), kind: kinds[at] });
        let mut like_span = otlp::Frame::of_spans("a span", SpanKind::Internal, 1, &fields[..4]);
        let (level, target) = ((Severity(9), "INFO"), ("target", &Value::from("here")));
        let like_log = |fields| otlp::Frame::of_logs(level, "named", target, fields);
        let mut like_logs = [like_log(&fields), like_log(&fields[..4])];
        for (text, number) in texts().iter().zip(NUMBERS).chain(texts()[..1].iter().cycle().zip(NUMBERS)) {
            for parent in [None, Some(SpanId(9))] {
                let mut span = span(text, number, parent);
                span.attrs.iter_mut().zip(&names).for_each(|(attr, name)| attr.0 = name.as_str().into());
                let mut logs = ["", text].map(|body| LogRecord {
                    time: span.start,
                    severity: Severity(9),
                    severity_text: "INFO".into(),
                    event_name: "named".into(),
                    body: Value::from(body),
                    trace_id: Some(span.trace_id),
                    span_id: parent,
                    attrs: [&[("target".into(), Value::from("here"))], &span.attrs[..]].concat(),
                });
                let (resource, scope) = (Resource::default(), Scope::default());
                let begin = || Group::begin(&resource, &scope, Vec::new());
                let (mut of_spans, mut of_logs) = (begin(), begin());
                // Whatever was given up leaves nothing.
                let (mut given_up, slots) = like_span.begin_span((TraceId(1), SpanId(1), None), [0; 2], 1000);
                given_up.text(&slots[0], &[b'x'; 1000]);
                let ids = (span.trace_id, span.span_id, parent);
                let times = [span.start, span.end()].map(|time| time.0 as u64);
                let (mut filling, slots) = like_span.begin_span(ids, times, text.len());
                fill(&mut filling, slots, text, number);
                filling.end(&mut of_spans);
                for (like_log, body) in like_logs.iter_mut().rev().zip([None, Some(text)]) {
                    let ids = (Some(span.trace_id), parent);
                    let (mut filling, slots) = like_log.begin_log(ids, times[0], 2 * text.len());
                    fill(&mut filling, slots, text, number);
                    body.into_iter().for_each(|body| filling.text(&slots[4], body.as_bytes()));
                    filling.end(&mut of_logs);
                }
                let [of_spans, of_logs] = [of_spans, of_logs].map(Group::end);
                let observed = [&[11 << 3 | 1][..], &span.start.0.to_le_bytes()].concat();
                let told = of_logs.windows(observed.len()).filter(|part| *part == observed).count();
                assert_eq!(told, 2, "a log record says when it was observed");
                let mut found = spans("otlp-traces", &of_spans);
                found.iter_mut().chain([&mut span]).for_each(|span| sort(&mut span.attrs));
                assert_eq!(found, [span]);
                let mut whole = begin();
                logs.iter().for_each(|log| whole.log(log));
                let [mut found, mut expect] = [of_logs, whole.end()].map(|body| log_records(&body));
                logs.iter_mut().chain(&mut found).chain(&mut expect).for_each(|log| sort(&mut log.attrs));
                assert_eq!(found, expect);
            }
        }
    }
}

fn fill<F: Fill>(filling: &mut F, slots: &[Slot<F::Place>], text: &str, number: i64) {
    filling.text(&slots[0], text.as_bytes());
    filling.truth(&slots[1], true);
    filling.number(&slots[2], number as u64);
    filling.number(&slots[3], 0.5_f64.to_bits());
}

fn sort(attrs: &mut Attrs<'_>) {
    attrs.sort_by(|a, b| a.0.cmp(&b.0));
}

fn log_records(body: &[u8]) -> Vec<LogRecord<'static>> {
    let items = record("otlp-logs", body).unwrap().into_iter();
    items.filter_map(|item| if let Item::Log(log) = item { Some(log) } else { None }).collect()
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
            let ids = Ids { trace, span: span.span_id, parent, start: span.start.0, duration: 17 };
            let (mut given_up, slots) = frame.begin(&Ids { duration: 1, ..ids }, 8);
            given_up.text(&slots[0], b"anything");
            let (mut filling, slots) = frame.begin(&ids, text.len());
            fill(&mut filling, slots, text, number);
            filling.end(&mut bodies[1]);
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

// What Datadog reads as name and resource, and what is read back from that.
#[test]
fn operations_and_names() {
    let resource = Resource::default();
    let check = |attrs: &[(&'static str, &'static str)], told: Option<&'static str>, expect: [&str; 4]| {
        let mut one = Span { name: "GET /a".into(), resource: told.map(Into::into), ..span("", 0, None) };
        one.attrs = attrs.iter().map(|(key, text)| ((*key).into(), Value::from(*text))).collect();
        type Encode = fn(&[encode::Chunk<'_, '_>], &mut Vec<u8>);
        for (format, write) in [("v04", encode::v04 as Encode), ("v05", encode::v05)] {
            let mut body = Vec::new();
            write(
                &[encode::Chunk { resource: Some(&resource), spans: std::slice::from_ref(&one) }],
                &mut body,
            );
            let read = &spans(format, &body)[0];
            // Under another tag it is what Datadog sees.
            let at = body.windows(14).position(|tag| tag == b"operation.name");
            let mut unread = body.clone();
            at.iter().for_each(|at| unread[*at] = b'x');
            let seen = &spans(format, &unread)[0];
            let shown = |of: &Span<'_>| [of.name.to_string(), of.resource.clone().unwrap_or_default().into()];
            assert_eq!([shown(seen), shown(read)].concat(), expect, "{format} {attrs:?}");
            let mut again = Vec::new();
            write(&[encode::Chunk { resource: None, spans: std::slice::from_ref(read) }], &mut again);
            assert_eq!(spans(format, &again)[0], *read, "{format}: it goes on as it came");
        }
    };
    let operation = ("operation.name", "http.server.request");
    check(&[], None, ["GET /a"; 4]);
    check(&[operation], None, ["http.server.request", "GET /a", "GET /a", "GET /a"]);
    check(&[operation], Some("a"), ["http.server.request", "a", "a", "a"]);
    check(&[("operation.name", "")], None, ["GET /a"; 4]);
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
