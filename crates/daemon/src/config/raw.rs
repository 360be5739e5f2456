//! What was written, before anybody checked it: each setting as text with the place it came from.

use super::nearest::nearest;
use super::settings::SETTINGS;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The environments that come as files under `environment/`, built into the binary.
const ENVIRONMENTS: [(&str, &str); 3] = [
    ("development", include_str!("../../../../environment/development.env")),
    ("staging", include_str!("../../../../environment/staging.env")),
    ("production", include_str!("../../../../environment/production.env")),
];

/// Variables of Datadog and OpenTelemetry that mean something here.
const HONORED: &[&str] = &[
    "DD_SERVICE",
    "DD_ENV",
    "DD_VERSION",
    "DD_TRACE_AGENT_URL",
    "DD_AGENT_HOST",
    "DD_TRACE_AGENT_PORT",
    "DD_APM_RECEIVER_SOCKET",
    "DD_DOGSTATSD_SOCKET",
    "OTEL_SERVICE_NAME",
];

/// The Datadog Agent's own variables that say the same as a setting of ours, which wins over them.
const OF_AGENT: [(&str, &str); 2] =
    [("DD_APM_RECEIVER_SOCKET", "listen.datadog_socket"), ("DD_DOGSTATSD_SOCKET", "listen.dogstatsd_socket")];

/// Where settings come from.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The environment's name from the command line.
    pub(crate) environment: Option<String>,
    /// The configuration file: its path and its text.
    pub(crate) file: Option<(PathBuf, String)>,
    /// All variables of the process.
    pub(crate) variables: BTreeMap<String, String>,
}

/// A source that cannot be read as settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RawError {
    #[error("`{name}` (from {origin}) is not a setting{}", hint(.nearest))]
    Unknown { name: String, origin: String, nearest: Option<String> },
    #[error("the configuration file `{path}` is not TOML: {problem}")]
    File { path: String, problem: String },
    #[error("`{name}` in the configuration file must be text, a number or true/false")]
    Type { name: String },
    #[error(
        "unknown environment `{name}`: use development, staging or production (or set DD_ENV to any label)"
    )]
    Environment { name: String },
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!(": did you mean `{name}`?")).unwrap_or_default()
}

/// Each setting as text, with its origin.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) environment: String,
    pub(crate) profiles: toml::Table,
    values: BTreeMap<&'static str, (String, String)>,
    variables: BTreeMap<String, String>,
}

impl Raw {
    /// Puts the sources in order; later ones win.
    pub(crate) fn read(sources: Sources) -> Result<Self, RawError> {
        let label = sources.environment.clone().or_else(|| sources.variables.get("DD_ENV").cloned());
        let environment = label.filter(|label| !label.is_empty()).unwrap_or_else(|| "development".to_owned());
        let built_in = ENVIRONMENTS.iter().find(|(name, _)| *name == environment);
        if let (Some(name), None) = (&sources.environment, built_in) {
            return Err(RawError::Environment { name: name.clone() });
        }
        let mut values: BTreeMap<_, _> =
            SETTINGS.iter().map(|s| (s.name, (s.default.to_owned(), "the default".to_owned()))).collect();
        if let Some((name, text)) = built_in {
            let origin = format!("environment/{name}.env");
            for (variable, value) in text.lines().filter_map(assignment) {
                set_variable(&mut values, variable, value, &origin)?;
            }
        }
        let mut profiles = toml::Table::new();
        if let Some((path, text)) = &sources.file {
            let path = path.display().to_string();
            let table: toml::Table = text.parse().map_err(|error: toml::de::Error| RawError::File {
                path: path.clone(),
                problem: error.to_string(),
            })?;
            profiles = set_file(&mut values, table, &path)?;
        }
        for (variable, name) in OF_AGENT {
            if let Some(value) = sources.variables.get(variable).filter(|value| !value.is_empty()) {
                values.insert(name, (value.clone(), format!("{variable} in the environment")));
            }
        }
        for (variable, value) in &sources.variables {
            if variable.starts_with("AT_") {
                set_variable(&mut values, variable, value, "the environment")?;
            }
        }
        Ok(Self { environment, profiles, values, variables: sources.variables })
    }

