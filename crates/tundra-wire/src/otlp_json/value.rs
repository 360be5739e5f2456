//! OTLP attribute values, ids and enums from JSON. The other decoders here call it.

use crate::budget::{ATTR_BYTES, Budget, Fault};
use crate::error::DecodeError;
use crate::json::{Kind, Reader, Scalar};
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::borrow::Cow;
use tundra_record::{Attrs, Reject, SpanId, Text, TraceId, UnixNanos, Value};

const TOLERANT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, TOLERANT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, TOLERANT);

/// The bytes that base64 text stands for, in either alphabet, padded or not.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).or_else(|_| BASE64_URL.decode(text)).ok()
}

/// Bytes of an id in hex or, as protobuf's own JSON has it, base64.
fn id_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() == N * 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
        }
        return Some(bytes);
    }
    // Longer texts are no ids; they must not be decoded into memory first.
    if text.len() > N * 2 { None } else { from_base64(text)?.try_into().ok() }
}

/// A trace id, if it is one and not zero.
pub(crate) fn trace_id(scalar: &Scalar<'_>) -> Option<TraceId> {
    let Scalar::Text(text) = scalar else { return None };
    Some(TraceId(u128::from_be_bytes(id_bytes(text)?))).filter(|id| id.is_valid())
}

/// A span id, if it is one and not zero.
pub(crate) fn span_id(scalar: &Scalar<'_>) -> Option<SpanId> {
    let Scalar::Text(text) = scalar else { return None };
    Some(SpanId(u64::from_be_bytes(id_bytes(text)?))).filter(|id| id.is_valid())
}

/// A time in nanoseconds.
pub(crate) fn time(scalar: &Scalar<'_>) -> UnixNanos {
    UnixNanos::from_u64(scalar.as_u64())
}

/// An enum by number, or by the end of its name: `SPAN_KIND_SERVER` and `server` are both the 2 of `names`.
pub(crate) fn enumeration(scalar: &Scalar<'_>, names: &[(&str, u64)]) -> u64 {
    match scalar {
        Scalar::Text(text) if !text.trim().bytes().all(|byte| byte.is_ascii_digit()) => {
            let upper = text.trim().to_ascii_uppercase();
            names
                .iter()
                .find(|(name, _)| upper.rsplit('_').next() == Some(name))
                .map_or(0, |(_, number)| *number)
        }
        other => other.as_u64(),
    }
}

/// Reads a list of `KeyValue` objects. A plain object of values, which some clients send, is taken as well.
pub(crate) fn attrs<'a>(
    reader: &mut Reader<'a>,
    depth: usize,
    attrs: &mut Attrs<'a>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    if reader.kind() == Kind::Object {
        return reader.object(|reader, key| {
            let offset = reader.offset();
            let value = any_value(reader, depth, budget)?;
            push(attrs, key, value, budget, offset)
        });
    }
    reader.array(|reader| {
        let offset = reader.offset();
        let (mut key, mut value) = (Text::default(), Value::Str(Cow::Borrowed("")));
        reader.object(|reader, name| {
            match name.as_ref() {
                "key" => key = reader.scalar()?.into_text(),
                "value" => value = any_value(reader, depth, budget)?,
                _ => reader.skip()?,
            }
            Ok::<(), Fault>(())
        })?;
        push(attrs, key, value, budget, offset)
    })
}

fn push<'a>(
    attrs: &mut Attrs<'a>,
    key: Text<'a>,
    value: Value<'a>,
    budget: &mut Budget,
    offset: usize,
) -> Result<(), Fault> {
    budget.attr(attrs.len(), key.len() + value.as_str().map_or(0, str::len), offset)?;
    attrs.push((key, value));
    Ok(())
}

