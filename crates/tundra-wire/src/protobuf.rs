//! A small reader and writer of the protobuf wire format. `otlp` and Datadog's sketches use it; it knows no message.

mod read;
mod write;

pub(crate) use read::{Message, Wire, packed_fixed64, packed_varints};
pub(crate) use write::{bytes, close, double, fixed32, fixed64, message, open, packed, text, varint, width};
