//! The SDK's only look at the environment: the standard `DD_*` and `OTEL_*` variables, and `RUST_LOG`.
//!
//! Read once by the builder. Datadog's variable wins over OpenTelemetry's; the builder's own calls win over both.

mod names;
mod otlp;
mod sampling;
mod unsupported;
mod words;

pub(crate) use names::{ENV, HOST, Names, SERVICE, VERSION, percent_decoded};
pub(crate) use otlp::Otlp;
#[cfg(any(test, feature = "tls"))]
pub(crate) use otlp::Signal as OtlpSignal;

pub(crate) use sampling::Sampling;

use crate::engine::Filter;
use names::pairs;
use words::{content, meant, truth};

/// A source of variables, as they are meant: trimmed, and an empty one counts as unset.
type Lookup<'l> = dyn Fn(&str) -> Option<String> + 'l;

/// One variable of this process.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().and_then(|text| meant(&text))
}

/// What the environment says; empty variables count as unset.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Environment {
    pub(crate) names: Names,
    pub(crate) filter: Option<Filter>,
    pub(crate) sampling: Sampling,
    pub(crate) disabled: bool,
    /// Spans are not recorded; log records and metrics are.
    pub(crate) no_spans: bool,
    /// Personal data and secrets are to stay in.
    pub(crate) unredacted: bool,
    /// Log lines are not to name their trace.
    pub(crate) no_log_injection: bool,
    pub(crate) otlp: Otlp,
    /// Datadog without an Agent.
    pub(crate) api_key: Option<String>,
    pub(crate) site: Option<String>,
    pub(crate) statsd_url: Option<String>,
    pub(crate) statsd_host: Option<String>,
    pub(crate) statsd_port: Option<String>,
    pub(crate) agent_url: Option<String>,
    pub(crate) agent_host: Option<String>,
    pub(crate) agent_port: Option<String>,
    /// Whether statistics are counted here.
    pub(crate) client_stats: bool,
    pub(crate) prefers_v05: bool,
    /// Whether an Agent may change settings of a running program.
    pub(crate) remote_config: bool,
    /// What Datadog's LLM product calls the application; the service's name if unset.
    pub(crate) llm_app: Option<String>,
    /// Settings that are not honored, a sentence each.
    pub(crate) notices: Vec<String>,
}

impl Environment {
    /// Reads the process's environment.
    pub(crate) fn read() -> Self {
        Self::from_lookup(variable)
    }

    /// The same from any source of variables.
    pub(crate) fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| lookup(name).and_then(|text| meant(&text));
        let off = |name| set(name).as_deref().and_then(truth) == Some(false);
        let says = |name, words: &[&str]| {
            set(name).is_some_and(|text| words.iter().any(|word| text.eq_ignore_ascii_case(word)))
        };
        let mut notices = unsupported::notices(&set);
        Self {
            names: Names::read(&set),
            filter: filter(&set, &mut notices),
            sampling: Sampling::read(&set, &mut notices),
            // The specification has one word for this switch, and says that every other means no.
            disabled: says("OTEL_SDK_DISABLED", &["true"]),
            no_spans: off("DD_TRACE_ENABLED"),
            unredacted: off("TUNDRA_REDACT"),
            no_log_injection: off("DD_LOGS_INJECTION"),
            otlp: Otlp::read(&set),
            api_key: set("DD_API_KEY"),
            site: set("DD_SITE"),
            statsd_url: set("DD_DOGSTATSD_URL"),
            statsd_host: set("DD_DOGSTATSD_HOST"),
            statsd_port: set("DD_DOGSTATSD_PORT"),
            agent_url: set("DD_TRACE_AGENT_URL"),
            agent_host: set("DD_AGENT_HOST"),
            agent_port: set("DD_TRACE_AGENT_PORT"),
            client_stats: !off("DD_TRACE_STATS_COMPUTATION_ENABLED"),
            prefers_v05: says("DD_TRACE_API_VERSION", &["v0.5", "0.5"]),
            remote_config: !off("DD_REMOTE_CONFIGURATION_ENABLED"),
            llm_app: set("DD_LLMOBS_ML_APP"),
            notices,
        }
    }
}

impl Environment {
    /// The Datadog Agent's URL, if one was named.
    pub(crate) fn agent(&self) -> Option<String> {
        let port = self.agent_port.as_deref().unwrap_or("8126");
        let of_host = || self.agent_host().map(|host| format!("http://{host}:{port}"));
        self.agent_url.clone().or_else(of_host)
    }

