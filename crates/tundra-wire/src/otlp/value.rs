//! OTLP attribute values from protobuf. The other decoders here call it for every attribute.

use crate::budget::{ATTR_BYTES, Budget, Fault};
use crate::protobuf::{Message, Wire};
use std::borrow::Cow;
use tundra_record::{Attrs, Reject, Text, Value};

/// Reads one `KeyValue` and adds it to `attrs`.
#[inline]
pub(crate) fn attr<'a>(
    message: Message<'a>,
    depth: usize,
    attrs: &mut Attrs<'a>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    budget.attr(attrs.len(), message.bytes.len(), message.offset)?;
    let mut key = Text::default();
    let mut value = None;
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        match field {
            (1, Wire::Bytes(bytes)) => key = bytes.text(),
            (2, Wire::Bytes(any)) => value = any_value(any, depth, budget)?.or(value),
            _ => {}
        }
    }
    attrs.push((key, value.unwrap_or(Value::Str(Cow::Borrowed("")))));
    Ok(())
}

/// Reads one `AnyValue`; `None` if it holds nothing, which readers see as empty text.
#[inline]
pub(crate) fn any_value<'a>(
    message: Message<'a>,
    depth: usize,
    budget: &mut Budget,
) -> Result<Option<Value<'a>>, Fault> {
    let mut value = None;
    let mut fields = message.fields();
    while let Some(field) = fields.next()? {
        value = Some(match field {
            (1, Wire::Bytes(bytes)) => Value::Str(bytes.text()),
            (2, Wire::Varint(truth)) => Value::Bool(truth != 0),
            (3, Wire::Varint(number)) => Value::Int(number as i64),
            (4, Wire::Fixed64(bits)) => Value::Double(f64::from_bits(bits)),
            (5, Wire::Bytes(list)) => array(list, deeper(depth, budget)?, budget)?,
            (6, Wire::Bytes(map)) => key_values(map, deeper(depth, budget)?, budget)?,
            (7, Wire::Bytes(bytes)) => Value::Bytes(Cow::Borrowed(bytes.bytes)),
            _ => continue,
        });
    }
    Ok(value)
}

fn deeper(depth: usize, budget: &Budget) -> Result<usize, Fault> {
    if depth >= budget.limits.depth { Err(Fault::Record(Reject::TooDeep)) } else { Ok(depth + 1) }
}

fn array<'a>(list: Message<'a>, depth: usize, budget: &mut Budget) -> Result<Value<'a>, Fault> {
    let mut items = Vec::new();
    let mut fields = list.fields();
    while let Some(field) = fields.next()? {
        if let (1, Wire::Bytes(item)) = field {
            budget.charge(ATTR_BYTES, item.offset)?;
            items.push(any_value(item, depth, budget)?.unwrap_or(Value::Str(Cow::Borrowed(""))));
        }
    }
    Ok(Value::List(items))
}

fn key_values<'a>(map: Message<'a>, depth: usize, budget: &mut Budget) -> Result<Value<'a>, Fault> {
    let mut entries = Attrs::new();
    let mut fields = map.fields();
    while let Some(field) = fields.next()? {
        if let (1, Wire::Bytes(entry)) = field {
            attr(entry, depth, &mut entries, budget)?;
        }
    }
    Ok(Value::Map(entries))
}
