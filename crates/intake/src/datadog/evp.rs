//! What of the Agent's EVP proxy is served here: LLM Observability's span events and evaluations. A real Agent passes
//! every path below `/evp_proxy/` on to Datadog; here the others are unknown, and counted as such.

use crate::path::Form;

/// The headers that `/info` says are looked at, in the words of a real Agent. The last one it passes on is for tests in
/// CI, which are not served.
pub(super) const HEADERS: [&str; 4] = ["Content-Type", "Accept-Encoding", "Content-Encoding", "User-Agent"];

/// What the body of a request to `path` is.
pub(super) fn form(path: &str) -> Option<Form> {
    let rest = path.strip_prefix("/evp_proxy/")?;
    let (version, target) = rest.split_once('/')?;
    if !matches!(version, "v2" | "v4") {
        return None;
    }
    match target.trim_end_matches('/') {
        "api/v2/llmobs" => Some(Form::DatadogLlmSpans),
        "api/intake/llm-obs/v1/eval-metric" | "api/intake/llm-obs/v2/eval-metric" => {
            Some(Form::DatadogEvaluations)
        }
        _ => None,
    }
}

/// Both clients say that they send JSON; saying nothing is taken for it.
pub(super) fn is_json(content_type: Option<&str>) -> bool {
    let essence = content_type.unwrap_or("").split(';').next().unwrap_or("").trim();
    matches!(essence, "application/json" | "text/json" | "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_served() {
        let check = |path: &str, expected: Option<Form>| assert_eq!(form(path), expected, "{path}");
        let (spans, evaluations) = (Some(Form::DatadogLlmSpans), Some(Form::DatadogEvaluations));
        check("/evp_proxy/v2/api/v2/llmobs", spans);
        check("/evp_proxy/v4/api/v2/llmobs/", spans);
        check("/evp_proxy/v2/api/intake/llm-obs/v1/eval-metric", evaluations);
        check("/evp_proxy/v4/api/intake/llm-obs/v2/eval-metric", evaluations);
        check("/evp_proxy/v1/api/v2/llmobs", None);
        check("/evp_proxy/v4/api/v2/citestcycle", None);
        check("/evp_proxy/v4/api/v2/errorsintake", None);
        check("/evp_proxy/v2/", None);
        check("/evp_proxy/v2", None);
        check("/evp_proxy/v2//api/v2/llmobs", None);
        check("/api/v2/llmobs", None);
    }
}
