//! What every HTTP door checks before it reads a body: the `Host` a browser was tricked into (DNS rebinding) and the
//! `Origin` of a web page that has no business here.

use http::HeaderMap;
use http::header::{HOST, ORIGIN};

/// Why a request was turned away at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The `Host` is not this machine.
    Host,
    /// The request comes from a web page of another origin.
    Origin,
}

/// Whether a request may go on. `loopback_only`: the listener is bound to loopback, so every honest `Host` is too.
pub(crate) fn check(
    headers: &HeaderMap,
    authority: Option<&str>,
    loopback_only: bool,
) -> Result<(), Refusal> {
    let named = headers.get(HOST).and_then(|host| host.to_str().ok()).or(authority);
    if loopback_only && named.is_some_and(|host| !is_loopback(host)) {
        return Err(Refusal::Host);
    }
    match headers.get(ORIGIN) {
        None => Ok(()),
        Some(origin) => {
            let local = origin
                .to_str()
                .ok()
                .and_then(|origin| origin.split_once("://"))
                .is_some_and(|(_, host)| is_loopback(host));
            if local { Ok(()) } else { Err(Refusal::Origin) }
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.');
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_only_this_machine_in() {
        let check = |name: &'static str, value: &str, want: Result<(), Refusal>| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a header value"));
            assert_eq!(super::check(&headers, None, true), want, "{name}: {value}");
        };
        for good in
            ["localhost", "localhost:8126", "127.0.0.1:1", "127.9.9.9", "[::1]:4318", "[::1]", "a.localhost"]
        {
            check("host", good, Ok(()));
        }
        for bad in [
            "evil.example",
            "localhost.evil.example:80",
            "10.0.0.1",
            "[fe80::1]:80",
            "127.0.0.1.evil.example",
        ] {
            check("host", bad, Err(Refusal::Host));
        }
        check("origin", "http://localhost:3001", Ok(()));
        check("origin", "https://evil.example", Err(Refusal::Origin));
        check("origin", "null", Err(Refusal::Origin));
    }
}
