//! Record batches as Arrow IPC messages, the way they go into a frame: each buffer is copied once, from its array to its
//! place. The crate's own writer copies into a vector that grows, and that was copied again. Called by `payload`; knows the
//! five kinds of columns that tables have, and must write what the crate's reader reads.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_buffer::{Buffer, NullBuffer};
use arrow_ipc::{FieldNode, MessageBuilder, MessageHeader, MetadataVersion, RecordBatchBuilder};
use arrow_schema::{ArrowError, DataType};
use flatbuffers::FlatBufferBuilder;

/// Buffers begin at multiples of this.
const ALIGN: usize = 8;

/// A record batch that is about to be written: its message, and the buffers of its body.
#[derive(Debug)]
pub(crate) struct Body {
    /// The message that says where each buffer lies.
    pub(crate) message: Vec<u8>,
    buffers: Vec<Buffer>,
    bytes: usize,
}

impl Body {
    /// The columns of a batch of so many rows.
    pub(crate) fn new<'c>(
        mut columns: impl Iterator<Item = &'c ArrayRef>,
        rows: usize,
    ) -> Result<Self, ArrowError> {
        let mut parts = Parts::default();
        columns.try_for_each(|column| parts.column(column))?;
        let message = parts.message(rows);
        Ok(Self { message, buffers: parts.buffers, bytes: parts.bytes })
    }

    /// How long the buffers are together.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends the buffers.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for buffer in &self.buffers {
            out.extend_from_slice(buffer);
            out.extend_from_slice(&[0; ALIGN][..padding(buffer.len())]);
        }
    }
}

fn padding(length: usize) -> usize {
    length.next_multiple_of(ALIGN) - length
}

#[derive(Default)]
struct Parts {
    nodes: Vec<FieldNode>,
    places: Vec<arrow_ipc::Buffer>,
    /// How many buffers of texts each text column has.
    texts: Vec<i64>,
    buffers: Vec<Buffer>,
    bytes: usize,
}

impl Parts {
    fn column(&mut self, array: &ArrayRef) -> Result<(), ArrowError> {
        self.node(array.len(), array.nulls());
        match array.data_type() {
            DataType::Utf8View => {
                let texts = array.as_string_view();
                self.buffer(texts.views().inner().clone());
                texts.data_buffers().iter().for_each(|buffer| self.buffer(buffer.clone()));
                self.texts.push(texts.data_buffers().len() as i64);
            }
            DataType::Int64 => self.buffer(array.as_primitive::<Int64Type>().values().inner().clone()),
            DataType::Float64 => self.buffer(array.as_primitive::<Float64Type>().values().inner().clone()),
            DataType::Boolean => self.buffer(array.as_boolean().values().sliced()),
            DataType::Map(..) => {
                let map = array.as_map();
                self.buffer(map.offsets().inner().inner().clone());
                self.node(map.entries().len(), map.entries().nulls());
                for side in map.entries().columns() {
                    self.strings(side.as_string_opt().ok_or_else(|| unknown(side.data_type()))?);
                }
            }
            other => return Err(unknown(other)),
        }
        Ok(())
    }

    fn strings(&mut self, texts: &StringArray) {
        self.node(texts.len(), texts.nulls());
        self.buffer(texts.offsets().inner().inner().clone());
        self.buffer(texts.values().clone());
    }

    fn node(&mut self, rows: usize, nulls: Option<&NullBuffer>) {
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        self.nodes.push(FieldNode::new(rows as i64, nulls.map_or(0, NullBuffer::null_count) as i64));
        self.buffer(nulls.map_or_else(Buffer::default, |nulls| nulls.inner().sliced()));
    }

    fn buffer(&mut self, buffer: Buffer) {
        self.places.push(arrow_ipc::Buffer::new(self.bytes as i64, buffer.len() as i64));
        self.bytes += buffer.len() + padding(buffer.len());
        self.buffers.push(buffer);
    }

    fn message(&self, rows: usize) -> Vec<u8> {
        let mut builder =
            FlatBufferBuilder::with_capacity(1024 + 16 * (self.places.len() + self.nodes.len()));
        let places = builder.create_vector(&self.places);
        let nodes = builder.create_vector(&self.nodes);
        let texts = (!self.texts.is_empty()).then(|| builder.create_vector(&self.texts));
        let mut batch = RecordBatchBuilder::new(&mut builder);
        batch.add_length(rows as i64);
        batch.add_nodes(nodes);
        batch.add_buffers(places);
        if let Some(texts) = texts {
            batch.add_variadicBufferCounts(texts);
        }
        let batch = batch.finish().as_union_value();
        let mut message = MessageBuilder::new(&mut builder);
        message.add_version(MetadataVersion::V5);
        message.add_header_type(MessageHeader::RecordBatch);
        message.add_bodyLength(self.bytes as i64);
        message.add_header(batch);
        let message = message.finish();
        builder.finish(message, None);
        builder.finished_data().to_vec()
    }
}

fn unknown(kind: &DataType) -> ArrowError {
    ArrowError::NotYetImplemented(format!("no table has a column of {kind}"))
}

#[cfg(test)]
mod tests;
