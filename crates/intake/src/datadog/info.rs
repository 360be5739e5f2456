//! What `/info` says: type-correct as libdatadog checks it, the same bytes at each request, and only what answers.

use bytes::Bytes;
use http::HeaderValue;
use sha2::{Digest, Sha256};
use std::path::Path;

/// The Agent generation whose behavior we follow; clients compare it with the least version a feature needs.
pub(super) const AGENT_VERSION: &str = "7.83.3";

/// The document and its digest.
#[derive(Clone, Debug)]
pub struct Info {
    pub(super) body: Bytes,
    pub(super) state: HeaderValue,
}

impl Info {
    /// `/info` for listeners on these ports and this unix socket (`None`: that listener is off).
    pub fn new(
        receiver_port: u16,
        receiver_socket: Option<&Path>,
        statsd_port: Option<u16>,
        max_request_bytes: usize,
    ) -> Self {
        // `config.obfuscation` is left out on purpose: incomplete, it makes clients refuse the whole document.
        let mut config = serde_json::json!({
            "default_env": "none",
            "target_tps": 10,
            "max_eps": 200,
            "receiver_port": receiver_port,
            "receiver_socket": receiver_socket.map(|path| path.display().to_string()).unwrap_or_default(),
            "connection_limit": 0,
            "receiver_timeout": 0,
            "max_request_bytes": max_request_bytes,
        });
        if let (Some(port), Some(config)) = (statsd_port, config.as_object_mut()) {
            config.insert("statsd_port".into(), port.into());
        }
        let document = serde_json::json!({
            "version": AGENT_VERSION,
            "git_commit": "",
            "endpoints": [
                "/v0.3/traces", "/v0.3/services", "/v0.4/traces", "/v0.4/services", "/v0.5/traces",
                "/evp_proxy/v2/", "/evp_proxy/v4/",
            ],
            "evp_proxy_allowed_headers": super::evp::HEADERS,
            "client_drop_p0s": false,
            "span_meta_structs": true,
            "span_events": true,
            "long_running_spans": false,
            "feature_flags": [],
            "peer_tags": [],
            "span_kinds_stats_computed": [],
            "obfuscation_version": 1,
            "config": config,
        });
        let body = Bytes::from(document.to_string());
        let digest: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        let state = HeaderValue::from_str(&digest).expect("hex digits are a header value");
        Self { body, state }
    }
}
