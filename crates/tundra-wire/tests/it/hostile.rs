//! Hostile bodies: bombs of length, depth, count and repetition in every format. Each has one right answer: refused with
//! a reason, one record refused and its neighbors kept, or harmless.

use super::mutate::decode_within_bounds;

pub(crate) const FORMATS: [&str; 12] = [
    "otlp-traces",
    "otlp-logs",
    "otlp-metrics",
    "otlp-traces-json",
    "otlp-logs-json",
    "otlp-metrics-json",
    "v04",
    "v04-json",
    "v05",
    "llmobs",
    "llmobs-evaluations",
    "dogstatsd",
];

/// Kept and rejected records, or the reason of a refusal.
type Answer = Result<(usize, usize), &'static str>;

fn check(format: &str, what: &str, body: &[u8], expected: Answer) {
    let (counts, outcome) = decode_within_bounds(format, body);
    let got = match &outcome {
        Ok(()) => Ok((counts.kept(), counts.rejected)),
        Err(error) => {
            assert!(error.to_string().len() < 200, "{error}");
            Err(error.reason())
        }
    };
    assert_eq!(got, expected, "{format}: {what}: {outcome:?}");
}

fn run(format: &str, cases: &[(&str, Vec<u8>, Answer)]) {
    for (what, body, expected) in cases {
        check(format, what, body, *expected);
    }
}

/// A protobuf field with a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut len = content.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(content);
    out
}

fn span(rest: &[u8]) -> Vec<u8> {
    field(2, &[field(1, &[7; 16]), field(2, &[9; 8]), rest.to_vec()].concat())
}

/// A request of one scope with these spans or logs.
fn request(records: &[u8]) -> Vec<u8> {
    field(1, &field(2, records))
}

/// Values inside lists inside values, so many levels deep.
fn nested(levels: usize) -> Vec<u8> {
    (0..levels).fold(field(1, b"x"), |inner, _| field(5, &field(1, &inner)))
}

fn attr(value: &[u8]) -> Vec<u8> {
    [field(1, b"key"), field(2, value)].concat()
}

