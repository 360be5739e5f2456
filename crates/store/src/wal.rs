//! The write-ahead log: nothing is acknowledged before it stands here. Frames carry redacted Arrow rows only, so
//! that replay needs no decoder and nothing unredacted ever touches a disk.
//!
//! `frame`, `payload` and `body` are the format, `segment` names and reads files, `spares` are those to
//! be used again, `writer` is the one thread that appends.

pub(crate) mod body;
pub(crate) mod frame;
pub(crate) mod payload;
pub(crate) mod segment;
pub(crate) mod spares;
pub(crate) mod writer;
