//! Nothing that the rules know leaves the process, whichever way it came in; content goes when it is switched off.

use std::fmt;
use tracing::{error, info, info_span};
use tundra::SpanExt;
use tundra::llm::{self, Message, Part};
use tundra::testing::Collector;

pub(crate) const MAIL: &str = "jane.roe@mail.example.org";
const KEY: &str =
    "sk-ant-api03-Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4-AAAAAAAA";

#[derive(Debug)]
struct Leaks;

impl fmt::Display for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot log {MAIL} in with {KEY}")
    }
}

impl std::error::Error for Leaks {}

/// Everything that left: what the exporter got and what was written.
pub(crate) fn left(collector: &Collector) -> String {
    format!("{:?} {:?} {:?} {}", collector.spans(), collector.logs(), collector.points(), collector.lines())
}

pub(crate) type Way = (&'static str, fn());

pub(crate) const WAYS: [Way; 15] = [
    ("field", || drop(info_span!("s", mail = MAIL, key = KEY))),
    ("debug", || drop(info_span!("s", who = ?[MAIL, KEY]))),
    ("long", || drop(info_span!("s", text = format!("{} {MAIL} {KEY}", "word ".repeat(5000))))),
    ("late", || {
        let span = info_span!("s", late = tracing::field::Empty);
        span.record("late", KEY);
    }),
    ("added", || {
        let span = info_span!("s");
        span.set_attribute("by.any.name", format!("{MAIL} {KEY}"));
        span.set_name(format!("login of {MAIL}"));
    }),
    ("secret by name", || drop(info_span!("s", db.password = "jane.roe@mail.example.org"))),
    ("message", || info!("hello {MAIL}, {KEY}")),
    ("event field", || info!(mail = MAIL, key = KEY, "hello")),
    ("error", || {
        let _s = info_span!("s").entered();
        error!(error = &Leaks as &dyn std::error::Error, "failed");
        error!(error = %Leaks, "failed again");
    }),
    (
        "json",
        || info!(body = %format_args!("{{\"to\":\"jane.roe\\u0040mail.example.org\",\"k\":\"{KEY}\"}}"), "sent"),
    ),
    ("model call", || {
        let call = llm::chat("openai", "gpt-4o");
        call.input(Message::user(format!("I am {MAIL}")));
        call.output(Message::assistant(format!("Your key is {KEY}")));
        // Texts in texts: an exporter that opens them must not find more than the rules did.
        let arguments =
            format!("{{\"to\":\"jane.roe\\u0040mail.example.org\",\"key\":\"\\u0073{}\"}}", &KEY[1..]);
        let ask = Part::ToolCall { id: "1".into(), name: "mail".into(), arguments };
        call.output(Message { role: "assistant".into(), parts: vec![ask], finish_reason: String::new() });
        call.failed("refused", format!("no {KEY}"));
        let tool = llm::tool("mail", "1");
        tool.arguments(format!("{{\"to\":\"{MAIL}\"}}"));
        tool.result(KEY);
    }),
    ("border", || {
        let span = info_span!(
            "s",
            otel.kind = "client",
            db.name = MAIL,
            http.route = "/of/jane.roe@mail.example.org"
        );
        span.set_attribute("service.name", format!("db of {MAIL}"));
        span.set_attribute("resource.name", format!("SELECT {KEY}"));
    }),
    ("upstream", || {
        let said = |name: &str| match name {
            "x-datadog-trace-id" | "x-datadog-parent-id" => Some("7"),
            "x-datadog-sampling-priority" => Some("2"),
            "x-datadog-origin" => Some(MAIL),
            "x-datadog-tags" => Some("_dd.p.dm=-4,_dd.p.who=jane.roe@mail.example.org"),
            _ => None,
        };
        tundra::propagation::extract(said).expect("it is well-formed").in_scope(|| drop(info_span!("s")));
    }),
    ("label", || tundra::counter!("logins", 1, who = MAIL)),
    ("log record", || info!(target: "jane.roe@mail.example.org", "hello")),
];

pub(crate) fn clean(text: &str, way: &str) {
    for secret in [MAIL, KEY, "jane.roe", "Zm9vYmFy"] {
        let at = text.find(secret);
        let around = at.map(|at| &text[at.saturating_sub(200)..(at + 100).min(text.len())]);
        assert_eq!(around, None, "{way}");
    }
}

#[test]
fn planted_secrets_never_leave() {
    for (way, plant) in WAYS {
        for collector in crate::doors_with(|builder| builder.attribute("owner", MAIL)) {
            collector.in_scope(plant);
            clean(&left(&collector), way);
        }
    }
}

#[test]
fn rules_can_be_off_or_own() {
    // The latest rules hold for the whole process in one place.
    crate::alone("redaction::rules_can_be_off_or_own", || {
        let off = Collector::with(tundra::Builder::no_redaction);
        off.in_scope(|| info!("hello {MAIL}"));
        assert!(left(&off).contains(MAIL));
        let mut config = tundra_record::redact::RedactConfig::default();
        config.custom.push(tundra_record::redact::CustomRule {
            id: "ticket".to_owned(),
            label: "TICKET".to_owned(),
            pattern: "TCK-[0-9]+".to_owned(),
            literals: vec!["tck-".to_owned()],
        });
        let own = Collector::with(|builder| builder.redact_with(&config).expect("a good rule"));
        own.in_scope(|| info!("hello {MAIL}, see TCK-123"));
        let text = left(&own);
        assert!(text.contains("[TICKET]") && text.contains("[EMAIL]"), "{text}");
        config.custom[0].pattern = "(".to_owned();
        assert!(tundra::builder().redact_with(&config).is_err());
    });
}

/// Records content in every spelling, ours and other libraries'.
fn talk() {
    let call = llm::chat("openai", "gpt-4o");
    call.system_instructions("the content");
    call.input(Message::user("the content"));
    call.output(Message::assistant("the content"));
    drop(call);
    let _foreign = info_span!(
        "chat",
        gen_ai.prompt = "the content",
        gen_ai.prompt.name = "a name",
        gen_ai.input.messages = "the content",
        llm.output_messages.first = "the content"
    )
    .entered();
    info!(gen_ai.completion = "the content", "answered");
    // Messages as events: as log records, and those of failures on their span.
    info!(name: "gen_ai.user.message", content = "the content", "the content");
    error!(name: "gen_ai.choice", content = "the content", error = "refused", "the content");
    let _other = info_span!(
        "of others",
        llm.prompt_template.variables = "the content",
        embedding.embeddings.first.text = "the content",
        tool.parameters = "the content",
        traceloop.entity.input = "the content"
    )
    .entered();
}

#[test]
fn content_is_one_switch() {
    crate::alone("redaction::content_is_one_switch", || {
        let collector = Collector::new();
        let count = || left(&collector).matches("the content").count();
        collector.in_scope(talk);
        let with = count();
        assert!(with >= 7, "{with}");
        collector.guard().set_capture_content(false);
        let open = llm::chat("openai", "gpt-4o");
        collector.in_scope(talk);
        drop(open);
        assert_eq!(count(), with);
        collector.guard().handle().set_capture_content(true);
        collector.in_scope(talk);
        assert_eq!(count(), with * 2);
        let names = collector.spans().iter().filter(|span| span.attr("gen_ai.prompt.name").is_some()).count();
        assert_eq!(names, 3);
    });
}

#[test]
fn content_off_by_one_variable() {
    let test = "redaction::content_off_by_one_variable";
    if std::env::var("TUNDRA_IT_CONTENT").is_ok() {
        let collector = Collector::new();
        collector.in_scope(talk);
        assert!(!left(&collector).contains("the content"));
        return;
    }
    let program = std::env::current_exe().expect("a test has a program");
    for variable in ["TUNDRA_CAPTURE_CONTENT", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] {
        let mut child = std::process::Command::new(&program);
        child.args(["--exact", test]).env(variable, "false").env("TUNDRA_IT_CONTENT", "off");
        let output = child.output().expect("the test program starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