#[test]
fn otlp_protobuf() {
    let good = span(&[]);
    let beside = |bad: Vec<u8>| request(&[good.clone(), bad, good.clone()].concat());
    run(
        "otlp-traces",
        &[
            ("nothing", vec![], Ok((0, 0))),
            ("one span", request(&good), Ok((1, 0))),
            ("length past the end", vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], Err("truncated")),
            (
                "length of 2^63",
                vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
                Err("truncated"),
            ),
            ("length of 2^64-1", [vec![0x0a], vec![0xff; 9], vec![1]].concat(), Err("truncated")),
            ("varint of eleven bytes", [vec![0x08], vec![0xff; 11]].concat(), Err("malformed")),
            ("varint past 64 bits", [vec![0x08], vec![0xff; 9], vec![2]].concat(), Err("malformed")),
            ("varint that never ends", vec![0x08, 0x80], Err("truncated")),
            ("half a fixed64", vec![0x09, 1, 2, 3], Err("truncated")),
            ("half a fixed32", vec![0x0d, 1], Err("truncated")),
            ("field number zero", vec![0x02, 0], Err("malformed")),
            ("field number past 29 bits", vec![0xfa, 0xff, 0xff, 0xff, 0xff, 0x7f, 0], Err("malformed")),
            ("a group", vec![0x0b], Err("malformed")),
            ("wire type 6", vec![0x0e], Err("malformed")),
            ("wire type 7", vec![0x0f], Err("malformed")),
            ("unknown fields", [field(9, b"x"), vec![0x50, 1], request(&good)].concat(), Ok((1, 0))),
            ("a resource of the wrong type", [vec![0x08, 1], request(&good)].concat(), Ok((1, 0))),
            ("JSON", b"{\"resourceSpans\":[]}".to_vec(), Err("malformed")),
            ("text", b"hello".to_vec(), Err("malformed")),
            ("all zeros", vec![0; 64], Err("malformed")),
            ("all ones", vec![0xff; 64], Err("malformed")),
            ("no ids", beside(field(2, &[])), Ok((2, 1))),
            (
                "a short trace id",
                beside(field(2, &[field(1, &[7; 15]), field(2, &[9; 8])].concat())),
                Ok((2, 1)),
            ),
            (
                "a long trace id",
                beside(field(2, &[field(1, &[7; 17]), field(2, &[9; 8])].concat())),
                Ok((2, 1)),
            ),
            (
                "a zero trace id",
                beside(field(2, &[field(1, &[0; 16]), field(2, &[9; 8])].concat())),
                Ok((2, 1)),
            ),
            (
                "a zero span id",
                beside(field(2, &[field(1, &[7; 16]), field(2, &[0; 8])].concat())),
                Ok((2, 1)),
            ),
            ("a short parent id", beside(span(&field(4, &[1]))), Ok((3, 0))),
            ("a name that is no UTF-8", beside(span(&field(5, &[0xff, 0xfe]))), Ok((3, 0))),
            ("31 levels", beside(span(&field(9, &attr(&nested(31))))), Ok((3, 0))),
            ("32 levels", beside(span(&field(9, &attr(&nested(32))))), Ok((3, 0))),
            ("33 levels", beside(span(&field(9, &attr(&nested(33))))), Ok((2, 1))),
            ("2,000 levels", beside(span(&field(9, &attr(&nested(2_000))))), Ok((2, 1))),
            ("1,024 attributes", beside(span(&field(9, &attr(&[])).repeat(1_024))), Ok((3, 0))),
            ("1,025 attributes", beside(span(&field(9, &attr(&[])).repeat(1_025))), Ok((2, 1))),
            ("1,025 events", beside(span(&field(11, &[]).repeat(1_025))), Ok((2, 1))),
            ("1,025 links", beside(span(&field(13, &[]).repeat(1_025))), Ok((2, 1))),
            ("300,000 empty attributes", beside(span(&field(9, &[]).repeat(300_000))), Ok((2, 1))),
            ("300,000 empty spans", request(&field(2, &[]).repeat(300_000)), Err("too_large")),
            ("50,001 spans", request(&good.repeat(50_001)), Err("too_many")),
            ("50,000 spans", request(&good.repeat(50_000)), Ok((50_000, 0))),
            (
                "events of empty attributes",
                beside(span(&field(11, &field(3, &[]).repeat(1_000)).repeat(1_000))),
                Err("too_large"),
            ),
            (
                "a list of a million empty values",
                beside(span(&field(9, &attr(&field(5, &field(1, &[]).repeat(1_000_000)))))),
                Err("too_large"),
            ),
            (
                "a map of a million entries",
                beside(span(&field(9, &attr(&field(6, &field(1, &[]).repeat(1_000_000)))))),
                Ok((2, 1)),
            ),
            (
                "a resource of 1,025 attributes",
                field(1, &[field(1, &field(1, &attr(&[])).repeat(1_025)), field(2, &good)].concat()),
                Err("too_many"),
            ),
            (
                "a resource 40 levels deep",
                field(1, &[field(1, &field(1, &attr(&nested(40)))), field(2, &good)].concat()),
                Err("too_deep"),
            ),
            (
                "times at the end of the clock",
                beside(span(&[vec![0x39], vec![0xff; 8], vec![0x41], vec![0; 8]].concat())),
                Ok((3, 0)),
            ),
        ],
    );
    run(
        "otlp-logs",
        &[
            ("an empty record", request(&field(2, &[])), Ok((1, 0))),
            (
                "a body 33 levels deep",
                request(&[field(2, &field(5, &nested(33))), field(2, &[])].concat()),
                Ok((1, 1)),
            ),
            (
                "a scope attribute on many records",
                field(
                    1,
                    &field(
                        2,
                        &[
                            field(1, &field(3, &attr(&field(1, &[b'x'; 100_000])))),
                            field(2, &[]).repeat(1_000),
                        ]
                        .concat(),
                    ),
                ),
                Err("too_large"),
            ),
            ("a severity out of range", request(&field(2, &[0x10, 0xff, 1])), Ok((1, 0))),
        ],
    );
}

/// A metrics request of one metric.
fn metric(kind: u8, points: &[u8]) -> Vec<u8> {
    request(&field(2, &[field(1, b"m"), field(kind, points)].concat()))
}

