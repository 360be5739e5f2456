//! Raw responses of each provider and the numbers they stand for.

use super::*;
use crate::fields::parse;

#[test]
fn responses() {
    let check = |json: &str, expect: [Option<u64>; 6], finish: Option<&str>, text: &str| {
        let body = parse(json).unwrap();
        let found = response(&body);
        let u = found.counts.unwrap_or_default().usage();
        let got = [u.input, u.cache_read, u.cache_write, u.cache_write_1h, u.output, u.reasoning];
        assert_eq!(got, expect, "{json}");
        assert_eq!(found.finish.as_deref(), finish, "{json}");
        assert_eq!(answer_text(&body), text, "{json}");
    };
    let [a, b, c] = [Some(1234), Some(1024), Some(56)];
    check(
        r#"{"model":"gpt-4o","choices":[{"finish_reason":"stop","message":{"content":"18 C"}}],"usage":{"prompt_tokens":1234,"completion_tokens":56,
        "prompt_tokens_details":{"cached_tokens":1024},"completion_tokens_details":{"reasoning_tokens":32}}}"#,
        [a, b, None, None, c, Some(32)],
        Some("stop"),
        "18 C",
    );
    check(
        r#"{"status":"completed","output":[{"type":"reasoning","summary":[]},{"type":"message","content":[{"type":"output_text","text":"18 C"}]}],
        "usage":{"input_tokens":1234,"input_tokens_details":{"cached_tokens":1024},"output_tokens":56,"output_tokens_details":{"reasoning_tokens":32}}}"#,
        [a, b, None, None, c, Some(32)],
        Some("stop"),
        "18 C",
    );
    check(
        r#"{"status":"completed","output":[{"type":"function_call","name":"x"}]}"#,
        [None; 6],
        Some("tool_calls"),
        "",
    );
    check(
        r#"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}"#,
        [None; 6],
        Some("length"),
        "",
    );
    check(
        r#"{"stop_reason":"tool_use","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"18 C"}],"usage":{"input_tokens":210,"output_tokens":56,
        "cache_read_input_tokens":1024,"cache_creation_input_tokens":300,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},"service_tier":"standard"}}"#,
        [Some(1534), b, Some(300), Some(200), c, None],
        Some("tool_calls"),
        "18 C",
    );
    check(
        r#"{"candidates":[{"finishReason":"STOP","content":{"parts":[{"text":"hm","thought":true},{"text":"18 C"}]}}],
        "usageMetadata":{"promptTokenCount":1234,"cachedContentTokenCount":1024,"candidatesTokenCount":24,"thoughtsTokenCount":32}}"#,
        [a, b, None, None, c, Some(32)],
        Some("stop"),
        "18 C",
    );
    check(
        r#"{"message":{"content":"18 C"},"done_reason":"stop","prompt_eval_count":7,"eval_count":3}"#,
        [Some(7), None, None, None, Some(3), None],
        Some("stop"),
        "18 C",
    );
    check(r#"{"error":"no"}"#, [None; 6], None, "");
    check("[]", [None; 6], None, "");
}
