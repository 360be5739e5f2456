//! A small reader and writer of msgpack. The Datadog codecs use it, and the SDK for its stats.
//!
//! The reader borrows, never allocates from a length it was told, and accepts every width of a number.

mod read;
mod write;

pub use read::{Number, Reader};
pub use write::Writer;
