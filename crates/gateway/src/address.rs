//! Which addresses a profile may have. Checked before anything is sent: a key must not travel to where a typing error
//! or a planted address leads.

use reqwest::Url;
use std::net::{IpAddr, Ipv6Addr};

/// An address that no profile may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an address at all.
    #[error("the base URL is not an address: write it as `https://host/path`")]
    NotUrl,
    /// Neither http nor https.
    #[error("the base URL has another scheme: use http or https")]
    Scheme,
    /// User name or password in it.
    #[error("the base URL holds credentials: put the key into its variable instead")]
    Credentials,
    /// The cloud's own metadata service and its neighbors.
    #[error("the base URL is a link-local address, where no model lives: use the provider's own address")]
    LinkLocal,
}

/// The URL of `path` below `base_url`.
pub(crate) fn url(base_url: &str, path: &str) -> Result<Url, AddressError> {
    let url =
        Url::parse(&format!("{}{path}", base_url.trim_end_matches('/'))).map_err(|_| AddressError::NotUrl)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(AddressError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Credentials);
    }
    match ip(&url) {
        Some(address) if is_link_local(address) => Err(AddressError::LinkLocal),
        _ if url.host_str().is_none_or(str::is_empty) => Err(AddressError::NotUrl),
        _ => Ok(url),
    }
}

/// Whether the address is on this machine.
pub(crate) fn is_near(url: &Url) -> bool {
    url.host_str() == Some("localhost") || ip(url).is_some_and(|address| plain(address).is_loopback())
}

fn ip(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// An IPv4 address in IPv6 clothes is an IPv4 address.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn is_link_local(address: IpAddr) -> bool {
    let six = |address: Ipv6Addr| address.segments()[0] & 0xffc0 == 0xfe80;
    match plain(address) {
        IpAddr::V4(four) => four.is_link_local(),
        IpAddr::V6(address) => six(address),
    }
}

#[cfg(test)]
mod tests;
