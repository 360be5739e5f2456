//! Without feature `enabled` nothing of the engine is in a program: a small one is built both ways and searched.

use std::path::{Path, PathBuf};
use std::process::Command;

const MAIN: &str = r#"
fn main() -> Result<(), tundra::Error> {
    let _tundra = tundra::init()?;
    let _s = tundra::traced_span!("operation", service = "s", model = "gpt-4");
    tracing::info!(answer = 42, "hello");
    tundra::increment_counter!("requests", model = "gpt-4o");
    tundra::histogram!("latency", 1.5);
    tundra::gauge!("level", 2);
    tundra::counter!("rows", 3, table = String::from("users"));
    let counter = |name: &str| tundra::metrics::Counter::new(name, &[]);
    print!("{}", if counter("one") == counter("other") { "no series" } else { "two series" });
    Ok(())
}
"#;

fn manifest(features: &str) -> String {
    let sdk = env!("CARGO_MANIFEST_DIR");
    format!(
        "[package]\nname = \"small\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         tracing = \"0.1\"\ntundra-sdk = {{ path = {sdk:?}, default-features = false, features = [{features}] }}\n\
         [profile.dev]\nopt-level = 1\ndebug = false\n"
    )
}

/// Builds the program with the workspace's own versions; gives the bytes of what came out.
fn build(name: &str, features: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(folder.join("src")).expect("a folder for the build");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    std::fs::copy(root, folder.join("Cargo.lock")).expect("the workspace has a lock file");
    std::fs::write(folder.join("Cargo.toml"), manifest(features)).expect("written");
    std::fs::write(folder.join("src/main.rs"), MAIN).expect("written");
    let target: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("small-target");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--offline", "--quiet"])
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(target.join("debug/small")).expect("the program was built")
}

/// Rooms of the SDK as they appear in symbols.
const ROOMS: [&str; 4] = ["6tundra6engine", "6tundra9collector", "6tundra6export", "6tundra5clock"];

fn count(program: &[u8], text: &str) -> usize {
    program.windows(text.len()).filter(|bytes| *bytes == text.as_bytes()).count()
}

#[test]
fn switched_off_compiles_to_nothing() {
    let on = build("small-on", "\"enabled\"");
    ROOMS.iter().for_each(|room| assert!(count(&on, room) > 0, "{room} is not in the other program either"));
    let off = build("small-off", "");
    let left: Vec<_> = ROOMS.iter().map(|room| (*room, count(&off, room))).filter(|(_, n)| *n > 0).collect();
    assert!(left.is_empty(), "{left:?}");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("small-target/debug/small");
    let output = Command::new(program).output().expect("it starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "no series");
}
