//! The HTTP API and the web UI it carries: one router, mounted on every port that people use. `daemon` builds a
//! [`Server`] from [`Parts`], mounts its router and polls [`Server::run`].
//!
//! It reads through `query` and acts through the traits in [`doors`]; it never touches the store, intake or gateway.
#![warn(missing_docs)]

mod api;
pub mod assets;
pub mod doors;
mod error;
mod guard;
pub mod limits;
mod live;
mod page;
mod params;
mod permission;
mod router;
mod sample;
mod token;
mod traced;

use crate::doors::{Health, Profiles, Samples, Tasks};
use crate::live::Hub;
use crate::token::Token;
use axum::body::Bytes;
use query::Query;
use std::sync::{Arc, OnceLock};
use tundra_record::env::Clock;

/// What the API is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What answers questions.
    pub query: Arc<Query>,
    /// How the daemon is.
    pub health: Arc<dyn Health>,
    /// LLM tasks.
    pub tasks: Arc<dyn Tasks>,
    /// LLM profiles.
    pub profiles: Arc<dyn Profiles>,
    /// Where sample data enters.
    pub samples: Arc<dyn Samples>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Asked of every caller where it is set.
    pub token: Option<String>,
}

/// The API, ready to be mounted.
#[derive(Clone, Debug)]
pub struct Server {
    app: App,
    names: guard::Names,
}

/// What every handler can reach.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) query: Arc<Query>,
    pub(crate) health: Arc<dyn Health>,
    pub(crate) tasks: Arc<dyn Tasks>,
    pub(crate) profiles: Arc<dyn Profiles>,
    pub(crate) samples: Arc<dyn Samples>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) hub: Hub,
    pub(crate) token: Token,
    pub(crate) openapi: OnceLock<Bytes>,
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Server {
    /// Puts the parts together. Starts nothing.
    pub fn new(parts: Parts) -> Self {
        let token = Token::new(parts.token);
        let names = guard::Names::new(token.is_set());
        let inner = Inner {
            query: parts.query,
            health: parts.health,
            tasks: parts.tasks,
            profiles: parts.profiles,
            samples: parts.samples,
            clock: parts.clock,
            hub: Hub::new(),
            token,
            openapi: OnceLock::new(),
        };
        Self { app: App(Arc::new(inner)), names }
    }

    /// The routes, for one port. More may be merged in beside them; every check applies to what is inside only.
    pub fn router(&self) -> axum::Router {
        router::build(&self.app, self.names)
    }

    /// Feeds the live streams for as long as it is polled.
    pub async fn run(&self) {
        self.app.hub.run(&self.app.query).await;
    }
}
