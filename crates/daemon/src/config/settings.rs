//! Every setting there is, as data: name, default and what to know about it. The docs and `--check` are made from it.

/// One setting. Its variable is `AT_<SECTION>_<KEY>`, its place in the file `[section] key`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// `section.key`.
    pub(crate) name: &'static str,
    /// What holds if nobody says otherwise.
    pub(crate) default: &'static str,
    /// What it controls, its limits, and who should change it.
    pub(crate) doc: &'static str,
}

const fn setting(name: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { name, default, doc }
}

/// All settings.
pub(crate) const SETTINGS: &[Setting] = &[
    setting("listen.ui", "127.0.0.1:3001", "Web UI and API. `host:port`, port 0 for any free one, or `off`."),
    setting(
        "listen.api",
        "127.0.0.1:9090",
        "API and LLM gateway. `host:port`, port 0 for any free one, or `off`.",
    ),
    setting("listen.otlp_http", "127.0.0.1:4318", "OTLP over HTTP. `host:port`, port 0, or `off`."),
    setting("listen.otlp_grpc", "127.0.0.1:4317", "OTLP over gRPC. `host:port`, port 0, or `off`."),
    setting(
        "listen.datadog",
        "127.0.0.1:8126",
        "Datadog traces. `host:port`, port 0, or `off`. If the port is taken (by a Datadog Agent, say) the next free one is used.",
    ),
    setting(
        "listen.dogstatsd",
        "127.0.0.1:8125",
        "DogStatsD over UDP. `host:port`, port 0, or `off`. A taken port is treated as Datadog's.",
    ),
    setting(
        "listen.datadog_socket",
        "off",
        "Datadog traces over a unix socket besides. Its path, or `off`; missing folders are made, and anybody who can reach the path may send. If it is not set, the Agent's own DD_APM_RECEIVER_SOCKET counts.",
    ),
    setting(
        "listen.dogstatsd_socket",
        "off",
        "DogStatsD datagrams over a unix socket besides. Its path, or `off`. If it is not set, the Agent's own DD_DOGSTATSD_SOCKET counts.",
    ),
    setting(
        "data.dir",
        "",
        "Folder for everything that is kept. Empty: `$XDG_DATA_HOME/tundra`, else `~/.local/share/tundra`.",
    ),
    setting(
        "store.url",
        "",
        "Where sealed files go: a `file://` folder (buckets come later). Empty: the data folder.",
    ),
    setting(
        "store.durability",
        "group",
        "`group`: acknowledge after fdatasync, survives power loss. `relaxed`: after write, survives a crash of the process; power loss may cost half a second.",
    ),
    setting("store.retention_days", "30", "Days that records are kept after they came in, 1 to 36500."),
    setting(
        "forward.datadog",
        "auto",
        "`auto`: forward to the Datadog Agent at DD_TRACE_AGENT_URL or localhost:8126 if one answers. `off`, or the Agent's URL.",
    ),
    setting(
        "log.level",
        "info",
        "`trace`, `debug`, `info`, `warn`, `error`, or directives such as `info,intake=debug`.",
    ),
    setting(
        "log.format",
        "auto",
        "`auto`: readable on a terminal, JSON in files and pipes. `json` or `text`.",
    ),
    setting(
        "api.token",
        "",
        "Bearer token that API and UI ask for. Required where they listen beyond loopback.",
    ),
    setting(
        "redact.hash_key",
        "",
        "Key of the keyed hash that replaces identities which look like personal data. Empty: one is made and kept in the data folder.",
    ),
    setting(
        "profiles.default",
        "",
        "Name of the LLM profile to use for tasks. Empty: the best one is chosen.",
    ),
    setting(
        "profiles.discover",
        "true",
        "`true`: look for provider keys in the environment and for local runtimes on their usual ports. `false`: only configured profiles.",
    ),
];
