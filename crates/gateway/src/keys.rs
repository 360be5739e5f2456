//! Provider keys. They live here and nowhere else: never printed, never kept with a profile, sent to the profile's own
//! address only.

use llm::profile::Profile;
use reqwest::header::{HeaderName, HeaderValue};
use std::collections::BTreeMap;
use std::fmt;

/// The environment, of which nothing is ever shown.
pub(crate) struct Keys {
    variables: BTreeMap<String, String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(***)")
    }
}

impl Keys {
    pub(crate) fn new(variables: BTreeMap<String, String>) -> Self {
        Self { variables }
    }

    /// A variable's value.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// The header that opens `profile`'s door; `None` if it needs none, or its key is missing or no header value.
    pub(crate) fn header(&self, profile: &Profile) -> Option<(HeaderName, HeaderValue)> {
        let key = self.variables.get(profile.key_variable.as_ref()?)?.trim();
        let (name, before) = llm::chat::key_header(profile.shape);
        let mut value = HeaderValue::from_str(&format!("{before}{key}")).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::from_static(name), value))
    }
}