/// Reads an `AnyValue`; one that holds nothing is empty text. Plain JSON values stand for themselves.
pub(crate) fn any_value<'a>(
    reader: &mut Reader<'a>,
    depth: usize,
    budget: &mut Budget,
) -> Result<Value<'a>, Fault> {
    if reader.kind() != Kind::Object {
        return plain(reader, depth, budget);
    }
    let mut value = Value::Str(Cow::Borrowed(""));
    reader.object(|reader, key| {
        match key.as_ref() {
            "stringValue" | "string_value" => value = Value::Str(reader.scalar()?.into_text()),
            "boolValue" | "bool_value" => value = Value::Bool(reader.scalar()?.as_bool()),
            "intValue" | "int_value" => value = Value::Int(reader.scalar()?.as_i64()),
            "doubleValue" | "double_value" => {
                value = Value::Double(reader.scalar()?.as_f64().unwrap_or(f64::NAN));
            }
            "bytesValue" | "bytes_value" => value = bytes(&reader.scalar()?.into_text()),
            "arrayValue" | "array_value" => {
                let (mut items, depth) = (Vec::new(), deeper(depth, budget)?);
                values(reader, |reader| {
                    reader.array(|reader| {
                        budget.charge(ATTR_BYTES, reader.offset())?;
                        items.push(any_value(reader, depth, budget)?);
                        Ok::<(), Fault>(())
                    })
                })?;
                value = Value::List(items);
            }
            "kvlistValue" | "kvlist_value" => {
                let (mut entries, depth) = (Attrs::new(), deeper(depth, budget)?);
                values(reader, |reader| attrs(reader, depth, &mut entries, budget))?;
                value = Value::Map(entries);
            }
            _ => reader.skip()?,
        }
        Ok::<(), Fault>(())
    })?;
    Ok(value)
}

fn deeper(depth: usize, budget: &Budget) -> Result<usize, Fault> {
    if depth >= budget.limits.depth { Err(Fault::Record(Reject::TooDeep)) } else { Ok(depth + 1) }
}

/// Reads what stands under `values`.
fn values<'a>(
    reader: &mut Reader<'a>,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    reader.object(|reader, key| if key == "values" { read(reader) } else { Ok(reader.skip()?) })
}

/// What is no base64 stays the text it is.
fn bytes<'a>(text: &str) -> Value<'a> {
    match from_base64(text) {
        Some(bytes) => Value::Bytes(Cow::Owned(bytes)),
        None => Value::Str(Cow::Owned(text.to_owned())),
    }
}

/// Reads any JSON as the value it plainly is: objects as maps, arrays as lists.
pub(crate) fn plain<'a>(
    reader: &mut Reader<'a>,
    depth: usize,
    budget: &mut Budget,
) -> Result<Value<'a>, Fault> {
    match reader.kind() {
        Kind::Object => {
            let (mut entries, depth) = (Attrs::new(), deeper(depth, budget)?);
            reader.object(|reader, key| {
                let offset = reader.offset();
                let value = plain(reader, depth, budget)?;
                push(&mut entries, key, value, budget, offset)
            })?;
            Ok(Value::Map(entries))
        }
        Kind::Array => {
            let (mut items, depth) = (Vec::new(), deeper(depth, budget)?);
            reader.array(|reader| {
                budget.charge(ATTR_BYTES, reader.offset())?;
                items.push(plain(reader, depth, budget)?);
                Ok::<(), Fault>(())
            })?;
            Ok(Value::List(items))
        }
        Kind::Scalar => Ok(scalar_value(reader.scalar()?)),
    }
}

/// Whole numbers that no `i64` holds stay the text of their digits.
fn scalar_value(scalar: Scalar<'_>) -> Value<'_> {
    match scalar {
        Scalar::Null => Value::Str(Cow::Borrowed("")),
        Scalar::Bool(truth) => Value::Bool(truth),
        Scalar::Text(text) => Value::Str(text),
        Scalar::Number(digits) => match (digits.parse::<i64>(), digits.parse::<u64>()) {
            (Ok(number), _) => Value::Int(number),
            (Err(_), Ok(_)) => Value::Str(Cow::Borrowed(digits)),
            (Err(_), Err(_)) => Value::Double(digits.parse().unwrap_or(f64::NAN)),
        },
    }
}

/// Runs `read` on the next record; if that breaks a limit of the record, passes over it and says why.
pub(crate) fn contain<'a>(
    reader: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<(), Fault>,
) -> Result<Option<Reject>, DecodeError> {
    let before = reader.clone();
    let refused = Fault::split(read(reader))?;
    if refused.is_some() {
        *reader = before;
        reader.skip()?;
    }
    Ok(refused)
}
