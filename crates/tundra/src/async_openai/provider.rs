//! Who answers at an address, where the program does not say: OpenTelemetry's name if the host is known, else the host.
//!
//! Asked once for each call. Only knows hosts that speak OpenAI's language.

use reqwest_0_13::Url;
use std::borrow::Cow;

/// Hosts, of which `*` may be any part, and the name of who answers there. The first that fits counts.
const KNOWN: [(&str, &str); 28] = [
    ("api.openai.com", "openai"),
    ("*.api.openai.com", "openai"),
    ("*.openai.azure.com", "azure.ai.openai"),
    ("*.openai.azure.us", "azure.ai.openai"),
    ("*.cognitiveservices.azure.com", "azure.ai.openai"),
    ("*.services.ai.azure.com", "azure.ai.inference"),
    ("*.inference.ai.azure.com", "azure.ai.inference"),
    ("bedrock-runtime.*.amazonaws.com", "aws.bedrock"),
    ("bedrock-runtime-fips.*.amazonaws.com", "aws.bedrock"),
    ("bedrock-mantle.*.api.aws", "aws.bedrock"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("*-aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("aiplatform.*.rep.googleapis.com", "gcp.vertex_ai"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("*.googleapis.com", "gcp.gen_ai"),
    ("api.anthropic.com", "anthropic"),
    ("api.cohere.ai", "cohere"),
    ("api.cohere.com", "cohere"),
    ("api.deepseek.com", "deepseek"),
    ("api.groq.com", "groq"),
    ("*.ml.cloud.ibm.com", "ibm.watsonx.ai"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.moonshot.cn", "moonshot_ai"),
    ("openrouter.ai", "openrouter"),
    ("api.perplexity.ai", "perplexity"),
    ("api.x.ai", "x_ai"),
    ("*.api.x.ai", "x_ai"),
];

/// Who answers at this address.
pub(super) fn of(url: &Url) -> Cow<'_, str> {
    let host = url.host_str().unwrap_or_default();
    if let Some((_, name)) = KNOWN.iter().find(|(known, _)| fits(known, host)) {
        return Cow::Borrowed(name);
    }
    // Many servers may run on one machine.
    let is_machine =
        host == "localhost" || host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    match url.port().filter(|_| is_machine) {
        Some(port) => Cow::Owned(format!("{host}:{port}")),
        None => Cow::Borrowed(host),
    }
}

fn fits(known: &str, host: &str) -> bool {
    match known.split_once('*') {
        Some((begin, end)) => {
            host.strip_prefix(begin).is_some_and(|rest| rest.len() > end.len() && rest.ends_with(end))
        }
        None => host == known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers() {
        let check = |url: &str, expect: &str| assert_eq!(of(&url.parse().expect("a URL")), expect, "{url}");
        check("https://api.openai.com/v1/chat/completions", "openai");
        check("https://eu.api.openai.com/v1", "openai");
        check("https://r.openai.azure.com/openai/v1", "azure.ai.openai");
        check("https://r.cognitiveservices.azure.com/openai/deployments/d", "azure.ai.openai");
        check("https://r.services.ai.azure.com/openai/v1", "azure.ai.inference");
        check("https://models.inference.ai.azure.com/", "azure.ai.inference");
        check("https://r.eastus.inference.ai.azure.com/", "azure.ai.inference");
        check("https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1", "aws.bedrock");
        check("https://bedrock-mantle.us-east-1.api.aws/v1", "aws.bedrock");
        check("https://us-central1-aiplatform.googleapis.com/v1/projects/p", "gcp.vertex_ai");
        check("https://aiplatform.googleapis.com/v1", "gcp.vertex_ai");
        check("https://aiplatform.us.rep.googleapis.com/v1", "gcp.vertex_ai");
        check("https://generativelanguage.googleapis.com/v1beta/openai", "gcp.gemini");
        check("https://other.googleapis.com/v1", "gcp.gen_ai");
        check("https://api.anthropic.com/v1", "anthropic");
        check("https://api.cohere.ai/compatibility/v1", "cohere");
        check("https://us-south.ml.cloud.ibm.com/ml/gateway/v1", "ibm.watsonx.ai");
        check("https://API.X.AI/v1", "x_ai");
        check("https://api.deepseek.com/v1", "deepseek");
        check("https://api.groq.com/openai/v1", "groq");
        check("https://api.mistral.ai/v1", "mistral_ai");
        check("https://api.moonshot.ai/v1", "moonshot_ai");
        check("https://api.perplexity.ai", "perplexity");
        check("https://openrouter.ai/api/v1", "openrouter");
        // The others are called as they are found.
        check("https://api.together.xyz/v1", "api.together.xyz");
        check("https://llm.example.com:8443/v1", "llm.example.com");
        check("http://localhost:11434/v1", "localhost:11434");
        check("http://localhost/v1", "localhost");
        check("http://127.0.0.1:8000/v1", "127.0.0.1:8000");
        check("http://[::1]:8000/v1", "[::1]:8000");
        check("https://api.openai.com.example.com/v1", "api.openai.com.example.com");
        check("https://notapi.openai.com.evil/v1", "notapi.openai.com.evil");
        check("https://openai.azure.com/v1", "openai.azure.com");
    }
}
