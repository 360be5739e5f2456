//! What gives a machine away, and what only looks like it.

use super::check;
use crate::tidy::tests::house;

#[test]
fn machines_and_registries() {
    let check = |path: &str, text: &str, fine: bool| {
        assert_eq!(check(&house(&[(path, text)])).is_empty(), fine, "{path}: {text}");
    };
    let work = concat!("/wo", "rk/main");
    check("README.md", &format!("cd {work}"), false);
    check("README.md", &format!("see docs{work}"), true);
    check("README.md", &format!("..{work}"), true);
    check("ui/package-lock.json", "  \"resolved\": \"https://example.test/a.tgz\",", false);
    check("ui/package-lock.json", "  \"integrity\": \"sha512-x\",", true);
    check("Cargo.lock", "source = \"registry+https://github.com/rust-lang/crates.io-index\"", true);
    check("Cargo.lock", "source = \"registry+https://mirror.test/index\"", false);
    check(".cargo/config.toml", "registry = \"https://mirror.test\"", false);
    check("tests/requirements.txt", "--index-url https://mirror.test", false);
}