#[test]
fn otlp_protobuf_metrics() {
    let packed = |words: usize| vec![0u8; words * 8];
    run(
        "otlp-metrics",
        &[
            ("a gauge without value", metric(5, &field(1, &[])), Ok((0, 1))),
            (
                "a point that says it has none",
                metric(5, &field(1, &[vec![0x40, 1, 0x21], vec![0; 8]].concat())),
                Ok((0, 1)),
            ),
            ("an unknown kind", metric(13, &field(1, &[])), Ok((0, 0))),
            ("half a packed word", metric(9, &field(1, &field(6, &[0; 7]))), Err("truncated")),
            ("buckets without bounds", metric(9, &field(1, &field(6, &packed(9)))), Ok((1, 0))),
            ("5,000 buckets", metric(9, &field(1, &field(6, &packed(5_000)))), Ok((0, 1))),
            (
                "5,000 exponential buckets",
                metric(10, &field(1, &field(8, &field(2, &[1; 5_000])))),
                Ok((0, 1)),
            ),
            (
                "an absurd scale",
                metric(
                    10,
                    &field(
                        1,
                        &[vec![0x30, 0xff, 0xff, 0xff, 0xff, 0x0f], field(8, &field(2, &[1; 50]))].concat(),
                    ),
                ),
                Ok((1, 0)),
            ),
            (
                "an absurd offset",
                metric(
                    10,
                    &field(
                        1,
                        &field(8, &[vec![0x08, 0xfe, 0xff, 0xff, 0xff, 0x0f], field(2, &[1; 50])].concat()),
                    ),
                ),
                Ok((1, 0)),
            ),
            ("a bucket list cut off", metric(10, &field(1, &field(8, &field(2, &[0x80])))), Err("truncated")),
            ("5,000 quantiles", metric(11, &field(1, &field(6, &[]).repeat(5_000))), Ok((0, 1))),
            (
                "a long name on many points",
                request(&field(
                    2,
                    &[
                        field(1, &[b'n'; 100_000]),
                        field(5, &field(1, &[vec![0x21], vec![0; 8]].concat()).repeat(1_000)),
                    ]
                    .concat(),
                )),
                Err("too_large"),
            ),
            (
                "50,001 points",
                metric(5, &field(1, &[vec![0x21], vec![0; 8], field(15, &[0; 20])].concat()).repeat(50_001)),
                Err("too_many"),
            ),
        ],
    );
}

fn json(spans: &str) -> Vec<u8> {
    format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{spans}]}}]}}]}}").into_bytes()
}

const IDS: &str = "\"traceId\":\"07070707070707070707070707070707\",\"spanId\":\"0909090909090909\"";