    /// The text of a setting.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", |(value, _)| value)
    }

    /// The text of a setting, unless it is empty.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.value(name).trim()).filter(|value| !value.is_empty())
    }

    /// Where a setting was written.
    pub(crate) fn origin(&self, name: &str) -> String {
        self.values.get(name).map_or_else(String::new, |(_, origin)| origin.clone())
    }

    /// A variable that is set and not empty.
    pub(crate) fn label(&self, variable: &str) -> Option<&str> {
        self.variables.get(variable).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The folder for data, if nobody named one.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        let data = self.label("XDG_DATA_HOME").map(PathBuf::from);
        let data = data.or_else(|| self.label("HOME").map(|home| PathBuf::from(home).join(".local/share")));
        data.map(|data| data.join("tundra"))
    }

    /// The Agent that Datadog's own variables name.
    pub(crate) fn agent_url(&self) -> Option<String> {
        if let Some(url) = self.label("DD_TRACE_AGENT_URL") {
            return Some(url.trim_end_matches('/').to_owned());
        }
        let host = self.label("DD_AGENT_HOST");
        let port = self.label("DD_TRACE_AGENT_PORT");
        (host.is_some() || port.is_some())
            .then(|| format!("http://{}:{}", host.unwrap_or("localhost"), port.unwrap_or("8126")))
    }

    /// Datadog's and OpenTelemetry's variables that are set and mean nothing here.
    pub(crate) fn unsupported(&self) -> Vec<String> {
        let theirs = |name: &&String| name.starts_with("DD_") || name.starts_with("OTEL_");
        let known = |name: &&String| !HONORED.contains(&name.as_str());
        self.variables.keys().filter(theirs).filter(known).cloned().collect()
    }

    /// All variables of the process, for rooms that look for keys among them.
    pub(crate) fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.starts_with('#') { None } else { line.split_once('=') }
}

fn variable_of(name: &str) -> String {
    format!("AT_{}", name.replace('.', "_").to_ascii_uppercase())
}

fn set_variable(
    values: &mut BTreeMap<&'static str, (String, String)>,
    variable: &str,
    value: &str,
    origin: &str,
) -> Result<(), RawError> {
    match SETTINGS.iter().find(|setting| variable_of(setting.name) == variable) {
        Some(setting) => {
            values.insert(setting.name, (value.to_owned(), format!("{variable} in {origin}")));
            Ok(())
        }
        None => {
            let known: Vec<String> = SETTINGS.iter().map(|setting| variable_of(setting.name)).collect();
            let nearest = nearest(variable, known.iter().map(String::as_str)).map(str::to_owned);
            Err(RawError::Unknown { name: variable.to_owned(), origin: origin.to_owned(), nearest })
        }
    }
}

/// Sets what the file says and gives back its profile tables.
fn set_file(
    values: &mut BTreeMap<&'static str, (String, String)>,
    table: toml::Table,
    path: &str,
) -> Result<toml::Table, RawError> {
    let mut profiles = toml::Table::new();
    for (section, entries) in table {
        let toml::Value::Table(entries) = entries else {
            let nearest = Some(format!("[{section}] with keys below it"));
            return Err(RawError::Unknown { name: section, origin: path.to_owned(), nearest });
        };
        for (key, value) in entries {
            let name = format!("{section}.{key}");
            let text = match value {
                toml::Value::Table(_) if section == "profiles" => {
                    profiles.insert(key, value);
                    continue;
                }
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(truth) => truth.to_string(),
                _ => return Err(RawError::Type { name }),
            };
            let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
                let nearest = nearest(&name, SETTINGS.iter().map(|setting| setting.name)).map(str::to_owned);
                return Err(RawError::Unknown { name, origin: path.to_owned(), nearest });
            };
            values.insert(setting.name, (text, path.to_owned()));
        }
    }
    Ok(profiles)
}
