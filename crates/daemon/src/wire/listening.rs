//! `listening.json`: where the daemon can be reached, for tools and tests, as long as it runs. And the key for hashes.

use crate::banner::Addresses;
use crate::ports::Bound;
use anyhow::Context as _;
use std::io::Read as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The file; removed when the daemon ends.
#[derive(Debug)]
pub(super) struct Listening(PathBuf);

impl Drop for Listening {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_file(&self.0);
    }
}

/// The addresses that were really bound.
pub(super) fn addresses(bound: &Bound) -> Addresses {
    let tcp =
        |socket: &Option<std::net::TcpListener>| socket.as_ref().and_then(|socket| text(socket.local_addr()));
    Addresses {
        ui: tcp(&bound.ui),
        api: tcp(&bound.api),
        otlp_http: tcp(&bound.otlp_http),
        otlp_grpc: tcp(&bound.otlp_grpc),
        datadog: tcp(&bound.datadog),
        dogstatsd: bound.dogstatsd.as_ref().and_then(|socket| text(socket.local_addr())),
        datadog_socket: bound.datadog_socket.as_ref().map(|bound| bound.file.url()),
        dogstatsd_socket: bound.dogstatsd_socket.as_ref().map(|bound| bound.file.url()),
    }
}

fn text(addr: std::io::Result<SocketAddr>) -> Option<String> {
    addr.ok().map(|addr| addr.to_string())
}

/// Writes the file whole, so that nobody reads half of it.
pub(super) fn write(data_dir: &Path, addresses: &Addresses) -> anyhow::Result<Listening> {
    let mut document = serde_json::Map::new();
    document.insert("pid".to_owned(), std::process::id().into());
    for (name, addr) in addresses.each() {
        document.insert(name.to_owned(), addr.into());
    }
    let path = data_dir.join("listening.json");
    let draft = data_dir.join("listening.json.new");
    let text = serde_json::to_string_pretty(&document)?;
    std::fs::write(&draft, text + "\n")
        .and_then(|()| std::fs::rename(&draft, &path))
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(Listening(path))
}

/// The key of the keyed hash, made once and kept beside the data, readable by its owner only.
pub(super) fn hash_key(data_dir: &Path) -> anyhow::Result<Vec<u8>> {
    let path = data_dir.join("hash.key");
    if let Ok(key) = std::fs::read(&path)
        && key.len() >= 32
    {
        return Ok(key);
    }
    let mut key = vec![0; 32];
    std::fs::File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut key))?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&path).with_context(|| format!("cannot write `{}`", path.display()))?;
    std::io::Write::write_all(&mut file, &key)?;
    Ok(key)
}
