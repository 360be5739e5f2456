//! Requests that providers accept, and their answers.

use super::*;

#[test]
fn requests() {
    let check = |shape: Shape, system: &str, path: &str, body: &str| {
        let built = request(shape, "m/1", system, "Hi \"you\"");
        assert_eq!((built.path.as_str(), built.body.as_str()), (path, body));
        assert!(built.headers.contains(&("content-type", "application/json")));
    };
    let user = r#"{"role":"user","content":"Hi \"you\""}"#;
    let system = r#"{"role":"system","content":"Be brief"}"#;
    let openai = format!(r#"{{"model":"m/1","messages":[{system},{user}],"stream":false}}"#);
    check(Shape::OpenAiChat, "Be brief", "/chat/completions", &openai);
    check(Shape::Ollama, "Be brief", "/api/chat", &openai);
    let bare = format!(r#"{{"model":"m/1","messages":[{user}],"stream":false}}"#);
    check(Shape::OpenAiChat, "", "/chat/completions", &bare);
    let anthropic = format!(
        r#"{{"model":"m/1","max_tokens":4096,"system":"Be brief","messages":[{user}],"stream":false}}"#
    );
    check(Shape::AnthropicMessages, "Be brief", "/v1/messages", &anthropic);
    check(
        Shape::Gemini,
        "Be brief",
        "/v1beta/models/m%2F1:generateContent",
        r#"{"systemInstruction":{"parts":[{"text":"Be brief"}]},"contents":[{"role":"user","parts":[{"text":"Hi \"you\""}]}]}"#,
    );
}

#[test]
fn answers() {
    let check = |shape: Shape, body: &str, expect: Result<(&str, Option<u64>, Option<u64>), AnswerError>| {
        let got = answer(shape, body.as_bytes());
        let got =
            got.as_ref().map(|a| (a.text.as_str(), a.usage.input, a.usage.output)).map_err(Clone::clone);
        assert_eq!(got, expect, "{body}");
    };
    check(
        Shape::OpenAiChat,
        r#"{"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":7,"completion_tokens":2}}"#,
        Ok(("hi", Some(7), Some(2))),
    );
    check(
        Shape::AnthropicMessages,
        r#"{"content":[{"type":"text","text":"hi"}],"usage":{"input_tokens":5,"cache_read_input_tokens":2,"output_tokens":2}}"#,
        Ok(("hi", Some(7), Some(2))),
    );
    check(
        Shape::Gemini,
        r#"{"candidates":[{"content":{"parts":[{"text":"hi"}]}}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":2}}"#,
        Ok(("hi", Some(7), Some(2))),
    );
    check(
        Shape::Ollama,
        r#"{"message":{"content":"hi"},"prompt_eval_count":7,"eval_count":2}"#,
        Ok(("hi", Some(7), Some(2))),
    );
    let refused = AnswerError::Provider { message: "no credit".to_owned() };
    check(Shape::OpenAiChat, r#"{"error":{"message":"no credit"}}"#, Err(refused.clone()));
    check(Shape::Ollama, r#"{"error":"no credit"}"#, Err(refused));
    check(Shape::OpenAiChat, "<html>", Err(AnswerError::NotJson { limit: JSON_BYTES_MAX }));
    check(Shape::OpenAiChat, "{}", Err(AnswerError::Shape { shape: "openai_chat" }));
    check(Shape::Gemini, "[1]", Err(AnswerError::Shape { shape: "gemini" }));
}
