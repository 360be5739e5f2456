//! Typed configuration: what was written (`raw`) is checked into what the daemon needs. Only this room reads files
//! and the environment.
//!
//! A flag wins over a variable, a variable over the file, the file over `environment/<name>.env`, that over the default.

mod nearest;
mod profiles;
mod raw;
mod settings;

pub(crate) use profiles::ProfileEntry;
pub(crate) use raw::{Raw, Sources};
pub(crate) use settings::SETTINGS;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

/// Everything the daemon needs to know, checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Label of the environment (`development`, `staging`, `production`, or whatever `DD_ENV` says).
    pub(crate) environment: String,
    /// The daemon's own service name.
    pub(crate) service: String,
    /// The daemon's own version label.
    pub(crate) version: String,
    pub(crate) listen: Listen,
    pub(crate) data_dir: PathBuf,
    /// An object store for sealed files; `None` keeps them in the data folder.
    pub(crate) store_url: Option<String>,
    pub(crate) durability: Durability,
    pub(crate) retention: Duration,
    pub(crate) forward: Forward,
    pub(crate) log_level: String,
    pub(crate) log_format: LogFormat,
    /// Asked of every request where a listener for people or the gateway is not on loopback.
    pub(crate) token: Option<String>,
    pub(crate) hash_key: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) discover: bool,
    pub(crate) profiles: Vec<ProfileEntry>,
    /// Variables of Datadog and OpenTelemetry that are set and mean nothing here yet.
    pub(crate) unsupported: Vec<String>,
}

/// Where to listen; `None` is off.
#[derive(Clone, Debug)]
pub(crate) struct Listen {
    pub(crate) ui: Option<SocketAddr>,
    pub(crate) api: Option<SocketAddr>,
    pub(crate) otlp_http: Option<SocketAddr>,
    pub(crate) otlp_grpc: Option<SocketAddr>,
    pub(crate) datadog: Option<SocketAddr>,
    pub(crate) dogstatsd: Option<SocketAddr>,
    pub(crate) datadog_socket: Option<PathBuf>,
    pub(crate) dogstatsd_socket: Option<PathBuf>,
}

/// When an append is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// After fdatasync: survives power loss.
    Group,
    /// After write: survives kill -9; power loss may cost half a second.
    Relaxed,
}

/// Whether and where to forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Forward {
    /// To a Datadog Agent at the usual place, if one answers.
    Auto,
    /// Never.
    Off,
    /// To this Agent.
    To(String),
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Readable on a terminal, JSON elsewhere.
    Auto,
    /// JSON always.
    Json,
    /// Readable always.
    Text,
}

