//! What traces, logs and metrics share: the request's two outer levels, resource and scope, in protobuf. Records of all
//! three kinds sit in the same field numbers, so one walk serves them all.

use super::value;
use crate::budget::{ATTR_BYTES, Budget, Fault};
use crate::error::DecodeError;
use crate::limits::Limits;
use crate::protobuf::{Message, Wire};
use std::borrow::Cow;
use tundra_record::{Attrs, Resource, Scope, Sink, SpanId, TraceId, Value};

/// What a scope's attributes are called on its records.
pub(crate) const SCOPE_ATTR: &str = "otel.scope.";

/// Walks a whole request; `record` gets each record's message and what the scope adds to its attributes.
pub(crate) fn walk<'a, S: Sink>(
    body: &'a [u8],
    limits: &Limits,
    sink: &mut S,
    mut record: impl FnMut(Message<'a>, &Attrs<'a>, &mut Budget, &mut S) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut budget = Budget::new(body.len(), limits);
    let mut groups = Message::body(body).fields();
    while let Some(field) = groups.next()? {
        let (1, Wire::Bytes(group)) = field else { continue };
        resource(group, &mut budget, sink)?;
        let mut scopes = group.fields();
        while let Some(field) = scopes.next()? {
            let (2, Wire::Bytes(scoped)) = field else { continue };
            let scope_attrs = scope(scoped, &mut budget, sink)?;
            let mut records = scoped.fields();
            while let Some(field) = records.next()? {
                if let (2, Wire::Bytes(message)) = field {
                    record(message, &scope_attrs, &mut budget, sink)?;
                }
            }
        }
    }
    Ok(())
}

/// Reads the resource, wherever in its group it stands, and hands it over.
fn resource<S: Sink>(group: Message<'_>, budget: &mut Budget, sink: &mut S) -> Result<(), DecodeError> {
    let mut resource = Resource::default();
    let mut fields = group.fields();
    while let Some(field) = fields.next()? {
        let (1, Wire::Bytes(message)) = field else { continue };
        let mut inner = message.fields();
        while let Some(field) = inner.next()? {
            let (1, Wire::Bytes(entry)) = field else { continue };
            shared_attr(entry, &mut resource.attrs, budget)?;
        }
    }
    sink.resource(&mut resource);
    Ok(())
}

/// Reads the scope, wherever in its group it stands, and hands it over. Its attributes, which hardly anybody sends,
/// are returned under the names they get on each record.
fn scope<'a, S: Sink>(
    group: Message<'a>,
    budget: &mut Budget,
    sink: &mut S,
) -> Result<Attrs<'a>, DecodeError> {
    let mut scope = Scope::default();
    let mut attrs = Attrs::new();
    let mut fields = group.fields();
    while let Some(field) = fields.next()? {
        let (1, Wire::Bytes(message)) = field else { continue };
        let mut inner = message.fields();
        while let Some(field) = inner.next()? {
            match field {
                (1, Wire::Bytes(name)) => scope.name = name.text(),
                (2, Wire::Bytes(version)) => scope.version = version.text(),
                (3, Wire::Bytes(entry)) => shared_attr(entry, &mut attrs, budget)?,
                _ => {}
            }
        }
    }
    sink.scope(&mut scope);
    for (key, _) in &mut attrs {
        *key = Cow::Owned(format!("{SCOPE_ATTR}{key}"));
    }
    Ok(attrs)
}

fn shared_attr<'a>(
    entry: Message<'a>,
    attrs: &mut Attrs<'a>,
    budget: &mut Budget,
) -> Result<(), DecodeError> {
    let limits = budget.limits;
    value::attr(entry, 0, attrs, budget)
        .map_err(|fault| fault.of_request(&limits, "attributes of a resource or scope", entry.offset))
}

/// Adds what a scope says to a record's attributes.
pub(crate) fn add_scope_attrs<'a>(
    scope_attrs: &Attrs<'a>,
    attrs: &mut Attrs<'a>,
    budget: &mut Budget,
    offset: usize,
) -> Result<(), Fault> {
    for (key, value) in scope_attrs {
        // Texts are cloned here, so they count again for each record.
        budget.attr(attrs.len(), key.len() + value_bytes(value), offset)?;
        attrs.push((key.clone(), value.clone()));
    }
    Ok(())
}

fn value_bytes(value: &Value<'_>) -> usize {
    match value {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.iter().map(|item| ATTR_BYTES + value_bytes(item)).sum(),
        Value::Map(entries) => entries.iter().map(|(k, v)| ATTR_BYTES + k.len() + value_bytes(v)).sum(),
        Value::Bool(_) | Value::Int(_) | Value::Double(_) => 0,
    }
}

/// Adds a count of something the client dropped, if it dropped any.
pub(crate) fn add_dropped(
    key: &'static str,
    count: u64,
    attrs: &mut Attrs<'_>,
    budget: &mut Budget,
    offset: usize,
) -> Result<(), Fault> {
    if count > 0 {
        budget.attr(attrs.len(), 0, offset)?;
        attrs.push((Cow::Borrowed(key), Value::Int(i64::try_from(count).unwrap_or(i64::MAX))));
    }
    Ok(())
}

/// A trace id, if there are 16 bytes and not all are zero.
#[inline]
pub(crate) fn trace_id(bytes: &[u8]) -> Option<TraceId> {
    Some(TraceId(u128::from_be_bytes(bytes.try_into().ok()?))).filter(|id| id.is_valid())
}

/// A span id, if there are 8 bytes and not all are zero.
#[inline]
pub(crate) fn span_id(bytes: &[u8]) -> Option<SpanId> {
    Some(SpanId(u64::from_be_bytes(bytes.try_into().ok()?))).filter(|id| id.is_valid())
}
