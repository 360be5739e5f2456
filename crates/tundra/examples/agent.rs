//! An agent with one tool, told as a trace: `cargo run -p tundra-sdk --example agent`.
//!
//! No model is called; the point is what the trace looks like:
//!
//! ```text
//! invoke_agent planner
//!   chat gpt-4o ... gen_ai.usage.input_tokens=12 gen_ai.usage.output_tokens=3
//!   execute_tool weather ...
//!   chat gpt-4o ...
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
    let _ = write!(std::io::stdout(), "{}", collector.tree());
}
