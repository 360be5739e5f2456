//! The kinds of entries, one file each: its columns, how a record becomes a row, and how a row becomes the record
//! again. `Batch` writes through here, `read` reads; nothing here knows of files or the log.

pub(crate) mod attrs;
pub(crate) mod call;
pub(crate) mod evaluation;
pub(crate) mod events;
pub(crate) mod log;
pub(crate) mod message;
pub(crate) mod metric;
pub(crate) mod origin;
pub(crate) mod run;
pub(crate) mod span;
