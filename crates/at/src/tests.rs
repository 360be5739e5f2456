//! Whole commands against a small daemon that answers what it is told to.

use crate::arguments::Arguments;
use crate::paint::Paint;
use clap::{CommandFactory, Parser};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use tundra_record::UnixNanos;
use tundra_record::env::Clock;

/// 2026-11-21 02:00:11 UTC, for ever.
#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> UnixNanos {
        UnixNanos(1_795_226_411_000_000_000)
    }

    fn monotonic(&self) -> std::time::Instant {
        std::time::Instant::now()
    }
}

/// An answer: method and path, status, body.
type Answer = (&'static str, u16, &'static str);

fn daemon(answers: &'static [Answer]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(stream, answers);
        }
    });
    format!("http://{address}")
}

fn answer(stream: TcpStream, answers: &[Answer]) {
    let mut reader = BufReader::new(&stream);
    let mut asked = String::new();
    let mut body = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) < 3 {
            break;
        }
        if let Some(len) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            body = len.trim().parse().expect("a length");
        }
        if asked.is_empty() {
            asked = line;
        }
    }
    let _ = reader.take(body).read_to_end(&mut Vec::new());
    let found = answers
        .iter()
        .find(|(what, ..)| asked.strip_prefix(what).is_some_and(|rest| rest.starts_with([' ', '?'])));
    let (_, status, body) =
        found.unwrap_or(&("", 404, "{\"error\":{\"code\":\"not_found\",\"message\":\"no such path\"}}"));
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = (&stream).write_all(format!("{head}{body}").as_bytes());
}

/// Runs `at` with these words; what it printed, or why it failed.
fn at(words: &[&str], answers: &'static [Answer], paint: Paint) -> Result<String, (String, u8)> {
    let base = daemon(answers);
    let words = ["at", "--api", &base].into_iter().chain(words.iter().copied());
    let arguments = Arguments::try_parse_from(words).expect("right usage");
    let mut out = Vec::new();
    let done = super::run(arguments, &mut out, paint, &Stopped);
    let printed = String::from_utf8(out).expect("text").replace(&base, "http://daemon");
    match done {
        Ok(_) => Ok(printed),
        Err(error) => {
            Err((format!("{printed}{error:#}").replace(&base, "http://daemon"), super::exit_code(&error)))
        }
    }
}

