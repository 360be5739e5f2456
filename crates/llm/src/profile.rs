//! LLM profiles: a way to reach models, where it comes from, whether it works, and which one is best. Data and rules
//! only: `daemon` hands in the environment, `gateway` probes health; `serve` lists what came of it.

mod catalog;
mod rule;

pub use catalog::{CLOUD, CloudProvider, LOCAL, LocalRuntime, from_environment, name_lone_local};
pub use rule::{Candidate, Choice, RULE, choose};

/// Which API a profile's server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Shape {
    /// OpenAI's chat completions, which most others speak too.
    #[default]
    OpenAiChat,
    /// Anthropic's messages.
    AnthropicMessages,
    /// Google's `generateContent`.
    Gemini,
    /// Ollama's own API.
    Ollama,
}

impl Shape {
    /// The word for configuration and API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai_chat",
            Self::AnthropicMessages => "anthropic_messages",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }

    /// From the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::OpenAiChat, Self::AnthropicMessages, Self::Gemini, Self::Ollama]
            .into_iter()
            .find(|shape| shape.as_str() == word)
    }

    /// The path below the base URL that lists models: the health probe that costs nothing.
    pub fn models_path(self) -> &'static str {
        match self {
            Self::OpenAiChat => "/models",
            Self::AnthropicMessages => "/v1/models",
            Self::Gemini => "/v1beta/models",
            Self::Ollama => "/api/tags",
        }
    }
}

/// What kind of place a profile's models run in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A provider in the cloud.
    #[default]
    Cloud,
    /// A runtime on this machine.
    Local,
    /// An address that the operator gave (a proxy, a company's own server).
    Custom,
}

impl Kind {
    /// The word that the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cloud => "cloud",
            Self::Local => "local",
            Self::Custom => "custom",
        }
    }
}

/// Where a profile was learned of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The operator wrote it down.
    Configuration,
    /// A provider's key is in the environment.
    #[default]
    Environment,
    /// A local runtime answered on its usual port.
    Discovered,
}

impl Origin {
    /// The word that the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Environment => "environment",
            Self::Discovered => "discovered",
        }
    }
}

/// Whether a profile works, as far as its last probe says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// `None` until it was probed.
    pub healthy: Option<bool>,
    /// How long the probe took.
    pub latency_ms: Option<u32>,
    /// What the probe said, for people.
    pub detail: String,
}

/// A way to reach models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Unique among the profiles.
    pub name: String,
    /// Shown to people (`OpenAI`, `Local`).
    pub provider: String,
    /// OpenTelemetry's name of the provider, for calls and prices; `local` for runtimes on this machine.
    pub provider_id: String,
    /// Where its models run.
    pub kind: Kind,
    /// Where it was learned of.
    pub origin: Origin,
    /// Where its API begins; the paths of `chat` follow it.
    pub base_url: String,
    /// Models it offers, as far as known; the first is used when none is asked for.
    pub models: Vec<String>,
    /// Which API it speaks.
    pub shape: Shape,
    /// The environment variable that holds its key; `None` if it needs none. The key itself is never kept here.
    pub key_variable: Option<String>,
    /// Whether it works.
    pub health: Health,
}

impl Profile {
    /// The model to use when the caller names none.
    pub fn default_model(&self) -> Option<&str> {
        self.models.first().map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
