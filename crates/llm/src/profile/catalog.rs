//! The providers and local runtimes we know how to find: environment variables, usual ports, API shapes. `daemon`
//! reads the variables through [`from_environment`]; `gateway` probes the ports of [`LOCAL`].

use super::{Health, Kind, Origin, Profile, Shape};
use crate::keys::Candidates;

/// A provider in the cloud.
#[derive(Clone, Copy, Debug)]
pub struct CloudProvider {
    /// The profile's name.
    pub name: &'static str,
    /// Shown to people.
    pub provider: &'static str,
    /// OpenTelemetry's name.
    pub provider_id: &'static str,
    /// Variables that may hold the key, first wins.
    pub keys: Candidates,
    /// Variables that may hold another base URL, first wins.
    pub base_urls: Candidates,
    /// The usual base URL; empty if there is none and a variable must give it.
    pub base_url: &'static str,
    /// What is appended to a base URL from a variable unless it ends so already.
    pub suffix: &'static str,
    /// Which API it speaks.
    pub shape: Shape,
    /// A small model to use when none is asked for.
    pub model: &'static str,
}

const OPENAI_LIKE: CloudProvider = CloudProvider {
    name: "",
    provider: "",
    provider_id: "",
    keys: &[],
    base_urls: &[],
    base_url: "",
    suffix: "",
    shape: Shape::OpenAiChat,
    model: "",
};

/// The providers whose keys are looked for.
pub const CLOUD: &[CloudProvider] = &[
    CloudProvider {
        name: "openai",
        provider: "OpenAI",
        provider_id: "openai",
        keys: &["OPENAI_API_KEY"],
        base_urls: &["OPENAI_BASE_URL", "OPENAI_API_BASE"],
        base_url: "https://api.openai.com/v1",
        model: "gpt-4o-mini",
        ..OPENAI_LIKE
    },
    CloudProvider {
        name: "anthropic",
        provider: "Anthropic",
        provider_id: "anthropic",
        keys: &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"],
        base_urls: &["ANTHROPIC_BASE_URL"],
        base_url: "https://api.anthropic.com",
        shape: Shape::AnthropicMessages,
        model: "claude-haiku-4-5",
        ..OPENAI_LIKE
    },
    CloudProvider {
        name: "gemini",
        provider: "Google Gemini",
        provider_id: "gcp.gemini",
        keys: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        base_urls: &["GOOGLE_GEMINI_BASE_URL", "GEMINI_BASE_URL"],
        base_url: "https://generativelanguage.googleapis.com",
        shape: Shape::Gemini,
        model: "gemini-2.5-flash",
        ..OPENAI_LIKE
    },
    CloudProvider {
        name: "azure-openai",
        provider: "Azure OpenAI",
        provider_id: "azure.ai.openai",
        keys: &["AZURE_OPENAI_API_KEY"],
        base_urls: &["AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_BASE_URL"],
        suffix: "/openai/v1",
        model: "gpt-4o-mini",
        ..OPENAI_LIKE
    },
    CloudProvider {
        name: "mistral",
        provider: "Mistral",
        provider_id: "mistral_ai",
        keys: &["MISTRAL_API_KEY"],
        base_urls: &["MISTRAL_BASE_URL"],
        base_url: "https://api.mistral.ai/v1",
        model: "mistral-small-latest",
        ..OPENAI_LIKE
    },
    CloudProvider {
        name: "groq",
        provider: "Groq",
        provider_id: "groq",
        keys: &["GROQ_API_KEY"],
        base_urls: &["GROQ_BASE_URL"],
        base_url: "https://api.groq.com/openai/v1",
        suffix: "/openai/v1",
        model: "llama-3.1-8b-instant",
        ..OPENAI_LIKE
    },
    CloudProvider {
        name: "deepseek",
        provider: "DeepSeek",
        provider_id: "deepseek",
        keys: &["DEEPSEEK_API_KEY"],
        base_urls: &["DEEPSEEK_BASE_URL"],
        base_url: "https://api.deepseek.com/v1",
        model: "deepseek-chat",
        ..OPENAI_LIKE
    },
    CloudProvider {
        name: "xai",
        provider: "xAI",
        provider_id: "x_ai",
        keys: &["XAI_API_KEY"],
        base_urls: &["XAI_BASE_URL"],
        base_url: "https://api.x.ai/v1",
        model: "grok-3-mini",
        ..OPENAI_LIKE
    },
    CloudProvider {
        name: "cohere",
        provider: "Cohere",
        provider_id: "cohere",
        keys: &["COHERE_API_KEY", "CO_API_KEY"],
        base_urls: &["COHERE_BASE_URL"],
        base_url: "https://api.cohere.ai/compatibility/v1",
        model: "command-r7b-12-2024",
        ..OPENAI_LIKE
    },
    CloudProvider {
        name: "openrouter",
        provider: "OpenRouter",
        provider_id: "openrouter",
        keys: &["OPENROUTER_API_KEY"],
        base_urls: &["OPENROUTER_BASE_URL"],
        base_url: "https://openrouter.ai/api/v1",
        model: "openai/gpt-4o-mini",
        ..OPENAI_LIKE
    },
    CloudProvider {
        name: "together",
        provider: "Together AI",
        provider_id: "together_ai",
        keys: &["TOGETHER_API_KEY"],
        base_urls: &["TOGETHER_BASE_URL"],
        base_url: "https://api.together.xyz/v1",
        model: "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        ..OPENAI_LIKE
    },
    CloudProvider {
        name: "perplexity",
        provider: "Perplexity",
        provider_id: "perplexity",
        keys: &["PERPLEXITY_API_KEY", "PPLX_API_KEY"],
        base_urls: &["PERPLEXITY_BASE_URL"],
        base_url: "https://api.perplexity.ai",
        model: "sonar",
        ..OPENAI_LIKE
    },
    CloudProvider {
        name: "fireworks",
        provider: "Fireworks",
        provider_id: "fireworks",
        keys: &["FIREWORKS_API_KEY"],
        base_urls: &["FIREWORKS_BASE_URL"],
        base_url: "https://api.fireworks.ai/inference/v1",
        model: "accounts/fireworks/models/gpt-oss-20b",
        ..OPENAI_LIKE
    },
    CloudProvider {
        name: "cerebras",
        provider: "Cerebras",
        provider_id: "cerebras",
        keys: &["CEREBRAS_API_KEY"],
        base_urls: &["CEREBRAS_BASE_URL"],
        base_url: "https://api.cerebras.ai/v1",
        model: "gpt-oss-120b",
        ..OPENAI_LIKE
    },
];