const HEALTH: Answer = (
    "GET /api/health",
    200,
    r#"{"status":"ok","version":"0.1.0","uptime_ms":65000,"pid":42,"data_dir":"/data/tundra",
    "addresses":{"ui":"127.0.0.1:3001","api":"127.0.0.1:9090","otlp_http":"127.0.0.1:4318","otlp_grpc":"127.0.0.1:4317","datadog":null,"dogstatsd":"127.0.0.1:8125"},
    "forwarder":{"state":"off","target":null,"detail":"no Datadog Agent at localhost:8126"},
    "ledger":[{"protocol":"otlp_http","counter":"received","reason":"","value":12345},
    {"protocol":"otlp_http","counter":"rejected","reason":"too deep","value":3},{"protocol":"datadog","counter":"received","reason":"","value":0}]}"#,
);
const TRACES: Answer = (
    "GET /api/traces",
    200,
    r#"{"next_cursor":"x","traces":[
    {"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","name":"POST /ask\u001b[2J","service":"shop","start_ns":"1795226399000000000","duration_ns":1240000000,"spans":14,"errors":1,"llm_calls":2,"tokens":1290,"cost_pusd":12300000000,"services":["shop"],"models":["gpt-4o"],"partial":false,"sample":true},
    {"trace_id":"00000000000000000000000000000001","name":"a very long name of an operation that nobody should have given","service":"a-service-with-a-long-name","start_ns":"1795222811000000000","duration_ns":870000,"spans":1,"errors":0,"llm_calls":0,"tokens":null,"cost_pusd":null,"services":[],"models":[],"partial":true,"sample":false}]}"#,
);
const TRACE: Answer = (
    "GET /api/traces/4bf92f3577b34da6a3ce929d0e0e4736",
    200,
    r#"{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","start_ns":"1795226399000000000","duration_ns":1240000000,"partial":false,"sample":false,
    "services":["shop","agent"],"names":["POST /ask","load user","chat gpt-4o","tool: search","lost"],
    "totals":{"spans":6,"errors":1,"llm_calls":1,"tokens":1290,"cost_pusd":12300000000},
    "spans":{"span_id":["1","2","3","4","5","6"],"parent":[-1,0,0,2,2,-1],"depth":[0,1,1,2,2,0],"subtree":[5,1,3,1,1,1],"service":[0,0,1,1,1,1],"name":[0,1,2,3,3,4],
    "kind":[2,1,3,1,1,1],"role":["","","llm","tool","tool",""],"start":[0,10000000,130000000,200000000,900000000,1200000000],"duration":[1240000000,110000000,900000000,400000,100000000,90000000],
    "flags":[0,0,2,1,0,4],"tokens":[null,null,1290,null,null,null],"cost_pusd":[],"ttft":[]}}"#,
);
const SQL: Answer = (
    "POST /api/sql",
    200,
    "{\"service\":\"shop\",\"spans\":12,\"note\":null}\n{\"service\":\"a\\u001b[31m\",\"spans\":1234,\"note\":{\"a\":1}}\n",
);
const SQL_BREAKS: Answer = (
    "POST /api/sql",
    200,
    "{\"error\":1}\n{\"error\":{\"code\":\"timeout\",\"message\":\"took longer than `30 s`\",\"hint\":\"narrow the time range\"}}\n",
);
const SQL_WRONG: Answer = (
    "POST /api/sql",
    400,
    r#"{"error":{"code":"invalid","message":"no table `span`","hint":"did you mean `spans`?","position":{"line":1,"column":15}}}"#,
);
const CONNECT: Answer = (
    "GET /api/connect",
    200,
    r#"{"sources":[{"service":"at-daemon","spans":9},{"service":"checkout","spans":3,"first_trace_id":"00000000000000000000000000000001"}]}"#,
);
const STREAM: Answer = (
    "GET /api/live/traces",
    200,
    ": hello\n\ndata: {\"trace_id\":\"00000000000000000000000000000001\",\"name\":\"GET /\",\"service\":\"shop\",\"duration_ns\":870000,\"spans\":2,\"errors\":1}\n\n",
);
const SAMPLE: Answer =
    ("POST /api/sample", 200, r#"{"trace_id":"00000000000000000000000000000001","spans":10042}"#);
const SAMPLE_GONE: Answer = ("DELETE /api/sample", 200, r#"{"removed_spans":10042}"#);

#[test]
fn what_the_commands_print() {
    let check = |name: &str, words: &[&str], answers: &'static [Answer], paint: Paint| {
        insta::assert_snapshot!(name, at(words, answers, paint).expect("works"));
    };
    let (pipe, wide) = (Paint::plain(80), Paint::terminal(140));
    check("status", &["status"], &[HEALTH], pipe);
    check("traces", &["traces", "--service", "a b", "--status", "error"], &[TRACES], pipe);
    check("traces_wide", &["traces"], &[TRACES], wide);
    check("traces_json", &["traces", "--json"], &[TRACES], pipe);
    check(
        "traces_none",
        &["traces"],
        &[("GET /api/traces", 200, r#"{"traces":[],"next_cursor":null}"#)],
        pipe,
    );
    check("traces_follow", &["traces", "--follow"], &[STREAM], pipe);
    check("trace", &["trace", "4BF92F3577B34DA6A3CE929D0E0E4736"], &[TRACE], pipe);
    check("trace_narrow", &["trace", "4bf92f3577b34da6a3ce929d0e0e4736"], &[TRACE], Paint::plain(40));
    check("trace_wide", &["trace", "4bf92f3577b34da6a3ce929d0e0e4736"], &[TRACE], wide);
    check("sql_table", &["sql", "SELECT 1"], &[SQL], wide);
    check("sql_ndjson", &["sql", "SELECT 1"], &[SQL], pipe);
    check("sample", &["sample"], &[SAMPLE], pipe);
    check("sample_removed", &["sample", "--remove"], &[SAMPLE_GONE], pipe);
    check("connect_otel", &["connect", "otel"], &[HEALTH, CONNECT], pipe);
    check("connect_curl", &["connect", "curl", "--no-wait"], &[HEALTH], pipe);
}

#[test]
fn lines_fit_the_width() {
    for width in [40, 60, 80, 140, 240] {
        let shown =
            at(&["trace", "4bf92f3577b34da6a3ce929d0e0e4736"], &[TRACE], Paint::plain(width)).expect("works");
        // Head and link may be longer: they are sentences, not drawings.
        let drawn: Vec<&str> = shown.lines().skip(2).take(6).collect();
        assert_eq!(drawn.len(), 6);
        for line in drawn {
            assert_eq!(crate::text::width(line), width, "{line}");
        }
    }
}

#[test]
fn failures_say_what_to_do() {
    let check = |words: &[&str], answers: &'static [Answer], code: u8, text: &str| {
        let (told, exit) = at(words, answers, Paint::plain(80)).expect_err("fails");
        assert_eq!((told.as_str(), exit), (text, code));
    };
    check(&["sql", "x"], &[SQL_WRONG], 1, "no table `span` (line 1, column 15)\n  did you mean `spans`?");
    check(&["sql", "x"], &[SQL_BREAKS], 1, "{\"error\":1}\ntook longer than `30 s`\n  narrow the time range");
    check(&["trace", "12"], &[], 1, "`12` is not a trace id: it has 32 hex digits\n  `at traces` lists them");
    check(&["trace", &"1".repeat(32)], &[], 1, "no such path");
    check(&["connect", "ddtrace"], &[HEALTH], 1, "the daemon does not listen for Datadog");
    let redirect: &[Answer] = &[("GET /api/health", 302, "")];
    let not_ours =
        "`http://daemon` does not answer like a Tundra daemon: check the address (status 302 Found)";
    check(&["status"], redirect, 1, not_ours);
}

#[test]
fn no_daemon_is_a_code_of_its_own() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let arguments =
        Arguments::try_parse_from(["at", "--api", &address.to_string(), "status"]).expect("right usage");
    let error =
        super::run(arguments, &mut Vec::new(), Paint::plain(80), &Stopped).expect_err("nobody is there");
    let told = error.to_string();
    assert!(
        told.starts_with(&format!("no daemon answers at `http://{address}`: start it with `make run`")),
        "{told}"
    );
    assert_eq!(super::exit_code(&error), 3);
}

#[test]
fn help_reads_well() {
    Arguments::command().debug_assert();
    let mut command = Arguments::command().term_width(100);
    insta::assert_snapshot!("help", command.render_long_help());
}
