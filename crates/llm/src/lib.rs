//! What a model call means: many dialects in, one normalized call out, with exact usage, price and provenance.
//!
//! `intake` hands every span and log record to a [`Reader`]; `gateway` uses [`profile`] and [`chat`]. Everything here
//! is pure: no files, no network, no clock, no thread. Hub and spoke: a dialect is read straight into our words
//! (`draft`), never into another dialect, and raw provider fields are understood in this room only.
#![warn(missing_docs)]

pub mod chat;
mod content;
mod detect;
mod dialect;
mod draft;
mod evaluation;
mod fields;
mod keys;
mod limits;
pub mod prices;
pub mod profile;
mod raw;
mod reader;
mod usage;
mod words;

pub use evaluation::{EvaluationError, Judgement, langfuse_scores};
pub use prices::Prices;
pub use reader::Reader;
