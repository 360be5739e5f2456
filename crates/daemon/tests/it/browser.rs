//! The web UI in a real browser, against a running daemon: every screen, both themes, keyboard, axe, no CSP violation.

use crate::running::Daemon;
use serde_json::json;
use std::path::Path;
use std::process::Command;

#[test]
fn every_screen_in_both_themes() {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui");
    assert!(ui.join("node_modules").exists(), "run `make ui` first: the browser test needs its packages");
    let daemon = Daemon::start();
    let (status, answer) = daemon.post("/api/sample", &json!({}));
    assert!((200..300).contains(&status), "{answer}");
    let output = Command::new("npm")
        .args(["run", "--silent", "e2e", "--", "--base", &daemon.url("ui", "")])
        .current_dir(&ui)
        .output()
        .expect("npm runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
}
