//! LLM profiles and tasks; later the proxy itself. `daemon` builds a [`Gateway`], shows its [`Profiles`] and [`Tasks`]
//! through `serve`, and runs it beside the doors. It never delays the start, never spends money to look around, never
//! retries after the first byte, and knows neither store nor intake: what it does is told through the SDK.

mod address;
mod config;
mod http;
mod keys;
mod limits;
mod models;
mod probe;
mod profiles;
mod tasks;
#[cfg(test)]
mod testing;

pub use address::AddressError;
pub use config::{Config, Parts};
pub use profiles::{Listing, Profiles};
pub use tasks::{KeepError, NewTask, StartError, TaskKeeper, Tasks};

use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Profiles and tasks, wired together.
#[derive(Debug)]
pub struct Gateway {
    profiles: Arc<Profiles>,
    tasks: Arc<Tasks>,
    queue: tasks::Queue,
}

/// The gateway cannot be built from this configuration.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A configured profile's address will not do.
    #[error("profile `{profile}`: {source}")]
    Address {
        /// The profile's name.
        profile: String,
        /// What is wrong with it.
        source: AddressError,
    },
    /// There are more profiles than anybody needs.
    #[error("{given} profiles are configured, at most {limit}: remove some")]
    TooMany {
        /// How many there are.
        given: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made: check the proxy variables (`HTTPS_PROXY`)")]
    Client(#[source] reqwest::Error),
}

impl Gateway {
    /// Builds everything and does nothing yet: no task is spawned, nobody is asked.
    pub fn new(config: Config, parts: Parts) -> Result<Self, BuildError> {
        let http = http::Http::new().map_err(BuildError::Client)?;
        let profiles =
            Arc::new(Profiles::new(config, parts.variables, http.clone(), Arc::clone(&parts.clock))?);
        let doing = tasks::Doing {
            profiles: Arc::clone(&profiles),
            http,
            clock: parts.clock,
            rng: parts.rng,
            redactor: parts.redactor,
            prices: parts.prices,
            keeper: parts.keeper,
            current_trace: parts.current_trace,
        };
        let (tasks, queue) = Tasks::new(doing);
        Ok(Self { profiles, tasks: Arc::new(tasks), queue })
    }

    /// The profiles: listed at once, known better as probes answer.
    pub fn profiles(&self) -> Arc<Profiles> {
        Arc::clone(&self.profiles)
    }

    /// The tasks.
    pub fn tasks(&self) -> Arc<Tasks> {
        Arc::clone(&self.tasks)
    }

    /// Looks for profiles now and every minute, and runs tasks as they come, until `stop`. Returns when every task that
    /// was under way is kept as failed.
    pub async fn run(self, stop: CancellationToken) {
        let Self { profiles, tasks, queue } = self;
        tokio::join!(profiles.run(stop.clone()), tasks.run(queue, stop));
    }
}
