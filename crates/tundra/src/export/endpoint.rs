//! Where a network exporter sends to: `http://host:port/path` or `unix:///path/to/socket`.
//!
//! Parsed once when an exporter is made. There is no TLS in this crate's default form, and it says so.

use std::path::PathBuf;

/// An address that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Neither HTTP nor a Unix socket.
    #[error("`{url}` is no endpoint: use `http://host:port` or `unix:///path`")]
    Form {
        /// What was given.
        url: String,
    },
    /// HTTPS.
    #[error("`{url}` needs TLS, which is not built in: send to a local agent or collector over http")]
    Tls {
        /// What was given.
        url: String,
    },
    /// A header that cannot be sent.
    #[error("header `{name}` cannot be sent: names and values must be visible ASCII")]
    Header {
        /// Its name.
        name: String,
    },
}

/// The way to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Tcp {
        /// Host and port as written.
        authority: String,
    },
    Unix {
        path: PathBuf,
    },
}

/// A server and the path that all requests begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) way: Way,
    pub(crate) base: String,
}

impl Endpoint {
    /// Reads a URL.
    pub(crate) fn parse(url: &str, default_port: u16) -> Result<Self, EndpointError> {
        let form = || EndpointError::Form { url: url.to_owned() };
        if let Some(path) = url.strip_prefix("unix://") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self { way: Way::Unix { path }, base: String::new() })
            } else {
                Err(form())
            };
        }
        if url.starts_with("https://") {
            return Err(EndpointError::Tls { url: url.to_owned() });
        }
        let rest = url.strip_prefix("http://").ok_or_else(form)?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let usable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if authority.is_empty() || authority.contains('@') || !usable(authority) || !usable(path) {
            return Err(form());
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:{default_port}") };
        Ok(Self { way: Way::Tcp { authority }, base: path.trim_end_matches('/').to_owned() })
    }

    /// What the `Host` header says.
    pub(crate) fn host(&self) -> &str {
        match &self.way {
            Way::Tcp { authority } => authority,
            Way::Unix { .. } => "localhost",
        }
    }
}

/// Checks a header that a user gave.
pub(crate) fn check_header(name: &str, value: &str) -> Result<(), EndpointError> {
    let token =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let text = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if token && text { Ok(()) } else { Err(EndpointError::Header { name: name.to_owned() }) }
}