#[test]
fn otlp_json() {
    let with = |rest: &str| json(&format!("{{{IDS}}},{{{IDS},{rest}}},{{{IDS}}}"));
    let value = |value: &str| with(&format!("\"attributes\":[{{\"key\":\"k\",\"value\":{value}}}]"));
    let deep = |levels: usize| {
        format!("{}{{}}{}", "{\"arrayValue\":{\"values\":[".repeat(levels), "]}}".repeat(levels))
    };
    run(
        "otlp-traces-json",
        &[
            ("nothing", vec![], Err("truncated")),
            ("space", b" \n ".to_vec(), Err("truncated")),
            ("an empty object", b"{}".to_vec(), Ok((0, 0))),
            ("null inside", b"{\"resourceSpans\":null}".to_vec(), Ok((0, 0))),
            ("an array", b"[]".to_vec(), Err("malformed")),
            ("a text", b"\"x\"".to_vec(), Err("malformed")),
            ("no UTF-8", b"{\"a\":\"\xff\"}".to_vec(), Err("malformed")),
            ("a byte-order mark", [b"\xef\xbb\xbf".to_vec(), json("")].concat(), Ok((0, 0))),
            ("something after the end", [json(""), b"x".to_vec()].concat(), Err("malformed")),
            ("a missing colon", b"{\"a\" 1}".to_vec(), Err("malformed")),
            ("a missing comma", b"{\"a\":1 \"b\":2}".to_vec(), Err("malformed")),
            ("a trailing comma", b"{\"a\":1,}".to_vec(), Err("malformed")),
            ("a bare word", b"{\"a\":yes}".to_vec(), Err("malformed")),
            ("a cut-off word", b"{\"a\":tru".to_vec(), Err("malformed")),
            ("a cut-off text", b"{\"a\":\"x".to_vec(), Err("truncated")),
            ("a cut-off escape", b"{\"a\":\"\\".to_vec(), Err("truncated")),
            ("a cut-off unicode escape", b"{\"a\":\"\\u12".to_vec(), Err("malformed")),
            ("an unknown escape", b"{\"a\":\"\\x\"}".to_vec(), Err("malformed")),
            ("a number of dots", b"{\"a\":1.2.3}".to_vec(), Err("malformed")),
            ("a lone minus", b"{\"a\":-}".to_vec(), Err("malformed")),
            ("spans that are no array", b"{\"resourceSpans\":{}}".to_vec(), Err("malformed")),
            ("a span that is a number", json("1"), Err("malformed")),
            ("a hundred thousand brackets", vec![b'['; 100_000], Err("malformed")),
            (
                "a hundred thousand brackets inside",
                format!("{{\"a\":{}", "[".repeat(100_000)).into_bytes(),
                Err("too_deep"),
            ),
            (
                "deep objects in an unknown key",
                format!("{{\"a\":{}", "{\"a\":".repeat(100_000)).into_bytes(),
                Err("too_deep"),
            ),
            ("no ids", json(&format!("{{}},{{{IDS}}}")), Ok((1, 1))),
            ("numbers for ids", json(&format!("{{\"traceId\":7,\"spanId\":9}},{{{IDS}}}")), Ok((1, 1))),
            (
                "an id with other letters",
                json(&format!("{{\"traceId\":\"zz070707070707070707070707070707\"}},{{{IDS}}}")),
                Ok((1, 1)),
            ),
            (
                "a very long id",
                json(&format!("{{\"traceId\":\"{}\"}},{{{IDS}}}", "A".repeat(100_000))),
                Ok((1, 1)),
            ),
            ("half a surrogate pair", with("\"name\":\"\\ud83d\""), Ok((3, 0))),
            ("a surrogate pair the wrong way", with("\"name\":\"\\udd80\\ud83d x\""), Ok((3, 0))),
            ("30 levels", value(&deep(30)), Ok((3, 0))),
            ("33 levels", value(&deep(33)), Ok((2, 1))),
            ("60 levels", value(&deep(60)), Ok((2, 1))),
            ("300 levels", value(&deep(300)), Err("too_deep")),
            ("1,025 attributes", with(&format!("\"attributes\":[{}{{}}]", "{},".repeat(1_024))), Ok((2, 1))),
            (
                "a list of a million numbers",
                value(&format!("[{}0]", "0,".repeat(1_000_000))),
                Err("too_large"),
            ),
            ("1,025 events", with(&format!("\"events\":[{}{{}}]", "{},".repeat(1_024))), Ok((2, 1))),
            ("50,001 spans", json(&format!("{}{{}}", "{},".repeat(50_000))), Err("too_large")),
            ("a number past every width", with("\"startTimeUnixNano\":1e999"), Ok((3, 0))),
            ("a negative time", with("\"startTimeUnixNano\":\"-5\""), Ok((3, 0))),
            ("base64 that is none", value("{\"bytesValue\":\"***\"}"), Ok((3, 0))),
            ("protobuf", request(&span(&[])), Err("malformed")),
        ],
    );
}

/// A v0.4 body of one chunk with three spans, of which the middle one has these further entries.
fn v04(entries: u8, rest: &[u8]) -> Vec<u8> {
    let ids = b"\xa8trace_id\x07\xa7span_id\x09";
    let head = |entries: u8| [vec![0x82 + entries], ids.to_vec()].concat();
    [vec![0x91, 0x93], head(0), head(entries), rest.to_vec(), head(0)].concat()
}

