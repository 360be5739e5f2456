//! Who may use a route. Every route names its permission by type when it is opened; there is no other way to open one.
//!
//! Today whoever is let in has them all, and `token` lets in; roles will be compared there and nowhere else.

use crate::App;
use crate::token;
use crate::traced::{self, Route};
use axum::Extension;
use axum::middleware::from_fn_with_state;
use std::convert::Infallible;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

/// What a route lets its caller do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// See that the daemon is alive, and its description.
    Public,
    /// See numbers, names and structure.
    Read,
    /// See what people wrote: attributes, messages, SQL over everything.
    Content,
    /// Start work or change data.
    Write,
}

/// A permission as a type.
pub(crate) trait Permission {
    /// The same as a value, for the check.
    const LEVEL: Level;
}

macro_rules! permissions {
    ($($name:ident)*) => {$(
        #[doc = concat!("[`Level::", stringify!($name), "`] as a type.")]
        #[derive(Debug)]
        pub(crate) struct $name;
        impl Permission for $name {
            const LEVEL: Level = Level::$name;
        }
    )*};
}

permissions! { Public Read Content Write }

/// The routes that are open, each with its description and its permission.
pub(crate) struct Doors {
    app: App,
    router: OpenApiRouter<App>,
}

impl Doors {
    pub(crate) fn new(app: &App, openapi: utoipa::openapi::OpenApi) -> Self {
        Self { app: app.clone(), router: OpenApiRouter::with_openapi(openapi) }
    }

    /// Opens a route for whoever has the permission `P`.
    pub(crate) fn open<P: Permission>(self, route: UtoipaMethodRouter<App>) -> Self {
        let (schemas, mut paths, methods) = route;
        for item in paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten() {
                let word = format!("Permission: `{:?}`.", P::LEVEL)
                    .to_lowercase()
                    .replace("permission", "Permission");
                let known = operation.description.take().unwrap_or_default();
                operation.description = Some(format!("{known}\n\n{word}").trim().to_owned());
            }
        }
        let path = paths.paths.keys().next().cloned().unwrap_or_default();
        let route = Route { app: self.app.clone(), path: path.into() };
        let admitted = methods.layer::<_, Infallible>(from_fn_with_state(self.app.clone(), token::check));
        let methods = admitted.layer(Extension(P::LEVEL)).layer(from_fn_with_state(route, traced::trace));
        Self { router: self.router.routes((schemas, paths, methods)), app: self.app }
    }

    pub(crate) fn into_parts(self) -> (axum::Router<App>, utoipa::openapi::OpenApi) {
        self.router.split_for_parts()
    }
}
