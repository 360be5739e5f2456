//! Datadog v0.3 and v0.4 in msgpack: chunks of spans, each span a map of which every key is optional. `intake` calls it.

use super::chunk::{Chunk, Draft, time};
use super::headers::DatadogHeaders;
use super::native;
use crate::budget::{Budget, Fault};
use crate::error::DecodeError;
use crate::limits::Limits;
use crate::msgpack::Reader;
use std::borrow::Cow;
use tundra_record::{Sink, Span, Text, Value};

/// Decodes a `/v0.3/traces` or `/v0.4/traces` body in msgpack. An empty body, which some clients probe with, holds
/// nothing.
pub fn traces_v03_v04(
    body: &[u8],
    headers: &DatadogHeaders<'_>,
    limits: &Limits,
    sink: &mut impl Sink,
) -> Result<(), DecodeError> {
    if body.is_empty() {
        return Ok(());
    }
    let mut budget = Budget::new(body.len(), limits);
    let mut reader = Reader::new(body);
    let mut chunk = Chunk::new(headers);
    let mut draft = Draft::default();
    for _ in 0..reader.array()? {
        chunk.begin();
        for _ in 0..reader.array()? {
            budget.record::<Span<'_>>(reader.offset())?;
            draft.clear();
            span(&mut reader, &mut draft, &mut budget)?;
            chunk.finish(&mut draft, sink);
        }
    }
    Ok(())
}

/// How many spans a v0.3 or v0.4 body says it holds, without decoding them; stops where the body breaks.
pub fn count_spans(body: &[u8]) -> usize {
    count_rest(&mut Reader::new(body))
}

/// The same from where the reader stands.
pub(crate) fn count_rest(reader: &mut Reader<'_>) -> usize {
    let mut spans = 0;
    let _stops_where_it_breaks = count(reader, &mut spans);
    spans
}

fn count(reader: &mut Reader<'_>, spans: &mut usize) -> Result<(), DecodeError> {
    for _ in 0..reader.array()? {
        for _ in 0..reader.array()? {
            reader.skip()?;
            *spans += 1;
        }
    }
    Ok(())
}

/// Reads one span. What breaks a limit of the span is passed over and noted, so that the tags which matter to the
/// whole chunk are seen and the next span can be read.
fn span<'a>(reader: &mut Reader<'a>, draft: &mut Draft<'a>, budget: &mut Budget) -> Result<(), DecodeError> {
    for _ in 0..reader.map()? {
        let key = reader.bytes()?;
        contain(reader, draft, |reader, draft| field(key, reader, draft, budget))?;
    }
    Ok(())
}

/// Runs `read` on the next value; if that breaks a limit of the span, notes it and passes over the value.
fn contain<'a>(
    reader: &mut Reader<'a>,
    draft: &mut Draft<'a>,
    read: impl FnOnce(&mut Reader<'a>, &mut Draft<'a>) -> Result<(), Fault>,
) -> Result<(), DecodeError> {
    let before = reader.clone();
    if let Some(reason) = Fault::split(read(reader, draft))? {
        draft.refused = Some(reason);
        *reader = before;
        reader.skip()?;
    }
    Ok(())
}

fn field<'a>(
    key: &'a [u8],
    reader: &mut Reader<'a>,
    draft: &mut Draft<'a>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    let offset = reader.offset();
    match key {
        b"service" => draft.span.service = optional_text(reader)?,
        b"name" => draft.span.name = reader.text()?,
        b"resource" => draft.span.resource = optional_text(reader)?,
        b"type" => {
            let text = reader.text()?;
            draft.set_type(text, budget, offset)?;
        }
        b"trace_id" => draft.low = reader.number()?.as_u64(),
        b"span_id" => draft.set_span_id(reader.number()?.as_u64()),
        b"parent_id" => draft.set_parent_id(reader.number()?.as_u64()),
        b"start" => draft.span.start = time(reader.number()?.as_i64()),
        b"duration" => draft.span.duration = reader.number()?.as_i64().max(0),
        b"error" => draft.error = reader.number()?.as_i64() != 0,
        b"meta" | b"metrics" => tags(reader, draft, budget)?,
        b"meta_struct" => structures(reader, draft, budget)?,
        b"span_links" => native::links(reader, &mut draft.span.links, budget)?,
        b"span_events" => native::events(reader, &mut draft.span.events, budget)?,
        other => {
            // Fields that later versions may add survive as attributes.
            let value = reader.budgeted_value(1, budget)?;
            draft.tag(crate::text::text(other), value, budget, offset)?;
        }
    }
    Ok(())
}

fn optional_text<'a>(reader: &mut Reader<'a>) -> Result<Option<Text<'a>>, DecodeError> {
    if reader.nil() { Ok(None) } else { reader.text().map(Some) }
}

fn tags<'a>(reader: &mut Reader<'a>, draft: &mut Draft<'a>, budget: &mut Budget) -> Result<(), DecodeError> {
    for _ in 0..reader.map()? {
        let offset = reader.offset();
        let key = reader.text()?;
        contain(reader, draft, |reader, draft| {
            let value = reader.budgeted_value(1, budget)?;
            draft.tag(key, value, budget, offset)
        })?;
    }
    Ok(())
}

fn structures<'a>(reader: &mut Reader<'a>, draft: &mut Draft<'a>, budget: &mut Budget) -> Result<(), Fault> {
    for _ in 0..reader.map()? {
        let offset = reader.offset();
        let key = reader.text()?;
        let bytes = reader.bytes()?;
        let value = structure(bytes, budget, offset)?;
        draft.structure(&key, value, budget, offset)?;
    }
    Ok(())
}

/// Unpacks one `meta_struct` entry; what is not one whole msgpack map or list stays bytes.
fn structure<'a>(bytes: &'a [u8], budget: &mut Budget, offset: usize) -> Result<Value<'a>, Fault> {
    let mut inner = Reader::new(bytes);
    match inner.budgeted_value(1, budget) {
        Ok(value @ (Value::Map(_) | Value::List(_))) if inner.is_empty() => Ok(value),
        Err(fault @ (Fault::Record(_) | Fault::Request(DecodeError::TooLarge { .. }))) => Err(fault),
        _ => {
            budget.charge(bytes.len(), offset)?;
            Ok(Value::Bytes(Cow::Borrowed(bytes)))
        }
    }
}