#[test]
fn datadog_v04() {
    let deep = |levels: usize| [b"\xa1x".to_vec(), vec![0x91; levels], vec![0xc0]].concat();
    let array_of_4_billion = vec![0xdd, 0xff, 0xff, 0xff, 0xff];
    let map_of_4_billion = vec![0xdf, 0xff, 0xff, 0xff, 0xff];
    let text_of_4_gib = vec![0xdb, 0xff, 0xff, 0xff, 0xff];
    let meta = |entries: u32, each: &[u8]| {
        [b"\xa4meta\xdf".to_vec(), entries.to_be_bytes().to_vec(), each.repeat(entries as usize)].concat()
    };
    run(
        "v04",
        &[
            ("nothing", vec![], Ok((0, 0))),
            ("nil", vec![0xc0], Ok((0, 0))),
            ("no chunks", vec![0x90], Ok((0, 0))),
            ("an empty chunk", vec![0x91, 0x90], Ok((0, 0))),
            ("three spans", v04(0, &[]), Ok((3, 0))),
            ("4 billion chunks", array_of_4_billion.clone(), Err("truncated")),
            ("4 billion spans", [vec![0x91], array_of_4_billion.clone()].concat(), Err("truncated")),
            ("4 billion keys", [vec![0x91, 0x91], map_of_4_billion.clone()].concat(), Err("truncated")),
            ("a key of 4 GiB", [vec![0x91, 0x91, 0x81], text_of_4_gib.clone()].concat(), Err("truncated")),
            (
                "meta of 4 billion",
                v04(1, &[b"\xa4meta".to_vec(), map_of_4_billion.clone()].concat()),
                Err("truncated"),
            ),
            (
                "links of 4 billion",
                v04(1, &[b"\xaaspan_links".to_vec(), array_of_4_billion.clone()].concat()),
                Err("truncated"),
            ),
            (
                "events of 4 billion",
                v04(1, &[b"\xabspan_events".to_vec(), array_of_4_billion.clone()].concat()),
                Err("truncated"),
            ),
            (
                "a struct of 4 GiB",
                v04(1, &[b"\xabmeta_struct\x81\xa1x\xc6".to_vec(), vec![0xff; 4]].concat()),
                Err("truncated"),
            ),
            (
                "a struct that claims 4 billion",
                v04(1, b"\xabmeta_struct\x81\xa1x\xc4\x05\xdd\xff\xff\xff\xff"),
                Ok((3, 0)),
            ),
            ("an extension of 4 GiB", v04(1, b"\xa1x\xc9\xff\xff\xff\xff"), Err("truncated")),
            ("the reserved byte", v04(1, b"\xa1x\xc1"), Err("malformed")),
            ("a map for the body", vec![0x80], Err("malformed")),
            ("a text for a chunk", b"\x91\xa1x".to_vec(), Err("malformed")),
            ("a number for a span", vec![0x91, 0x91, 0x07], Err("malformed")),
            ("a number for a key", vec![0x91, 0x91, 0x81, 0x07, 0x07], Err("malformed")),
            ("a text for an id", v04(1, b"\xa9parent_id\xa1x"), Err("malformed")),
            ("a number for a name", v04(1, b"\xa4name\x07"), Err("malformed")),
            ("nil for every text", v04(3, b"\xa4name\xc0\xa7service\xc0\xa8resource\xc0"), Ok((3, 0))),
            ("nil for every map", v04(3, b"\xa4meta\xc0\xa7metrics\xc0\xabmeta_struct\xc0"), Ok((3, 0))),
            (
                "floats for numbers",
                v04(2, b"\xa5start\xca\x41\x00\x00\x00\xa8duration\xcb\x7f\xf0\0\0\0\0\0\0"),
                Ok((3, 0)),
            ),
            ("negative times", v04(2, b"\xa5start\xff\xa8duration\xff"), Ok((3, 0))),
            ("a zero id", v04(1, b"\xa7span_id\0"), Ok((2, 1))),
            ("numbers in meta", v04(1, b"\xa4meta\x81\xa1x\x07"), Ok((3, 0))),
            ("texts in metrics", v04(1, b"\xa7metrics\x81\xa1x\xa1y"), Ok((3, 0))),
            ("31 levels", v04(1, &deep(31)), Ok((3, 0))),
            ("33 levels", v04(1, &deep(33)), Ok((2, 1))),
            ("100 levels", v04(1, &deep(100)), Ok((2, 1))),
            ("100,000 levels", v04(1, &deep(100_000)), Err("too_deep")),
            ("1,024 tags", v04(1, &meta(1_024, b"\xa1x\xa1y")), Ok((3, 0))),
            ("1,025 tags", v04(1, &meta(1_025, b"\xa1x\xa1y")), Ok((2, 1))),
            ("a million tags", v04(1, &meta(1_000_000, b"\xa1x\xa1y")), Ok((2, 1))),
            (
                "a list of a million nils",
                v04(1, &[b"\xa1x\xdd\x00\x0f\x42\x40".to_vec(), vec![0xc0; 1_000_000]].concat()),
                Err("too_large"),
            ),
            (
                "lists that each claim the rest",
                v04(1, &[b"\xa1x".to_vec(), [0xdd, 0, 0, 0xf0, 0].repeat(20), vec![0xc0; 70_000]].concat()),
                Err("too_large"),
            ),
            (
                "1,025 links",
                v04(1, &[b"\xaaspan_links\xdc\x04\x01".to_vec(), vec![0x80; 1_025]].concat()),
                Ok((2, 1)),
            ),
            (
                "1,025 events",
                v04(1, &[b"\xabspan_events\xdc\x04\x01".to_vec(), vec![0x80; 1_025]].concat()),
                Ok((2, 1)),
            ),
            ("events in a tag that are none", v04(1, b"\xa4meta\x81\xa6events\xa3[1]"), Ok((3, 0))),
            (
                "50,001 empty spans",
                [vec![0x91, 0xdd, 0, 0, 0xc3, 0x51], vec![0x80; 50_001]].concat(),
                Err("too_large"),
            ),
            ("something after the end", [v04(0, &[]), vec![1, 2, 3]].concat(), Ok((3, 0))),
            ("JSON", b"[[]]".to_vec(), Err("malformed")),
            (
                "50,001 spans",
                [
                    vec![0x91, 0xdd, 0, 0, 0xc3, 0x51],
                    [b"\x81\xa4name\xbe".to_vec(), vec![b'n'; 30]].concat().repeat(50_001),
                ]
                .concat(),
                Err("too_many"),
            ),
        ],
    );
    let bomb = format!("[{}1]", "[],".repeat(20_000));
    let tag = [
        b"\xa4meta\x81\xa6events\xda".to_vec(),
        (bomb.len() as u16).to_be_bytes().to_vec(),
        bomb.into_bytes(),
    ];
    check("v04", "an event tag of empty lists", &v04(1, &tag.concat()), Err("too_large"));
}

