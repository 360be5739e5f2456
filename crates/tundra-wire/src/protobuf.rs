//! A small reader and writer of the protobuf wire format. Only `otlp` uses it; it knows no message.

mod read;
mod write;

pub(crate) use read::{Fields, Message, Wire, packed_doubles, packed_fixed64, packed_varints};
pub(crate) use write::{bytes, double, fixed32, fixed64, message, packed, sint, text, varint};
