//! Where the records of a batch come from: kept between `Batch::resource` or `scope` and the records that follow.

use crate::entry::attrs;
use crate::read::{Columns, ReadError};
use tundra_record::{Attrs, Resource, Scope, Source, UnixNanos, Value};

/// What every row of a batch has from its surroundings.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) received: UnixNanos,
    pub(crate) source: Source,
    pub(crate) sample: bool,
    pub(crate) service: Option<String>,
    pub(crate) env: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) host: Option<String>,
    /// The resource's attributes as JSON; empty if it has none.
    pub(crate) resource_attrs: String,
    pub(crate) scope_name: String,
    pub(crate) scope_version: String,
}

impl Origin {
    pub(crate) fn new(received: UnixNanos, source: Source) -> Self {
        Self {
            received,
            source,
            sample: false,
            service: None,
            env: None,
            version: None,
            host: None,
            resource_attrs: String::new(),
            scope_name: String::new(),
            scope_version: String::new(),
        }
    }

    pub(crate) fn resource(&mut self, resource: &Resource<'_>) {
        self.service = resource.service().map(str::to_owned);
        self.env = resource.env().map(str::to_owned);
        self.version = resource.version().map(str::to_owned);
        self.host = resource.host().map(str::to_owned);
        self.resource_attrs.clear();
        if !resource.attrs.is_empty() {
            attrs::write_object(&resource.attrs, &mut self.resource_attrs);
        }
        self.scope(&Scope::default());
    }

    pub(crate) fn scope(&mut self, scope: &Scope<'_>) {
        scope.name.as_ref().clone_into(&mut self.scope_name);
        scope.version.as_ref().clone_into(&mut self.scope_version);
    }
}

/// The resource and scope of a row.
pub(crate) fn read<'b>(columns: &Columns<'b>, row: usize) -> Result<(Resource<'b>, Scope<'b>), ReadError> {
    let attrs: Attrs<'b> = match columns.text("resource_attrs", row) {
        Some(text) => attrs::read_object(text).ok_or(ReadError::Damaged { column: "resource_attrs", row })?,
        None => Attrs::new(),
    };
    let scope = Scope {
        name: columns.text("scope_name", row).unwrap_or_default().into(),
        version: columns.text("scope_version", row).unwrap_or_default().into(),
    };
    Ok((Resource { attrs }, scope))
}

/// The door a row came in by.
pub(crate) fn source(word: &str) -> Option<Source> {
    [Source::Otlp, Source::Datadog, Source::Gateway, Source::Sdk].into_iter().find(|s| s.as_str() == word)
}

/// The first of `keys` that is a filled text.
pub(crate) fn first_text<'v>(attrs: &'v Attrs<'_>, keys: &[&str]) -> Option<&'v str> {
    let of = |key: &&str| tundra_record::value::get(attrs, key).and_then(Value::as_str);
    keys.iter().find_map(of).filter(|text| !text.is_empty())
}