#[test]
fn datadog_v05_and_json() {
    let strings = b"\x92\x93\xa0\xa1a\xa1b".to_vec();
    let v05 = |traces: &[u8]| [strings.clone(), traces.to_vec()].concat();
    let span = b"\x9c\x01\x02\x01\x07\x09\x00\x05\x05\x00\x81\x01\x02\x80\x00";
    let long = [b"\x92\x92\xa0\xdb\x00\x01\x86\xa0".to_vec(), vec![b'x'; 100_000]].concat();
    let long_name = b"\x9c\x00\x01\x00\x07\x09\x00\x05\x05\x00\x80\x80\x00";
    run(
        "v05",
        &[
            ("nothing", vec![], Ok((0, 0))),
            ("one span", v05(&[b"\x91\x91".to_vec(), span.to_vec()].concat()), Ok((1, 0))),
            ("only the table", b"\x91\x90".to_vec(), Err("malformed")),
            ("4 billion strings", vec![0x92, 0xdd, 0xff, 0xff, 0xff, 0xff], Err("truncated")),
            (
                "1,000,001 strings",
                [vec![0x92, 0xdd, 0, 0x0f, 0x42, 0x41], vec![0xa0; 1_000_001]].concat(),
                Err("too_many"),
            ),
            (
                "900,000 empty strings",
                [vec![0x92, 0xdd, 0, 0x0d, 0xbb, 0xa0], vec![0xa0; 900_000]].concat(),
                Err("too_large"),
            ),
            (
                "an index past the table",
                v05(&[b"\x91\x91\x9c\x63".to_vec(), vec![0; 12]].concat()),
                Err("malformed"),
            ),
            (
                "a negative index",
                v05(&[b"\x91\x91\x9c\xff".to_vec(), vec![0; 12]].concat()),
                Err("malformed"),
            ),
            ("eleven fields", v05(&[b"\x91\x91\x9b".to_vec(), vec![1; 11]].concat()), Err("malformed")),
            ("a number in the table", b"\x92\x91\x07\x90".to_vec(), Err("malformed")),
            (
                "4 billion tags",
                v05(b"\x91\x91\x9c\x01\x02\x01\x07\x09\x00\x05\x05\x00\xdf\xff\xff\xff\xff"),
                Err("truncated"),
            ),
            (
                "a long name many times",
                [long, vec![0x91, 0xdc, 0x03, 0xe8], long_name.repeat(1_000)].concat(),
                Err("too_large"),
            ),
        ],
    );
    run(
        "v04-json",
        &[
            ("nothing", vec![], Ok((0, 0))),
            ("an empty array", b"[]".to_vec(), Ok((0, 0))),
            ("one span", b"[[{\"trace_id\":7,\"span_id\":9}]]".to_vec(), Ok((1, 0))),
            (
                "the largest ids",
                b"[[{\"trace_id\":18446744073709551615,\"span_id\":18446744073709551615}]]".to_vec(),
                Ok((1, 0)),
            ),
            ("a zero id", b"[[{\"trace_id\":0,\"span_id\":9}]]".to_vec(), Ok((0, 1))),
            ("spans without a chunk", b"[{\"trace_id\":7}]".to_vec(), Err("malformed")),
            (
                "deep tags",
                format!("[[{{\"meta\":{{\"a\":{}", "[".repeat(1_000)).into_bytes(),
                Err("too_deep"),
            ),
            (
                "a list of a million",
                format!("[[{{\"meta\":{{\"a\":[{}1]}}}}]]", "1,".repeat(1_000_000)).into_bytes(),
                Err("too_large"),
            ),
            ("cut off", b"[[{\"trace_id\":7".to_vec(), Err("truncated")),
        ],
    );
}

