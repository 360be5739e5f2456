//! Where a network exporter sends to: `http://host:port/path` or `unix:///path/to/socket`, and `https://` with feature
//! `tls`.
//!
//! Parsed once when an exporter is made. There is no TLS in this crate's default form, and it says so.

#[cfg(feature = "tls")]
pub(crate) use super::tls::Roots;
use std::path::PathBuf;

/// What a server's certificate is checked against; nothing without TLS.
#[cfg(not(feature = "tls"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Roots;

const HTTPS_PORT: u16 = 443;

/// An address that cannot be used. What it names lacks the user and password that were in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Neither HTTP nor a Unix socket.
    #[error("`{url}` is no endpoint: use `http://host:port` or `unix:///path`")]
    Form {
        /// What was given.
        url: String,
    },
    /// Neither UDP nor a Unix socket.
    #[error("`{url}` is no DogStatsD address: use `udp://host:port` or `unix:///path`")]
    Datagram {
        /// What was given.
        url: String,
    },
    /// HTTPS.
    #[error("`{url}` needs TLS: build with feature `tls`, or send to a local agent or collector over http")]
    Tls {
        /// What was given.
        url: String,
    },
    /// Root certificates that cannot be read.
    #[error("the root certificates cannot be read: give them as PEM")]
    Certificate,
    /// A header that cannot be sent.
    #[error("header `{name}` cannot be sent: names and values must be visible ASCII, as in `name=value`")]
    Header {
        /// Its name, as far as it is one: who mixes up `:` and `=` has a key behind it.
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
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only made where TLS is built in"))]
    Tls {
        authority: String,
        /// The host that the certificate must name.
        name: String,
        roots: Roots,
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
        let form = || EndpointError::Form { url: without_user(url) };
        if let Some(path) = url.strip_prefix("unix://") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self { way: Way::Unix { path }, base: String::new() })
            } else {
                Err(form())
            };
        }
        let secure = url.starts_with("https://");
        if secure && !cfg!(feature = "tls") {
            return Err(EndpointError::Tls { url: without_user(url) });
        }
        let default_port = if secure { HTTPS_PORT } else { default_port };
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")).ok_or_else(form)?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let usable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if authority.is_empty() || authority.contains('@') || !usable(authority) || !usable(path) {
            return Err(form());
        }
        let authority = with_port(authority, default_port).ok_or_else(form)?;
        let base = path.trim_end_matches('/').to_owned();
        #[cfg(feature = "tls")]
        if secure {
            let name = authority.rsplit_once(':').map_or(&*authority, |(name, _)| name).to_owned();
            let roots = Roots::default();
            return Ok(Self { way: Way::Tls { authority, name, roots }, base });
        }
        Ok(Self { way: Way::Tcp { authority }, base })
    }

    /// Reads a URL whose path is complete: nothing is added and nothing taken away.
    pub(crate) fn parse_whole(url: &str, default_port: u16) -> Result<Self, EndpointError> {
        let endpoint = Self::parse(url, default_port)?;
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.find('/').filter(|_| !matches!(endpoint.way, Way::Unix { .. }));
        Ok(Self { base: path.map_or("/", |at| &rest[at..]).to_owned(), ..endpoint })
    }

    /// Where it is, without the path, which may hold a key.
    pub(crate) fn shown(&self) -> String {
        match &self.way {
            Way::Tcp { authority } => format!("`http://{authority}`"),
            Way::Tls { authority, .. } => format!("`https://{authority}`"),
            Way::Unix { path } => format!("`unix://{}`", path.display()),
        }
    }

    /// What the `Host` header says.
    pub(crate) fn host(&self) -> &str {
        match &self.way {
            Way::Tcp { authority } | Way::Tls { authority, .. } => authority,
            Way::Unix { .. } => "localhost",
        }
    }
}

/// Host and port; `None` if what stands in the port's place is none.
pub(super) fn with_port(authority: &str, default_port: u16) -> Option<String> {
    match authority.rsplit_once(':') {
        // The colons of an IPv6 address stand in brackets.
        Some((_, port)) if !port.ends_with(']') => port.parse::<u16>().is_ok().then(|| authority.to_owned()),
        _ => Some(format!("{authority}:{default_port}")),
    }
}

/// A URL as an error may show it. Everything before the last `@` goes, since a password that is not encoded may hold any of
/// the characters that end a host.
pub(super) fn without_user(url: &str) -> String {
    let (scheme, rest) = url.find("://").map_or(("", url), |at| url.split_at(at + "://".len()));
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}[user]@{host}"),
        None => url.to_owned(),
    }
}

/// Checks a header that a user gave.
pub(crate) fn check_header(name: &str, value: &str) -> Result<(), EndpointError> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let end = name.bytes().position(|byte| !is_token(byte)).unwrap_or(name.len());
    let text = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if !name.is_empty() && end == name.len() && text {
        Ok(())
    } else {
        Err(EndpointError::Header { name: name[..end].to_owned() })
    }
}
