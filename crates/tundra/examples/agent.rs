//! An agent with one tool, told as a trace: `cargo run -p tundra-sdk --example agent`.
//!
//! No model is called; the point is what the trace looks like:
//!
//! ```text
//! invoke_agent planner
//!   chat gpt-4o input=12 output=3 "what do you need?" -> "answer to: what do you need?"
//!   execute_tool weather "{\"city\":\"Oslo\"}" -> "sunny"
//!   chat gpt-4o input=12 output=3 "answer to: what do you need?; the sky is sunny" -> "answer to: answer to: what do you need?; the sky is sunny"
//! ```

use std::io::Write;
use tundra::llm::{self, Message, Usage};
use tundra::testing::Collector;

fn ask(question: &str) -> String {
    let call = llm::chat("openai", "gpt-4o");
    call.input(Message::user(question));
    let answer = format!("answer to: {question}");
    call.output(Message::assistant(answer.clone()));
    call.usage(Usage { input: Some(12), output: Some(3), ..Usage::default() });
    call.finish_reason("stop");
    answer
}

fn weather(city: &str) -> String {
    let tool = llm::tool("weather", "call-1");
    tool.arguments(format!("{{\"city\":\"{city}\"}}"));
    tool.result("sunny");
    "sunny".to_owned()
}

fn main() {
    let collector = Collector::new();
    collector.in_scope(|| {
        llm::agent("planner").in_scope(|| {
            let plan = ask("what do you need?");
            let sky = weather("Oslo");
            ask(&format!("{plan}; the sky is {sky}"))
        })
    });
    for call in collector.calls() {
        let tokens = call.input_tokens.zip(call.output_tokens);
        let tokens =
            tokens.map(|(input, output)| format!(" input={input} output={output}")).unwrap_or_default();
        let depth = if call.parent.is_some() { "  " } else { "" };
        let said = if call.input.is_empty() {
            String::new()
        } else {
            format!(" {:?} -> {:?}", call.input, call.output)
        };
        let _ = writeln!(std::io::stdout(), "{depth}{} {}{tokens}{said}", call.operation, call.name);
    }
}
