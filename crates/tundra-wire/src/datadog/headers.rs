//! What a tracer says about itself in its request headers. `intake` fills it from the HTTP request.

use std::borrow::Cow;
use tundra_record::{Attrs, Value};

/// The headers that describe the sender; all optional.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatadogHeaders<'h> {
    /// `Datadog-Meta-Lang`.
    pub language: Option<&'h str>,
    /// `Datadog-Meta-Lang-Version`.
    pub language_version: Option<&'h str>,
    /// `Datadog-Meta-Lang-Interpreter`.
    pub interpreter: Option<&'h str>,
    /// `Datadog-Meta-Tracer-Version`.
    pub tracer_version: Option<&'h str>,
    /// `Datadog-Container-ID`.
    pub container_id: Option<&'h str>,
    /// `Datadog-Entity-ID`.
    pub entity_id: Option<&'h str>,
}

impl<'h> DatadogHeaders<'h> {
    /// Asks `header` for each header by its lower-case name.
    pub fn read(header: impl Fn(&str) -> Option<&'h str>) -> Self {
        let get = |name: &str| header(name).filter(|text| !text.is_empty());
        Self {
            language: get("datadog-meta-lang"),
            language_version: get("datadog-meta-lang-version"),
            interpreter: get("datadog-meta-lang-interpreter"),
            tracer_version: get("datadog-meta-tracer-version"),
            container_id: get("datadog-container-id"),
            entity_id: get("datadog-entity-id"),
        }
    }

    /// As resource attributes under OpenTelemetry's names.
    pub(crate) fn add_to(&self, attrs: &mut Attrs<'h>) {
        let pairs = [
            ("telemetry.sdk.name", Some("datadog")),
            ("telemetry.sdk.language", self.language),
            ("telemetry.sdk.version", self.tracer_version),
            ("process.runtime.version", self.language_version),
            ("process.runtime.name", self.interpreter),
            ("container.id", self.container_id),
            ("datadog.entity.id", self.entity_id),
        ];
        for (key, value) in pairs {
            if let Some(value) = value {
                attrs.push((Cow::Borrowed(key), Value::from(value)));
            }
        }
    }
}