/// A setting has a value that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    #[error("`{key}` (from {origin}) is `{value}`: {problem}")]
    Value { key: String, origin: String, value: String, problem: String },
    #[error("`{key}` listens on {addr}, which others can reach: set AT_API_TOKEN, or listen on 127.0.0.1")]
    OpenWithoutToken { key: &'static str, addr: SocketAddr },
    #[error("there is no home for data: set AT_DATA_DIR to a folder")]
    NoDataDir,
    #[error(transparent)]
    Profile(#[from] profiles::ProfileError),
}

impl Config {
    /// Checks what was written. Touches nothing outside.
    pub(crate) fn check(raw: &Raw) -> Result<Self, CheckError> {
        let listen = Listen {
            ui: address(raw, "listen.ui")?,
            api: address(raw, "listen.api")?,
            otlp_http: address(raw, "listen.otlp_http")?,
            otlp_grpc: address(raw, "listen.otlp_grpc")?,
            datadog: address(raw, "listen.datadog")?,
            dogstatsd: address(raw, "listen.dogstatsd")?,
            datadog_socket: socket(raw, "listen.datadog_socket")?,
            dogstatsd_socket: socket(raw, "listen.dogstatsd_socket")?,
        };
        let token = raw.filled("api.token").map(str::to_owned);
        for (key, addr) in [("listen.ui", listen.ui), ("listen.api", listen.api)] {
            if let Some(addr) = addr.filter(|addr| !addr.ip().is_loopback() && token.is_none()) {
                return Err(CheckError::OpenWithoutToken { key, addr });
            }
        }
        let days: u64 =
            parsed(raw, "store.retention_days", "must be a whole number of days from 1 to 36500")?;
        if !(1..=36_500).contains(&days) {
            return Err(problem(raw, "store.retention_days", "must be from 1 to 36500 days"));
        }
        Ok(Self {
            environment: raw.environment.clone(),
            service: raw
                .label("DD_SERVICE")
                .or_else(|| raw.label("OTEL_SERVICE_NAME"))
                .unwrap_or("at-daemon")
                .into(),
            version: raw.label("DD_VERSION").unwrap_or(env!("CARGO_PKG_VERSION")).into(),
            listen,
            data_dir: raw
                .filled("data.dir")
                .map(PathBuf::from)
                .or_else(|| raw.home())
                .ok_or(CheckError::NoDataDir)?,
            store_url: raw.filled("store.url").map(str::to_owned),
            durability: choice(
                raw,
                "store.durability",
                &[("group", Durability::Group), ("relaxed", Durability::Relaxed)],
            )?,
            retention: Duration::from_secs(days * 86_400),
            forward: forward(raw)?,
            log_level: raw.value("log.level").to_owned(),
            log_format: choice(
                raw,
                "log.format",
                &[("auto", LogFormat::Auto), ("json", LogFormat::Json), ("text", LogFormat::Text)],
            )?,
            token,
            hash_key: raw.filled("redact.hash_key").map(str::to_owned),
            profile: raw.filled("profiles.default").map(str::to_owned),
            discover: choice(raw, "profiles.discover", &[("true", true), ("false", false)])?,
            profiles: profiles::check(&raw.profiles)?,
            unsupported: raw.unsupported(),
        })
    }
}

fn problem(raw: &Raw, key: &str, problem: &str) -> CheckError {
    CheckError::Value {
        key: key.to_owned(),
        origin: raw.origin(key),
        value: raw.value(key).to_owned(),
        problem: problem.to_owned(),
    }
}

fn parsed<T: std::str::FromStr>(raw: &Raw, key: &str, what: &str) -> Result<T, CheckError> {
    raw.value(key).trim().parse().map_err(|_| problem(raw, key, what))
}

fn choice<T: Copy>(raw: &Raw, key: &str, choices: &[(&str, T)]) -> Result<T, CheckError> {
    let value = raw.value(key).trim();
    let found = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(value)).map(|(_, choice)| *choice);
    found.ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
        problem(raw, key, &format!("must be {}", names.join(" or ")))
    })
}

fn address(raw: &Raw, key: &str) -> Result<Option<SocketAddr>, CheckError> {
    let value = raw.value(key).trim();
    if value.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let hint = "must be `host:port` (port 0 for any free one), or `off`";
    // Only names of this machine are resolved, so that checking asks no name server.
    let value =
        value.strip_prefix("localhost:").map_or_else(|| value.to_owned(), |port| format!("127.0.0.1:{port}"));
    match value.parse::<SocketAddr>() {
        Ok(addr) => Ok(Some(addr)),
        Err(_) => Err(problem(raw, key, hint)),
    }
}

/// The path of a unix socket.
fn socket(raw: &Raw, key: &str) -> Result<Option<PathBuf>, CheckError> {
    let value = raw.value(key).trim();
    if value.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let path = PathBuf::from(value.strip_prefix("unix://").unwrap_or(value));
    if path.is_absolute() && path.file_name().is_some() {
        return Ok(Some(path));
    }
    Err(problem(
        raw,
        key,
        "must be the whole path of a unix socket such as `/run/tundra/apm.socket`, or `off`",
    ))
}

fn forward(raw: &Raw) -> Result<Forward, CheckError> {
    let value = raw.value("forward.datadog").trim();
    match value {
        "auto" => Ok(raw.agent_url().map_or(Forward::Auto, Forward::To)),
        "off" => Ok(Forward::Off),
        url if url.starts_with("http://") && url.len() > "http://".len() => {
            Ok(Forward::To(url.trim_end_matches('/').to_owned()))
        }
        _ => Err(problem(
            raw,
            "forward.datadog",
            "must be `auto`, `off`, or an Agent's URL such as `http://localhost:8126`",
        )),
    }
}

/// Whether an Agent's URL leads back to one of our own listeners.
pub(crate) fn is_ourselves(url: &str, own: &[SocketAddr]) -> bool {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let authority = rest.split('/').next().unwrap_or(rest);
    let Ok(addrs) = authority.to_socket_addrs() else { return false };
    addrs.into_iter().any(|addr| {
        own.iter().any(|own| {
            own.port() == addr.port()
                && (own.ip() == addr.ip() || (addr.ip().is_loopback() && own.ip().is_unspecified()))
        })
    })
}

#[cfg(test)]
mod tests;
