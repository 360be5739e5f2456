//! Datadog v0.5 in msgpack: a table of strings, then chunks of spans as arrays of twelve, with texts as indexes into the
//! table. `intake` calls it.

use super::chunk::{Chunk, Draft, time};
use super::headers::DatadogHeaders;
use crate::budget::{Budget, Fault};
use crate::error::DecodeError;
use crate::limits::Limits;
use crate::msgpack::Reader;
use std::borrow::Cow;
use tundra_record::{Sink, Span, Text, Value};

/// The fields of a span, in order: service, name, resource, trace id, span id, parent id, start, duration, error, meta,
/// metrics, type.
const FIELDS: usize = 12;

/// Decodes a `/v0.5/traces` body.
pub fn traces_v05(
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
    if reader.array()? < 2 {
        return Err(DecodeError::Unexpected { offset: 0, expected: "an array of string table and traces" });
    }
    let strings = string_table(&mut reader, &mut budget)?;
    let mut chunk = Chunk::new(headers);
    let mut draft = Draft::default();
    for _ in 0..reader.array()? {
        chunk.begin();
        for _ in 0..reader.array()? {
            budget.record::<Span<'_>>(reader.offset())?;
            draft.clear();
            span(&mut reader, &strings, &mut draft, &mut budget)?;
            chunk.finish(&mut draft, sink);
        }
    }
    Ok(())
}

/// How many spans a v0.5 body says it holds, without decoding them; stops where the body breaks.
pub fn count_spans_v05(body: &[u8]) -> usize {
    let mut reader = Reader::new(body);
    let at_traces = reader.array().and_then(|_| reader.skip());
    if at_traces.is_ok() { super::v04::count_rest(&mut reader) } else { 0 }
}

fn string_table<'a>(reader: &mut Reader<'a>, budget: &mut Budget) -> Result<Vec<Text<'a>>, DecodeError> {
    let offset = reader.offset();
    let len = reader.array()?;
    let limit = budget.limits.strings;
    if len > limit {
        return Err(DecodeError::TooMany { offset, what: "strings", limit });
    }
    budget.charge(len * size_of::<Text<'_>>(), offset)?;
    let mut strings = Vec::with_capacity(len);
    for _ in 0..len {
        strings.push(reader.text()?);
    }
    Ok(strings)
}

fn span<'a>(
    reader: &mut Reader<'a>,
    strings: &[Text<'a>],
    draft: &mut Draft<'a>,
    budget: &mut Budget,
) -> Result<(), DecodeError> {
    let offset = reader.offset();
    let fields = reader.array()?;
    if fields < FIELDS {
        return Err(DecodeError::Unexpected { offset, expected: "a span of twelve fields" });
    }
    draft.span.service = Some(lookup(reader, strings)?);
    draft.span.name = lookup(reader, strings)?;
    draft.span.resource = Some(lookup(reader, strings)?);
    // A short index may stand for a long text, many times over; tags are charged where they are kept.
    let texts = [&draft.span.service, &draft.span.resource].into_iter().flatten().map(|text| text.len());
    budget.charge(draft.span.name.len() + texts.sum::<usize>(), offset)?;
    draft.low = reader.number()?.as_u64();
    draft.set_span_id(reader.number()?.as_u64());
    draft.set_parent_id(reader.number()?.as_u64());
    draft.span.start = time(reader.number()?.as_i64());
    draft.span.duration = reader.number()?.as_i64().max(0);
    draft.error = reader.number()?.as_i64() != 0;
    for _ in 0..reader.map()? {
        let offset = reader.offset();
        let key = lookup(reader, strings)?;
        let value = Value::Str(lookup(reader, strings)?);
        note(draft.tag(key, value, budget, offset), draft)?;
    }
    for _ in 0..reader.map()? {
        let offset = reader.offset();
        let key = lookup(reader, strings)?;
        let value = reader.number()?.into_value();
        note(draft.tag(key, value, budget, offset), draft)?;
    }
    let kind = lookup(reader, strings)?;
    note(draft.set_type(kind, budget, offset), draft)?;
    for _ in FIELDS..fields {
        reader.skip()?;
    }
    Ok(())
}

fn note(kept: Result<(), Fault>, draft: &mut Draft<'_>) -> Result<(), DecodeError> {
    draft.refused = Fault::split(kept)?.or(draft.refused);
    Ok(())
}

/// The text at the index that comes next; texts repeat, so those that borrow from the body are not copied.
fn lookup<'a>(reader: &mut Reader<'a>, strings: &[Text<'a>]) -> Result<Text<'a>, DecodeError> {
    let offset = reader.offset();
    let index = usize::try_from(reader.number()?.as_u64()).unwrap_or(usize::MAX);
    match strings.get(index) {
        Some(Cow::Borrowed(text)) => Ok(Cow::Borrowed(text)),
        Some(Cow::Owned(text)) => Ok(Cow::Owned(text.clone())),
        None => Err(DecodeError::Unexpected { offset, expected: "an index into the string table" }),
    }
}
