//! The four forms of a list, and which model comes first.

use super::{merged, read};
use llm::profile::{Kind, Profile};

#[test]
fn lists() {
    let check = |body: &str, expected: Option<&[&str]>| {
        let expected = expected.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(body.as_bytes()), expected, "{body}");
    };
    check(r#"{"object":"list","data":[{"id":"a"},{"id":"b"}]}"#, Some(&["a", "b"]));
    check(r#"{"models":[{"name":"models/gemini-2.5-flash"}]}"#, Some(&["gemini-2.5-flash"]));
    check(r#"{"models":[{"name":"llama3.2:latest","model":"llama3.2:latest"}]}"#, Some(&["llama3.2:latest"]));
    check(r#"{"data":[]}"#, Some(&[]));
    check(r#"{"data":[{"id":7},{}]}"#, Some(&[]));
    check(&format!(r#"{{"data":[{{"id":"{}"}}]}}"#, "x".repeat(1000)), Some(&[]));
    check(r#"{"data":"many"}"#, None);
    check("<html>", None);
}

#[test]
fn which_comes_first() {
    let check = |kind: Kind, usual: &[&str], found: &[&str], expected: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let profile = Profile { kind, models: owned(usual), ..Profile::default() };
        assert_eq!(merged(&profile, owned(found)), owned(expected));
    };
    check(Kind::Cloud, &["b"], &["a", "b"], &["b", "a"]);
    check(Kind::Cloud, &["b"], &["a"], &["b", "a"]);
    check(Kind::Custom, &["b"], &["a"], &["a"]);
    check(Kind::Custom, &["b"], &[], &["b"]);
    check(Kind::Local, &[], &["nomic-embed-text", "llama"], &["llama", "nomic-embed-text"]);
    check(Kind::Local, &[], &["nomic-embed-text"], &["nomic-embed-text"]);
    check(Kind::Local, &[], &[], &[]);
}
