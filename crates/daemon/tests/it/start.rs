//! Starting: what is printed, what is refused, what the daemon tells of itself.

use crate::running::{Daemon, command, eventually};
use serde_json::json;
use std::process::Output;

fn refused(variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let data = tempfile::tempdir().expect("a temporary folder");
    let Output { status, stdout, stderr } =
        command(data.path()).envs(variables.iter().copied()).args(arguments).output().expect("it runs");
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    assert!(!status.success(), "{variables:?} {arguments:?} was accepted: {text}");
    text
}

#[test]
fn refuses_what_is_wrong_and_says_what_to_do() {
    let check = |variables: &[(&str, &str)], arguments: &[&str], wanted: &str| {
        let text = refused(variables, arguments);
        assert!(text.contains(wanted), "{text:?} does not contain {wanted:?}");
    };
    check(&[("AT_LISTEN_UI", "nonsense")], &[], "host:port");
    check(&[("AT_LISTEN_IU", "127.0.0.1:1")], &[], "AT_LISTEN_UI");
    check(&[("AT_LISTEN_UI", "0.0.0.0:0")], &[], "AT_API_TOKEN");
    check(&[], &["moon"], "development, staging or production");
    check(&[], &["--config", "does-not-exist.toml"], "does-not-exist.toml");
    check(&[], &["--no-such-flag"], "--help");
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let held = holder.local_addr().expect("bound").to_string();
    check(&[("AT_LISTEN_UI", &held)], &[], &format!("pid {}", std::process::id()));
    check(&[("AT_LISTEN_OTLP_HTTP", &held)], &[], "AT_LISTEN_OTLP_HTTP");
}

#[test]
fn a_second_daemon_is_kept_from_the_same_data() {
    let daemon = Daemon::start();
    let output = command(daemon.data()).output().expect("it runs");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("AT_DATA_DIR"), "{text}");
    assert_eq!(daemon.get("/api/health")["status"], "ok");
}

#[test]
fn check_prints_and_starts_nothing() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let output = command(data.path()).args(["production", "--check"]).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    for wanted in ["listen.ui", "store.retention_days", "90", "environment/production.env"] {
        assert!(text.contains(wanted), "{text:?} does not contain {wanted:?}");
    }
    assert_eq!(std::fs::read_dir(data.path()).expect("a folder").count(), 0, "nothing was written");
}

#[test]
fn tells_where_everything_is() {
    let daemon = Daemon::start();
    // The daemon is healthy a moment before it says so.
    let output = eventually("the block at start is printed", || {
        Some(daemon.output()).filter(|output| output.contains("Ctrl-C"))
    });
    for listener in ["ui", "api", "otlp_http", "otlp_grpc", "datadog", "dogstatsd"] {
        let addr = &daemon.addresses[listener];
        assert!(output.contains(addr.as_str()), "{listener} at {addr} is not in {output}");
    }
    assert!(output.contains(&daemon.data().display().to_string()), "{output}");
    let health = daemon.get("/api/health");
    assert_eq!(health["addresses"]["ui"], json!(daemon.addresses["ui"]));
    assert_eq!(health["pid"], json!(daemon.pid()));
}

#[test]
fn traces_and_counts_itself() {
    let mut daemon = Daemon::start();
    eventually("its own start-up trace is stored", || {
        let found = daemon.get("/api/traces?service=at-daemon&limit=50");
        let traces = found["traces"].as_array()?.clone();
        traces.iter().any(|trace| trace["name"] == "daemon.startup").then_some(())
    });
    daemon.get("/api/services");
    eventually("its own requests are traced", || {
        let rows = daemon.sql(
            "SELECT name, attrs['http.route'] AS route FROM spans WHERE service = 'at-daemon' AND kind = 'server'",
        );
        rows.iter().any(|row| row["route"] == json!("/api/services")).then_some(())
    });
    eventually("its own metrics are stored", || {
        let rows = daemon.sql("SELECT DISTINCT name FROM metrics WHERE service = 'at-daemon'");
        let has = |name: &str| rows.iter().any(|row| row["name"] == json!(name));
        let all = ["daemon.startup", "daemon.uptime", "llm.profile.total_available"];
        all.iter().all(|name| has(name)).then_some(())
    });
    assert_eq!(daemon.stop(), 0, "{}", daemon.output());
    let output = daemon.output();
    let lines: Vec<serde_json::Value> =
        output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let has = |message: &str| lines.iter().any(|line| line["message"] == json!(message));
    assert!(has("daemon started") && has("daemon stopped"), "{output}");
    let counted = lines.iter().find(|line| line["message"] == json!("counter incremented"));
    let counted = counted.unwrap_or_else(|| panic!("no counter line in {output}"));
    assert_eq!(
        (&counted["metric_name"], &counted["value"]),
        (&json!("daemon.startup"), &json!(1)),
        "{counted}"
    );
}
