//! The many spellings that were seen in captures.

#[test]
fn providers() {
    let check = |from: &str, to: Option<&str>| assert_eq!(super::provider(from).as_deref(), to, "{from}");
    check("openai", Some("openai"));
    check("OpenAI", Some("openai"));
    check("openai.chat", Some("openai"));
    check("openai.responses", Some("openai"));
    check("anthropic.messages", Some("anthropic"));
    check("google.generative-ai", Some("gcp.gemini"));
    check("google.generative-ai.chat", Some("gcp.gemini"));
    check("google.vertex.chat", Some("gcp.vertex_ai"));
    check("amazon-bedrock", Some("aws.bedrock"));
    check("aws.bedrock", Some("aws.bedrock"));
    check("azure.ai.openai", Some("azure.ai.openai"));
    check("azure-openai.chat", Some("azure.ai.openai"));
    check("mistral.chat", Some("mistral_ai"));
    check("My Own Thing", Some("my_own_thing"));
    check("unknown", None);
    check("langchain", None);
    check("", None);
}

#[test]
fn finish_reasons() {
    let check = |from: &str, to: Option<&str>| assert_eq!(super::finish(from).as_deref(), to, "{from}");
    for word in ["tool_calls", "tool_call", "tool-calls", "tool_use", "TOOL_CALL", "function_call"] {
        check(word, Some("tool_calls"));
    }
    for word in ["stop", "STOP", "end_turn", "stop_sequence", "completed"] {
        check(word, Some("stop"));
    }
    check("MAX_TOKENS", Some("length"));
    check("max-tokens", Some("length"));
    check("SAFETY", Some("content_filter"));
    check("pause_turn", Some("pause_turn"));
    check("something new", Some("something_new"));
    check("", None);
}

#[test]
fn operations_and_models() {
    assert_eq!(super::operation("LLM"), "chat");
    assert_eq!(super::operation("embedding"), "embeddings");
    assert_eq!(super::operation("execute_tool"), "execute_tool");
    assert_eq!(super::operation("Agent-Step"), "agent_step");
    assert_eq!(super::provider_of_model("openai/gpt-4o"), Some("openai"));
    assert_eq!(super::provider_of_model("Claude-Sonnet-4-5"), Some("anthropic"));
    assert_eq!(super::provider_of_model("llama-3"), None);
    assert_eq!(super::provider_of_model("é"), None);
}