#[test]
fn llm_observability() {
    let ids = r#""span_id":"9","_dd":{"apm_trace_id":"07070707070707070707070707070707"}"#;
    let events = |events: &str| format!(r#"[{{"event_type":"span","spans":[{events}]}}]"#).into_bytes();
    let beside = |bad: &str| events(&format!("{{{ids}}},{bad},{{{ids}}}"));
    let deep = |levels: usize| {
        let meta = format!("{}1{}", r#"{"a":["#.repeat(levels), "]}".repeat(levels));
        beside(&format!("{{{ids},\"meta\":{meta}}}"))
    };
    run(
        "llmobs",
        &[
            ("nothing", vec![], Err("truncated")),
            ("no envelopes", b"[]".to_vec(), Ok((0, 0))),
            ("one envelope without a list", events("")[1..events("").len() - 1].to_vec(), Ok((0, 0))),
            ("null", b"null".to_vec(), Ok((0, 0))),
            ("a text", b"\"x\"".to_vec(), Err("malformed")),
            ("msgpack", vec![0x91, 0x80], Err("malformed")),
            ("envelopes that are numbers", b"[1,2]".to_vec(), Err("malformed")),
            ("spans that are an object", br#"[{"spans":{}}]"#.to_vec(), Err("malformed")),
            ("something after the end", [events(""), b"x".to_vec()].concat(), Err("malformed")),
            ("events that are no objects", beside("7,\"x\",null,[1]"), Ok((2, 4))),
            ("an event without ids", beside("{}"), Ok((2, 1))),
            ("a zero span id", beside(r#"{"span_id":"0","trace_id":"1"}"#), Ok((2, 1))),
            ("a negative span id", beside(r#"{"span_id":-1,"trace_id":"1"}"#), Ok((2, 1))),
            (
                "a span id past 64 bits",
                beside(r#"{"span_id":"18446744073709551616","trace_id":"1"}"#),
                Ok((2, 1)),
            ),
            ("a trace id that is no id", beside(r#"{"span_id":"1","trace_id":"x"}"#), Ok((2, 1))),
            ("decimal ids as numbers", beside(r#"{"span_id":1,"trace_id":2}"#), Ok((3, 0))),
            (
                "fields of the wrong type",
                beside(&format!(
                    r#"{{{ids},"name":{{}},"start_ns":"x","duration":-5,"status":[],"tags":{{"a":1}},"meta":"m"}}"#
                )),
                Ok((3, 0)),
            ),
            (
                "times past 64 bits",
                beside(&format!(r#"{{{ids},"start_ns":1e300,"duration":1e300}}"#)),
                Ok((3, 0)),
            ),
            ("depth 16", deep(14), Ok((3, 0))),
            ("depth 100", deep(50), Ok((2, 1))),
            ("depth 2,000", deep(1_000), Err("too_deep")),
            ("a thousand empty events", events(&vec!["{}"; 1_000].join(",")), Ok((0, 1_000))),
            ("a million empty events", events(&vec!["{}"; 1_000_000].join(",")), Err("too_many")),
            (
                "a million numbers in one event",
                beside(&format!(r#"{{{ids},"tags":[{}1]}}"#, "1,".repeat(1_000_000))),
                Err("too_large"),
            ),
            (
                "two thousand fields in one event",
                beside(&format!(
                    "{{{ids}{}}}",
                    (0..2_000).map(|n| format!(",\"k{n}\":1")).collect::<String>()
                )),
                Ok((2, 1)),
            ),
        ],
    );
    let metrics =
        |metrics: &str| format!(r#"{{"data":{{"attributes":{{"metrics":{metrics}}}}}}}"#).into_bytes();
    run(
        "llmobs-evaluations",
        &[
            ("nothing", vec![], Err("truncated")),
            ("an empty object", b"{}".to_vec(), Err("malformed")),
            ("a list", b"[]".to_vec(), Err("malformed")),
            ("data that is a list", br#"{"data":[]}"#.to_vec(), Err("malformed")),
            ("metrics that are a number", metrics("7"), Err("malformed")),
            ("no metrics", metrics("[]"), Ok((0, 0))),
            ("metrics that are no objects", metrics("[1,\"x\"]"), Ok((2, 0))),
            ("a metric without anything", metrics("[{}]"), Ok((1, 0))),
            ("a time past 64 bits", metrics(r#"[{"timestamp_ms":9223372036854775807}]"#), Ok((1, 0))),
            (
                "depth 100",
                metrics(&format!("[{{\"a\":{}{}}}]", "[".repeat(100), "]".repeat(100))),
                Ok((0, 1)),
            ),
            ("a million metrics", metrics(&format!("[{}{{}}]", "{},".repeat(1_000_000))), Err("too_many")),
        ],
    );
}

#[test]
fn dogstatsd_lines() {
    let tags = |count: usize| vec!["a:b"; count].join(",");
    let cases: Vec<(String, Answer)> = vec![
        (String::new(), Ok((0, 0))),
        ("\n\r\n\n".into(), Ok((0, 0))),
        ("a:1|c".into(), Ok((1, 0))),
        ("a".into(), Ok((0, 1))),
        ("a:1".into(), Ok((0, 1))),
        ("a:|c".into(), Ok((0, 1))),
        (":1|c".into(), Ok((0, 1))),
        ("a:1|".into(), Ok((0, 1))),
        ("a:1|x".into(), Ok((0, 1))),
        ("a:x|c".into(), Ok((0, 1))),
        ("a:NaN|g\nb:1|g".into(), Ok((1, 1))),
        ("a:inf|g".into(), Ok((0, 1))),
        ("a:1::2|c".into(), Ok((0, 1))),
        ("a:1:x|c\nb:1|c".into(), Ok((1, 1))),
        ("a:1:2:3|h|@0.5".into(), Ok((3, 0))),
        ("a:1|c|@0".into(), Ok((0, 1))),
        ("a:1|c|@-1".into(), Ok((0, 1))),
        ("a:1|c|@x".into(), Ok((0, 1))),
        ("a:1|c|Tx".into(), Ok((0, 1))),
        ("a:1|c|T99999999999999999999".into(), Ok((0, 1))),
        ("a:1|c|T9223372036854775807".into(), Ok((1, 0))),
        ("a:1|c|unknown|#x".into(), Ok((1, 0))),
        ("_e{".into(), Ok((0, 1))),
        ("_e{1,1}:a".into(), Ok((0, 1))),
        ("_e{1,1}:a|b".into(), Ok((1, 0))),
        ("_e{1,1}:a|bc".into(), Ok((0, 1))),
        ("_e{9999999999,1}:a|b".into(), Ok((0, 1))),
        ("_e{99999999999999999999999,1}:a|b".into(), Ok((0, 1))),
        ("_e{-1,1}:a|b".into(), Ok((0, 1))),
        ("_e{1,1}:é|b\na:1|c".into(), Ok((1, 1))),
        ("_sc|".into(), Ok((0, 1))),
        ("_sc|a|4".into(), Ok((0, 1))),
        ("_sc||0".into(), Ok((0, 1))),
        ("_sc|a|0|m:x".into(), Ok((1, 0))),
        (format!("a:1|c|#{}", tags(1_024)), Ok((1, 0))),
        (format!("a:1|c|#{}\nb:1|c", tags(1_025)), Ok((1, 1))),
        (format!("a{}|c|#{}", ":1".repeat(5_000), tags(1_000)), Ok((0, 1))),
    ];
    for (line, expected) in cases {
        let short: String = line.chars().take(40).collect();
        check("dogstatsd", &short, line.as_bytes(), expected);
    }
    check("dogstatsd", "no UTF-8", b"a:1|c|#x:\xff\nb:1|c", Ok((2, 0)));
    let (counts, _) = decode_within_bounds("dogstatsd", &b"a:1|c\n".repeat(60_000));
    assert!(counts.kept() > 10_000 && counts.kept() + counts.rejected == 60_000, "{counts:?}");
}
