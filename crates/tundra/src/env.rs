//! The SDK's only look at the environment: the standard `DD_*` and `OTEL_*` variables, and `RUST_LOG`.
//!
//! Read once by the builder. Datadog's variable wins over OpenTelemetry's; the builder's own calls win over both.

use std::env::var;

/// What the environment says; empty variables count as unset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    pub(crate) service: Option<String>,
    pub(crate) env: Option<String>,
    pub(crate) version: Option<String>,
    /// Further resource attributes.
    pub(crate) attributes: Vec<(String, String)>,
    /// Filter directives.
    pub(crate) filter: Option<String>,
    /// Between 0 and 1, as written.
    pub(crate) sample_rate: Option<String>,
    pub(crate) disabled: bool,
    /// Personal data and secrets are to stay in.
    pub(crate) unredacted: bool,
    pub(crate) otlp_endpoint: Option<String>,
    pub(crate) otlp_headers: Option<String>,
    pub(crate) agent_url: Option<String>,
    pub(crate) agent_host: Option<String>,
    pub(crate) agent_port: Option<String>,
}

impl Environment {
    /// Reads the process's environment.
    pub(crate) fn read() -> Self {
        Self::from_lookup(|name| var(name).ok())
    }

    /// The same from any source of variables.
    pub(crate) fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let first =
            |names: &[&str]| names.iter().find_map(|name| lookup(name).filter(|text| !text.is_empty()));
        let off = |name, words: &[&str]| {
            first(&[name]).is_some_and(|text| words.iter().any(|word| text.eq_ignore_ascii_case(word)))
        };
        let mut attributes = pairs(&first(&["OTEL_RESOURCE_ATTRIBUTES"]).unwrap_or_default(), '=');
        attributes.extend(pairs(&first(&["DD_TAGS"]).unwrap_or_default(), ':'));
        let attribute =
            |key: &str| attributes.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.clone());
        Self {
            service: first(&["DD_SERVICE", "OTEL_SERVICE_NAME"]).or_else(|| attribute("service.name")),
            env: first(&["DD_ENV"])
                .or_else(|| attribute("deployment.environment.name"))
                .or_else(|| attribute("deployment.environment"))
                .or_else(|| attribute("env")),
            version: first(&["DD_VERSION"])
                .or_else(|| attribute("service.version"))
                .or_else(|| attribute("version")),
            filter: first(&["RUST_LOG", "DD_LOG_LEVEL", "OTEL_LOG_LEVEL"]),
            sample_rate: first(&["DD_TRACE_SAMPLE_RATE"])
                .or_else(|| first(&["OTEL_TRACES_SAMPLER_ARG"]).filter(|_| ratio_sampler(&first))),
            disabled: off("DD_TRACE_ENABLED", &["false", "0"]) || off("OTEL_SDK_DISABLED", &["true"]),
            unredacted: off("TUNDRA_REDACT", &["false", "0"]),
            otlp_endpoint: first(&["OTEL_EXPORTER_OTLP_ENDPOINT"]),
            otlp_headers: first(&["OTEL_EXPORTER_OTLP_HEADERS"]),
            agent_url: first(&["DD_TRACE_AGENT_URL"]),
            agent_host: first(&["DD_AGENT_HOST"]),
            agent_port: first(&["DD_TRACE_AGENT_PORT"]),
            attributes,
        }
    }
}

impl Environment {
    /// The Datadog Agent's URL, if one was named.
    pub(crate) fn agent(&self) -> Option<String> {
        let port = self.agent_port.as_deref().unwrap_or("8126");
        let of_host = || self.agent_host.as_ref().map(|host| format!("http://{host}:{port}"));
        self.agent_url.clone().or_else(of_host)
    }

    /// Headers for OTLP.
    pub(crate) fn otlp_headers(&self) -> Vec<(String, String)> {
        pairs(self.otlp_headers.as_deref().unwrap_or_default(), '=')
    }
}

fn ratio_sampler(first: &impl Fn(&[&str]) -> Option<String>) -> bool {
    first(&["OTEL_TRACES_SAMPLER"]).is_some_and(|name| name.ends_with("traceidratio"))
}

/// `key=value` pairs between commas (Datadog also allows blanks); what is no pair is skipped.
fn pairs(text: &str, between: char) -> Vec<(String, String)> {
    let separators: &[char] = if between == ':' { &[',', ' '] } else { &[','] };
    text.split(separators)
        .filter_map(|pair| pair.split_once(between))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .filter(|(key, _)| !key.is_empty())
        .collect()
}

/// Whether prompts and answers are recorded, where the program does not say.
pub(crate) fn captures_content() -> bool {
    let named = ["TUNDRA_CAPTURE_CONTENT", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"];
    let text = named.into_iter().find_map(|name| var(name).ok()).unwrap_or_default();
    !["false", "0", "no_content"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Which propagation styles are read and written, where the program's environment says.
pub(crate) fn propagation_styles() -> (Option<String>, Option<String>) {
    let first = |own: &str| {
        let names = [own, "DD_TRACE_PROPAGATION_STYLE", "OTEL_PROPAGATORS"];
        names.into_iter().find_map(|name| var(name).ok().filter(|text| !text.trim().is_empty()))
    };
    (first("DD_TRACE_PROPAGATION_STYLE_EXTRACT"), first("DD_TRACE_PROPAGATION_STYLE_INJECT"))
}

/// The name of this machine, if the system tells.
pub(crate) fn host_name() -> Option<String> {
    let named = var("DD_HOSTNAME").ok().filter(|name| !name.is_empty());
    let kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    named.or_else(kernel).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The name of the program's file, for a service that was not named.
pub(crate) fn program_name() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.file_stem().map_or_else(|| "unnamed-service".to_owned(), |name| name.to_string_lossy().into_owned())
}
