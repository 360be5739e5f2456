//! Precedence, errors that help, and what must be refused.

use super::settings::Setting;
use super::*;
use std::collections::BTreeMap;

fn sources(environment: Option<&str>, file: Option<&str>, variables: &[(&str, &str)]) -> Sources {
    let mut all: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    all.entry("HOME".to_owned()).or_insert_with(|| "/home/me".to_owned());
    Sources {
        environment: environment.map(str::to_owned),
        file: file.map(|text| (PathBuf::from("at.toml"), text.to_owned())),
        variables: all,
    }
}

fn config(
    environment: Option<&str>,
    file: Option<&str>,
    variables: &[(&str, &str)],
) -> Result<Config, String> {
    let raw = Raw::read(sources(environment, file, variables)).map_err(|error| error.to_string())?;
    Config::check(&raw).map_err(|error| error.to_string())
}

#[test]
fn defaults_work_alone() {
    let config = config(None, None, &[]).expect("defaults are valid");
    assert_eq!(config.data_dir, PathBuf::from("/home/me/.local/share/tundra"));
    assert_eq!(config.environment, "development");
    assert_eq!(config.listen.ui.map(|addr| addr.port()), Some(3001));
    assert_eq!(config.forward, Forward::Auto);
}

#[test]
fn later_sources_win() {
    let days = |file, variables: &[_]| {
        let config = config(Some("production"), file, variables).expect("valid");
        config.retention.as_secs() / 86_400
    };
    assert_eq!(days(None, &[]), 90);
    assert_eq!(days(Some("[store]\nretention_days = 7"), &[]), 7);
    assert_eq!(days(Some("[store]\nretention_days = 7"), &[("AT_STORE_RETENTION_DAYS", "3")]), 3);
}

#[test]
fn datadog_variables_are_honored_or_named() {
    let all = [
        ("DD_SERVICE", "me"),
        ("DD_ENV", "blue"),
        ("DD_API_KEY", "k"),
        ("DD_AGENT_HOST", "agent"),
        ("DD_APM_RECEIVER_SOCKET", "/run/apm.socket"),
        ("DD_DOGSTATSD_SOCKET", "unix:///run/dsd.socket"),
        ("AT_LISTEN_DOGSTATSD_SOCKET", "off"),
    ];
    let config = config(None, None, &all).expect("valid");
    assert_eq!(config.listen.datadog_socket, Some(PathBuf::from("/run/apm.socket")));
    assert_eq!(config.listen.dogstatsd_socket, None, "our own setting wins");
    assert_eq!((config.service.as_str(), config.environment.as_str()), ("me", "blue"));
    assert_eq!(config.forward, Forward::To("http://agent:8126".to_owned()));
    assert_eq!(config.unsupported, ["DD_API_KEY"]);
}

#[test]
fn errors_say_what_to_do() {
    let check = |file: Option<&str>, variables: &[(&str, &str)], wanted: &str| {
        let error = config(None, file, variables).expect_err(wanted);
        assert!(error.contains(wanted), "{error:?} does not contain {wanted:?}");
    };
    check(None, &[("AT_LISTEN_IU", "x")], "did you mean `AT_LISTEN_UI`?");
    check(Some("[listen]\niu = 'x'"), &[], "did you mean `listen.ui`?");
    check(Some("listen = 3"), &[], "[listen] with keys below it");
    check(Some("[store"), &[], "is not TOML");
    check(Some("[store]\nurl = [1]"), &[], "must be text");
    check(None, &[("AT_LISTEN_UI", "3001")], "must be `host:port`");
    check(None, &[("AT_LISTEN_DATADOG_SOCKET", "apm.socket")], "must be the whole path of a unix socket");
    check(None, &[("DD_APM_RECEIVER_SOCKET", "http://x")], "DD_APM_RECEIVER_SOCKET in the environment");
    check(None, &[("AT_STORE_DURABILITY", "maybe")], "must be `group` or `relaxed`");
    check(None, &[("AT_STORE_RETENTION_DAYS", "0")], "from 1 to 36500");
    check(None, &[("AT_LISTEN_UI", "0.0.0.0:3001")], "AT_API_TOKEN");
    check(None, &[("AT_FORWARD_DATADOG", "ftp://x")], "must be `auto`");
    check(Some("[profiles.mine]\nprovider='openai'\nbase_url='x'"), &[], "profile `mine`");
    check(
        Some("[profiles.mine]\nprovider='openai'\nbase_url='http://x'\nkee='y'"),
        &[],
        "unknown field `kee`",
    );
    let unknown = config(Some("live"), None, &[]).expect_err("unknown environment");
    assert!(unknown.contains("use development, staging or production"), "{unknown}");
}

#[test]
fn notices_itself() {
    let own = ["127.0.0.1:8126".parse().expect("an address"), "0.0.0.0:9999".parse().expect("an address")];
    for (url, ours) in [
        ("http://127.0.0.1:8126", true),
        ("http://localhost:8126/", true),
        ("http://127.0.0.1:9999", true),
        ("http://127.0.0.1:8127", false),
    ] {
        assert_eq!(is_ourselves(url, &own), ours, "{url}");
    }
}

/// `docs/configuration.md` is made from the settings: run with `UPDATE_DOCS=1` after changing them.
#[test]
fn documentation_is_fresh() {
    let mut page = String::from(
        "# Configuration\n\n\
         Every setting can stand in a TOML file (`--config FILE` or `AT_CONFIG`), in a variable, or nowhere. A flag wins over a\n\
         variable, a variable over the file, the file over `environment/<name>.env`, that over the default. Unknown keys are\n\
         errors. `at-daemon --check` prints every setting with its value and origin.\n\n\
         | file: `[section] key` | variable | default | what it does |\n|---|---|---|---|\n",
    );
    for Setting { name, default, doc } in SETTINGS {
        let variable = format!("AT_{}", name.replace('.', "_").to_ascii_uppercase());
        let default = if default.is_empty() { "(empty)".to_owned() } else { format!("`{default}`") };
        page += &format!("| `{name}` | `{variable}` | {default} | {doc} |\n");
    }
    page += "\n## LLM profiles\n\n\
        ```toml\n[profiles.fast]\nprovider = \"openai\"          # as OpenTelemetry names it\nbase_url = \"https://api.openai.com/v1\"\n\
        model = \"gpt-4o-mini\"         # optional: the first one it lists\nkey_variable = \"OPENAI_API_KEY\" # keys never stand in the file\n```\n\n\
        ## Variables of others\n\n\
        Honored: `DD_SERVICE`, `DD_ENV`, `DD_VERSION` and `OTEL_SERVICE_NAME` label the daemon's own telemetry;\n\
        `DD_TRACE_AGENT_URL`, or `DD_AGENT_HOST` and `DD_TRACE_AGENT_PORT`, name the Agent to forward to;\n\
        `DD_APM_RECEIVER_SOCKET` and `DD_DOGSTATSD_SOCKET`, which a Datadog Agent reads, name unix sockets to listen on.\n\
        Provider keys (`OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, ...) make LLM profiles. Any other `DD_*` or `OTEL_*` variable\n\
        that is set is named at start as not supported.\n";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("the docs folder is writable");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, page, "run the test with UPDATE_DOCS=1");
}
