//! Everything that leaves: today, spans to a Datadog Agent. A forwarder reads the store's log with a durable cursor, so that it
//! resumes after a restart and intake never waits for it. `daemon` decides where to and runs it.
//!
//! Only redacted rows come out of the store, so nothing unredacted can leave here.
#![warn(missing_docs)]

mod agent;
mod forwarder;
pub mod limits;
mod payload;

pub use agent::{Agent, AgentError};
pub use forwarder::{Forwarder, OpenError, State};
