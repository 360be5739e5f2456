//! Everything that is asked: SQL, traces, searches and numbers, over snapshots of the store. `serve` asks.
//!
//! The only room that imports the query engine. It writes nothing and does not know who asks.
#![warn(missing_docs)]

mod blooms;
mod calls;
mod columns;
mod engine;
mod error;
mod ledger;
pub mod limits;
#[cfg(test)]
mod measure;
mod prune;
mod read;
pub mod search;
mod source;
pub mod sql;
pub mod stats;
mod suggest;
mod table;
mod tail;
#[cfg(test)]
mod testing;
mod told;
pub mod trace;

pub use engine::Query;
pub use error::{Position, QueryError};
pub use ledger::{Ledger, LedgerRow};
pub use limits::Config;
pub use search::{Page, Search, TraceSummary};
pub use tail::{News, Place};
pub use trace::{Skeleton, SpanDetail, Spent};
