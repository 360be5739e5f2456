//! Where the running daemon is: `listening.json` in its data folder. Used by `api` when no `--api` is given.

use crate::limits::LISTENING_BYTES_MAX;
use serde::Deserialize;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What the daemon says about itself as long as it runs.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub(crate) struct Listening {
    pub(crate) pid: Option<u64>,
    pub(crate) ui: Option<String>,
    pub(crate) api: Option<String>,
    pub(crate) otlp_http: Option<String>,
    pub(crate) otlp_grpc: Option<String>,
    pub(crate) datadog: Option<String>,
    pub(crate) dogstatsd: Option<String>,
}

/// The data folder that a daemon with the same environment would use.
pub(crate) fn data_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let shared = || set("XDG_DATA_HOME").map(|folder| folder.join("tundra"));
    let home = || set("HOME").map(|folder| folder.join(".local/share/tundra"));
    set("AT_DATA_DIR").or_else(shared).or_else(home)
}

/// The file, if there is one that makes sense.
pub(crate) fn listening(folder: &Path) -> Option<Listening> {
    let file = std::fs::File::open(folder.join("listening.json")).ok()?;
    let mut text = String::new();
    file.take(LISTENING_BYTES_MAX).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// `127.0.0.1:9090` as an address to ask.
pub(crate) fn url(address: &str) -> String {
    let bare = address.trim().trim_end_matches('/');
    if bare.contains("://") { bare.to_owned() } else { format!("http://{bare}") }
}

#[cfg(test)]
mod tests;
