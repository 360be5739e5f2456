//! What traces, logs and metrics share in JSON: the request's two outer levels, resource and scope. JSON keys come in any
//! order, so each level is read twice: once for what its records need, once for the records.

use super::value;
use crate::budget::{Budget, Fault};
use crate::error::DecodeError;
use crate::json::Reader;
use crate::limits::Limits;
use crate::otlp::envelope::SCOPE_ATTR;
use std::borrow::Cow;
use tundra_record::{Attrs, Resource, Scope, Sink};

/// The keys of the three levels, in both spellings.
pub(super) struct Keys {
    pub(super) groups: [&'static str; 2],
    pub(super) scopes: [&'static str; 2],
    pub(super) records: [&'static str; 2],
}

/// Walks a whole request; `record` reads each record and gets what the scope adds to its attributes.
pub(super) fn walk<'a, S: Sink>(
    body: &'a [u8],
    keys: &Keys,
    limits: &Limits,
    sink: &mut S,
    mut record: impl FnMut(&mut Reader<'a>, &Attrs<'a>, &mut Budget, &mut S) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut budget = Budget::new(body.len(), limits);
    let mut reader = Reader::new(body)?;
    each(&mut reader, keys.groups, |reader| {
        resource(&mut reader.clone(), &mut budget, sink)?;
        each(reader, keys.scopes, |reader| {
            let scope_attrs = scope(&mut reader.clone(), &mut budget, sink)?;
            each(reader, keys.records, |reader| record(reader, &scope_attrs, &mut budget, sink))
        })
    })?;
    reader.end()
}

/// Walks an object and, inside it, the items of the array under `keys`.
pub(super) fn each<'a>(
    reader: &mut Reader<'a>,
    keys: [&str; 2],
    mut item: impl FnMut(&mut Reader<'a>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    reader.object(
        |reader, key| {
            if keys.contains(&key.as_ref()) { reader.array(&mut item) } else { reader.skip() }
        },
    )
}

fn resource<S: Sink>(reader: &mut Reader<'_>, budget: &mut Budget, sink: &mut S) -> Result<(), DecodeError> {
    let mut resource = Resource::default();
    let (limits, offset) = (budget.limits, reader.offset());
    let read = reader.object(|reader, key| {
        if key != "resource" {
            return Ok(reader.skip()?);
        }
        reader.object(|reader, key| match key.as_ref() {
            "attributes" => value::attrs(reader, 0, &mut resource.attrs, budget),
            _ => Ok(reader.skip()?),
        })
    });
    read.map_err(|fault: Fault| fault.of_request(&limits, "attributes of a resource or scope", offset))?;
    sink.resource(&mut resource);
    Ok(())
}

fn scope<'a, S: Sink>(
    reader: &mut Reader<'a>,
    budget: &mut Budget,
    sink: &mut S,
) -> Result<Attrs<'a>, DecodeError> {
    let (mut scope, mut attrs) = (Scope::default(), Attrs::new());
    let (limits, offset) = (budget.limits, reader.offset());
    let read = reader.object(|reader, key| {
        if key != "scope" {
            return Ok(reader.skip()?);
        }
        reader.object(|reader, key| {
            match key.as_ref() {
                "name" => scope.name = reader.scalar()?.into_text(),
                "version" => scope.version = reader.scalar()?.into_text(),
                "attributes" => value::attrs(reader, 0, &mut attrs, budget)?,
                _ => reader.skip()?,
            }
            Ok(())
        })
    });
    read.map_err(|fault: Fault| fault.of_request(&limits, "attributes of a resource or scope", offset))?;
    sink.scope(&mut scope);
    for (key, _) in &mut attrs {
        *key = Cow::Owned(format!("{SCOPE_ATTR}{key}"));
    }
    Ok(attrs)
}
