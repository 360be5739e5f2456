//! Who sent it: the resource and the instrumentation scope.

use crate::value::{Attrs, Text, get};

/// The process, container or host that telemetry comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource<'a> {
    /// All attributes as they came (`service.name`, `host.name`, ...).
    pub attrs: Attrs<'a>,
}

/// The library that made the telemetry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope<'a> {
    /// Its name; empty if unknown.
    pub name: Text<'a>,
    /// Its version; empty if unknown.
    pub version: Text<'a>,
}

impl Resource<'_> {
    fn text(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| get(&self.attrs, key)?.as_str()).filter(|text| !text.is_empty())
    }

    /// `service.name`.
    pub fn service(&self) -> Option<&str> {
        self.text(&["service.name"])
    }

    /// `deployment.environment.name`, or its older and Datadog's spelling.
    pub fn env(&self) -> Option<&str> {
        self.text(&["deployment.environment.name", "deployment.environment", "env"])
    }

    /// `service.version`.
    pub fn version(&self) -> Option<&str> {
        self.text(&["service.version", "version"])
    }

    /// `host.name`.
    pub fn host(&self) -> Option<&str> {
        self.text(&["host.name"])
    }
}
