//! `[profiles.<name>]` tables of the configuration file: LLM profiles that somebody wrote down.

/// One written profile.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileEntry {
    /// Its name: the table's.
    #[serde(skip)]
    pub(crate) name: String,
    /// The provider, as OpenTelemetry names it (`openai`, `anthropic`, ...).
    pub(crate) provider: String,
    /// Where it answers.
    pub(crate) base_url: String,
    /// The model to use; the first one it lists, if not said.
    pub(crate) model: Option<String>,
    /// The variable that holds its key. Keys never stand in the file.
    pub(crate) key_variable: Option<String>,
}

/// A written profile that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    #[error("profile `{name}` in the configuration file: {problem}")]
    Entry { name: String, problem: String },
}

pub(super) fn check(tables: &toml::Table) -> Result<Vec<ProfileEntry>, ProfileError> {
    let read = |(name, table): (&String, &toml::Value)| {
        let entry = |problem: String| ProfileError::Entry { name: name.clone(), problem };
        let mut profile: ProfileEntry =
            table.clone().try_into().map_err(|error: toml::de::Error| entry(error.message().to_owned()))?;
        if !profile.base_url.starts_with("http://") && !profile.base_url.starts_with("https://") {
            return Err(entry("`base_url` must begin with http:// or https://".to_owned()));
        }
        profile.name.clone_from(name);
        Ok(profile)
    };
    tables.iter().map(read).collect()
}
