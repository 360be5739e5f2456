//! The one block that a person reads at start.

use crate::ports::Moved;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What the block says.
#[derive(Clone, Debug)]
pub(crate) struct Banner {
    pub(crate) version: String,
    pub(crate) environment: String,
    pub(crate) startup: Duration,
    pub(crate) addresses: Addresses,
    pub(crate) data_dir: PathBuf,
    pub(crate) forwarding: String,
    pub(crate) profiles: String,
    pub(crate) moved: Vec<Moved>,
    pub(crate) unsupported: Vec<String>,
}

/// The listeners' addresses as text; `None` is off.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses {
    pub(crate) ui: Option<String>,
    pub(crate) api: Option<String>,
    pub(crate) otlp_http: Option<String>,
    pub(crate) otlp_grpc: Option<String>,
    pub(crate) datadog: Option<String>,
    pub(crate) dogstatsd: Option<String>,
    pub(crate) datadog_socket: Option<String>,
    pub(crate) dogstatsd_socket: Option<String>,
}

impl Addresses {
    /// Name and address of each listener.
    pub(crate) fn each(&self) -> [(&'static str, Option<&str>); 8] {
        [
            ("ui", self.ui.as_deref()),
            ("api", self.api.as_deref()),
            ("otlp_http", self.otlp_http.as_deref()),
            ("otlp_grpc", self.otlp_grpc.as_deref()),
            ("datadog", self.datadog.as_deref()),
            ("dogstatsd", self.dogstatsd.as_deref()),
            ("datadog_socket", self.datadog_socket.as_deref()),
            ("dogstatsd_socket", self.dogstatsd_socket.as_deref()),
        ]
    }
}

impl fmt::Display for Banner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link =
            |addr: &Option<String>| addr.as_ref().map_or("off".to_owned(), |addr| format!("http://{addr}"));
        let plain = |addr: &Option<String>| addr.clone().unwrap_or_else(|| "off".to_owned());
        let a = &self.addresses;
        let startup = self.startup.as_secs_f64() * 1000.0;
        writeln!(f, "\nTundra {} ({}) started in {startup:.1} ms\n", self.version, self.environment)?;
        writeln!(f, "  UI and API    {}", link(&a.ui))?;
        writeln!(f, "  API           {}", link(&a.api))?;
        writeln!(f, "  OTLP          HTTP {}, gRPC {}", plain(&a.otlp_http), plain(&a.otlp_grpc))?;
        writeln!(f, "  Datadog       traces {}, DogStatsD {}", plain(&a.datadog), plain(&a.dogstatsd))?;
        let sockets = [("traces", &a.datadog_socket), ("DogStatsD", &a.dogstatsd_socket)];
        let sockets = sockets.iter().filter_map(|(name, url)| Some(format!("{name} {}", url.as_ref()?)));
        for (at, socket) in sockets.enumerate() {
            writeln!(f, "  {}{socket}", if at == 0 { "Unix sockets  " } else { "              " })?;
        }
        writeln!(f, "  Data          {}", self.data_dir.display())?;
        writeln!(f, "  Forwarding    {}", self.forwarding)?;
        writeln!(f, "  LLM profiles  {}", self.profiles)?;
        for moved in &self.moved {
            let holder = moved.holder.as_ref().map(|holder| format!(" ({holder})")).unwrap_or_default();
            writeln!(
                f,
                "\n  Note: {} is taken{holder}, so {} is at {}.",
                moved.wanted, moved.name, moved.got
            )?;
        }
        if !self.unsupported.is_empty() {
            writeln!(f, "\n  Note: set, and not supported here: {}.", self.unsupported.join(", "))?;
        }
        writeln!(f, "\n  Stop with Ctrl-C.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_everything_once() {
        let banner = Banner {
            version: "1.2.3".into(),
            environment: "development".into(),
            startup: Duration::from_micros(12_345),
            addresses: Addresses {
                ui: Some("127.0.0.1:3001".into()),
                datadog_socket: Some("unix:///run/apm.socket".into()),
                ..Addresses::default()
            },
            data_dir: "/data".into(),
            forwarding: "off".into(),
            profiles: "none".into(),
            moved: vec![Moved {
                name: "Datadog traces",
                wanted: "127.0.0.1:8126".parse().expect("an address"),
                got: "127.0.0.1:8127".parse().expect("an address"),
                holder: Some("agent (pid 7)".into()),
            }],
            unsupported: vec!["DD_SITE".into()],
        };
        let text = banner.to_string();
        for wanted in [
            "Tundra 1.2.3 (development) started in 12.3 ms",
            "http://127.0.0.1:3001",
            "gRPC off",
            "  Unix sockets  traces unix:///run/apm.socket\n",
            "127.0.0.1:8126 is taken (agent (pid 7)), so Datadog traces is at 127.0.0.1:8127",
            "DD_SITE",
            "Ctrl-C",
        ] {
            assert!(text.contains(wanted), "{wanted:?} is not in {text}");
        }
    }
}
