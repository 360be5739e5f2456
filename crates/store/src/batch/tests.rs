//! What was understood of a record lands in its tables; only redacted records get in.

use super::*;
use crate::read::Columns;
use tundra_record::llm::{AgentRun, Evaluation, LlmCall, LlmMessage, Provenance, Usage};
use tundra_record::redact::{Pass, RedactConfig, Redactor};
use tundra_record::{SpanId, TraceId};

fn understood() -> Understood {
    let usage = Usage { input: Some(10), provenance: Provenance::Reported, ..Usage::default() };
    Understood {
        call: Some(LlmCall {
            trace_id: TraceId(1),
            span_id: SpanId(2),
            operation: "chat".into(),
            usage,
            tags: vec!["team:a".into()],
            ..LlmCall::default()
        }),
        messages: vec![LlmMessage { content: "hi".into(), ..LlmMessage::default() }; 3],
        run: Some(AgentRun { agent_name: "planner".into(), ..AgentRun::default() }),
        evaluations: vec![Evaluation { name: "helpful".into(), value: Some(0.5), ..Evaluation::default() }],
        session_id: Some("s1".into()),
        user_id: Some("u1".into()),
        problems: vec!["no model".into()],
    }
}

#[test]
fn what_was_understood_lands_in_its_tables() {
    let redactor = Redactor::new(&RedactConfig::default()).unwrap();
    let mut pass = Pass::new(&redactor);
    let mut batch = Batch::new(UnixNanos(5), Source::Sdk);
    batch.resource(&pass.resource(&mut crate::testing::resource("shop")));
    let mut span = Span { trace_id: TraceId(1), span_id: SpanId(2), name: "n".into(), ..Span::default() };
    let clean = pass.span(&mut span);
    batch.span(&clean, Some(&clean.derive(|_| understood())));
    let mut log = LogRecord { trace_id: Some(TraceId(1)), span_id: Some(SpanId(2)), ..LogRecord::default() };
    let clean = pass.log(&mut log);
    let late = |_: &&LogRecord<'_>| Understood {
        call: Some(LlmCall { trace_id: TraceId(1), span_id: SpanId(2), ..LlmCall::default() }),
        ..Understood::default()
    };
    batch.log(&clean, Some(&clean.derive(late)));
    let expected = [
        (Table::Spans, 1),
        (Table::LlmCalls, 2),
        (Table::LlmMessages, 3),
        (Table::AgentRuns, 1),
        (Table::Evaluations, 1),
        (Table::Logs, 1),
        (Table::Metrics, 0),
    ];
    for (table, rows) in expected {
        assert_eq!(batch.rows_of(table), rows, "{table:?}");
    }
    assert_eq!(batch.rows(), 9);
    assert!(batch.bytes() > 500 && !batch.is_too_large());
    let tables = batch.finish();
    assert_eq!(tables.len(), 6);
    let spans = Columns::of(&tables[0].1);
    assert_eq!((spans.text("session_id", 0), spans.text("user_id", 0)), (Some("s1"), Some("u1")));
    assert_eq!(spans.text("llm_problems", 0), Some("[\"no model\"]"));
    let calls = Columns::of(&tables[1].1);
    assert_eq!(calls.text("call_key", 0), calls.text("call_key", 1));
    assert!(calls.int("revision", 0) > calls.int("revision", 1), "a telling without tokens hides none with");
    assert_eq!((calls.text("service", 0), calls.text("tags", 0)), (Some("shop"), Some("[\"team:a\"]")));
}