    /// Who says where the Agent is.
    pub(crate) fn agent_variables(&self) -> &'static str {
        if self.agent_url.is_some() {
            "`DD_TRACE_AGENT_URL`"
        } else {
            "`DD_AGENT_HOST` or `DD_TRACE_AGENT_PORT`"
        }
    }

    /// Who says where the DogStatsD server is; the Agent's variables were looked at before.
    pub(crate) fn statsd_variables(&self) -> &'static str {
        if self.statsd_url.is_some() {
            "`DD_DOGSTATSD_URL`"
        } else {
            "`DD_DOGSTATSD_HOST` or `DD_DOGSTATSD_PORT`"
        }
    }

    /// The Agent's host. A port alone means one on this machine, but not beside a URL, which says it all.
    fn agent_host(&self) -> Option<&str> {
        let local = self.agent_port.is_some() && self.agent_url.is_none();
        self.agent_host.as_deref().or(local.then_some("localhost"))
    }

    /// The host in the Agent's URL.
    fn agent_url_host(&self) -> Option<&str> {
        let url = self.agent_url.as_deref()?;
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
        let authority = rest.split('/').next()?;
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => authority,
        };
        Some(host).filter(|host| !host.is_empty())
    }

    /// The DogStatsD server's URL, if one was named. An Agent has one beside it, for metrics that go nowhere else.
    pub(crate) fn statsd(&self, beside_agent: bool) -> Option<String> {
        let beside = || self.agent_host().or_else(|| self.agent_url_host()).filter(|_| beside_agent);
        let host = self.statsd_host.as_deref().or_else(beside);
        let port = self.statsd_port.as_deref().unwrap_or("8125");
        let local = || self.statsd_port.as_ref().map(|port| format!("udp://localhost:{port}"));
        self.statsd_url.clone().or_else(|| Some(format!("udp://{}:{port}", host?))).or_else(local)
    }
}

/// The directives of `RUST_LOG`. A typo must not keep a service from starting, and is told. Levels that OpenTelemetry and
/// Datadog have variables for are those of an SDK's own log.
fn filter(lookup: &Lookup<'_>, notices: &mut Vec<String>) -> Option<Filter> {
    let (filter, errors) = Filter::parse_known(&lookup("RUST_LOG")?);
    if let Some(first) = errors.first() {
        notices.push(format!("`RUST_LOG` holds without {} of its directives: {first}", errors.len()));
    }
    Some(filter)
}

/// The container that the process runs in, as Datadog's Agent wants to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Container {
    /// Its id; empty if there is none.
    pub(crate) id: String,
    /// `ci-<id>`, else `in-<inode>` of the control group; empty if neither is known.
    pub(crate) entity: String,
    /// What the orchestrator set for this purpose.
    pub(crate) external: String,
}

impl Container {
    pub(crate) fn read() -> Self {
        let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let id = container_id(&groups).unwrap_or_default().to_owned();
        let entity = if id.is_empty() { group_inode() } else { Some(format!("ci-{id}")) };
        let sendable = |text: &String| text.bytes().all(|byte| byte.is_ascii_graphic());
        let external = variable("DD_EXTERNAL_ENV").filter(sendable).unwrap_or_default();
        Self { id, entity: entity.unwrap_or_default(), external }
    }
}

/// The last part of a control group's path that is a container's id: 64 hex digits, or those of a task or pod.
fn container_id(groups: &str) -> Option<&str> {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    groups.lines().find_map(|line| {
        let last = line.rsplit_once('/')?.1.trim_end_matches(".scope");
        let id = last.rsplit_once('-').filter(|(_, id)| id.len() == 64).map_or(last, |(_, id)| id);
        (id.len() >= 32 && id.len() <= 64 && is_hex(id)).then_some(id)
    })
}

#[cfg(target_os = "linux")]
fn group_inode() -> Option<String> {
    use std::os::linux::fs::MetadataExt;
    // In the host's own namespace the number says nothing about a container.
    const HOST_NAMESPACE: u64 = 0xefff_fffb;
    let own = std::fs::metadata("/proc/self/ns/cgroup").ok()?.st_ino();
    let inode = std::fs::metadata("/sys/fs/cgroup").ok()?.st_ino();
    (own != HOST_NAMESPACE && inode > 2).then(|| format!("in-{inode}"))
}

#[cfg(not(target_os = "linux"))]
fn group_inode() -> Option<String> {
    None
}

/// How many tags an Agent shall add to DogStatsD metrics; empty leaves it to the Agent.
pub(crate) fn cardinality() -> String {
    let text = variable("DD_CARDINALITY").unwrap_or_default().to_ascii_lowercase();
    if ["none", "low", "orchestrator", "high"].contains(&&*text) { text } else { String::new() }
}

/// Whether prompts and answers are recorded, where the program does not say.
pub(crate) fn captures_content() -> bool {
    content(&variable).0
}

/// Which propagation styles are read and written, where the program's environment says.
pub(crate) fn propagation_styles() -> (Option<String>, Option<String>) {
    styles_said(&variable)
}

/// The same from any source of variables. Whoever does not trust what comes continues no trace, and reads baggage at most.
fn styles_said(lookup: &Lookup<'_>) -> (Option<String>, Option<String>) {
    let first = |own: &str| {
        let names = [own, "DD_TRACE_PROPAGATION_STYLE", "OTEL_PROPAGATORS"];
        names.into_iter().find_map(lookup)
    };
    let extract = first("DD_TRACE_PROPAGATION_STYLE_EXTRACT");
    let has_baggage = || extract.as_ref().is_none_or(|list| list.to_ascii_lowercase().contains("baggage"));
    let only = match lookup("DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT").map(|word| word.to_ascii_lowercase()) {
        Some(word) if word == "restart" && has_baggage() => Some("baggage"),
        Some(word) if word == "restart" || word == "ignore" => Some("none"),
        _ => None,
    };
    (only.map(str::to_owned).or(extract), first("DD_TRACE_PROPAGATION_STYLE_INJECT"))
}

/// The name of this machine, if the system tells.
pub(crate) fn host_name() -> Option<String> {
    meant(&std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?)
}

/// The name of the program's file, for a service that was not named.
pub(crate) fn program_name() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.file_stem().map_or_else(|| "unnamed-service".to_owned(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests;
