//! Bytes to records and back, pure: OTLP, Datadog traces and DogStatsD. `intake` decodes with it, `outlet` and the
//! SDK encode with it. It opens no socket or file and reads no clock.
//!
//! A decoder walks the body and drives a `record::Sink`; what it hands over borrows from the body, and one span buffer
//! serves the whole request. When a decoder returns an error, the sink may already hold records of that request: the
//! caller throws them away and answers with the error.
#![warn(missing_docs)]

pub mod alike;
mod budget;
pub mod datadog;
pub mod dogstatsd;
mod error;
mod json;
pub mod limits;
pub mod msgpack;
pub mod otlp;
pub mod otlp_json;
mod protobuf;
mod text;

pub use error::DecodeError;
pub use limits::Limits;