/// A runtime that may be running on this machine.
#[derive(Clone, Copy, Debug)]
pub struct LocalRuntime {
    /// The profile's name.
    pub name: &'static str,
    /// Shown to people.
    pub provider: &'static str,
    /// The usual port.
    pub port: u16,
    /// What follows the host and port.
    pub base_path: &'static str,
    /// Which API it speaks.
    pub shape: Shape,
}

/// The runtimes that are looked for on loopback.
pub const LOCAL: &[LocalRuntime] = &[
    LocalRuntime { name: "ollama", provider: "Ollama", port: 11434, base_path: "", shape: Shape::Ollama },
    LocalRuntime {
        name: "lm-studio",
        provider: "LM Studio",
        port: 1234,
        base_path: "/v1",
        shape: Shape::OpenAiChat,
    },
    LocalRuntime {
        name: "llama-cpp",
        provider: "llama.cpp",
        port: 8080,
        base_path: "/v1",
        shape: Shape::OpenAiChat,
    },
    LocalRuntime { name: "vllm", provider: "vLLM", port: 8000, base_path: "/v1", shape: Shape::OpenAiChat },
];

/// The name of a local runtime when it is all there is.
const LONE_NAME: &str = "local-runtime";
/// The provider of a local runtime when it is all there is.
const LONE_PROVIDER: &str = "Local";

impl LocalRuntime {
    /// The profile of this runtime at a host, usually `127.0.0.1`. Whether it really runs, a probe must tell.
    pub fn profile(&self, host: &str, port: u16) -> Profile {
        Profile {
            name: self.name.to_owned(),
            provider: self.provider.to_owned(),
            provider_id: "local".to_owned(),
            kind: Kind::Local,
            origin: Origin::Discovered,
            base_url: format!("http://{host}:{port}{}", self.base_path),
            models: Vec::new(),
            shape: self.shape,
            key_variable: None,
            health: Health::default(),
        }
    }
}

/// The profiles of all providers whose key the environment holds, in the catalog's order.
pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Vec<Profile> {
    let set = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let mut found = Vec::new();
    for cloud in CLOUD {
        let Some(key) = cloud.keys.iter().find(|name| set(name).is_some()) else { continue };
        let other = cloud.base_urls.iter().find_map(|name| set(name));
        let base_url = match &other {
            Some(url) => with_suffix(url, cloud.suffix),
            None if cloud.base_url.is_empty() => continue,
            None => cloud.base_url.to_owned(),
        };
        // An address that is not the provider's own is a proxy or a stand-in, yet speaks as the provider.
        let kind = if other.is_some() && !cloud.base_url.is_empty() { Kind::Custom } else { Kind::Cloud };
        found.push(Profile {
            name: cloud.name.to_owned(),
            provider: cloud.provider.to_owned(),
            provider_id: cloud.provider_id.to_owned(),
            kind,
            origin: Origin::Environment,
            base_url,
            models: vec![cloud.model.to_owned()],
            shape: cloud.shape,
            key_variable: Some((*key).to_owned()),
            health: Health::default(),
        });
    }
    found
}

fn with_suffix(url: &str, suffix: &str) -> String {
    let url = url.trim_end_matches('/');
    if url.ends_with(suffix) { url.to_owned() } else { format!("{url}{suffix}") }
}

/// Gives a local runtime its plain name when nothing else is configured: the profile at `chosen` shows as
/// `local-runtime (Local)` if every profile was discovered on this machine.
pub fn name_lone_local(profiles: &mut [Profile], chosen: usize) {
    if profiles.iter().any(|profile| profile.origin != Origin::Discovered) {
        return;
    }
    if let Some(profile) = profiles.get_mut(chosen) {
        profile.name = LONE_NAME.to_owned();
        profile.provider = LONE_PROVIDER.to_owned();
    }
}
